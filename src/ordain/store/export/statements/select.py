"""What `Algebra` asks for, as one SELECT in the SQL that DuckDB and PostgreSQL share.

A value that is used more than once becomes a column of a step (`WITH s1 AS MATERIALIZED (...)`), so
that the text does not grow with its uses. Left to itself PostgreSQL would write each step into the
next, which doubles the work with every step. A missing number is NULL.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.features.encoded import Shape
from ordain.features.labels import BLANKS
from ordain.features.numerals import LARGEST
from ordain.store.export.algebra import Algebra, Constant, Floats, UnfitError
from ordain.store.export.trees import Ensemble, Tree

_FUNCTIONS = {"abs": "ABS", "sqrt": "SQRT", "exp": "EXP", "log": "LN", "tanh": "TANH"}
_HIGHEST_POWER = 300.0
_TINY = 1e-37
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$"
_NAME = re.compile(r'^("[^"]*"|-?[0-9][0-9.e+-]*)$')
_WHOLE_LIMIT = 2.0**53
_LARGEST_DOUBLE = sys.float_info.max
SELECT = "\nSELECT\n  "
"""Stands before the columns of the result, and nowhere after it."""


@dataclass(frozen=True)
class Part:
    """An expression, and the step whose columns it reads."""

    text: str
    step: int = 0


Parts = tuple[Part, ...]
"""A value: one expression a number."""


class Select(Algebra[Parts]):
    """The parts of a SELECT that is being made.

    Args:
        table: rows come from it, as it is written in SQL.
        schema: types of its columns.
        derived: columns that are computed first, by name.
    """

    lowers_labels = True

    def __init__(
        self, table: str, schema: Mapping[str, pl.DataType], *, derived: Mapping[str, str]
    ) -> None:
        self._table, self._schema, self._derived = table, schema, derived
        self._steps: list[list[tuple[str, str]]] = []
        self._named: dict[tuple[str, int], Part] = {}
        self._answers: list[tuple[str, Part]] = []
        self._n_names = 0

    def text(self, *, keep: Sequence[str]) -> str:
        """Return the whole statement; columns to keep stand before the answers."""
        derived = "".join(f",\n    ({sql}) AS {quoted(n)}" for n, sql in self._derived.items())
        steps = [f"s0 AS MATERIALIZED (\n  SELECT *{derived}\n  FROM {self._table}\n)"]  # noqa: S608 - names are quoted
        for place, columns in enumerate(self._steps, 1):
            body = ",\n    ".join(f"{text} AS {name}" for name, text in columns)
            more = f",\n    {body}" if body else ""
            step = f"SELECT *{more}\n  FROM s{place - 1}"  # noqa: S608 - names are quoted
            steps.append(f"s{place} AS MATERIALIZED (\n  {step}\n)")
        last = len(self._steps)
        chosen = [quoted(name) for name in keep]
        chosen += [f"{part.text} AS {quoted(name)}" for name, part in self._answers]
        body = ",\n  ".join(chosen)
        return f"WITH {', '.join(steps)}{SELECT}{body}\nFROM s{last}\n"

    def number(self, column: str) -> Parts:
        """Return a column of numbers; text that is no plain number is missing."""
        name, dtype = quoted(column), self._schema[column]
        if dtype == pl.Boolean:
            found = f"CASE WHEN {name} THEN 1e0 WHEN NOT {name} THEN 0e0 END"
        elif dtype == pl.String:
            text = _trimmed(name)
            found = f"CASE WHEN {text} ~ '{_NUMBER}' THEN CAST({text} AS DOUBLE PRECISION) END"
        elif dtype.is_numeric():
            found = name
        else:
            raise UnfitError(f"`{column}` is of type {dtype}, which is no number in SQL")
        double = self._name(Part(f"CAST({found} AS DOUBLE PRECISION)"))
        kept = f"CASE WHEN ABS({double.text}) <= {literal(LARGEST)} THEN {double.text} END"
        return (self._name(Part(kept, double.step)),)

    def label(self, column: str) -> Parts:
        """Return a column as text, NULL where missing."""
        name, dtype = quoted(column), self._schema[column]
        if dtype == pl.Boolean:
            found = f"CASE WHEN {name} THEN 'true' WHEN NOT {name} THEN 'false' END"
        elif dtype == pl.String:
            found = f"NULLIF({_trimmed(name)}, '')"
        elif dtype.is_integer():
            found = f"CAST({name} AS VARCHAR)"
        elif dtype.is_float():
            whole = f"{name} = FLOOR({name}) AND ABS({name}) < {literal(_WHOLE_LIMIT)}"
            found = (
                f"CASE WHEN {whole} THEN CAST(CAST({name} AS BIGINT) AS VARCHAR) "
                f"WHEN ABS({name}) <= {literal(1.7e308)} THEN CAST({name} AS VARCHAR) END"
            )
        else:
            raise UnfitError(f"`{column}` is of type {dtype}, whose labels SQL spells otherwise")
        return (self._name(Part(found)),)

    def index(
        self, label: Parts, ids: Mapping[str, int], *, missing: int, unseen: int, is_lowered: bool
    ) -> Parts:
        """Return the id of a label."""
        (part,) = label
        text = f"LOWER({part.text})" if is_lowered else part.text
        rest = f"CASE WHEN {text} IS NULL THEN {missing} ELSE {unseen} END"
        if not ids:
            return (self._name(Part(rest, part.step)),)
        rest = str(unseen) if missing == unseen else rest
        whens = " ".join(f"WHEN {quoted_text(key)} THEN {value}" for key, value in ids.items())
        return (self._name(Part(f"CASE {text} {whens} ELSE {rest} END", part.step)),)

    def bins(self, x: Parts, edges: Sequence[float]) -> Parts:
        """Return how many edges are at most x."""
        if not len(edges):
            return (Part("0"),)
        (part,) = self._names(x)
        whens = " ".join(
            f"WHEN {part.text} < {literal(edge)} THEN {place}" for place, edge in enumerate(edges)
        )
        found = f"CASE {whens} WHEN {part.text} IS NULL THEN 0 ELSE {len(edges)} END"
        return (self._name(Part(found, part.step)),)

    def gather(self, index: Parts, table: Floats) -> Parts:
        """Return the row of a table that an id names."""
        (part,) = index
        if table.shape[1] == 1 and np.array_equal(table[:, 0], np.arange(len(table))):
            return (Part(f"CAST({part.text} AS DOUBLE PRECISION)", part.step),)
        return tuple(self._looked_up(part, table[:, place]) for place in range(table.shape[1]))

    def _looked_up(self, part: Part, column: Floats) -> Part:
        # The most frequent value stands in ELSE: most ids of a sparse table have none.
        values, counts = np.unique(column, return_counts=True)
        usual = float(values[counts.argmax()])
        whens = " ".join(
            f"WHEN {place} THEN {literal(float(value))}"
            for place, value in enumerate(column)
            if float(value) != usual
        )
        if not whens:
            return Part(literal(usual), part.step)
        found = f"CASE {part.text} {whens} ELSE {literal(usual)} END"
        return Part(f"CAST({found} AS DOUBLE PRECISION)", part.step)

    def encoded(self, column: str, shape: Shape) -> Parts:
        """Refuse: SQL is fed rows."""
        raise UnfitError(f"`{column}` would have to be fed encoded ({shape.kind})")

    def terms(
        self,
        column: str,
        places: npt.NDArray[np.int32],
        table: Floats,
        *,
        shape: Shape,
        is_presence: bool = False,
        absent: Floats | None = None,
    ) -> Parts:
        """Refuse: the terms of a text are not found in SQL."""
        del places, table, shape, is_presence, absent
        raise UnfitError(f"the text `{column}` has no place in SQL")

    def constant(self, values: Sequence[float]) -> Parts:
        """Return the same numbers for every row."""
        return tuple(Part(f"CAST({literal(value)} AS DOUBLE PRECISION)") for value in values)

    def join(self, values: Sequence[Parts]) -> Parts:
        """Return values side by side."""
        return tuple(part for value in values for part in value)

    def part(self, x: Parts, place: int) -> Parts:
        """Return one of the numbers of a value."""
        return (x[place],)

    def binary(self, sign: str, a: Parts, b: Parts | Constant) -> Parts:
        """Return a sum, difference, product or quotient."""
        return tuple(
            Part(f"({one.text} {sign} {other.text})", max(one.step, other.step))
            for one, other in self._pairs(a, b)
        )

    def call(self, function: str, x: Parts) -> Parts:
        """Return a function of x; the exponent of `exp` is bounded, as PostgreSQL fails beyond."""
        if function == "exp":
            x = self.clip(x, -_HIGHEST_POWER, _HIGHEST_POWER)
        return tuple(Part(f"{_FUNCTIONS[function]}({p.text})", p.step) for p in x)

    def clip(self, x: Parts, low: float, high: float) -> Parts:
        """Return x within bounds."""
        down, up = literal(low), literal(high)
        return tuple(
            Part(f"CASE WHEN {p.text} < {down} THEN {down} WHEN {p.text} > {up} THEN {up} "
                 f"ELSE {p.text} END", p.step)
            for p in self._names(x)
        )  # fmt: skip

    def is_missing(self, x: Parts) -> Parts:
        """Return whether numbers are NULL."""
        return tuple(Part(f"({p.text} IS NULL)", p.step) for p in self._names(x))

    def at_least(self, x: Parts, least: float) -> Parts:
        """Return whether x is `least` or more."""
        return tuple(
            Part(f"COALESCE({p.text} >= {literal(least)}, FALSE)", p.step) for p in self._names(x)
        )

    def where(
        self, condition: Parts, a: Parts | Constant | None, b: Parts | Constant | None
    ) -> Parts:
        """Return a or b."""
        width = max(len(condition), *(_width(one) for one in (a, b)))
        chosen = [condition * width if len(condition) == 1 else condition]
        chosen += [self._wide(one, width) for one in (a, b)]
        return tuple(
            Part(
                f"CAST(CASE WHEN {c.text} THEN {one.text} ELSE {other.text} END AS "
                "DOUBLE PRECISION)",
                max(c.step, one.step, other.step),
            )
            for c, one, other in zip(*chosen, strict=True)
        )

    def round32(self, x: Parts) -> Parts:
        """Return x rounded to 32 bits, named; PostgreSQL fails where it would become 0."""
        return tuple(
            self._name(
                Part(
                    f"CASE WHEN ABS({p.text}) < {literal(_TINY)} THEN 0e0 ELSE "
                    f"CAST(CAST({p.text} AS REAL) AS DOUBLE PRECISION) END",
                    p.step,
                )
            )
            for p in self._names(x)
        )

    def keep(self, x: Parts) -> Parts:
        """Return x under names."""
        return self._names(x)

    def affine(self, x: Parts, weights: Floats, bias: Floats) -> Parts:
        """Return x times weights plus bias."""
        named = self._names(x)
        found = []
        for place in range(weights.shape[1]):
            terms = [
                f"{p.text} * {literal(float(weight))}"
                for p, weight in zip(named, weights[:, place], strict=True)
                if weight != 0
            ]
            text = _summed([*terms, literal(float(bias[place]))])
            found.append(Part(f"CAST({text} AS DOUBLE PRECISION)", max(p.step for p in named)))
        return tuple(found)

    def softmax(self, x: Parts) -> Parts:
        """Return shares that add up to 1."""
        named = self._names(x)
        (most,) = self._names(self.highest(named))
        powers = self._names(self.call("exp", self.binary("-", named, (most,))))
        (total,) = self._names((Part(_summed([p.text for p in powers]), powers[0].step),))
        return self.binary("/", powers, (total,))

    def best(self, x: Parts) -> Parts:
        """Return the place of the largest number."""
        named = self._names(x)
        step = max(p.step for p in named)
        whens = " ".join(
            f"WHEN {p.text} >= {_greatest(named[place + 1 :])} THEN {place}"
            for place, p in enumerate(named[:-1])
        )
        last = len(named) - 1
        found = f"CASE {whens} ELSE {last} END" if whens else "0"
        return (self._name(Part(found, step)),)

    def highest(self, x: Parts) -> Parts:
        """Return the largest number."""
        named = self._names(x)
        return (Part(_greatest(named), max(p.step for p in named)),)

    def trees(self, cells: Parts, ensemble: Ensemble) -> Parts:
        """Return the sums of leaves, each tree a nest of CASE."""
        named = self._names(cells)
        step = max(p.step for p in named)
        found = []
        for score in range(ensemble.n_scores):
            texts = [
                _tree_text(tree, [p.text for p in named])
                for tree in ensemble.trees[score :: ensemble.n_scores]
            ]
            text = _summed(texts) if texts else literal(0.0)
            found.append(self._name(Part(f"CAST({text} AS DOUBLE PRECISION)", step)))
        return tuple(found)

    def words(self, index: Parts, labels: Sequence[str | int | bool]) -> Parts:
        """Return the label that an id names."""
        (part,) = index
        whens = " ".join(
            f"WHEN {place} THEN {_label_text(label)}" for place, label in enumerate(labels)
        )
        return (Part(f"CASE {part.text} {whens} END", part.step),)

    def nothing(self, value: Parts, condition: Parts) -> Parts:
        """Return a label where a condition holds, else NULL."""
        (part,), (kept,) = value, condition
        text = f"CASE WHEN {kept.text} THEN {part.text} END"
        return (Part(text, max(part.step, kept.step)),)

    def answer(self, name: str, value: Parts) -> None:
        """Make a value a column of the result."""
        (part,) = value
        self._answers.append((name, part))

    def _name(self, part: Part) -> Part:
        """Return a part as a column of the step after the one it reads."""
        if _NAME.match(part.text):
            return part
        key = (part.text, part.step)
        if key not in self._named:
            while len(self._steps) <= part.step:
                self._steps.append([])
            self._n_names += 1
            name = f'"_o{self._n_names}"'
            self._steps[part.step].append((name, part.text))
            self._named[key] = Part(name, part.step + 1)
        return self._named[key]

    def _names(self, x: Parts) -> Parts:
        return tuple(self._name(part) for part in x)

    def _pairs(self, a: Parts, b: Parts | Constant) -> list[tuple[Part, Part]]:
        width = max(len(a), _width(b))
        return list(zip(self._wide(a, width), self._wide(b, width), strict=True))

    def _wide(self, given: Parts | Constant | None, width: int) -> Parts:
        if given is None:
            return (Part("NULL"),) * width
        if isinstance(given, tuple):
            return self._names(given) * width if len(given) == 1 and width > 1 else given
        values = np.broadcast_to(np.asarray(given, dtype=np.float64).ravel(), (width,))
        return tuple(Part(literal(float(value))) for value in values)


def quoted(name: str) -> str:
    """Return a column's name as SQL quotes it."""
    return '"' + name.replace('"', '""') + '"'


