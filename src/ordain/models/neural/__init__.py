"""Neural networks: encoders, combiners and decoders built from blocks, and the training loop."""
