"""What the checks of learning itself share: why a family has not been tried."""

from __future__ import annotations

from ordain.evaluation.checks.check import Training


def not_tried(training: Training, name: str) -> str:
    """Return why a trial was not made, in words."""
    skipped = training.tried.get("skipped", {})
    family = f"`{training.family}`" if training.family else "the family"
    return str(skipped.get(name, f"{family} does not learn in steps"))
