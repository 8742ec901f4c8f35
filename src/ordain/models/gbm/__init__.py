"""Gradient-boosted trees: LightGBM through its C interface, fed block by block."""
