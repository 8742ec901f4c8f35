"""Exports: a bundle in the form that another system runs. `export.py` is the way in."""
