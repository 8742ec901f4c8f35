"""What a person is told before trusting a run: what reading found, and rows that teach nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ordain.config.budget import Budget
from ordain.core.diagnostics import Diagnostic
from ordain.core.events import Events
from ordain.data.problems import describe_problem, is_expected
from ordain.data.splitter import TEST, TRAIN, VALIDATION
from ordain.data.table import ReadReport

if TYPE_CHECKING:
    from ordain.evaluation.checks.check import CheckResult
    from ordain.models.family import FittedModel
    from ordain.pipeline.variant import Prepared

UNREAD_CELLS = "W507"
FEW_ROWS = 30
"""Rows that judge, below which a verdict says next to nothing."""
LEAKING_ROWS, LEAKING_SHARE = 5, 0.01
"""Rows of a set that stand in training too, and their share of it, from which on they count."""
NATURALLY_EQUAL = 0.5
"""Share of distinct training rows below which equal rows are the nature of the data, not a leak."""


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


def warn_of_few_rows(sizes: Mapping[str, int], events: Events) -> None:
    """Warn where so few rows judge that a verdict says next to nothing."""
    name = next((name for name in (TEST, VALIDATION, TRAIN) if sizes.get(name)), None)
    n_rows = sizes.get(name, 0) if name is not None else 0
    if n_rows >= FEW_ROWS:
        return
    rows = "1 row judges" if n_rows == 1 else f"{n_rows} rows judge"
    points = 100 / max(n_rows, 1)
    where = "the rows it has learned from" if name == TRAIN else f"`{name}`"
    events.warn(
        "W610",
        f"only {rows} this model, of {where}: one row more right or wrong moves its accuracy by "
        f"{points:.0f} points, so its metrics say little of other rows; give more rows, or judge "
        "by `preprocessing: {split: {k_fold: 5}}`",
    )


def warn_of_budget(
    fitted: FittedModel, left_out: Sequence[str], budget: Budget, events: Events
) -> None:
    """Warn that learning ended because time or money was spent, and of what was left out."""
    limit = budget.limit_seconds
    if limit is None:
        return
    said = f"the budget of {limit:,g} s"
    if budget.cost is not None and limit != budget.seconds:
        said = f"the budget of {budget.cost:g} ({limit:,.4g} s)"
    if fitted.facts.get("stop_reason") == "time_budget":
        events.warn(
            "W609",
            f"learning ended early, because {said} was spent; the model is the best so far, and "
            "the same config may end elsewhere on another day",
        )
    if left_out:
        names = ", ".join(f"`{name}`" for name in left_out)
        are = "is" if len(left_out) == 1 else "are"
        events.warn("W609", f"{names} {are} not compared with, because {said} was spent")


def _label(labels: tuple[str, ...], values: np.ndarray) -> str:
    return labels[int(values.reshape(-1)[0])]


def warn_of_split(
    report: Mapping[str, Any], events: Events, *, target: str, by: Iterable[str] = ()
) -> None:
    """Warn of rows that stand in training and in another set, and of sets unlike training.

    Args:
        report: of `split_report`.
        events: hear of it.
        target: column whose value may differ between equal rows.
        by: columns the split goes by, whose drift is what was asked for.
    """
    from ordain.evaluation.checks.duplicates import is_coincidence

    duplicates = report.get("duplicates", {"sets": {}, "distinct_in_train": 0.0})
    for name, found in duplicates["sets"].items():
        is_many = found["rows"] >= LEAKING_ROWS and found["share"] >= LEAKING_SHARE
        is_nature = duplicates["distinct_in_train"] < NATURALLY_EQUAL
        if is_many and not is_nature and not is_coincidence(found):
            events.warn("W611", _repeated(name, found, target))
    for name, found in report.get("drift", {}).items():
        worst = [one for one in found["worst"] if one["column"] not in set(by)]
        if worst:
            n_over = found["n_over"] - (len(found["worst"]) - len(worst))
            events.warn("W612", _unlike(name, worst, n_over, found["n_columns"]))


def _repeated(name: str, found: Mapping[str, Any], target: str) -> str:
    example, other = found["example"], found.get("other_target", 0)
    return (
        f"{found['rows']:,} rows of {name} ({found['share']:.1%}) have the inputs of a training row"
        f" (row {example['row']:,} is row {example['training_row']:,} again"
        + (f"; {other:,} of them with another `{target}`" if other else "")
        + f"), so that {name} judges what was learned by heart. Fix: leave repeated rows out of "
        "the data, or keep them in one set with a `group` split"
    )


def _unlike(name: str, worst: Sequence[Mapping[str, Any]], n_over: int, n_columns: int) -> str:
    shown = ", ".join(
        f"`{one['column']}` ({one['measure'].replace('_', ' ')} {one['value']:.2f}, by chance at "
        f"most {one['limit']:.2f})"
        for one in worst[:3]
    )
    more = f" and {n_over - 3} more" if n_over > 3 else ""  # noqa: PLR2004
    return (
        f"{name} is unlike training in {n_over} of {n_columns} columns: {shown}{more}. Its metrics "
        "speak of such rows; if they are to speak of all, take another `preprocessing.split`"
    )


def warn_of_checks(checks: Sequence[CheckResult], events: Events) -> None:
    """Say each sanity check that failed, or that doubts every figure; the report has all."""
    from ordain.evaluation.checks.check import CHECKS

    for check in checks:
        is_doubt = check.state == "warned" and CHECKS.get(check.name).is_told
        if check.state == "failed" or is_doubt:
            about = f" of `{check.output}`" if check.output else ""
            fix = f". Fix: {check.fix}" if check.fix else ""
            said = "warns" if is_doubt else "failed"
            events.warn("W606", f"check `{check.name}`{about} {said}: {check.reason}{fix}")
