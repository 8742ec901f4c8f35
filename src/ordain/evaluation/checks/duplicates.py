"""`duplicates`: rows that judge and stand in training too.

evaluation:
  checks: [{type: duplicates, share_at_least: 0.01}]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import Field

from ordain.evaluation.checks.advice import single
from ordain.evaluation.checks.alone import input_columns
from ordain.evaluation.checks.check import CHECKS, Check, CheckResult, Training

ROW = "__row__"
ALIKE = 0.9


@CHECKS.register
class Duplicates(Check):
    """Does no row stand on both sides of the split?

    Rows are the same where all inputs are; what the report of the split has counted in all rows is
    taken from there, else the samples are compared.
    """

    type: Literal["duplicates"] = "duplicates"
    share_at_least: Annotated[float, Field(gt=0, le=1)] = 0.01
    """Share of the rows that judge, from which on it counts."""
    rows_at_least: Annotated[int, Field(ge=1)] = 5
    """Rows from which on it counts."""
    distinct_at_least: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of distinct training rows below which equal rows are the nature of the data."""
    alike_at_least: Annotated[float, Field(ge=0, le=1)] = ALIKE
    """Share of the repeated rows whose target is repeated too, below which they are coincidences of
    coarse inputs: who knows them by heart gains little."""

    def run(self, training: Training) -> list[CheckResult]:
        """Return one answer: it is about inputs, not about an output."""
        counted: Mapping[str, Any] = training.split.get("duplicates", {})
        found = counted.get("sets", {}).get(training.test.set)
        distinct = float(counted.get("distinct_in_train", 1.0))
        if found is None:
            found, distinct = count_in_samples(training)
        n_rows, share = int(found["rows"]), float(found["share"])
        rows = f"{n_rows:,} rows of `{training.test.set}` ({share:.2%})"
        if n_rows < self.rows_at_least or share < self.share_at_least:
            return [self.passed(f"{rows} have the inputs of a training row")]
        if distinct < self.distinct_at_least:
            return [
                self.idle(
                    f"{rows} have the inputs of a training row, but equal rows are the nature of "
                    f"this data: {distinct:.0%} of the training rows are distinct"
                )
            ]
        if is_coincidence(found, alike_at_least=self.alike_at_least):
            n_other = int(found.get("other_target", 0))
            return [
                self.passed(
                    f"{rows} have the inputs of a training row, {n_other:,} of them with another "
                    "target: coincidences of coarse inputs"
                )
            ]
        return [
            self.warned(
                f"{rows} have the inputs of a training row{_example(found)}: they judge what was "
                "learned by heart",
                fix=_fix(training),
            )
        ]


def is_coincidence(found: Mapping[str, Any], *, alike_at_least: float = ALIKE) -> bool:
    """Return whether rows repeat inputs of training too seldom with their target to be copies.

    Args:
        found: counts of `data.split_report`: `rows`, `other_target`.
        alike_at_least: share of the rows whose target is repeated too.
    """
    n_rows, n_other = int(found["rows"]), int(found.get("other_target", 0))
    return n_rows - n_other < alike_at_least * n_rows


def count_in_samples(training: Training) -> tuple[dict[str, Any], float]:
    """Return the rows of the sample that judges whose inputs stand in the training sample."""
    names = [column for _, column, _ in input_columns(training.test)]
    left, right = training.train.frame.select(names), training.test.frame.select(names)
    if not names or not left.height or not right.height or left.schema != right.schema:
        return {"rows": 0, "share": 0.0}, 1.0
    first, second = left.hash_rows(), right.hash_rows()
    twins = second.is_in(first.unique().implode())
    found: dict[str, Any] = {"rows": int(twins.sum()), "share": float(twins.mean() or 0)}  # type: ignore[arg-type]
    if found["rows"]:
        place = int(twins.arg_true()[0])
        twin = int((first == second[place]).arg_true()[0])
        found["example"] = {
            "row": _number(training, "test", place),
            "training_row": _number(training, "train", twin),
        }
        found["other_target"] = _other_target(training, first, second, twins)
    return found, first.n_unique() / len(first)


def _number(training: Training, name: str, place: int) -> int:
    ids = getattr(training, name).row_ids
    return place if ids is None else int(ids[place])


def _other_target(training: Training, first: pl.Series, second: pl.Series, twins: pl.Series) -> int:
    """Return how many of the twins have a target that no training row of the same inputs has."""
    names = [t.column for t in training.test.targets.values()]
    frames = [one.frame.select(names) for one in (training.train, training.test)]
    if frames[0].schema != frames[1].schema:
        return 0
    known, asked = (
        frame.with_columns(inputs=hashes).hash_rows()
        for frame, hashes in zip(frames, (first, second), strict=True)
    )
    return int((twins & ~asked.is_in(known.unique().implode())).sum())


def _example(found: Mapping[str, Any]) -> str:
    parts = []
    if "example" in found:
        example = found["example"]
        parts.append(f"row {example['row']:,} is row {example['training_row']:,} again")
    if found.get("other_target"):
        parts.append(f"{found['other_target']:,} of them with another target")
    return f" ({'; '.join(parts)})" if parts else ""


def _fix(training: Training) -> str:
    """Return a split that sends equal rows to one set."""
    names = [column for _, column, _ in input_columns(training.test)]
    quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    return (
        f"data: {{columns: {{same_row: {single(f'hash({quoted})')}}}}}\n"
        "preprocessing: {split: {type: group, column: same_row}}"
    )
