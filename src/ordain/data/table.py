"""A table: rows read from a source, lazily, with a fingerprint of their content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl


@dataclass(frozen=True)
class ReadReport:
    """What reading found and did; kept with the run and shown to the user.

    Attributes:
        source: the reference as the user gave it, secrets removed.
        format: such as ``csv`` or ``parquet``.
        details: what was detected, such as separator, encoding, quoting.
        n_rows: rows in the table.
        problems: counted faults that did not stop reading, each with up to three examples:
            ``{"kind": "ragged_lines", "count": 2, "examples": [...], "fix": "..."}``.
        seconds: wall time.
    """

    source: str
    format: str
    details: dict[str, Any] = field(default_factory=dict)
    n_rows: int = 0
    problems: tuple[dict[str, Any], ...] = ()
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


_CODED_ROWS = range(10_000, 1_000_001)
_CODE_BYTES = 4
_CODED_BYTES = 1 << 28
_PROBE_ROWS = 2_000
_VALUES_AT_ONCE = 1 << 23


@dataclass(frozen=True)
class Table:
    """Rows, not yet in memory.

    Attributes:
        frame: lazy; collecting one column reads one column where the format allows it.
        fingerprint: digest of the content (values, names, types, row order), not of file names
            or time stamps.
        n_rows: number of rows.
        report: what reading found.
    """

    frame: pl.LazyFrame
    fingerprint: str
    n_rows: int
    report: ReadReport
    _coded: dict[str, pl.Series | None] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    @property
    def schema(self) -> pl.Schema:
        """Column names with their types, in order."""
        return self.frame.collect_schema()

    def column(self, name: str) -> pl.Series:
        """Return one column in memory, all rows, in table order, in one piece."""
        # Taking rows out of one piece takes a twentieth of what it takes out of many.
        return self.frame.select(pl.col(name)).collect().to_series().rechunk()

    def coded(self, name: str, column: pl.Series | None = None) -> pl.Series | None:
        """Return a text column whose values recur as a categorical one, all rows, in table order.

        Looking at a column, fitting and encoding it each have to tell equal texts apart, which
        costs as much as parsing them; this does it once. None for a column of another type, whose
        values hardly recur, or of a table for which it is not worth it or too large to be kept.

        Args:
            name: of the column.
            column: its rows, where they are at hand.
        """
        if self.n_rows not in _CODED_ROWS:
            return None
        if name not in self._coded:
            n_kept = sum(one is not None for one in list(self._coded.values()))
            if _CODE_BYTES * self.n_rows * n_kept > _CODED_BYTES:
                return None
            self._coded[name] = _code(self.column(name) if column is None else column)
        return self._coded[name]

    def select(self, names: Sequence[str]) -> pl.DataFrame:
        """Return some columns in memory, all rows, in table order."""
        return self.frame.select([pl.col(name) for name in names]).collect()

    def side_by_side(self, names: Sequence[str]) -> Iterator[Sequence[str]]:
        """Give names in groups whose columns are about 8 million values; one a group at least.

        What goes over a table group by group needs bounded memory, of whatever width it is.
        """
        width = max(1, _VALUES_AT_ONCE // max(1, self.n_rows))
        for start in range(0, len(names), width):
            yield names[start : start + width]

    def rows(self, positions: npt.NDArray[np.int64]) -> pl.DataFrame:
        """Return some rows in memory, all columns, in the order of the positions given."""
        groups = self.side_by_side(self.schema.names())
        parts = [self.select(names)[positions] for names in groups]
        return pl.concat(parts, how="horizontal")


def _code(column: pl.Series) -> pl.Series | None:
    if column.dtype != pl.String:
        return None
    probe = column.gather_every(max(1, len(column) // _PROBE_ROWS))
    return column.cast(pl.Categorical) if probe.n_unique() <= len(probe) // 2 else None
