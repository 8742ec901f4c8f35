"""Column types: each turns a column into arrays that models learn from."""
