"""What one look at a table tells of each column; types are inferred and checked from it."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class ColumnProfile:
    """One column at a glance.

    Attributes:
        n_distinct: distinct present values; exact up to 10,000, above it an estimate.
        sample: up to 1,000 present values, spread evenly over the table.
        top: up to 20 most frequent present values (as text) with their counts, most frequent first.
    """

    name: str
    dtype: pl.DataType
    n_rows: int
    n_missing: int
    n_distinct: int
    sample: pl.Series
    top: tuple[tuple[str, int], ...]
