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

    def count(self, column: str, spelling: str, count: int) -> None:
        """Add to how often a spelling of missing stands in a column."""
        counts = self.spellings.setdefault(column, {})
        counts[spelling] = counts.get(spelling, 0) + count


def guess(head: pl.DataFrame, *, null_values: Sequence[str], decimal: str) -> dict[str, Guess]:
    """Return what the first rows, all columns as text, say of the type of each column."""
    if not head.width:
        return {}
    # All columns stand end to end, so that a measure is one expression however many there are.
    stacked = pl.concat([column.alias("text") for column in head.iter_columns()]).to_frame()
    text = pl.col("text").str.strip_chars()
    cells = stacked.select(
        n_spelled=text.is_in(list(null_values)),
        value=pl.when(~text.is_in(["", *null_values])).then(text),
    )
    value = pl.col("value")
    flags = cells.select(
        "n_spelled",
        n_present=value.is_not_null(),
        n_boolean=value.str.to_lowercase().is_in(["true", "false"]),
        n_integer=value.str.contains(_INTEGER),
        n_zeros=value.str.contains(_LEADING_ZERO),
        n_fitting=value.cast(pl.Int64, strict=False).is_not_null(),
        n_number=_number(value, decimal=decimal).is_not_null(),
    )
    counts = {
        flag.name: flag.fill_null(value=False).to_numpy().reshape(head.width, -1).sum(axis=1)
        for flag in flags.iter_columns()
    }
    return {
        name: _guess({key: int(count[position]) for key, count in counts.items()})
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


def _number(text: pl.Expr, *, decimal: str) -> pl.Expr:
    if decimal == ",":
        text = text.str.replace(",", ".", literal=True)
    return text.cast(pl.Float64, strict=False)


def settle(
    frame: pl.LazyFrame,
    guesses: Mapping[str, Guess],
    *,
    declared: Mapping[str, pl.DataType],
    decimal: str,
    findings: Findings,
) -> pl.LazyFrame:
    """Return the frame with each text column in the type all its values have, or the declared one.

    Missing values are null already. The frame is looked at once, as a stream.
    """
    schema = frame.collect_schema()
    columns = [
        _Text(name, guesses[name], declared.get(name), decimal)
        for name, dtype in schema.items()
        if dtype == pl.String()
    ]
    columns = [column for column in columns if column.is_open]
    if not columns:
        return frame
    measures = [measure for column in columns for measure in column.measures()]
    counts = frame.select(measures).collect(engine="streaming").row(0, named=True)
    casts = []
    for column in columns:
        dtype, at_fault, kind = column.decide(
            {key: counts[f"{column.name}\x1f{key}"] for key in _MEASURES}
        )
        if at_fault:
            shown = _odd_values(frame, column, pl.Float64() if dtype is None else dtype)
            found = {"column": column.name, "count": at_fault, "examples": shown}
            (findings.mixed if kind == "mixed" else findings.unparsed).append(found)
        if dtype is not None:
            casts.append(column.cast(dtype))
    return frame.with_columns(casts) if casts else frame


_MEASURES = ("present", "integer", "number", "boolean", "is_whole", "has_zeros")


@dataclass(frozen=True)
class _Text:
    """A column of text that may be of another type."""

    name: str
    guessed: Guess
    declared: pl.DataType | None
    decimal: str

    @property
    def is_open(self) -> bool:
        """Whether there is anything to find out."""
        if self.declared is not None:
            return self.declared != pl.String()
        return self.guessed.is_mixed or not self._is_text

    @property
    def _is_text(self) -> bool:
        return self.guessed.is_known and self.guessed.dtype == pl.String()

    def cast(self, dtype: pl.DataType) -> pl.Expr:
        """Return the values as a type, null where one is not of it."""
        text = pl.col(self.name).str.strip_chars()
        if dtype == pl.Float64():
            return _number(text, decimal=self.decimal)
        if dtype == pl.Boolean():
            return text.str.to_lowercase().replace_strict(
                {"true": True, "false": False}, default=None, return_dtype=pl.Boolean
            )
        return text.cast(dtype, strict=False)

    def measures(self) -> list[pl.Expr]:
        """Return one expression a measure: values present, of each type, and their form."""
        text = pl.col(self.name)
        made = (
            text.count(),
            self.cast(pl.Int64()).count(),
            self.cast(pl.Float64()).count(),
            self.cast(pl.Boolean()).count(),
            text.str.contains(_INTEGER).all(),
            text.str.contains(_LEADING_ZERO).any(),
        )
        return [
            expression.alias(f"{self.name}\x1f{key}")
            for key, expression in zip(_MEASURES, made, strict=True)
        ]

    def decide(self, counts: Mapping[str, Any]) -> tuple[pl.DataType | None, int, str]:
        """Return the type (None for text), how many values are at fault, and in what way."""
        fitting = {
            pl.Int64(): counts["integer"],
            pl.Float64(): counts["number"],
            pl.Boolean(): counts["boolean"],
        }
        present = counts["present"]
        if self.declared is not None:
            return self.declared, present - fitting[self.declared], "unparsed"
        dtype = None if self._is_text else self._narrowest(counts, fitting)
        if dtype is not None:
            return dtype, 0, ""
        share = 0.0 if self.guessed.is_known else _MIXED_SHARE
        is_mixed = counts["number"] > share * present
        return None, present - counts["number"] if is_mixed else 0, "mixed"

    def _narrowest(
        self, counts: Mapping[str, Any], fitting: Mapping[pl.DataType, int]
    ) -> pl.DataType | None:
        order: list[pl.DataType] = [pl.Int64(), pl.Float64()]
        if self.guessed.dtype == pl.Boolean() or not self.guessed.is_known:
            order.append(pl.Boolean())
        for dtype in order if counts["present"] else ():
            if fitting[dtype] == counts["present"]:
                return None if self._loses(counts, dtype) else dtype
        return None

    def _loses(self, counts: Mapping[str, Any], dtype: pl.DataType) -> bool:
        """Return whether integers would lose digits (too many for 64 bits) or leading zeros."""
        if dtype == pl.Boolean() or not counts["is_whole"]:
            return False
        return dtype == pl.Float64() or bool(counts["has_zeros"])


def _odd_values(frame: pl.LazyFrame, column: _Text, dtype: pl.DataType) -> list[dict[str, Any]]:
    odd = pl.col(column.name).is_not_null() & column.cast(dtype).is_null()
    rows = (
        frame.select(column.name)
        .with_row_index("\x1frow")
        .filter(odd)
        .head(3)
        .collect(engine="streaming")
        .rows()
    )
    return [{"row": row, "value": value} for row, value in rows]


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
        for value, count in sorted(values):
            findings.count(name, spellings[value], count)
    return frame.with_columns(
        pl.when(~pl.col(name).is_in(missing)).then(pl.col(name)).alias(name) for name in hit
    )


def drop_nan(frame: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Return the frame with NaN in columns of numbers as null, counted as the spelling ``NaN``."""
    floats = [name for name, dtype in frame.schema.items() if dtype == pl.Float64()]
    counts = frame.select(pl.col(floats).is_nan().sum()).row(0, named=True) if floats else {}
    hit = [name for name, count in counts.items() if count]
    for name in hit:
        findings.count(name, "NaN", int(counts[name]))
    return frame.with_columns(pl.col(name).fill_nan(None) for name in hit)


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
