"""The bricks of neural models: torch only, plain arguments, shapes in each docstring."""
