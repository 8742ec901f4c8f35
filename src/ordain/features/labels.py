"""A raw value read as a label: the one text that stands for it, whatever type it was stored as.

| stored as | label |
| --- | --- |
| text | without blanks at the ends; nothing left means missing |
| bool | `true`, `false` |
| whole number, also as float (`3.0`) or decimal (`3.00`) | `3` |
| other float | shortest text that reads back as the same number |
| date, time stamp | ISO 8601, in UTC where it has a zone |
| null, NaN, anything else | missing |

`read_labels` reads a column, `read_label` one value; they agree on every value.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, TypeVar

import numpy as np
import polars as pl

BLANKS = " \t\n\r\x0b\x0c\x85\xa0\u2007\u202f\u3000\ufeff"
"""What is stripped from text; spelled out, since languages differ in what they call blank."""

LabelType = Literal["string", "integer", "boolean"]
"""What a label was in the column: predictions come back as the same."""

V = TypeVar("V")

_LONGEST_WHOLE = 20
_INTEGRAL_LIMIT = 2.0**63


def read_labels(column: pl.Series, *, lowercase: bool = False) -> pl.Series:
    """Return the labels of a column, null where missing.

    >>> read_labels(pl.Series([" a", "", None])).to_list()
    ['a', None, None]
    >>> read_labels(pl.Series([3.0, 0.5, float("nan")])).to_list()
    ['3', '0.5', None]
    """
    labels = _as_text(column)
    if lowercase:
        labels = labels.str.to_lowercase()
    return labels.rename(column.name)


def count_labels(
    column: pl.Series, *, lowercase: bool = False, fill: str | None = None
) -> tuple[pl.DataFrame, int]:
    """Return `label` and `count`, most frequent first, ties by label, and the missing rows.

    >>> counts, n_missing = count_labels(pl.Series([" a", "", None, "b", "a"]))
    >>> counts.rows(), n_missing
    ([('a', 2), ('b', 1)], 2)
    """
    # Each distinct value is read once, and not each row.
    raw = column.rename("label").value_counts(name="count")
    labels = read_labels(raw["label"], lowercase=lowercase)
    n_missing = int(raw["count"].filter(labels.is_null()).sum())
    read = raw.with_columns(labels if fill is None else labels.fill_null(fill))
    counts = read.drop_nulls("label").group_by("label").agg(pl.col("count").sum())
    return counts.sort("count", "label", descending=[True, False]), n_missing


def read_label(value: object) -> str | None:
    """Return the label of one value, None where missing.

    >>> read_label(" a"), read_label(3.0), read_label(True), read_label("")
    ('a', '3', 'true', None)
    """
    if isinstance(value, str):
        return value.strip(BLANKS) or None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return _float_text(float(value))
    return _other_text(value)


def is_readable(dtype: pl.DataType) -> bool:
    """Return whether a column stored so has labels at all."""
    return (
        dtype.is_numeric()
        or dtype in {pl.String, pl.Boolean, pl.Date, pl.Null}
        or isinstance(dtype, pl.Categorical | pl.Enum | pl.Datetime)
    )


def replace(column: pl.Series, known: pl.Series, values: pl.Series) -> pl.Series:
    """Return for each cell the value that stands beside it among the known, null for others.

    The known are distinct and not null.
    """
    if len(known) == 0:
        return pl.Series(column.name, [None], dtype=values.dtype).new_from_index(0, len(column))
    if column.dtype == pl.String:
        # As an enumeration a text is found in two thirds of the time.
        return of_categories(column.cast(pl.Enum(known), strict=False), values)
    if column.dtype.is_integer() and values.null_count() == 0:
        found = _among(column, known, values)
        if found is not None:
            return found
    return column.replace_strict(known, values, default=None, return_dtype=values.dtype)


def of_categories(column: pl.Series, values: pl.Series) -> pl.Series:
    """Return for each cell of an enumeration the value of its category, null where it is null."""
    codes = column.to_physical()
    if column.null_count() == 0 and values.null_count() == 0 and values.dtype.is_numeric():
        # Past Polars' own look-up, which takes as long for few rows as for many.
        return pl.Series(column.name, values.to_numpy()[codes.to_numpy()])
    return values.gather(codes).rename(column.name)


def categories_of(column: pl.Series) -> pl.Series | None:
    """Return an enumeration's categories where to look at each is less work than at the cells."""
    dtype = column.dtype
    if isinstance(dtype, pl.Enum) and len(dtype.categories) <= len(column):
        return dtype.categories
    return None


