"""Types of text columns: inferred from the head, proved on the whole column, never at a loss.

A column is a number only if every present value is one; otherwise it stays text, as it stands in
the file, and the values in the way are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from ordain.core.diagnostics import nearest
from ordain.core.errors import DataError

DECLARED: Mapping[str, pl.DataType] = {
    "text": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
}
_MIXED_SHARE = 0.5
_INTEGER = r"^\s*[+-]?\d+\s*$"
_LEADING_ZERO = r"^\s*0\d+\s*$"


@dataclass(frozen=True)
class Guess:
    """What the head says of one column.

    Attributes:
        dtype: the type of every present value of the head; text where there is none.
        is_known: whether the head has a present value.
        has_spelling: whether a spelling of missing, such as ``NA``, stands in the head.
        is_mixed: whether at least half of the present values, but not all, are numbers.
        is_identifier: whether whole numbers stay text, since a number would lose their leading
            zeros or their last digits.
    """

    dtype: pl.DataType
    is_known: bool = True
    has_spelling: bool = False
    is_mixed: bool = False
    is_identifier: bool = False


@dataclass
class Findings:
    """What typing the columns of one file met, summed up over the columns."""

    spellings: dict[str, dict[str, int]] = field(default_factory=dict)
    mixed: list[dict[str, Any]] = field(default_factory=list)
    unparsed: list[dict[str, Any]] = field(default_factory=list)


def guess(head: pl.DataFrame, *, null_values: Sequence[str], decimal: str) -> dict[str, Guess]:
    """Return what the first rows, all columns as text, say of the type of each column."""
    measures: dict[str, Any] = {
        "n_spelled": lambda text, _: text.is_in(list(null_values)).sum(),
        "n_present": lambda _, value: value.count(),
        "n_boolean": lambda _, value: value.str.to_lowercase().is_in(["true", "false"]).sum(),
        "n_integer": lambda _, value: value.str.contains(_INTEGER).sum(),
        "n_zeros": lambda _, value: value.str.contains(_LEADING_ZERO).sum(),
        "n_fitting": lambda _, value: value.cast(pl.Int64, strict=False).count(),
        "n_number": lambda _, value: _number(value, decimal=decimal).count(),
    }
    missing = ["", *null_values]
    rows = []
    for position, name in enumerate(head.columns):
        text = pl.col(name).str.strip_chars()
        value = pl.when(~text.is_in(missing)).then(text)
        rows += [make(text, value).alias(f"{position}.{key}") for key, make in measures.items()]
    counts = head.select(rows).row(0, named=True)
    return {
        name: _guess({key: int(counts[f"{position}.{key}"]) for key in measures})
        for position, name in enumerate(head.columns)
    }


def _guess(counts: Mapping[str, int]) -> Guess:
    present = counts["n_present"]
    spelled = counts["n_spelled"] > 0
    if not present:
        return Guess(pl.String(), is_known=False, has_spelling=spelled)
    if counts["n_boolean"] == present:
        return Guess(pl.Boolean(), has_spelling=spelled)
    if counts["n_integer"] == present:
        fits = counts["n_fitting"] == present and not counts["n_zeros"]
        return Guess(
            pl.Int64() if fits else pl.String(),
            has_spelling=spelled,
            is_identifier=not fits,
        )
    if counts["n_number"] == present:
        return Guess(pl.Float64(), has_spelling=spelled)
    is_mixed = counts["n_number"] >= _MIXED_SHARE * present
    return Guess(pl.String(), has_spelling=spelled, is_mixed=is_mixed)


def to_numbers(column: pl.Series, *, decimal: str) -> pl.Series:
    """Return text as numbers; null where a value is none."""
    name = column.name
    expression = _number(pl.col(name).str.strip_chars(), decimal=decimal)
    return column.to_frame().select(expression.alias(name)).to_series()


def _number(text: pl.Expr, *, decimal: str) -> pl.Expr:
    if decimal == ",":
        text = text.str.replace(",", ".", literal=True)
    return text.cast(pl.Float64, strict=False)


def settle(
    column: pl.Series,
    guessed: Guess,
    *,
    declared: pl.DataType | None,
    decimal: str,
    findings: Findings,
) -> pl.Series:
    """Return a text column, missing values already null, in the type all its values have."""
    if declared is not None:
        return _force(column, declared, decimal=decimal, findings=findings)
    if guessed.is_known and guessed.dtype == pl.String():
        if guessed.is_mixed:
            _note_mixed(column, decimal=decimal, findings=findings, at_least=0.0)
        return column
    typed = _narrowest(column, guessed, decimal=decimal)
    if typed is None:
        share = 0.0 if guessed.is_known else _MIXED_SHARE
        _note_mixed(column, decimal=decimal, findings=findings, at_least=share)
        return column
    return typed


def blank_out(
    frame: pl.DataFrame, *, null_values: Sequence[str], findings: Findings
) -> pl.DataFrame:
    """Return the frame with spellings of missing in text columns as null, counted.

    One space before or after a spelling does not matter; an empty text always is missing.
    """
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String()]
    spellings = {form: s for s in null_values for form in (s, f" {s}", f"{s} ")}
    missing = ["", " ", *spellings]
    counts = frame.select(pl.col(texts).is_in(missing).sum()).row(0, named=True) if texts else {}
    hit = [name for name, count in counts.items() if count]
    for name in hit:
        values = frame[name].filter(frame[name].is_in(list(spellings))).value_counts().rows()
        total: dict[str, int] = {}
        for value, count in sorted(values):
            total[spellings[value]] = total.get(spellings[value], 0) + count
        if total:
            findings.spellings[name] = total
    return frame.with_columns(
        pl.when(~pl.col(name).is_in(missing)).then(pl.col(name)).alias(name) for name in hit
    )


def drop_nan(column: pl.Series, findings: Findings) -> pl.Series:
    """Return a float column with NaN as null, counted as the spelling ``NaN``."""
    count = int(column.is_nan().sum() or 0)
    if count:
        findings.spellings[column.name] = {"NaN": count}
        return column.fill_nan(None)
    return column


def _narrowest(column: pl.Series, guessed: Guess, *, decimal: str) -> pl.Series | None:
    present = column.count()
    order: list[pl.DataType] = [pl.Int64(), pl.Float64()]
    if guessed.dtype == pl.Boolean() or not guessed.is_known:
        order.append(pl.Boolean())
    for dtype in order if present else ():
        typed = _cast(column, dtype, decimal=decimal)
        if typed.count() == present:
            return None if _loses(column, dtype) else typed
    return None


def _loses(column: pl.Series, dtype: pl.DataType) -> bool:
    """Return whether integers would lose digits or zeros: too many for 64 bits, or leading ones."""
    if dtype == pl.Boolean():
        return False
    is_integer = column.str.contains(_INTEGER)
    if not is_integer.all():
        return False
    return dtype == pl.Float64() or bool(column.str.contains(_LEADING_ZERO).any())


def _cast(column: pl.Series, dtype: pl.DataType, *, decimal: str) -> pl.Series:
    if dtype == pl.Float64():
        return to_numbers(column, decimal=decimal)
    text = column.str.strip_chars()
    if dtype == pl.Boolean():
        return text.str.to_lowercase().replace_strict(
            {"true": True, "false": False}, default=None, return_dtype=pl.Boolean
        )
    return text.cast(dtype, strict=False)


def _fits(column: pl.Series, dtype: pl.DataType) -> bool:
    return column.str.strip_chars().cast(dtype, strict=False).count() == len(column)


def _force(column: pl.Series, dtype: pl.DataType, *, decimal: str, findings: Findings) -> pl.Series:
    if dtype == pl.String():
        return column
    typed = _cast(column, dtype, decimal=decimal)
    failed = (typed.is_null() & column.is_not_null()).arg_true()
    if len(failed):
        findings.unparsed.append(
            {"column": column.name, "count": len(failed), "examples": _shown(column, failed)}
        )
    return typed


def _note_mixed(column: pl.Series, *, decimal: str, findings: Findings, at_least: float) -> None:
    numbers = to_numbers(column, decimal=decimal)
    odd = (numbers.is_null() & column.is_not_null()).arg_true()
    if len(odd) and numbers.count() > at_least * column.count():
        findings.mixed.append(
            {"column": column.name, "count": len(odd), "examples": _shown(column, odd)}
        )


def _shown(column: pl.Series, rows: pl.Series) -> list[dict[str, Any]]:
    return [{"row": int(row) + 1, "value": column[int(row)]} for row in rows.head(3)]


def declared_types(types: Mapping[str, str], names: Sequence[str]) -> dict[str, pl.DataType]:
    """Return the declared types of columns as Polars types.

    Raises:
        DataError: a column is not in the file.
    """
    for name in types:
        if name not in names:
            close = nearest(name, names)
            hint = f" Did you mean `{close}`?" if close else ""
            raise DataError(f"`types` names the column `{name}`, which is not in the data.{hint}")
    return {name: DECLARED[kind] for name, kind in types.items()}
