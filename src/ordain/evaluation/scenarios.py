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
from collections.abc import Callable, Iterator, Mapping, Sequence
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
_SHAPE = re.compile(r"^expect:(?P<what>.*?)\s*(?P<test>>=|<=|>|<)?\s*$", re.DOTALL)
TOLERANCE = 1e-6
"""Share by which two numbers may differ and be the same."""

Labels = Mapping[str, Sequence[str]]


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
class Expectation:
    """What a column of the file says must hold.

    Attributes:
        column: its name.
        output: the output it is about.
        label: the class whose probability is compared; None for the prediction itself.
        test: `>=`, `<=`, `>` or `<`; None where it must be equal.
    """

    column: str
    output: str
    label: str | None
    test: str | None


@dataclass(frozen=True)
class _File:
    name: str
    outputs: Labels
    inputs: Sequence[str]

    def fault(self, message: str) -> DataError:
        return DataError(f"`evaluation.scenarios`: {self.name or 'the file'}: {message}")


def run_scenarios(
    rows: pl.DataFrame,
    predict: Callable[[pl.DataFrame], pl.DataFrame],
    *,
    outputs: Labels,
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
        DataError: there is no row; a column is neither an input nor an expectation, or no column
            is one; a cell to compare with is no number; `same_as` names no scenario, or several.
    """
    given = _File(file, outputs, inputs)
    expectations = read_expectations(rows.columns, outputs=outputs, inputs=inputs, file=file)
    if not rows.height:
        raise given.fault("there is no scenario in it\n  Fix: add a row, or remove the key")
    missing = [name for name in inputs if name not in rows.columns]
    asked = rows.with_columns(pl.lit(None).alias(name) for name in missing).select(inputs)
    answers = predict(asked)
    names, others = _names(rows), _others(rows)
    wanted = rows.select(one.column for one in expectations).to_dicts()
    found = []
    for place, answer in enumerate(answers.iter_rows(named=True)):
        failures = [
            text
            for expectation in expectations
            if (text := _failure(wanted[place][expectation.column], answer, expectation, given))
        ]
        if (other := others[place]) is not None:
            same = _place_of(other, names, place, given)
            failures += _differences(other, answer, answers.row(same, named=True), outputs)
        found.append(
            ScenarioResult(name=names[place], passed=not failures, failures=tuple(failures))
        )
    n_failed = sum(not one.passed for one in found)
    return ScenarioReport(file=file, n_rows=len(found), n_failed=n_failed, results=tuple(found))


def read_expectations(
    columns: Sequence[str], *, outputs: Labels, inputs: Sequence[str], file: str = ""
) -> list[Expectation]:
    """Return what the columns of a scenario file say must hold.

    Raises:
        DataError: a column is neither an input nor an expectation, or no column is one.
    """
    given = _File(file, outputs, inputs)
    read = {
        column: _expectation(column, outputs)
        for column in columns
        if column not in inputs and column not in {NAME, SAME}
    }
    unknown = [column for column, found in read.items() if found is None]
    if unknown:
        raise given.fault(_unknown(unknown[0], given))
    if not read and SAME not in columns:
        raise given.fault(
            "no column says what must hold\n"
            f"  Fix: add a column such as `{PREFIX}{next(iter(outputs))}`"
        )
    return [found for found in read.values() if found is not None]


def _expectation(column: str, outputs: Labels) -> Expectation | None:
    match = _SHAPE.match(column)
    if match is None:
        return None
    what, test = match["what"].strip(), match["test"]
    if what in outputs:
        labels = outputs[what]
        # Of two classes the side is about the positive one; of more a class must be named.
        if test and len(labels) > 2:  # noqa: PLR2004
            return None
        return Expectation(column, what, labels[1] if test and labels else None, test)
    for output, labels in outputs.items():
        label = what.removeprefix(f"{output}:")
        if test and label != what and label in labels:
            return Expectation(column, output, label, test)
    return None


def _unknown(column: str, given: _File) -> str:
    """Return what is wrong with a column, and what it may be."""
    sides = [
        f"{PREFIX}{name} >=" if len(labels) <= 2 else f"{PREFIX}{name}:{label} >="  # noqa: PLR2004
        for name, labels in given.outputs.items()
        for label in (labels[:1] or [""])
    ]
    equal = [f"{PREFIX}{name}" for name in given.outputs]
    close = nearest(column, [*given.inputs, *equal, *sides, NAME, SAME])
    hint = f"; nearest: `{close}`" if close else ""
    possible = ", ".join(f"`{name}`" for name in (*equal, *sides, NAME, SAME))
    return (
        f"column `{column}` is neither an input nor what must hold{hint}\n"
        f"  Possible: inputs of the model, {possible} (also with <=, > or <)"
    )


def _failure(wanted: Any, answer: Mapping[str, Any], one: Expectation, given: _File) -> str:
    """Return what does not hold, or nothing."""
    if wanted is None or (isinstance(wanted, float) and math.isnan(wanted)):
        return ""
    name, test = one.output, one.test
    is_number = not given.outputs[name]
    column = f"{name}_prediction" if one.label is None else f"{name}_probability_{one.label}"
    found = answer[column]
    if test is None:
        bound = _number(wanted, one, given) if is_number else wanted
        if found is not None and _is_same(found, bound):
            return ""
        return f"`{name}` is {_shown(found)}, expected {_shown(wanted)}"
    bound = _number(wanted, one, given)
    if found is not None and _TESTS[test](float(found), bound):
        return ""
    what = f"`{name}`" if one.label is None else f"the probability of '{one.label}'"
    return f"{what} is {_shown(found)}, expected {test} {_shown(bound)}"


def _number(wanted: Any, one: Expectation, given: _File) -> float:
    try:
        return float(wanted)
    except (TypeError, ValueError) as error:
        raise given.fault(
            f"column `{one.column}` holds {_shown(wanted)}, which is no number"
        ) from (error)


def _is_same(found: Any, wanted: Any) -> bool:
    """Return whether two answers are the same; classes are compared as they are written."""
    if _is_number(found) and _is_number(wanted):
        return math.isclose(float(found), float(wanted), rel_tol=TOLERANCE)
    one, other = str(found), str(wanted)
    return one == other or (isinstance(found, bool) and one.lower() == other.strip().lower())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _differences(
    other: str, answer: Mapping[str, Any], theirs: Mapping[str, Any], outputs: Labels
) -> Iterator[str]:
    for output in outputs:
        one, two = answer[f"{output}_prediction"], theirs[f"{output}_prediction"]
        is_same = one is two if one is None or two is None else _is_same(one, two)
        if not is_same:
            yield f"`{output}` is {_shown(one)}, and {_shown(two)} for '{other}'"


def _place_of(other: str, names: Sequence[str], place: int, given: _File) -> int:
    if names.count(other) == 1:
        return names.index(other)
    what = f"scenario '{names[place]}' is to be the same as '{other}'"
    if other in names:
        raise given.fault(f"{what}, and {names.count(other)} are called so")
    close = nearest(other, names)
    hint = f"; nearest: '{close}'" if close else ""
    raise given.fault(f"{what}, which is not there{hint}")


def _names(rows: pl.DataFrame) -> list[str]:
    given = rows[NAME].to_list() if NAME in rows.columns else [None] * rows.height
    return [str(place) if name is None else str(name) for place, name in enumerate(given, start=1)]


def _others(rows: pl.DataFrame) -> list[str | None]:
    given = rows[SAME].to_list() if SAME in rows.columns else [None] * rows.height
    return [None if other is None else str(other) for other in given]


def _shown(value: Any) -> str:
    if value is None:
        return "not answered"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"'{value}'" if isinstance(value, str) else str(value)
