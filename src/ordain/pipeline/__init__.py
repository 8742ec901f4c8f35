"""Stages, plan, cache and run: from a config and rows to a judged bundle."""
