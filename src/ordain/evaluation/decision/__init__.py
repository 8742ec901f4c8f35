"""What a judgement decides about the model: calibration, threshold, intervals, abstention."""
