"""Named data sets that installed packages ship.

data:
  source: dataset:openintro/birds
"""

from __future__ import annotations

from typing import Any, Literal

import polars as pl
from pydantic import PrivateAttr

from ordain.core.hashing import digest_bytes
from ordain.data.datasets import check_dataset, describe_dataset, load_dataset
from ordain.data.fingerprint import digest_frame
from ordain.data.source import SOURCES, Source
from ordain.data.table import ReadReport


@SOURCES.register
class DatasetSource(Source):
    """A data set by name."""

    type: Literal["dataset"] = "dataset"
    """A named data set."""
    name: str
    """Name as `ordain datasets` lists it, such as iris or openintro/birds."""
    _frame: pl.DataFrame | None = PrivateAttr(default=None)

    def fingerprint(self) -> str:
        """Return the digest of the values."""
        return digest_bytes(b"dataset", digest_frame(self._rows()).encode())

    def scan(self) -> tuple[pl.LazyFrame, ReadReport]:
        """Return the rows, and the licence of the set; a content not on record is a problem."""
        frame = self._rows()
        known = describe_dataset(self.name)
        details: dict[str, Any] = {
            key: known[key] for key in ("title", "licence", "package") if key in known
        }
        changed = check_dataset(self.name, frame)
        report = ReadReport(
            source=f"dataset:{self.name}",
            format="dataset",
            details=details,
            n_rows=frame.height,
            problems=(changed,) if changed else (),
        )
        return frame.lazy(), report

    def _rows(self) -> pl.DataFrame:
        if self._frame is None:
            self._frame = load_dataset(self.name)
        return self._frame
