"""What a person is told before trusting a run: what reading found, and rows that teach nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from ordain.core.diagnostics import Diagnostic
from ordain.core.events import Events
from ordain.data.problems import describe_problem, is_expected
from ordain.data.splitter import TRAIN
from ordain.data.table import ReadReport
from ordain.evaluation.judgement import OutputSummary
from ordain.models.family import FittedModel
from ordain.pipeline.variant import Prepared

UNREAD_CELLS = "W507"
TOO_GOOD = 0.995
"""Headline metric of a single column from which on it is suspected of knowing the answer."""


def in_one_line(warning: Diagnostic) -> str:
    """Return what a warning says and what follows from it, without its place."""
    return f"{warning.message}. {warning.allowed}" if warning.allowed else warning.message


def tell_reading(report: ReadReport, events: Events, said: Iterable[Diagnostic] = ()) -> None:
    """Warn of what reading found, and note what is part of ordinary files.

    Args:
        report: of the table.
        events: hear of it.
        said: warnings that are out already; a column they name is not spoken of twice.
    """
    for message in reading_warnings(report, said):
        events.warn("W602", message)
    for problem in report.problems:
        if is_expected(problem):
            events.emit("note", message=f"reading: {describe_problem(problem)}")


def reading_warnings(report: ReadReport, said: Iterable[Diagnostic] = ()) -> list[str]:
    """Return what reading found that a person must know, a sentence each."""
    named = [warning.message for warning in said if warning.code == UNREAD_CELLS]
    return [
        f"reading: {describe_problem(problem)}"
        for problem in report.problems
        if not is_expected(problem)
        and not (
            problem["kind"] == "mixed_types"
            and any(f"`{problem['column']}`" in message for message in named)
        )
    ]


def warn_of_training_rows(prepared: Prepared, events: Events) -> None:
    """Warn of each output that has one value in all training rows: there is nothing to learn."""
    start, stop = prepared.split.bounds(TRAIN)
    for output in prepared.problem.outputs:
        values = np.asarray(prepared.encoded[output.name].column.values[start:stop])
        if not len(values) or np.any(values != values[0]):
            continue
        rows = "the one training row has" if stop - start == 1 else "all training rows have"
        shown = f"'{_label(output.labels, values)}'" if output.labels else "one value"
        events.warn(
            "W603",
            f"{rows} {shown} as `{output.name}`, so there is nothing to learn about it; "
            "give more rows, or another `preprocessing.split`"
            + (" (`stratify` spreads the classes)" if output.labels else ""),
        )


def _label(labels: tuple[str, ...], values: np.ndarray) -> str:
    return labels[int(values.reshape(-1)[0])]


def warn_of_leaks(
    judged: Mapping[str, OutputSummary], rule: FittedModel | None, events: Events
) -> None:
    """Warn of each output that one input column alone predicts all but perfectly.

    Args:
        judged: by output, with the baseline `per_group` beside the model.
        rule: that baseline's model, which says which column it used; None where it was not fitted.
        events: hear of it.
    """
    if rule is None:
        return
    for name, output in judged.items():
        sets = output.baselines.get("per_group", {})
        value = next((j.metrics.get(output.headline) for j in sets.values()), None)
        column = rule.facts.get("outputs", {}).get(name, {}).get("column")
        if column is not None and value is not None and value >= TOO_GOOD:
            events.warn(
                "W606",
                f"`{column}` alone predicts `{name}` with {output.headline} {value:.4f}: if it is "
                f"known only together with the answer, it is a leak. Fix: take `{column}` out of "
                "`input_features`",
            )
