"""Delimited text: what a file is like, how it is parsed, and what is wrong with it."""
