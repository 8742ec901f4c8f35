"""The stages: pure functions from a slice of the config and earlier artefacts to a new artefact.

    read ─► profile ─► split ─► encode <column> ... ─► fit

Each method of `Stages` asks the cache for its artefact, computes it where it is not there, and
tells the events which of the two happened and why.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ordain.core.errors import DataError
from ordain.core.events import Events
from ordain.core.files import read_json
from ordain.data.profile import ColumnProfile
from ordain.data.source import Source
from ordain.data.splitter import TRAIN, Splitter
from ordain.data.table import Table
from ordain.features.encoded import EncodedColumn, concatenate
from ordain.features.feature import Encoding, Feature
from ordain.pipeline.cache import Artefact, Cache, Request
from ordain.pipeline.clock import Clock
from ordain.pipeline.requests import (
    SPLIT_REPORT_VERSION,
    encode_request,
    profile_request,
    read_request,
    split_request,
)
from ordain.pipeline.splits import CLASS_TYPES, Split, keep_split, keep_split_report, open_split
from ordain.pipeline.tables import (
    keep_profiles,
    keep_table,
    open_profiles,
    open_table,
    parse_table,
)

ROWS_IN_MEMORY = 1_000_000
"""Rows of a table that stays in memory once parsed; a longer one is read back by column."""


@dataclass(frozen=True)
class Encoded:
    """A feature's encoding and its rows in the order of the split."""

    encoding: Encoding
    column: EncodedColumn
    key: str


@dataclass
class Stages:
    """Runs stages over one cache.

    Attributes:
        stop: set from outside: end cleanly with the best so far.
        clock: of the run, with the wall time of each stage.
        learning: wall time of fitting by variant, those from the cache left out.
        scope: experiment and variant at work; a miss is explained by earlier artefacts of it.
        artefacts: everything obtained, in order, for the plan and the run.
    """

    cache: Cache
    events: Events
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Clock = field(default_factory=Clock)
    learning: dict[str, float] = field(default_factory=dict)
    scope: str = ""
    artefacts: list[Artefact] = field(default_factory=list)
    _keepers: ThreadPoolExecutor = field(default_factory=ThreadPoolExecutor)
    _keeping: list[Future[Artefact]] = field(default_factory=list)

    @property
    def seconds(self) -> dict[str, float]:
        """Wall time by stage, summed over subjects."""
        return self.clock.seconds

    def timed(self, stage: str) -> AbstractContextManager[None]:
        """Add the wall time of the block to a stage."""
        return self.clock.timed(stage)

    def obtain(self, request: Request, build: Callable[[Path], None]) -> Artefact:
        """Return an artefact from the cache, telling the events whether it was there."""
        self.events.emit("stage_started", stage=request.stage, subject=request.subject)
        artefact = self.cache.obtain(replace(request, scope=self.scope), build)
        self.artefacts.append(artefact)
        self.events.emit(
            "stage_finished",
            stage=request.stage,
            subject=request.subject,
            key=request.key,
            outcome="reused" if artefact.is_reused else "computed",
            reason=artefact.reason,
            seconds=round(artefact.seconds, 4),
        )
        return artefact

    def read(self, source: Source, expressions: Mapping[str, Any], *, seed: int) -> Table:
        """Return the table of a source, parsed once.

        One that stays in memory is returned once it is parsed, while a thread still writes its
        artefact: `profile` waits for that, and raises what went wrong.
        """
        with self.timed("read"):
            source.spill_into(self.cache.root / "scratch")
            request = read_request(source.fingerprint(), expressions, seed=seed)
            parsed: Future[Table] = Future()

            def build(folder: Path) -> None:
                table = parse_table(source, request, expressions, seed)
                if table.n_rows <= ROWS_IN_MEMORY and not source.is_spilled:
                    parsed.set_result(table)
                is_kept = not source.is_columnar or any(expressions.values())
                keep_table(table, folder, with_rows=is_kept)

            kept = self._keepers.submit(self.obtain, request, build)
            either: list[Future[Any]] = [parsed, kept]
            wait(either, return_when=FIRST_COMPLETED)
            if parsed.done():
                self._keeping.append(kept)
                return parsed.result()
            try:
                return open_table(source, kept.result().folder, request.key)
            finally:
                source.clear()

    def profile(self, table: Table, columns: Sequence[str]) -> dict[str, ColumnProfile]:
        """Return one look at each column.

        Raises:
            StoreError: the table that was read could not be kept.
        """
        with self.timed("profile"):
            artefact = self.obtain(
                profile_request(table, columns),
                lambda folder: keep_profiles(table, columns, folder),
            )
            while self._keeping:
                self._keeping.pop().result()
            return open_profiles(artefact.folder)

    def split(
        self,
        table: Table,
        splitter: Splitter,
        *,
        seed: int,
        required: Mapping[str, Feature[Any]],
        sets: pl.Series | None = None,
        fold: int | None = None,
    ) -> tuple[Split, str]:
        """Return the split and its key.

        Args:
            table: the rows.
            seed: of the run.
            splitter: gives each row its set, unless `sets` does.
            required: columns with the features that say which of their rows are dropped.
            sets: of each row, where separate files were given.
            fold: which of the splitter's folds tests; None for its ordinary sets.
        """
        with self.timed("split"):
            request = split_request(
                table, splitter, seed=seed, required=required, sets=sets, fold=fold
            )
            artefact = self.obtain(
                request,
                lambda folder: keep_split(
                    folder, table, splitter, seed=seed, required=required, sets=sets, fold=fold
                ),
            )
            return open_split(artefact.folder), request.key

    def report_split(
        self,
        table: Table,
        split: Split,
        splitter: Splitter,
        *,
        key: str,
        inputs: Sequence[str],
        target: str,
    ) -> dict[str, Any]:
        """Return sizes, balance, groups, times, drift and duplicates of a split."""
        with self.timed("split"):
            parts = {
                "split": key,
                "inputs": sorted(inputs),
                "target": target,
                "version": SPLIT_REPORT_VERSION,
            }
            artefact = self.obtain(
                Request("inspect", "split", parts),
                lambda folder: keep_split_report(
                    folder, table, split, splitter, inputs=sorted(inputs), target=target
                ),
            )
            report: dict[str, Any] = read_json(artefact.folder / "report.json")
            return report

    def encode(
        self,
        table: Table,
        split: Split,
        *,
        split_key: str,
        column: str,
        feature: Feature[Any],
        seed: int,
    ) -> Encoded:
        """Return a column fitted on the training rows and encoded in the order of the split."""
        request = encode_request(split_key, column=column, feature=feature, seed=seed)
        artefact = self.obtain(
            request,
            lambda folder: _keep_encoded(
                folder, table, split, column=column, feature=feature, seed=seed
            ),
        )
        encoding = open_encoding(artefact.folder)
        values = EncodedColumn.load(artefact.folder / "encoded", encoding.shape.kind)
        return Encoded(encoding, values, request.key)


