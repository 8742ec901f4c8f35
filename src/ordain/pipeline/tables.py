"""The artefacts of reading: rows as Arrow, and one look at each column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from ordain.core.files import read_json, write_json
from ordain.data.profile import ColumnProfile
from ordain.data.source import Source
from ordain.data.table import ReadReport, Table
from ordain.pipeline.cache import Request

TABLE_FILE = "table.arrow"


def parse_table(
    source: Source, request: Request, expressions: Mapping[str, Any], seed: int
) -> Table:
    """Return the rows of a source with the declared SQL applied, named by the request's key.

    Raises:
        DataError: the source cannot be read, or an expression is wrong.
    """
    from ordain.data import apply_expressions

    frame, report = source.scan()
    table = Table(frame, request.key, report.n_rows, report)
    if any(expressions.values()):
        table = apply_expressions(table, **expressions, seed=seed)
    report = replace(table.report, n_rows=table.n_rows)
    return replace(table, fingerprint=request.key, report=report)


def keep_table(table: Table, folder: Path, *, with_rows: bool) -> None:
    """Write the reading report, and the rows as Arrow where they cannot be read in place."""
    if with_rows:
        table.frame.sink_ipc(folder / TABLE_FILE, compression="uncompressed")
    write_json(folder / "read.json", table.report.to_json())


def open_table(source: Source, folder: Path, fingerprint: str) -> Table:
    """Return the table that `keep_table` wrote, lazily; from its source where no rows were kept."""
    report = ReadReport(**read_json(folder / "read.json"))
    kept = folder / TABLE_FILE
    frame = pl.scan_ipc(kept, glob=False) if kept.exists() else source.scan()[0]
    return Table(
        frame, fingerprint, report.n_rows, replace(report, problems=tuple(report.problems))
    )


def keep_profiles(table: Table, columns: Sequence[str], folder: Path) -> None:
    """Write the profiles of some columns: facts as JSON, samples as Arrow, filled up with null."""
    from ordain.data import profile_table

    profiles = profile_table(table, columns)
    length = max((profile.sample.len() for profile in profiles.values()), default=0)
    samples = {
        name: profile.sample.extend_constant(None, length - profile.sample.len())
        for name, profile in profiles.items()
    }
    pl.DataFrame(samples).write_ipc(folder / "samples.arrow")
    facts = [
        {
            "name": name,
            "n_rows": profile.n_rows,
            "n_missing": profile.n_missing,
            "n_distinct": profile.n_distinct,
            "n_sample": profile.sample.len(),
            "least": profile.least,
            "top": profile.top,
        }
        for name, profile in profiles.items()
    ]
    write_json(folder / "profiles.json", facts)


def open_profiles(folder: Path) -> dict[str, ColumnProfile]:
    """Return what `keep_profiles` wrote."""
    samples = pl.read_ipc(folder / "samples.arrow")
    profiles = {}
    for facts in read_json(folder / "profiles.json"):
        sample = samples[facts["name"]].head(facts["n_sample"])
        profiles[facts["name"]] = ColumnProfile(
            name=facts["name"],
            dtype=sample.dtype,
            n_rows=facts["n_rows"],
            n_missing=facts["n_missing"],
            n_distinct=facts["n_distinct"],
            sample=sample,
            top=tuple((value, count) for value, count in facts["top"]),
            least=facts["least"],
        )
    return profiles
