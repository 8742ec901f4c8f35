"""Conditions of rules, compiled: one to ask of a row, and the same as an expression of a frame.

They are written as expressions are anywhere else (SQL, as DuckDB reads it) and made of columns,
numbers, texts, truth values, comparisons, `in`, `between`, `is null`, `and`, `or` and `not`: what
can be asked of a row in a microsecond. A comparison with a missing value is missing, as in SQL.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from ordain.core.diagnostics import nearest
from ordain.core.errors import UsageError
from ordain.data.expressions import parsed

Kind = Literal["number", "text", "boolean"]
Row = Mapping[str, Any]
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "COMPARE_EQUAL": operator.eq,
    "COMPARE_NOTEQUAL": operator.ne,
    "COMPARE_LESSTHAN": operator.lt,
    "COMPARE_GREATERTHAN": operator.gt,
    "COMPARE_LESSTHANOREQUALTO": operator.le,
    "COMPARE_GREATERTHANOREQUALTO": operator.ge,
}
_POSSIBLE = (
    "possible: columns, numbers, texts, true and false, =, <>, <, <=, >, >=, in, between, is null, "
    "and, or, not"
)


@dataclass(frozen=True)
class Term:
    """A part of a condition.

    Attributes:
        kind: of its value.
        of: its value for a row; None where that is missing.
        expression: the same for a frame.
    """

    kind: Kind
    of: Callable[[Row], Any]
    expression: pl.Expr


def compile_condition(text: str, columns: Mapping[str, Kind], *, key: str) -> Term:
    """Return a condition, ready to be asked.

    Args:
        text: as written.
        columns: that it may name, with their kinds.
        key: place of the config that it stands at, for messages.

    Raises:
        UsageError: it cannot be read, names what is no column, compares what is unlike, or uses
            more than is possible.
        DataError: it is no expression at all.
    """
    term = _Compiler(text, columns, key).term(parsed(text, key=key))
    if term.kind != "boolean":
        raise UsageError(f"`{key}: {text}` gives a {term.kind} and must be true or false")
    return term


def kind_of(dtype: pl.DataType) -> Kind | None:
    """Return the kind of a column's values; None of a type that no condition can name."""
    if dtype.is_numeric():
        return "number"
    return {pl.String: "text", pl.Boolean: "boolean"}.get(dtype.base_type())  # type: ignore[return-value]


