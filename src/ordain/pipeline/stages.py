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

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.core.errors import DataError
from ordain.core.events import Events
from ordain.core.files import read_json, write_json
from ordain.data.profile import ColumnProfile
from ordain.data.source import Source
from ordain.data.splitter import TRAIN, Assignment, Splitter
from ordain.data.table import ReadReport, Table
from ordain.features.encoded import EncodedColumn, concatenate
from ordain.features.feature import Encoding, Feature
from ordain.pipeline.cache import Artefact, Cache, Request

CLASS_TYPES = frozenset({"binary", "category"})
DROPPING_KEYS = frozenset(
    {
        "type", "is_output", "version", "missing_value_strategy", "outlier_strategy",
        "outlier_threshold", "number_format", "datetime_format", "lowercase", "min_count",
        "most_common", "fallback_true_label",
    }
)  # fmt: skip
TABLE_FILE = "table.arrow"
ROWS_IN_MEMORY = 1_000_000
"""Rows of a table that stays in memory once parsed; a longer one is read back by column."""
READ_VERSION = 1
PROFILE_VERSION = 1
SPLIT_VERSION = 1
ENCODE_VERSION = 1


@dataclass(frozen=True)
class Split:
    """Which rows belong to which set.

    Attributes:
        order: positions of rows in the table, set after set [N], in table order within a set.
        sizes: rows of each set, in the order they stand in `order`.
        report: sizes, balance, what was dropped and why.
    """

    order: npt.NDArray[np.int64]
    sizes: Mapping[str, int]
    report: Mapping[str, Any]

    def bounds(self, name: str) -> tuple[int, int]:
        """Return the range of a set within `order`; empty if there is no such set."""
        start = 0
        for known, size in self.sizes.items():
            if known == name:
                return start, start + size
            start += size
        return 0, 0

    def rows(self, name: str) -> npt.NDArray[np.int64]:
        """Return the table positions of a set's rows."""
        start, stop = self.bounds(name)
        return self.order[start:stop]


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
                table = _parse_table(source, request, expressions, seed)
                if table.n_rows <= ROWS_IN_MEMORY:
                    parsed.set_result(table)
                is_kept = not source.is_columnar or any(expressions.values())
                _keep_table(table, folder, with_rows=is_kept)

            kept = self._keepers.submit(self.obtain, request, build)
            either: list[Future[Any]] = [parsed, kept]
            wait(either, return_when=FIRST_COMPLETED)
            if parsed.done():
                self._keeping.append(kept)
                return parsed.result()
            return _open_table(source, kept.result().folder, request.key)

    def profile(self, table: Table, columns: Sequence[str]) -> dict[str, ColumnProfile]:
        """Return one look at each column.

        Raises:
            StoreError: the table that was read could not be kept.
        """
        with self.timed("profile"):
            artefact = self.obtain(
                profile_request(table, columns),
                lambda folder: _keep_profiles(table, columns, folder),
            )
            while self._keeping:
                self._keeping.pop().result()
            return _open_profiles(artefact.folder)

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
                lambda folder: _keep_split(
                    folder, table, splitter, seed=seed, required=required, sets=sets, fold=fold
                ),
            )
            return _open_split(artefact.folder), request.key

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
                lambda folder: _report_split(
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


def read_request(fingerprint: str, expressions: Mapping[str, Any], *, seed: int) -> Request:
    """Return what decides a table; the seed counts only where rows are sampled."""
    parts: dict[str, Any] = {
        "content": fingerprint,
        "version": READ_VERSION,
        "data": dict(expressions),
    }
    if expressions.get("sample") is not None:
        parts["seed"] = seed
    return Request("read", "", parts)


def profile_request(table: Table, columns: Sequence[str]) -> Request:
    """Return what decides the profiles of some columns."""
    parts = {"table": table.fingerprint, "columns": list(columns), "version": PROFILE_VERSION}
    return Request("profile", "", parts)


def split_request(
    table: Table,
    splitter: Splitter,
    *,
    seed: int,
    required: Mapping[str, Feature[Any]],
    sets: pl.Series | None,
    fold: int | None = None,
) -> Request:
    """Return what decides a split."""
    parts: dict[str, Any] = {
        "table": table.fingerprint,
        "split": splitter.model_dump(mode="json"),
        "splitter": splitter.version,
        "seed": seed,
        "version": SPLIT_VERSION,
        "required": {name: _dropping(required[name]) for name in sorted(required)},
    }
    if sets is not None:
        parts["files"] = True
    if fold is not None:
        parts["fold"] = fold
    return Request("split", "", parts)


def encode_request(split_key: str, *, column: str, feature: Feature[Any], seed: int) -> Request:
    """Return what decides an encoded column."""
    parts = {
        "split": split_key,
        "column": column,
        "options": _options(feature),
        "seed": seed,
        "version": ENCODE_VERSION,
    }
    return Request("encode", column, parts)


def open_encoding(folder: Path) -> Encoding:
    """Return the encoding that an artefact or bundle folder holds alone."""
    from ordain.features.store import load_encodings

    return load_encodings(folder)["feature"]


def _dropping(feature: Feature[Any]) -> dict[str, Any]:
    """Return what of a feature decides which rows are left out."""
    options = _options(feature)
    return {key: value for key, value in options.items() if key in DROPPING_KEYS}


def _options(feature: Feature[Any]) -> dict[str, Any]:
    return {
        **feature.model_dump(mode="json"),
        "is_output": feature.is_predicted,
        "version": feature.version,
    }


def _parse_table(
    source: Source, request: Request, expressions: Mapping[str, Any], seed: int
) -> Table:
    from ordain.data import apply_expressions

    frame, report = source.scan()
    table = Table(frame, request.key, report.n_rows, report)
    if any(expressions.values()):
        table = apply_expressions(table, **expressions, seed=seed)
    report = replace(table.report, n_rows=table.n_rows)
    return replace(table, fingerprint=request.key, report=report)


def _keep_table(table: Table, folder: Path, *, with_rows: bool) -> None:
    if with_rows:
        table.frame.sink_ipc(folder / TABLE_FILE, compression="uncompressed")
    write_json(folder / "read.json", table.report.to_json())


def _open_table(source: Source, folder: Path, fingerprint: str) -> Table:
    report = ReadReport(**read_json(folder / "read.json"))
    kept = folder / TABLE_FILE
    frame = pl.scan_ipc(kept, glob=False) if kept.exists() else source.scan()[0]
    return Table(
        frame, fingerprint, report.n_rows, replace(report, problems=tuple(report.problems))
    )


def _keep_profiles(table: Table, columns: Sequence[str], folder: Path) -> None:
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
            "top": profile.top,
        }
        for name, profile in profiles.items()
    ]
    write_json(folder / "profiles.json", facts)


