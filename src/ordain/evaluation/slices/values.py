"""Values of a column in words and in SQL, and the borders that part an ordered one."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import polars as pl

Mask = npt.NDArray[np.bool_]

_MOST_LETTERS = 40
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_KEYWORDS = (
    "all analyse analyze and anti any array as asc asof asymmetric at authorization binary "
    "both by case cast check collate collation column concurrently constraint create cross "
    "default deferrable desc describe distinct do else end except false fetch for foreign "
    "freeze from full glob group having ilike in initially inner intersect into is isnull "
    "join lambda lateral leading left like limit natural not notnull null offset on only or "
    "order outer overlaps pivot pivot_longer pivot_wider placing positional primary qualify "
    "references returning right select semi show similar some summarize symmetric table "
    "tablesample then to trailing true union unique unpack unpivot using variadic verbose "
    "when where window with"
)
KEYWORDS = frozenset(_KEYWORDS.split())
"""Words that DuckDB keeps for itself: no column is called so without quotes."""


def missing_rows(series: pl.Series) -> Mask:
    """Return whether each cell is missing [N]: null or NaN."""
    is_missing = series.is_null()
    if series.dtype.is_float():
        is_missing |= series.is_nan().fill_null(value=False)
    return is_missing.to_numpy()


def is_ordered(series: pl.Series) -> bool:
    """Return whether ranges of the values mean something: numbers and moments."""
    return series.dtype.is_numeric() or series.dtype.is_temporal()


def borders_of(known: pl.Series, n_parts: int) -> list[object]:
    """Return up to `n_parts - 1` values that part the rest evenly; each begins the part above it.

    Args:
        known: at least one value, none missing; equal ones stay in one part.
        n_parts: how many parts are wished.
    """
    ordered = known.sort()
    places = [len(ordered) * part // n_parts for part in range(1, n_parts)]
    return sorted({ordered[place] for place in places} - {ordered[0]})


def rows_between(series: pl.Series, low: object | None, high: object | None) -> Mask:
    """Return whether each cell is present, at least `low` and below `high` [N]; None is open."""
    rows = ~missing_rows(series)
    if low is not None:
        rows &= (series >= low).fill_null(value=False).to_numpy()
    if high is not None:
        rows &= (series < high).fill_null(value=False).to_numpy()
    return rows


def sql_between(column: str, low: object | None, high: object | None) -> str:
    """Return the same as a condition in SQL."""
    bounds = [(">=", low), ("<", high)]
    return " and ".join(
        f"{quoted(column)} {sign} {literal(value)}" for sign, value in bounds if value is not None
    )


def quoted(name: str) -> str:
    """Return a column's name as SQL needs it."""
    is_plain = _PLAIN.fullmatch(name.lower()) and name.lower() not in KEYWORDS
    return name if is_plain else '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """Return a value as SQL writes it, to the last digit."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not np.isfinite(value):
        return f"'{value}'::double"
    if isinstance(value, int | float):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


def shown(value: object) -> str:
    """Return a value as people read it, shortened; words are in quotes."""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    text = text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 3]}..."
    return f"'{text}'" if isinstance(value, str) else text
