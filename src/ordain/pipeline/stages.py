"""The stages: pure functions from a slice of the config and earlier artefacts to a new artefact.

    read ─► profile ─► split ─► encode <column> ... ─► fit

Each method of `Stages` asks the cache for its artefact, computes it where it is not there, and
tells the events which of the two happened and why.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from ordain.core.events import Events
from ordain.core.files import read_json
from ordain.data.profile import ColumnProfile
from ordain.data.source import Source
from ordain.data.splitter import TRAIN, Splitter
from ordain.data.table import Table
from ordain.features.encoded import EncodedColumn, concatenate
from ordain.features.feature import Encoding, Feature
from ordain.pipeline.cache import Artefact, Cache, Request
from ordain.pipeline.requests import (
    SPLIT_VERSION,
    encode_request,
    profile_request,
    read_request,
    split_request,
)
from ordain.pipeline.splits import Split, keep_split, keep_split_report, open_split
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
        seconds: wall time by stage, summed over subjects.
        learning: wall time of fitting by variant, those from the cache left out.
        scope: experiment and variant at work; a miss is explained by earlier artefacts of it.
        artefacts: everything obtained, in order, for the plan and the run.
    """

    cache: Cache
    events: Events
    stop: threading.Event = field(default_factory=threading.Event)
    seconds: dict[str, float] = field(default_factory=dict)
    learning: dict[str, float] = field(default_factory=dict)
    scope: str = ""
    artefacts: list[Artefact] = field(default_factory=list)
    _keepers: ThreadPoolExecutor = field(default_factory=ThreadPoolExecutor)
    _keeping: list[Future[Artefact]] = field(default_factory=list)

    @contextlib.contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the wall time of the block to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            elapsed = time.perf_counter() - started
            self.seconds[stage] = self.seconds.get(stage, 0.0) + elapsed

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
            request = read_request(source.fingerprint(), expressions, seed=seed)
            parsed: Future[Table] = Future()

            def build(folder: Path) -> None:
                table = parse_table(source, request, expressions, seed)
                if table.n_rows <= ROWS_IN_MEMORY:
                    parsed.set_result(table)
                is_kept = not source.is_columnar or any(expressions.values())
                keep_table(table, folder, with_rows=is_kept)

            kept = self._keepers.submit(self.obtain, request, build)
            either: list[Future[Any]] = [parsed, kept]
            wait(either, return_when=FIRST_COMPLETED)
            if parsed.done():
                self._keeping.append(kept)
                return parsed.result()
            return open_table(source, kept.result().folder, request.key)

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
        """Return sizes, balance, groups, times and duplicates of a split."""
        with self.timed("split"):
            parts = {
                "split": key,
                "inputs": sorted(inputs),
                "target": target,
                "version": SPLIT_VERSION,
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

    whole = table.column(column)
    ordered = whole[split.order]
    encoding = feature.fit(ordered.head(split.sizes[TRAIN]), seed=seed)
    save_encodings(folder, {"feature": encoding})
    if feature.depends_on_order:
        # Set by set: a cell must not be filled from a row of another set.
        sets = [feature.encode(whole[split.rows(name)], encoding) for name in split.sizes]
        encoded = concatenate(sets)
    else:
        encoded = feature.encode(ordered, encoding)
    encoded.save(folder / "encoded")