def _open_profiles(folder: Path) -> dict[str, ColumnProfile]:
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
        )
    return profiles


def _keep_split(
    folder: Path,
    table: Table,
    splitter: Splitter,
    *,
    seed: int,
    required: Mapping[str, Feature[Any]],
    sets: pl.Series | None,
    fold: int | None,
) -> None:
    if fold is not None:
        from ordain.data import fold_assignment

        folds = splitter.assign_folds(table, seed=seed)
        if sets is not None:  # a file that was given to judge is no part of any fold
            folds = folds.set(sets.cast(pl.String) != TRAIN, None)
        assignment = fold_assignment(folds, fold)
    else:
        assignment = Assignment(sets) if sets is not None else splitter.assign(table, seed=seed)
    if sets is not None or fold is not None or splitter.type == "fixed":
        assignment = _with_validation(assignment, table, splitter, required=required, seed=seed)
    names = assignment.sets.cast(pl.String)
    dropped = _rows_to_drop(table, names, required)
    for lost in dropped.values():
        names = names.set(lost, None)
    known = _set_order(names)
    positions = [np.flatnonzero((names == name).fill_null(False).to_numpy()) for name in known]
    sizes = {name: len(rows) for name, rows in zip(known, positions, strict=True)}
    lost_rows = {name: int(lost.sum()) for name, lost in dropped.items()}
    if not sizes.get(TRAIN):
        raise DataError(
            f"no training rows are left of {table.n_rows}\n  left out for a missing value: "
            + (", ".join(f"`{name}` {count}" for name, count in lost_rows.items()) or "none")
            + "\n  Fix: give more rows, or change `preprocessing.split`"
        )
    np.save(folder / "order.npy", np.concatenate(positions).astype(np.int64))
    write_json(
        folder / "split.json",
        {"sizes": sizes, "dropped": lost_rows, "facts": assignment.facts},
    )


