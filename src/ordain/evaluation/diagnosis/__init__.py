"""Diagnosis: what holds a model back, from arrays and a subject; retraining is done above."""
