"""Contracts as tests: what every component of a kind must do, importable by whoever adds one."""