def quoted_text(text: str) -> str:
    """Return a text as SQL quotes it."""
    return "'" + text.replace("'", "''") + "'"


def literal(value: float) -> str:
    """Return a number that both databases read to the last digit; a negative one in brackets."""
    # A tree that parts the missing from all else has an infinite threshold.
    text = repr(min(max(float(value), -_LARGEST_DOUBLE), _LARGEST_DOUBLE))
    text = text if "e" in text else f"{text}e0"
    return f"({text})" if text.startswith("-") else text


def _width(given: Parts | Constant | None) -> int:
    if isinstance(given, tuple):
        return len(given)
    return 1 if given is None else int(np.size(given))


def _trimmed(name: str) -> str:
    return f"TRIM(BOTH {quoted_text(BLANKS)} FROM {name})"


def _greatest(parts: Parts) -> str:
    return parts[0].text if len(parts) == 1 else f"GREATEST({', '.join(p.text for p in parts)})"


def _summed(texts: Sequence[str]) -> str:
    """Return a sum nested in halves: databases bound the depth of an expression."""
    if len(texts) == 1:
        return texts[0]
    middle = len(texts) // 2
    return f"({_summed(texts[:middle])} + {_summed(texts[middle:])})"


def _label_text(label: str | int | bool) -> str:  # noqa: FBT001
    if isinstance(label, bool):
        return "TRUE" if label else "FALSE"
    return quoted_text(label) if isinstance(label, str) else str(label)


def _tree_text(tree: Tree, names: Sequence[str], node: int = 0) -> str:
    if node < 0 or not tree.columns:
        return literal(tree.leaves[-1 - node if node < 0 else 0])
    name, members = names[tree.columns[node]], tree.sets[node]
    if members is None:
        test = f"{name} <= {literal(tree.thresholds[node])}"
        test = f"{test} OR {name} IS NULL" if tree.takes_missing[node] else test
    else:
        test = f"{name} IN ({', '.join(map(str, members))})" if members else "FALSE"
    left = _tree_text(tree, names, tree.left[node])
    right = _tree_text(tree, names, tree.right[node])
    return f"CASE WHEN {test} THEN {left} ELSE {right} END"
