"""`simpler_model`: a model that earns its complexity.

evaluation:
  checks: [simpler_model]
"""

from __future__ import annotations

from typing import Literal

from ordain.evaluation.checks.advice import does_not_vary, split_by
from ordain.evaluation.checks.check import CHECKS, Check, CheckResult, Training
from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.judgement import Difference, OutputSummary

SIMPLICITY = ("baseline", "naive_bayes", "linear", "knn", "gbm")
"""Families from the simplest on; any other is taken for less simple than all of them."""

BLIND = frozenset({"prior", "last"})
"""Baselines that look at no input."""


@CHECKS.register
class SimplerModel(Check):
    """Is the model better than every simpler one?

    By the metric that decides, on the same rows, with the interval of the difference. A model that
    is not shown to be better than a baseline that looks at no input has learned nothing. Where the
    interval cannot tell, the value counts: a model that is ahead by more than a hundredth of what
    is left to gain earns its complexity.
    """

    type: Literal["simpler_model"] = "simpler_model"

    def run(self, training: Training) -> list[CheckResult]:
        """Return an answer for each output."""
        return [self._judge(training, name, output) for name, output in training.judged.items()]

    def _judge(self, training: Training, name: str, output: OutputSummary) -> CheckResult:
        differences = output.differences.get(deciding_set(output.sets), ())
        simpler = [
            one for one in differences
            if _rank(training.families.get(one.against, one.against)) < _rank(training.family)
            and one.gain is not None
        ]  # fmt: skip
        if not simpler:
            return self.idle("there is no simpler model beside it", output=name)
        unsure = [one for one in simpler if one.verdict != "better"]
        if not unsure:
            closest = min(simpler, key=_gain)
            return self.passed(f"better than {_told(closest)}", output=name)
        as_good = [one for one in unsure if not _is_ahead(one)]
        if not as_good:
            closest = min(unsure, key=_gain)
            return self.passed(f"ahead of {_told(closest)}, which may be chance", output=name)
        if fixed := does_not_vary(training, name):
            column = training.train.targets[name].column
            return self.failed(fixed, fix=split_by("stratify", column), output=name)
        told = _compared(as_good)
        fix = _fix(_chosen(as_good, training), training)
        if any(one.against in BLIND for one in as_good):
            return self.failed(
                f"{told}: what needs no input is as good",
                fix=fix,
                output=name,
            )
        return self.warned(
            f"{told}; the simpler one is faster and easier to explain",
            fix=fix,
            output=name,
        )


def _chosen(as_good: list[Difference], training: Training) -> Difference:
    """Return the one with the best value; of equal ones the simplest."""
    return min(
        as_good,
        key=lambda one: (_gain(one), _rank(training.families.get(one.against, one.against))),
    )


def _fix(best: Difference, training: Training) -> str:
    """Return the simpler model as a config has it; trees, where it is one that needs no input."""
    if best.against in BLIND:
        return "input_features: all" if training.family == "gbm" else "model_type: gbm"
    family = training.families.get(best.against, best.against)
    if family == "baseline":
        return f"model_type: baseline\ntrainer: {{strategy: {best.against}}}"
    return f"model_type: {family}"


def _rank(family: str) -> int:
    return SIMPLICITY.index(family) if family in SIMPLICITY else len(SIMPLICITY)


def _is_ahead(one: Difference) -> bool:
    """Return whether the model's value is better by more than a hundredth of what was left."""
    if one.against in BLIND:
        return False  # to guess is to have learned nothing, unless the rows show otherwise
    return one.gain is not None and one.gain > 0 and not one.is_small


def _gain(one: Difference) -> float:
    return float("inf") if one.gain is None else one.gain


def _compared(as_good: list[Difference]) -> str:
    """Return which models are better, and which may be as good, in words."""
    parts = []
    for words, is_worse in (("worse than", True), ("not shown to be better than", False)):
        told = [_told(one) for one in as_good if (one.verdict == "worse") == is_worse]
        if told:
            parts.append(f"{words} {' and '.join(told)}")
    return "; ".join(parts)


def _told(one: Difference) -> str:
    text = f"`{one.against}` by {one.metric}"
    if one.value is not None and one.other is not None:
        text += f" {one.value:.4g} against {one.other:.4g}"
    if one.interval is not None:
        text += f" (gain {one.interval.low:+.3g} to {one.interval.high:+.3g})"
    return text
