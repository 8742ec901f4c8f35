"""`constant_prediction`: answers that differ from row to row.

evaluation:
  checks: [{type: constant_prediction, spread_at_least: 0.001}]
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ordain.evaluation.checks.advice import does_not_vary, split_by, word
from ordain.evaluation.checks.check import CHECKS, Check, CheckResult, Training
from ordain.evaluation.losses import predicted_class
from ordain.evaluation.subject import Target

FEWEST = 2


@CHECKS.register
class ConstantPrediction(Check):
    """Do the answers differ from row to row?

    Scores that hardly vary say nothing of a row; a class that is always answered makes the other
    classes unreachable, whatever the accuracy.
    """

    type: Literal["constant_prediction"] = "constant_prediction"
    spread_at_least: Annotated[float, Field(gt=0, lt=1)] = 0.001
    """Standard deviation of the scores: of probabilities as it is, of numbers over that of the
    truth."""

    def run(self, training: Training) -> list[CheckResult]:
        """Return an answer for each output."""
        return [self._judge(training, target) for target in training.test.targets.values()]

    def _judge(self, training: Training, target: Target) -> CheckResult:
        judged = target.is_judged
        truth, scores = target.truth[judged], np.asarray(target.scores[judged], dtype=np.float64)
        if len(truth) < FEWEST or np.all(truth == truth[0]):
            return self.idle("the truth does not differ from row to row", output=target.name)
        spread = float(np.max(np.std(scores, axis=0))) if scores.size else 0.0
        unit = float(np.std(truth)) if target.type == "number" else 1.0
        if not np.isfinite(spread):
            return self.failed(
                "some scores are not finite numbers",
                fix="trainer: {learning_rate: 0.0001}",
                output=target.name,
            )
        if spread < self.spread_at_least * unit and (told := does_not_vary(training, target.name)):
            return self.failed(told, fix=split_by("stratify", target.column), output=target.name)
        if spread < self.spread_at_least * unit:
            return self.failed(
                f"the scores of {len(truth):,} rows have a standard deviation of {spread:.2g}"
                + (f", the truth one of {unit:.4g}" if target.type == "number" else ""),
                fix=f"model_type: {'linear' if training.family == 'gbm' else 'gbm'}",
                output=target.name,
            )
        if target.type == "number":
            return self.passed(
                f"standard deviation {spread:.4g} of the answers, {unit:.4g} of the truth",
                output=target.name,
            )
        return self._of_classes(target, judged)

    def _of_classes(self, target: Target, judged: np.ndarray) -> CheckResult:
        classes = predicted_class(target)[judged]
        counts = np.bincount(classes)
        present = len(np.unique(target.truth[judged]))
        if np.count_nonzero(counts) > 1:
            top = int(counts.argmax())
            return self.passed(
                f"'{_label(target, top)}' is answered most often, in "
                f"{counts[top] / len(classes):.1%} of {len(classes):,} rows",
                output=target.name,
            )
        only = _label(target, int(counts.argmax()))
        told = f"'{only}' is the answer of all {len(classes):,} rows, which hold {present} classes"
        if target.type != "binary":
            return self.warned(
                told,
                fix="output_features: "
                f"[{{name: {word(target.name)}, type: category, class_weights: balanced}}]",
                output=target.name,
            )
        return self.warned(
            f"{told}: the probabilities, {target.scores[judged].min():.3f} to "
            f"{target.scores[judged].max():.3f}, never cross the threshold {target.threshold:g}",
            fix="evaluation: {threshold: {maximize: f1}}",
            output=target.name,
        )


def _label(target: Target, place: int) -> str:
    return target.labels[place] if place < len(target.labels) else str(place)
