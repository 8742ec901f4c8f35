"""`parameters_move`: a training that reached every part of the model.

evaluation:
  checks: [parameters_move]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ordain.evaluation.checks.advice import does_not_vary, split_by
from ordain.evaluation.checks.check import CHECKS, Check, CheckResult, Training
from ordain.evaluation.checks.trials import not_tried

N_SHOWN = 3


@CHECKS.register
class ParametersMove(Check):
    """Has training moved every part of the model?

    Of a network: tensors that are, byte for byte, what they were before the first step. Of trees:
    outputs without a split. Of a linear model: outputs whose weights are all zero.
    """

    type: Literal["parameters_move"] = "parameters_move"

    def run(self, training: Training) -> list[CheckResult]:
        """Return an answer for the network, or one for each output of other families."""
        tried = training.tried
        if "unmoved" in tried:
            return [self._of_network(tried["unmoved"], int(tried["n_tensors"]))]
        learned: Mapping[str, Mapping[str, Any]] = tried.get("learned", {})
        if learned:
            return [self._of_output(training, name, found) for name, found in learned.items()]
        return [self.idle(not_tried(training, "unmoved"))]

    def _of_network(self, unmoved: Sequence[str], n_tensors: int) -> CheckResult:
        if not n_tensors:
            return self.idle("the network has nothing to learn")
        if not unmoved:
            return self.passed(f"all {n_tensors} tensors of weights have moved")
        shown = ", ".join(f"'{name}'" for name in unmoved[:N_SHOWN])
        more = f" and {len(unmoved) - N_SHOWN} more" if len(unmoved) > N_SHOWN else ""
        told = f"{len(unmoved)} of {n_tensors} tensors of weights have not moved: {shown}{more}"
        fix = "trainer: {epochs: 20, learning_rate: auto, time_budget_seconds: null}"
        if len(unmoved) == n_tensors:
            return self.failed(f"{told}; nothing was learned", fix=fix)
        return self.warned(f"{told}; nothing that flows through them was learned", fix=fix)

    def _of_output(self, training: Training, name: str, found: Mapping[str, Any]) -> CheckResult:
        count, what = int(found["count"]), str(found["what"])
        if count:
            return self.passed(f"{count:,} {what}", output=name)
        if told := does_not_vary(training, name):
            column = training.train.targets[name].column
            return self.failed(f"no {what}: {told}", fix=split_by("stratify", column), output=name)
        return self.failed(
            f"no {what}: the answer is the same for every row", fix=str(found["fix"]), output=name
        )
