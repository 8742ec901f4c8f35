"""One file elsewhere: its size and version, ranges of its bytes, or all of it."""
