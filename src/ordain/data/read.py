"""Reading: a source becomes a table, parsed once and kept in a form that is read by column."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from ordain.core.files import atomic_file, read_json, write_json
from ordain.core.hashing import digest_bytes, digest_json
from ordain.data.source import Source
from ordain.data.table import ReadReport, Table


def read_table(
    source: Source,
    *,
    where: str | None = None,
    columns: Mapping[str, str] | None = None,
    sample: float | None = None,
    seed: int = 0,
    cache_folder: Path | None = None,
) -> Table:
    """Return the rows of a source, lazily, with derived columns, filter and sample applied.

    Columnar sources (Parquet, Arrow) are scanned in place. Any other is parsed once; with a
    cache folder its rows are kept there as uncompressed Arrow, memory-mapped from then on. Text
    and databases too large for memory are read block by block, into temporary files.

    Args:
        source: from `open_source`.
        where: condition in SQL that a row must satisfy.
        columns: derived columns, name to expression in SQL.
        sample: fraction of the rows if a float up to 1.0, else a number of rows; chosen by the
            content of the rows and the seed, whatever their order.
        seed: of the sample.
        cache_folder: where files may be kept; None keeps the rows in memory, or, where they are
            too many, in temporary files that are deleted when the table is no longer in use.

    Raises:
        DataError: the source cannot be read, or an expression is wrong.
    """
    started = time.perf_counter()
    if cache_folder is not None:
        source.spill_into(cache_folder / "scratch")
    fingerprint = source.fingerprint()
    frame, report = _rows(source, fingerprint, cache_folder)
    table = Table(frame, fingerprint, report.n_rows, report)
    if where is not None or columns or sample is not None:
        from ordain.data.expressions import apply_expressions

        table = apply_expressions(table, where=where, columns=columns, sample=sample, seed=seed)
        keys = {"where": where, "columns": dict(columns or {}), "sample": sample, "seed": seed}
        digest = digest_bytes(fingerprint.encode(), digest_json(keys).encode())
        table = replace(table, fingerprint=digest)
    seconds = round(time.perf_counter() - started, 4)
    return replace(table, report=replace(table.report, seconds=seconds))


def _rows(source: Source, fingerprint: str, folder: Path | None) -> tuple[pl.LazyFrame, ReadReport]:
    if folder is None or source.is_columnar:
        return source.scan()
    path, note = folder / f"{fingerprint}.arrow", folder / f"{fingerprint}.json"
    if note.is_file() and path.is_file():
        source.clear()
        kept = ReadReport(**read_json(note))
        return pl.scan_ipc(path, glob=False), replace(kept, problems=tuple(kept.problems))
    try:
        frame, report = source.scan()
        with atomic_file(path) as file:
            frame.sink_ipc(file, compression="uncompressed")
    finally:
        source.clear()
    # The note comes last: where it stands, the rows are whole.
    write_json(note, report.to_json())
    return pl.scan_ipc(path, glob=False), report
