"""The metrics, found by their registry; see `ordain.evaluation.metric`."""
