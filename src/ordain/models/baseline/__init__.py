"""Answers that need no learning: shares and means, overall and by group."""
