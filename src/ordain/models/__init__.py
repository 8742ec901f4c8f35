"""Model families: each learns from encoded columns."""