def _with_validation(
    assignment: Assignment,
    table: Table,
    splitter: Splitter,
    *,
    required: Mapping[str, Feature[Any]],
    seed: int,
) -> Assignment:
    """Return the assignment with a validation set, cut from training where none came."""
    from ordain.data import holdout

    classes = next(
        (c for c, f in required.items() if f.type in CLASS_TYPES and f.is_predicted), None
    )
    if (assignment.sets.cast(pl.String) == TRAIN).sum() < 2:  # noqa: PLR2004
        return assignment
    groups = table.column(splitter.columns()[0]) if splitter.type == "group" else None
    return holdout(
        assignment,
        seed=seed,
        groups=groups,
        classes=table.column(classes) if classes is not None and groups is None else None,
    )


def _rows_to_drop(
    table: Table, names: pl.Series, required: Mapping[str, Feature[Any]]
) -> dict[str, pl.Series]:
    """Return by column the rows to leave out: of training; of all sets where truth is missing."""
    is_training = names == TRAIN
    dropped = {}
    for name, feature in required.items():
        column = table.column(name)
        encoding = (
            feature.fit(column.filter(is_training), seed=0) if feature.drop_needs_fit else None
        )
        lost = feature.rows_to_drop(column, encoding)
        if lost is None:
            continue
        lost &= is_training
        if feature.is_predicted:
            without_truth = feature.rows_to_drop(column, encoding, only_missing=True)
            lost = lost if without_truth is None else lost | without_truth
        if lost.any():
            dropped[name] = lost
    return dropped


def _set_order(names: pl.Series) -> list[str]:
    present = names.drop_nulls().unique().to_list()
    first = [name for name in ("train", "validation", "test") if name in present]
    return first + sorted(set(present) - set(first))


def _open_split(folder: Path) -> Split:
    facts = read_json(folder / "split.json")
    order = np.load(folder / "order.npy", mmap_mode="r", allow_pickle=False)
    return Split(order, facts["sizes"], {"dropped": facts["dropped"], "facts": facts["facts"]})


def _report_split(
    folder: Path,
    table: Table,
    split: Split,
    splitter: Splitter,
    *,
    inputs: Sequence[str],
    target: str,
) -> None:
    from ordain.data import split_report

    codes = np.full(table.n_rows, -1, dtype=np.int64)
    for index, name in enumerate(split.sizes):
        codes[split.rows(name)] = index
    kinds = pl.Enum(list(split.sizes))
    sets = pl.Series("set", codes).replace_strict(
        dict(enumerate(split.sizes)), default=None, return_dtype=pl.String
    )
    column = getattr(splitter, "column", None)
    report = split_report(
        Assignment(sets.cast(kinds), dict(split.report["facts"])),
        table,
        target,
        inputs=inputs,
        group=column if splitter.type == "group" else None,
        time=column if splitter.type == "datetime" else None,
    )
    write_json(folder / "report.json", report)


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
