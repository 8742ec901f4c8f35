"""`initial_loss`: a network that begins where it must.

evaluation:
  checks: [{type: initial_loss, at_most_times: 3}]

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
class InitialLoss(Check):
    """Is the loss before the first step that of knowing nothing?

    A network that has not learned must do about as well as the classes' shares or the mean. Far
    above, its first steps only undo its beginning; a loss that is not a number never mends.
    """

    type: Literal["initial_loss"] = "initial_loss"
    at_most_times: Annotated[float, Field(gt=1)] = 3.0
    """Loss before the first step over that of the best constant answer, at most."""

    def run(self, training: Training) -> list[CheckResult]:
        """Return an answer for each output."""
        tried: Mapping[str, Any] = training.tried.get("initial_loss", {})
        if not tried:
            return [self.idle(not_tried(training, "initial_loss"))]
        return [self._judge(name, found) for name, found in tried.items()]

    def _judge(self, name: str, found: Mapping[str, float]) -> CheckResult:
        loss, expected, equal = found["loss"], found["constant"], found["equal_shares"]
        told = f"{found['kind']} {loss:.4g} before the first step"
        if not math.isfinite(loss):
            return self.failed(
                f"the loss before the first step is {loss}: no step can mend it",
                fix="trainer: {gradient_clipping: {clipglobalnorm: 0.5}, learning_rate: 0.0001}",
                output=name,
            )
        # A network that answers all classes alike has not yet learned even their shares.
        bound = max(expected, equal)
        told += f"; {expected:.4g} for the best constant answer"
        if equal > expected:
            told += f", {equal:.4g} for all classes alike"
        if loss > self.at_most_times * bound + 1e-6:
            return self.warned(
                f"{told}: the first steps only undo a bad beginning",
                fix="trainer: {learning_rate_scheduler: {type: cosine, warmup_fraction: 0.1}}",
                output=name,
            )
        return self.passed(told, output=name)
