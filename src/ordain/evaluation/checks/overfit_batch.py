"""`overfit_batch`: a network that can learn a few rows by heart.

evaluation:
  checks: [{type: overfit_batch, left_at_most: 0.5}]

Source: Karpathy 2019, "A recipe for training neural networks".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from ordain.evaluation.checks.check import CHECKS, Check, CheckResult, Training
from ordain.evaluation.checks.trials import not_tried


@CHECKS.register
class OverfitBatch(Check):
    """Can the network learn one batch by heart?

    A fresh copy takes a few steps on one small batch without dropout or weight decay, by the
    optimizer and rate of the training. What cannot learn a few rows by heart learns no others.
    """

    type: Literal["overfit_batch"] = "overfit_batch"
    left_at_most: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of the loss of the best constant answer that may be left after the steps."""

    def run(self, training: Training) -> list[CheckResult]:
        """Return one answer: the outputs are learned together."""
        tried: Mapping[str, Any] = training.tried.get("overfit", {})
        if not tried:
            return [self.idle(not_tried(training, "overfit"))]
        first, last, floor = tried["first"], tried["last"], tried["floor"]
        # What rows of equal inputs and different truths leave can be learned by nobody.
        left = (last - floor) / max(tried["constant"] - floor, 1e-12)
        told = (
            f"in {tried['steps']} steps on {tried['rows']} rows the loss went from {first:.4g} to "
            f"{last:.4g}; the best constant answer has {tried['constant']:.4g}"
        )
        if math.isfinite(last) and left <= self.left_at_most:
            return [self.passed(told)]
        if math.isfinite(last) and tried.get("is_cut_short"):
            return [self.idle(f"{told}; the steps were too slow for more")]
        is_too_large = not math.isfinite(last) or last > first
        rate = tried["rate"] * (0.1 if is_too_large else 10)
        fix = f"trainer: {{learning_rate: {rate:.3g}}}"
        if is_too_large:
            return [self.failed(f"{told}: the steps are too large", fix=fix)]
        why = "the steps are too small, or the network cannot express the answer"
        return [self.warned(f"{told}: {why}", fix=fix)]
