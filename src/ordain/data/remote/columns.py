"""A remote table of which each column comes over the network once a process, when it is asked for.

Stages look at the same column again and again; each column that was read is kept as an Arrow file
in a temporary folder, from which it is read, memory-mapped, from then on.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from ordain.data.remote.faults import unreadable

_ROWS_A_BATCH = 1 << 20


def keep_columns(url: str, frame: pl.LazyFrame, n_rows: int) -> pl.LazyFrame:
    """Return the same rows, read from columns that are kept on disk once they were read.

    Args:
        url: for messages.
        frame: the remote scan.
        n_rows: of it.
    """
    from polars.io.plugins import register_io_source

    folder = Path(tempfile.mkdtemp(prefix="ordain-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    schema = frame.collect_schema()
    places = {name: folder / f"{i}.arrow" for i, name in enumerate(schema)}
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
