"""Bounds the fields of a file: names that no model knows, another in every row, would make it wide.

A file has a column for each field that occurs, in all its rows. A client that sends a name of its
own with every row would make that rows times rows. The first of such names are kept as they are;
what comes beyond stands together, as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import polars as pl

from ordain.serving.contracts import BatchEntry, Entry

MOST_UNKNOWN = 100
"""Fields that no model knows, in the files of an hour that one worker writes."""
OTHERS = "(others)"
"""Field that holds those beyond, as JSON."""
_UNKNOWN = "unknown:"
_MOST_FOLDERS = 1_000


class Fields:
    """Remembers which unknown fields the files of an hour have."""

    def __init__(self) -> None:
        self._kept: dict[Path, set[str]] = {}

    def row(self, entry: Entry, folder: Path, redact: frozenset[str]) -> Entry:
        """Return an entry with no more fields than a file may have: mostly the same."""
        unknown = _unknown(entry.flags) if entry.flags else ()
        beyond = self._beyond(unknown, folder)
        if not beyond:
            return entry
        rest = {name: entry.inputs[name] for name in beyond if name in entry.inputs}
        kept = {name: value for name, value in entry.inputs.items() if name not in rest}
        told = {name: value for name, value in rest.items() if name not in redact}
        return replace(entry, inputs={**kept, OTHERS: json.dumps(told, default=str)})

    def batch(self, entry: BatchEntry, folder: Path, redact: frozenset[str]) -> BatchEntry:
        """Return a batch with no more fields than a file may have: mostly the same."""
        if entry.flags is None:
            return entry
        beyond = self._beyond(_unknown(entry.flags.explode().drop_nulls().unique()), folder)
        rest = [name for name in entry.inputs.columns if name in beyond]
        if not rest:
            return entry
        told = entry.inputs.select(name for name in rest if name not in redact)
        texts = [json.dumps(row, default=str) for row in told.iter_rows(named=True)]
        others = pl.Series(OTHERS, texts or ["{}"] * entry.inputs.height, dtype=pl.String)
        return replace(entry, inputs=entry.inputs.drop(rest).with_columns(others))

    def _beyond(self, unknown: Iterable[str], folder: Path) -> set[str]:
        """Return the names that are too many."""
        names = set(unknown)
        if not names:
            return names
        if len(self._kept) > _MOST_FOLDERS:
            self._kept.clear()
        kept = self._kept.setdefault(folder, set())
        new = sorted(names - kept)
        kept.update(new[: MOST_UNKNOWN - len(kept)])
        return names - kept


def _unknown(flags: Iterable[str]) -> list[str]:
    return [flag.removeprefix(_UNKNOWN) for flag in flags if flag.startswith(_UNKNOWN)]
