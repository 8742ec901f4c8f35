"""Scores and truth in; metrics, intervals, a verdict and a report out."""
