"""One spec a family: what `model_type` may name."""
