"""What reading a column found: counts with examples, and the error that says it."""

from __future__ import annotations

from typing import Any

import polars as pl

from ordain.core.errors import DataError

N_EXAMPLES = 3
_LONGEST = 60


def examples(column: pl.Series, mask: pl.Series) -> list[dict[str, Any]]:
    """Return the first three rows where the mask holds: row number (from 0) and value as text."""
    rows = mask.arg_true().head(N_EXAMPLES)
    values = column.gather(rows).to_list()
    return [
        {"row": row, "value": _shorten(value)}
        for row, value in zip(rows.to_list(), values, strict=True)
    ]


def counted(column: pl.Series, mask: pl.Series) -> dict[str, Any] | None:
    """Return ``{"count": n, "examples": [...]}`` of the rows where the mask holds, or None."""
    count = int(mask.sum())
    return {"count": count, "examples": examples(column, mask)} if count else None


def reading_facts(
    column: pl.Series, *, missing: pl.Series, **found: dict[str, Any] | None
) -> dict[str, Any]:
    """Return the facts that every type reports, without those that were not found."""
    base = {"n_rows": len(column), "n_missing": int(missing.sum())}
    return base | {key: value for key, value in found.items() if value is not None}


def unusable(column: pl.Series, mask: pl.Series, *, what: str, fix: str) -> DataError:
    """Return the error for values that cannot be used; names column, count, values and remedy."""
    shown = ", ".join(f"{item['value']!r} (row {item['row']})" for item in examples(column, mask))
    return DataError(
        f"column `{column.name}`: {int(mask.sum())} of {len(column)} values {what}, "
        f"such as {shown}.\n  Fix: {fix}"
    )


def unusable_value(name: str, value: object, *, what: str, fix: str) -> DataError:
    """Return the error for one value of a row that cannot be used."""
    return DataError(f"column `{name}`: the value {_shorten(value)!r} {what}.\n  Fix: {fix}")


def wrong_kind(column: pl.Series, *, type_name: str, fix: str) -> DataError:
    """Return the error for a column whose stored type cannot be read as this feature type."""
    return DataError(
        f"column `{column.name}` holds {column.dtype}, which a `{type_name}` feature cannot read."
        f"\n  Fix: {fix}"
    )


def _shorten(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
