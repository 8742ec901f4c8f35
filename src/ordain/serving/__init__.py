"""The server: HTTP in, answers of models out, nothing of it needed to train."""