def open_encoding(folder: Path) -> Encoding:
    """Return the encoding that an artefact or bundle folder holds alone."""
    from ordain.features.store import load_encodings

    return load_encodings(folder)["feature"]


def _keep_encoded(
    folder: Path, table: Table, split: Split, *, column: str, feature: Feature[Any], seed: int
) -> None:
    from ordain.features.store import save_encodings

    is_alone = not (feature.depends_on_order or feature.reads)
    is_class = feature.type in CLASS_TYPES and is_alone
    coded = table.coded(column) if is_class else None
    whole = table.column(column) if coded is None else coded
    ordered = whole[split.order]
    others = table.select(feature.reads)[split.order] if feature.reads else None
    n_train = split.sizes[TRAIN]
    encoding = feature.fit(
        ordered.head(n_train), seed=seed, others=None if others is None else others.head(n_train)
    )
    save_encodings(folder, {"feature": encoding})
    if feature.depends_on_order:
        # Set by set: a cell must not be filled from a row of another set.
        sets = [feature.encode(whole[split.rows(name)], encoding) for name in split.sizes]
        encoded = concatenate(sets)
    elif coded is not None:
        encoded = _encode_distinct(ordered, feature, encoding)
    else:
        encoded = feature.encode(ordered, encoding, others)
    encoded.save(folder / "encoded")


def _encode_distinct(
    ordered: pl.Series, feature: Feature[Any], encoding: Encoding
) -> EncodedColumn:
    """Return a categorical column encoded: each distinct value once, then every row by its code."""
    codes = ordered.to_physical()
    first = codes.arg_unique()
    distinct = codes.gather(first)
    last = int(distinct.max() or 0) + 1  # type: ignore[arg-type]
    places = np.zeros(last + 1, dtype=np.int64)
    places[distinct.fill_null(last).to_numpy()] = np.arange(len(distinct))
    rows = places[codes.fill_null(last).to_numpy()]
    try:
        return feature.encode(ordered.gather(first), encoding).take(rows)
    except DataError:
        # A value that cannot be used: all rows tell where, and how often.
        return feature.encode(ordered, encoding)
