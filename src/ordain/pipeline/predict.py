"""Predict the rows of a source into a sink, block by block, in memory that does not grow.

A job that was killed goes on where it stopped when it is given again: the same rows, model and
columns to keep. One row comes out for one row that goes in.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ordain.core.diagnostics import nearest
from ordain.core.errors import StoreError, UsageError
from ordain.core.hashing import digest_json
from ordain.data.locations import redact, scheme_of
from ordain.data.table import Table
from ordain.pipeline.cautions import reading_warnings
from ordain.pipeline.duckdb_sink import SCHEME, DuckDbSink
from ordain.pipeline.inputs import as_rows
from ordain.pipeline.sinks import FileSink, Sink, StreamSink, check_format, write_rows
from ordain.pipeline.table_sink import TableSink, is_table
from ordain.store import bundle as bundles
from ordain.store.loading import load
from ordain.store.model import Model
from ordain.store.unusual import Unusual

__all__ = ["BLOCK_ROWS", "Predicted", "predict", "write_rows"]

BLOCK_ROWS = 100_000
_BLOCK_CELLS = 4_000_000
_FEWEST_ROWS = 1_000


@dataclass(frozen=True)
class Predicted:
    """What was written.

    Attributes:
        rows: all of them.
        seconds: of this attempt.
        output: file, or table with its password hidden; None for the standard output.
        warnings: what was not as in training, of all attempts.
        resumed: rows that an earlier attempt had written.
    """

    rows: int
    seconds: float
    output: str | None
    warnings: tuple[str, ...]
    resumed: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return what `predict --json` prints."""
        return {
            "rows": self.rows,
            "seconds": round(self.seconds, 4),
            "output": self.output,
            "resumed": self.resumed,
            "warnings": list(self.warnings),
        }


def predict(
    bundle: str | Path | Model,
    data: Any,
    output: str | Path | None = None,
    *,
    keep: Sequence[str] = (),
    fresh: bool = False,
) -> Predicted:
    """Write one prediction row for each row of a source, in order.

    Args:
        bundle: a bundle folder, a run, a registered version, or a model.
        data: a reference or a data frame; the target need not be there.
        output: a `.csv`, `.jsonl`, `.parquet` or `.arrow` file, or a table as in
            ``sqlite:///a.db::predictions`` or ``duckdb:///a.duckdb::predictions``, which must not
            be there yet; the standard output, as CSV, by default. It appears under its name once
            all rows are written.
        keep: input columns to write before the predictions; ``all`` for every one.
        fresh: begin anew, though an attempt that was broken off could be gone on with.

    Raises:
        UsageError: an output of another kind, a column to keep that is not there, or another
            process that writes the same output.
        DataError: an input column is missing.
        StoreError: the output cannot be written; what was written stays for the next attempt.
    """
    from ordain.data import open_source, read_table

    started = time.perf_counter()
    into_table = isinstance(output, str) and is_table(output)
    if not into_table:
        output = None if output is None else Path(output)
        check_format(output)
    model = bundle if isinstance(bundle, Model) else load(bundle)
    table = read_table(open_source(as_rows(data)))
    kept = _kept(table, keep)
    model.require(table.schema.names())
    with _sink(output, model, table, kept=kept, is_fresh=fresh) as sink:
        resumed = sink.n_done
        seen = _run(model, table, sink, kept=kept)
        sink.finish()
    warnings = (*reading_warnings(table.report), *seen.warnings().values())
    told = None if output is None else redact(str(output))
    return Predicted(table.n_rows, time.perf_counter() - started, told, warnings, resumed)


def _run(model: Model, table: Table, sink: Sink, *, kept: list[str]) -> Unusual:
    seen = Unusual(model)
    for earlier in sink.told:
        seen.merge(earlier)
    n_done = sink.n_done
    for block in _blocks(table, model, start=n_done):
        own = Unusual(model)
        own.add(model.with_derived(block))
        answers = model.predict(block)
        rows = pl.concat([block.select(kept), answers], how="horizontal") if kept else answers
        sink.write(rows, own.to_json())
        seen.merge(own.to_json())
        n_done += block.height
    if n_done != table.n_rows:
        raise StoreError(
            f"{n_done:,} of {table.n_rows:,} rows were predicted: the source changed meanwhile\n"
            "  Fix: give the same command again"
        )
    return seen


def _sink(
    output: str | Path | None, model: Model, table: Table, *, kept: list[str], is_fresh: bool
) -> Sink:
    if output is None:
        return StreamSink()
    content = {} if model.path is None else bundles.content(model.path)
    job = digest_json(
        {"model": content, "rows": table.fingerprint, "keep": kept, "output": str(output)}
    )
    # A model without a bundle has no digest, so that nothing says that a job is the same.
    is_fresh = is_fresh or model.path is None
    if isinstance(output, str) and scheme_of(output) == SCHEME:
        return DuckDbSink(output, job=job, is_fresh=is_fresh)
    if isinstance(output, str):
        return TableSink(output, job=job, is_fresh=is_fresh)
    return FileSink(output, job=job, is_fresh=is_fresh)


def _kept(table: Table, keep: Sequence[str]) -> list[str]:
    names = table.schema.names()
    kept = names if list(keep) == ["all"] else list(keep)
    absent = [name for name in kept if name not in names]
    if absent:
        close = nearest(absent[0], names)
        hint = f" Did you mean `{close}`?" if close else ""
        raise UsageError(f"cannot keep `{absent[0]}`: it is not in the data.{hint}")
    return kept


def _blocks(table: Table, model: Model, *, start: int) -> Iterator[pl.DataFrame]:
    """Yield the rows from a position on; all at once where a row depends on its neighbours."""
    if start >= table.n_rows:
        return
    if model.depends_on_order:
        yield table.frame.collect().slice(start)
        return
    n_columns = max(1, len(table.schema))
    size = min(BLOCK_ROWS, max(_FEWEST_ROWS, _BLOCK_CELLS // n_columns))
    rows = table.frame.slice(start) if start else table.frame
    yield from rows.collect_batches(chunk_size=size, maintain_order=True)
