"""`leak`: an input that knows the answer.

evaluation:
  checks: [{type: leak, auc_at_least: 0.98}]

Source of the idea: Kaufman et al. 2012, "Leakage in data mining".
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field

from ordain.evaluation.checks.advice import without_input
from ordain.evaluation.checks.alone import Power, as_numbers, input_columns, power_of, word_power
from ordain.evaluation.checks.check import CHECKS, Check, CheckResult, Training
from ordain.evaluation.checks.sums import sum_of
from ordain.evaluation.subject import Target

_SHOWN = 6
Share = Annotated[float, Field(gt=0.5, le=1)]


@CHECKS.register
class Leak(Check):
    """Does no input know the answer?

    Each input alone tells the target by a rule counted on training rows and measured on the others.
    What tells it all but perfectly is mostly known only together with the answer, or made from it.
    Of a text, the presence of each of its 200 commonest words is looked at, in 4,000 rows.
    """

    type: Literal["leak"] = "leak"
    is_told: ClassVar[bool] = True
    auc_at_least: Share = 0.98
    """Area under the ROC curve of one input from which on it is suspected; for binary outputs."""
    skill_at_least: Share = 0.98
    """Share of the rows that guessing the commonest class has wrong and one input has right, from
    which on it is suspected; for category outputs."""
    r2_at_least: Share = 0.98
    """Share of the variance that one input explains, from which on it is suspected; for numbers."""
    sum_r2_at_least: Share = 0.999
    """Share of the variance that a weighted sum of number inputs explains, from which on it is
    suspected to be computed with the answer; for numbers."""
    certain_at_least: Share = 0.999
    """The same measures, from which on the input is taken for the answer itself."""

    def run(self, training: Training) -> list[CheckResult]:
        """Return an answer for each output."""
        return [self._judge(training, name) for name in training.test.targets]

    def _judge(self, training: Training, output: str) -> CheckResult:
        train, test = training.train.targets[output], training.test.targets[output]
        found: list[tuple[str, str, Power]] = []
        words: dict[str, str] = {}
        for name, column, kind in input_columns(training.test):
            first, second = training.train.frame[column], training.test.frame[column]
            power = power_of(first, second, train_target=train, test_target=test)
            if kind == "text":
                word = word_power(first, second, train_target=train, test_target=test)
                if word is not None and (power is None or word.power.value > power.value):
                    power, words[name] = word.power, f"the word '{word.word}' of "
            if power is not None:
                found.append((name, column, power))
        if not found:
            return self.idle("too few rows, or no column to look at alone", output=output)
        found.sort(key=lambda one: -one[2].value)
        suspects = [one for one in found if one[2].value >= self._limit(one[2])]
        if not suspects and (combined := self._combined(training, output)):
            return combined
        if not suspects:
            name, _, power = found[0]
            return self.passed(
                f"the strongest of {len(found)} inputs, {words.get(name, '')}`{name}`, alone has "
                f"{_shown(power)} on {power.n_rows:,} rows",
                output=output,
            )
        name, column, power = suspects[0]
        told = [
            f"{words.get(other, '')}`{other}` alone has {_shown(one)}"
            for other, _, one in suspects[:3]
        ]
        kinship = _kinship(training, column, test)
        reason = (
            f"{', '.join(told)} on {power.n_rows:,} rows{kinship}: if it is known only "
            f"together with `{output}`, the model is of no use where the answer is not known yet"
        )
        is_certain = bool(kinship) or power.value >= self.certain_at_least
        say = self.failed if is_certain else self.warned
        return say(reason, fix=without_input(training.test, name), output=output)

    def _combined(self, training: Training, output: str) -> CheckResult | None:
        """Return a warning where a weighted sum of number inputs gives a number target."""
        if training.test.targets[output].type != "number":
            return None
        columns = [(n, c) for n, c, kind in input_columns(training.test) if kind == "number"]
        told = sum_of(training, output, columns)
        if told is None or (told.r2 < self.sum_r2_at_least and not told.is_whole):
            return None
        rest = ", but for a few fixed amounts" if told.is_whole else ""
        parts = [f"{weight:+.3g} `{name}`" for name, weight in told.weights[:_SHOWN]]
        return self.warned(
            f"a weighted sum of inputs gives `{output}`{rest}, with r2 "
            f"{int(told.r2 * 1e4) / 1e4:.4f} on {told.n_rows:,} rows: {' '.join(parts)}: if one "
            f"of them is computed with `{output}`, "
            "such as a total, the model is of no use where the answer is not known yet",
            fix=without_input(training.test, told.weights[0][0]),
            output=output,
        )

    def _limit(self, power: Power) -> float:
        return {
            "roc_auc": self.auc_at_least,
            "skill": self.skill_at_least,
            "r2": self.r2_at_least,
        }[power.measure]


def _shown(power: Power) -> str:
    # Rounded down: what is not perfect is not shown as 1.
    return f"{power.measure} {int(power.value * 1e4) / 1e4:.4f}"


def _kinship(training: Training, column: str, target: Target) -> str:
    """Return what a column has to do with the target, where that is plain; else nothing."""
    frame = training.test.frame
    if target.column not in frame.columns:
        return ""
    judged = pl.Series(target.is_judged)
    cells, answers = frame[column].filter(judged), frame[target.column].filter(judged)
    equal = (cells.cast(pl.String) == answers.cast(pl.String)).fill_null(value=False)
    if equal.all():
        return ", equal to it in every row"
    pairs = pl.DataFrame({"cell": cells.cast(pl.String), "answer": answers.cast(pl.String)})
    n_pairs, n_cells = pairs.n_unique(), pairs["cell"].n_unique()
    if target.type != "number" and n_pairs == n_cells == pairs["answer"].n_unique():
        return ", the same under other names"
    first, second = as_numbers(cells), as_numbers(answers)
    if target.type == "number" and first is not None and second is not None:
        return _monotone(first, second)
    return ""


def _monotone(first: np.ndarray, second: np.ndarray) -> str:
    usable = np.isfinite(first) & np.isfinite(second)
    order = np.argsort(first[usable], kind="stable")
    steps = np.diff(second[usable][order])
    if not len(steps) or not (np.all(steps >= 0) or np.all(steps <= 0)):
        return ""
    return ", which grows and falls with it in every row"
