"""A remote table of which each column comes over the network once a process, when it is asked for.

Stages look at the same column again and again; each column that was read is kept as an Arrow file
in a folder for it, from which it is read, memory-mapped, from then on.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from ordain.data.remote.faults import unreadable
from ordain.data.spill import Spill

_ROWS_A_BATCH = 1 << 20


def keep_columns(url: str, frame: pl.LazyFrame, n_rows: int, spill: Spill) -> pl.LazyFrame:
    """Return the same rows, read from columns that are kept on disk once they were read.

    Args:
        url: for messages.
        frame: the remote scan.
        n_rows: of it.
        spill: where they are kept; it lives as long as the frame.
    """
    from polars.io.plugins import register_io_source

    schema = frame.collect_schema()
    places = {name: spill.new_file(".arrow") for name in schema}
    lock = threading.Lock()

    def read(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_wanted: int | None,
        batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        # Rows are counted by a column, where none is asked for.
        names = list(schema) if with_columns is None else with_columns or list(schema)[:1]
        with lock:
            assert spill.folder.is_dir(), "this function refers to the folder, so it is there"
            for name in names:
                if not places[name].exists():
                    _fetch(url, frame.select(name), places[name])
        kept = pl.concat([pl.scan_ipc(places[name]) for name in names], how="horizontal")
        left = n_rows if n_wanted is None else min(n_wanted, n_rows)
        step = batch_size or _ROWS_A_BATCH
        for start in range(0, max(left, 1), step):
            rows = kept.slice(start, min(step, left - start)).collect()
            yield rows if predicate is None else rows.filter(predicate)

    return register_io_source(read, schema=schema, is_pure=True)


def _fetch(url: str, column: pl.LazyFrame, place: Path) -> None:
    part = place.with_suffix(".part")
    try:
        column.sink_ipc(part, compression="uncompressed")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(url, error) from error
    part.rename(place)
