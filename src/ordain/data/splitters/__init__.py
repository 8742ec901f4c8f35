"""Splitters: each gives every row of a table the name of its set."""
