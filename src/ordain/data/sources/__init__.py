"""Sources: each reads one kind of place or file into rows."""
