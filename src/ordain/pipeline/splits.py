"""The artefact of a split: which rows belong to which set, and what became of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.core.errors import DataError
from ordain.core.files import read_json, write_json
from ordain.core.randomness import derive_seed
from ordain.data.shares import sets_series
from ordain.data.splitter import TRAIN, Assignment, Splitter
from ordain.data.splitters.datetime import DatetimeSplitter
from ordain.data.table import Table
from ordain.features.feature import Feature

CLASS_TYPES = frozenset({"binary", "category"})


@dataclass(frozen=True)
class Split:
    """Which rows belong to which set.

    Attributes:
        order: positions of rows in the table, set after set [N], in table order within a set.
        sizes: rows of each set, in the order they stand in `order`.
        report: sizes, balance, what was dropped and why.
        newest: place of the newest row within the training set, where the sets follow time.
    """

    order: npt.NDArray[np.int64]
    sizes: Mapping[str, int]
    report: Mapping[str, Any]
    newest: int | None = None

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


def keep_split(
    folder: Path,
    table: Table,
    splitter: Splitter,
    *,
    seed: int,
    required: Mapping[str, Feature[Any]],
    sets: pl.Series | None,
    fold: int | None,
) -> None:
    """Write the order of rows, set after set, and the sizes of the sets.

    Args:
        folder: of the artefact.
        table: the rows.
        splitter: gives each row its set, unless `sets` or `fold` does.
        seed: of the run.
        required: columns with the features that say which rows are dropped: for a missing truth of
            all sets, else of training only.
        sets: of each row [N], where separate files were given.
        fold: which of the splitter's folds tests.

    Raises:
        DataError: no training row is left.
    """
    if fold is not None:
        n_folds = getattr(splitter, "k_fold", None) or fold + 1
        repeat, fold = divmod(fold, n_folds)
        # The first round is dealt by the seed itself, as where there is only one.
        dealt = seed if not repeat else derive_seed(seed, "folds", f"repeat {repeat}")
        assignment = splitter.assign_fold(table, fold, seed=dealt)
        if sets is not None:  # a file that was given to judge is no part of any fold
            of_fold = assignment.sets.set(sets.cast(pl.String) != TRAIN, None)
            assignment = replace(assignment, sets=of_fold)
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
    newest = None
    if sets is None and isinstance(splitter, DatetimeSplitter):
        newest = _newest(splitter.times(table), positions[known.index(TRAIN)])
    write_json(
        folder / "split.json",
        {"sizes": sizes, "dropped": lost_rows, "facts": assignment.facts, "newest": newest},
    )


def _newest(times: pl.Series, rows: npt.NDArray[np.int64]) -> int:
    """Return the place of the newest of some rows; the last of those of one moment."""
    own = times.to_physical().to_numpy()[rows]
    return len(own) - 1 - int(np.argmax(own[::-1]))


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
    times = splitter.times(table) if isinstance(splitter, DatetimeSplitter) else None
    is_free = groups is None and times is None
    return holdout(
        assignment,
        seed=seed,
        groups=groups,
        classes=table.column(classes) if classes is not None and is_free else None,
        times=times,
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


def open_split(folder: Path) -> Split:
    """Return what `keep_split` wrote, the order memory-mapped."""
    facts = read_json(folder / "split.json")
    order = np.load(folder / "order.npy", mmap_mode="r", allow_pickle=False)
    report = {"dropped": facts["dropped"], "facts": facts["facts"]}
    return Split(order, facts["sizes"], report, facts["newest"])


def keep_split_report(
    folder: Path,
    table: Table,
    split: Split,
    splitter: Splitter,
    *,
    inputs: Sequence[str],
    target: str,
) -> None:
    """Write sizes, balance, groups, times and duplicates of a split as JSON."""
    from ordain.data import split_report

    codes = np.full(table.n_rows, -1, dtype=np.int16)
    for index, name in enumerate(split.sizes):
        codes[split.rows(name)] = index
    column = getattr(splitter, "column", None)
    report = split_report(
        Assignment(sets_series(codes, list(split.sizes)), dict(split.report["facts"])),
        table,
        target,
        inputs=inputs,
        group=column if splitter.type == "group" else None,
        time=column if splitter.type == "datetime" else None,
    )
    write_json(folder / "report.json", report)
