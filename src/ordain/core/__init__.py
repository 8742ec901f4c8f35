"""What every room stands on: errors, components, events, hashing, randomness, files."""