class _Compiler:
    def __init__(self, text: str, columns: Mapping[str, Kind], key: str) -> None:
        self._told = f"`{key}: {text}`"
        self._columns = columns
        self._folded = {name.lower(): name for name in columns}

    def term(self, node: Mapping[str, Any]) -> Term:
        """Return what a node of the syntax tree says."""
        made = {
            "COLUMN_REF": self._column,
            "CONSTANT": self._constant,
            "CAST": self._constant,
            "COMPARISON": self._comparison,
            "CONJUNCTION": self._conjunction,
            "BETWEEN": self._between,
            "OPERATOR": self._operator,
        }.get(str(node.get("class")))
        if made is None:
            raise self._impossible()
        return made(node)

    def _column(self, node: Mapping[str, Any]) -> Term:
        given = str(node["column_names"][-1])
        name = given if given in self._columns else self._folded.get(given.lower())
        if name is None:
            close = nearest(given, self._columns)
            hint = f". Did you mean `{close}`?" if close else f"; known: {', '.join(self._columns)}"
            raise UsageError(
                f"{self._told} names `{given}`, which is neither an input nor part of the answer"
                f"{hint}\n  Fix: declare a field of your own: other_fields: {{{given}: number}}"
            )
        kind = self._columns[name]
        if kind == "text":
            return Term(kind, lambda row: _text(row.get(name)), pl.col(name).cast(pl.String))
        dtype = pl.Float64() if kind == "number" else pl.Boolean()
        return Term(kind, lambda row: row.get(name), pl.col(name).cast(dtype, strict=False))

    def _constant(self, node: Mapping[str, Any]) -> Term:
        value = _value_of(node)
        if value is None:
            raise self._impossible()
        kind: Kind = "number"
        if isinstance(value, bool):
            kind = "boolean"
        elif isinstance(value, str):
            kind = "text"
        return Term(kind, lambda _: value, pl.lit(value))

    def _comparison(self, node: Mapping[str, Any]) -> Term:
        compare = _COMPARISONS.get(str(node["type"]))
        if compare is None:
            raise self._impossible()
        return self._compared(self.term(node["left"]), self.term(node["right"]), compare)

    def _compared(self, left: Term, right: Term, compare: Callable[[Any, Any], Any]) -> Term:
        if left.kind != right.kind:
            raise UsageError(
                f"{self._told} compares a {left.kind} with a {right.kind}\n"
                "  Fix: texts stand in single quotes, numbers in none"
            )
        left_of, right_of = left.of, right.of

        def ask(row: Row) -> bool | None:
            one, other = left_of(row), right_of(row)
            return None if one is None or other is None else bool(compare(one, other))

        return Term("boolean", ask, compare(left.expression, right.expression))

    def _conjunction(self, node: Mapping[str, Any]) -> Term:
        parts = [self._truth(child) for child in node["children"]]
        asked = [part.of for part in parts]
        is_and = node["type"] == "CONJUNCTION_AND"

        def ask(row: Row) -> bool | None:
            found: bool | None = is_and
            for one in asked:
                answer = one(row)
                if answer is (not is_and):
                    return answer
                found = None if answer is None else found
            return found

        combined = parts[0].expression
        for part in parts[1:]:
            other = part.expression
            combined = combined & other if is_and else combined | other
        return Term("boolean", ask, combined)

    def _between(self, node: Mapping[str, Any]) -> Term:
        value = self.term(node["input"])
        low = self._compared(value, self.term(node["lower"]), operator.ge)
        high = self._compared(value, self.term(node["upper"]), operator.le)

        def ask(row: Row) -> bool | None:
            one, other = low.of(row), high.of(row)
            if one is False or other is False:
                return False
            return None if one is None or other is None else True

        return Term("boolean", ask, low.expression & high.expression)

    def _operator(self, node: Mapping[str, Any]) -> Term:
        kind, children = str(node["type"]), node["children"]
        if kind == "OPERATOR_NOT":
            return _negated(self._truth(children[0]))
        if kind in {"OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL"}:
            one = self.term(children[0])
            asked, is_null = one.of, kind == "OPERATOR_IS_NULL"
            expression = one.expression.is_null() if is_null else one.expression.is_not_null()
            return Term("boolean", lambda row: (asked(row) is None) is is_null, expression)
        if kind in {"COMPARE_IN", "COMPARE_NOT_IN"}:
            found = self._among(self.term(children[0]), [self.term(one) for one in children[1:]])
            return found if kind == "COMPARE_IN" else _negated(found)
        raise self._impossible()

    def _among(self, value: Term, others: Sequence[Term]) -> Term:
        each = [self._compared(value, other, operator.eq) for other in others]
        asked = [one.of for one in each]

        def ask(row: Row) -> bool | None:
            answers = [one(row) for one in asked]
            return True if True in answers else None if None in answers else False

        combined = each[0].expression
        for one in each[1:]:
            combined = combined | one.expression
        return Term("boolean", ask, combined)

    def _truth(self, node: Mapping[str, Any]) -> Term:
        term = self.term(node)
        if term.kind != "boolean":
            raise UsageError(f"{self._told} has a {term.kind} where true or false must stand")
        return term

    def _impossible(self) -> UsageError:
        return UsageError(f"{self._told} uses more than a rule can: {_POSSIBLE}")


def _negated(term: Term) -> Term:
    asked = term.of

    def ask(row: Row) -> bool | None:
        answer = asked(row)
        return None if answer is None else not answer

    return Term("boolean", ask, ~term.expression)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def _value_of(node: Mapping[str, Any]) -> bool | int | float | str | None:
    """Return the value of a constant, as DuckDB 2 or DuckDB 1 writes it; None of no constant."""
    if node["class"] == "CAST":
        inner = node["child"]
        if node["cast_type"]["id"] != "BOOLEAN" or inner.get("class") != "CONSTANT":
            return None
        return str(_value_of(inner)) in {"t", "true"}
    if "literal" in node:
        kind, text = node["literal"]["kind"], node["literal"].get("text")
        if kind == "STRING":
            return str(text)
        return _plain(json.loads(str(text))) if kind in {"INTEGER", "NUMERIC", "BOOLEAN"} else None
    value, kind = node["value"].get("value"), node["value"]["type"]["id"]
    if kind == "DECIMAL":
        return float(value / 10 ** node["value"]["type"]["type_info"]["scale"])
    return _plain(value)


def _plain(value: Any) -> bool | int | float | str | None:
    return value if isinstance(value, bool | int | float | str) else None
