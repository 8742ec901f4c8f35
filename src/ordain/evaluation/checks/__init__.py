"""Sanity checks: cheap questions that every training is asked."""
