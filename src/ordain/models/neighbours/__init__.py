"""Nearest neighbours: what is true of the training rows most like a row."""