def _among(column: pl.Series, known: pl.Series, values: pl.Series) -> pl.Series | None:
    """Return the values of whole numbers of which each is known; None where one is not."""
    if column.null_count():
        return None
    order = known.arg_sort().to_numpy()
    keys, cells = known.to_numpy()[order], column.to_numpy()
    places = np.minimum(np.searchsorted(keys, cells), len(keys) - 1)
    if not (keys[places] == cells).all():
        return None
    return pl.Series(column.name, values.to_numpy()[order[places]])


def whole_numbers(values: Mapping[str, V]) -> dict[int, V]:
    """Return the labels that are whole numbers of 64 bits, as numbers, with their values."""
    return {
        int(label): value
        for label, value in values.items()
        if label.lstrip("-").isdecimal()
        and label.isascii()
        and len(label) <= _LONGEST_WHOLE
        and str(int(label)) == label
        and -(2**63) <= int(label) < 2**63
    }


def _as_text(column: pl.Series) -> pl.Series:  # noqa: PLR0911 - one return a storage type
    dtype = column.dtype
    if dtype == pl.String:
        return _strip(column)
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return _strip(column.cast(pl.String))
    if dtype == pl.Boolean or dtype.is_integer():
        return column.cast(pl.String)
    if dtype.is_float():
        return _float_column(column.cast(pl.Float64))
    if dtype.is_decimal():
        text = column.cast(pl.String)
        cut = text.str.strip_chars_end("0").str.strip_chars_end(".")
        return text.zip_with(~text.str.contains(".", literal=True), cut).replace({"-0": "0"})
    if dtype == pl.Date:
        return column.dt.to_string("%Y-%m-%d")
    if isinstance(dtype, pl.Datetime):
        return naive_utc(column).dt.to_string("%Y-%m-%dT%H:%M:%S%.6f")
    return pl.Series(column.name, [None], dtype=pl.String).new_from_index(0, len(column))


def naive_utc(column: pl.Series) -> pl.Series:
    """Return time stamps in microseconds, zones turned into UTC and taken off."""
    dtype = column.dtype
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return column.cast(pl.Datetime("us"))


def is_not_a_time(value: dt.datetime) -> bool:
    """Return whether a time stamp is pandas' NaT, the one datetime that differs from itself."""
    return value != value  # noqa: PLR0124


def _strip(column: pl.Series) -> pl.Series:
    stripped = column.str.strip_chars(BLANKS)
    empty = stripped.str.len_bytes() == 0
    return stripped.set(empty, None) if empty.any() else stripped


def _float_column(column: pl.Series) -> pl.Series:
    # Over distinct values: polars and Python spell floats differently, and these must agree.
    column = column.fill_nan(None)
    known = column.unique().drop_nulls()
    texts = [_float_text(value) for value in known.to_list()]
    if not texts:
        return column.cast(pl.String)
    return column.replace_strict(
        known, pl.Series(texts, dtype=pl.String), default=None, return_dtype=pl.String
    )


def _float_text(value: float) -> str | None:
    if value != value:  # noqa: PLR0124 - NaN is the one value that differs from itself
        return None
    if abs(value) < _INTEGRAL_LIMIT and value.is_integer():
        return str(int(value))
    return repr(value)


def _other_text(value: object) -> str | None:
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    if isinstance(value, Decimal):
        if not value.is_finite():
            return None
        text = format(value, "f")
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text == "-0" else text
    if isinstance(value, dt.datetime):
        if is_not_a_time(value):
            return None
        if value.tzinfo is not None:
            value = value.astimezone(dt.UTC).replace(tzinfo=None)
        return value.isoformat(timespec="microseconds")
    if isinstance(value, dt.date):
        return value.isoformat()
    return None


def label_type(column: pl.Series, labels: tuple[str, ...]) -> LabelType:
    """Return what predicted labels of a column are turned back into."""
    if column.dtype == pl.Boolean:
        return "boolean"
    if column.dtype.is_integer() and all(abs(int(label)) < _INTEGRAL_LIMIT for label in labels):
        return "integer"
    return "string"


def typed(labels: pl.Series, kind: LabelType) -> pl.Series:
    """Return labels as the type they had in the column."""
    if kind == "boolean":
        return labels == "true"
    return labels.cast(pl.Int64) if kind == "integer" else labels
