"""Scenarios: rows with what must hold, the regression suite of a model.

    evaluation: {scenarios: tests/churn_cases.csv}

Each row of the file is one scenario. Its input columns are the row that is asked; columns that are
left out are missing cells. What must hold stands in columns with these names, empty where it does
not matter:

| column | holds where |
| --- | --- |
| `expect:<output>` | the prediction is this class or number |
| `expect:<output> >=` (`<=`, `>`, `<`) | the probability of the positive class, or the number, is |
| `expect:<output>:<label> >=` ... | the probability of this class is |
| `same_as` | the prediction of every output is that of the scenario with this `scenario` name |
| `scenario` | a name; by default the number of the row |

`same_as` says that a change must not matter: the same customer with another gender.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ordain.core.diagnostics import nearest
from ordain.core.errors import DataError
from ordain.evaluation.judgement import Record

PREFIX = "expect:"
NAME, SAME = "scenario", "same_as"
_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_SHAPE = re.compile(r"^expect:(?P<what>.*?)\s*(?P<test>>=|<=|>|<)?$")
TOLERANCE = 1e-6


class ScenarioResult(Record):
    """One scenario."""

    name: str
    passed: bool
    failures: tuple[str, ...] = ()
    """What does not hold, in words."""


class ScenarioReport(Record):
    """All scenarios of a file."""

    file: str
    n_rows: int
    n_failed: int
    results: tuple[ScenarioResult, ...]


@dataclass(frozen=True)
class _Expectation:
    column: str
    output: str
    label: str | None
    test: str | None


def run_scenarios(
    rows: pl.DataFrame,
    predict: Callable[[pl.DataFrame], pl.DataFrame],
    *,
    outputs: dict[str, Sequence[str]],
    inputs: Sequence[str],
    file: str = "",
) -> ScenarioReport:
    """Return which scenarios hold.

    Args:
        rows: of the file.
        predict: the model: from a frame of inputs to the columns of `Model.predict`.
        outputs: labels by output; empty for a number.
        inputs: columns that the model reads.
        file: where the rows come from, for messages.

    Raises:
        DataError: a column is neither an input nor an expectation, no row expects anything, or
            `same_as` names no scenario.
    """
    expectations = _expectations(rows.columns, outputs, inputs, file)
    missing = [name for name in inputs if name not in rows.columns]
    asked = rows.with_columns(pl.lit(None).alias(name) for name in missing).select(inputs)
    answers = predict(asked)
    names = _names(rows)
    found = []
    for place, (given, answer) in enumerate(
        zip(rows.iter_rows(named=True), answers.iter_rows(named=True), strict=True)
    ):
        failures = [
            text
            for expectation in expectations
            if (text := _failure(given[expectation.column], answer, expectation, outputs))
        ]
        other = given.get(SAME)
        if other is not None:
            failures += _differences(str(other), names, place, answers, outputs=outputs, file=file)
        found.append(
            ScenarioResult(name=names[place], passed=not failures, failures=tuple(failures))
        )
    n_failed = sum(not one.passed for one in found)
    return ScenarioReport(file=file, n_rows=len(found), n_failed=n_failed, results=tuple(found))


def _expectations(
    columns: Sequence[str],
    outputs: dict[str, Sequence[str]],
    inputs: Sequence[str],
    file: str,
) -> list[_Expectation]:
    found, unknown = [], []
    for column in columns:
        if column in inputs or column in {NAME, SAME}:
            continue
        expectation = _read(column, outputs) if column.startswith(PREFIX) else None
        if expectation is None:
            unknown.append(column)
        else:
            found.append(expectation)
    if unknown:
        possible = [*inputs, *(f"{PREFIX}{name}" for name in outputs), NAME, SAME]
        close = nearest(unknown[0], possible)
        raise DataError(
            f"scenarios {file}: column `{unknown[0]}` is neither an input nor what must hold"
            + (f"; nearest: `{close}`" if close else "")
            + f"\n  Possible: inputs of the model, {', '.join(f'`{PREFIX}{n}`' for n in outputs)} "
            f"(also with >=, <=, > or < behind it), `{NAME}`, `{SAME}`"
        )
    if not found and SAME not in columns:
        raise DataError(
            f"scenarios {file}: no column says what must hold\n"
            f"  Fix: add a column such as `{PREFIX}{next(iter(outputs))}`"
        )
    return found


def _read(column: str, outputs: dict[str, Sequence[str]]) -> _Expectation | None:
    match = _SHAPE.match(column)
    if match is None:
        return None
    what, test = match["what"].strip(), match["test"]
    if what in outputs:
        labels = outputs[what]
        # Of two classes the side is about the positive one; of more a class must be named.
        if test and len(labels) > 2:  # noqa: PLR2004
            return None
        return _Expectation(column, what, labels[1] if test and labels else None, test)
    output, _, label = what.partition(":")
    if output in outputs and label in outputs[output] and test:
        return _Expectation(column, output, label, test)
    return None


def _failure(
    wanted: Any,
    answer: dict[str, Any],
    expectation: _Expectation,
    outputs: dict[str, Sequence[str]],
) -> str:
    """Return what does not hold, or nothing."""
    if wanted is None or (isinstance(wanted, float) and math.isnan(wanted)):
        return ""
    name, test = expectation.output, expectation.test
    if test is None:
        given = answer[f"{name}_prediction"]
        if _is_same(given, wanted, is_number=not outputs[name]):
            return ""
        return f"`{name}` is {_shown(given)}, expected {_shown(wanted)}"
    label = expectation.label
    column = f"{name}_prediction" if label is None else f"{name}_probability_{label}"
    given = answer[column]
    if given is not None and _TESTS[test](float(given), float(wanted)):
        return ""
    what = f"`{name}`" if label is None else f"the probability of '{label}'"
    return f"{what} is {_shown(given)}, expected {test} {_shown(wanted)}"


def _is_same(given: Any, wanted: Any, *, is_number: bool) -> bool:
    if given is None:
        return False
    if is_number:
        return math.isclose(float(given), float(wanted), rel_tol=TOLERANCE)
    return (
        str(given).lower() == str(wanted).lower()
        if isinstance(given, bool)
        else (str(given) == str(wanted))
    )


def _differences(
    other: str,
    names: Sequence[str],
    place: int,
    answers: pl.DataFrame,
    *,
    outputs: dict[str, Sequence[str]],
    file: str,
) -> list[str]:
    if other not in names:
        close = nearest(other, names)
        raise DataError(
            f"scenarios {file}: scenario '{names[place]}' is to be the same as '{other}', which is "
            "not there" + (f"; nearest: '{close}'" if close else "")
        )
    found = []
    for output, labels in outputs.items():
        column = answers[f"{output}_prediction"]
        one, two = column[place], column[names.index(other)]
        is_same = one == two if labels else math.isclose(one, two, rel_tol=TOLERANCE)
        if not is_same:
            found.append(f"`{output}` is {_shown(one)}, and {_shown(two)} for '{other}'")
    return found


def _names(rows: pl.DataFrame) -> list[str]:
    given = rows[NAME].to_list() if NAME in rows.columns else [None] * rows.height
    return [str(place) if name is None else str(name) for place, name in enumerate(given, start=1)]


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"'{value}'" if isinstance(value, str) else str(value)
