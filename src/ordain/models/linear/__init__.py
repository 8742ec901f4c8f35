"""Linear models: one weight a number, category or n-gram, for every score."""
