"""How well one column alone tells a target: a rule counted on training rows, measured on others.

Cells become groups (words by themselves, numbers by their quantiles, missing cells together); the
rule answers the classes' shares or the mean of the group. Numbers are also told by the training row
with the nearest value, which finds any smooth transformation of the target.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.evaluation.subject import Subject, Target

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

N_BINS = 64
N_WORDS = 200
WORD_ROWS = 4_000
"""Words of a text, the commonest first, and rows that they are looked for in."""
FEW_ROWS = 30
"""Rows to measure on, below which nothing is said."""
FEW_OF_CLASS = 10
"""Rows that guessing the commonest class has right, and wrong, below which nothing is said."""
MOSTLY = 0.95
"""Share of a text column's cells that must read as numbers for it to be taken as numbers."""


@dataclass(frozen=True)
class Power:
    """How well a column tells a target.

    Attributes:
        value: 1 is perfect; 0.5 (`roc_auc`) or 0 is nothing.
        measure: `roc_auc` (binary), `skill` (category: share of the rows that guessing the
            commonest class has wrong and the column has right), `r2` (number).
        n_rows: it was measured on.
    """

    value: float
    measure: str
    n_rows: int


@dataclass(frozen=True)
class Groups:
    """The groups of a column's cells: of training rows [N], of others [M]; -1 is a new value."""

    train: Codes
    test: Codes
    n: int


def power_of(
    train: pl.Series, test: pl.Series, *, train_target: Target, test_target: Target
) -> Power | None:
    """Return how well a column tells a target; None where the rows cannot say."""
    known, judged = train_target.is_judged, test_target.is_judged
    if known.sum() < FEW_ROWS or judged.sum() < FEW_ROWS:
        return None
    groups = group_cells(train.filter(pl.Series(known)), test.filter(pl.Series(judged)))
    if groups is None:
        return None
    truth, other = train_target.truth[known], test_target.truth[judged]
    if train_target.type == "number":
        cells = train.filter(pl.Series(known)), test.filter(pl.Series(judged))
        return _of_number(groups, truth, other, cells=cells)
    classes = max(2, len(train_target.labels), int(truth.max()) + 1)
    shares = _shares(groups, truth, classes)
    common = np.bincount(truth.astype(np.int64), minlength=classes).argmax()
    n_misses = int((other != common).sum())
    if min(n_misses, len(other) - n_misses) < FEW_OF_CLASS:
        return None
    if train_target.type == "binary":
        return Power(area(shares[:, 1], other > 0), "roc_auc", len(other))
    missed = int((shares.argmax(axis=1) != other).sum())
    return Power(max(0.0, 1 - missed / n_misses), "skill", len(other))


def _of_number(
    groups: Groups,
    truth: npt.NDArray[np.generic],
    other: npt.NDArray[np.generic],
    *,
    cells: tuple[pl.Series, pl.Series],
) -> Power:
    value = _r2(_means(groups, truth.astype(np.float64)), other)
    nearest = _nearest(*cells, truth)
    if nearest is not None:
        within = np.isfinite(nearest)
        value = max(value, _r2(nearest[within], other[within]))
    return Power(value, "r2", len(other))


def group_cells(train: pl.Series, test: pl.Series, *, n_bins: int = N_BINS) -> Groups | None:
    """Return the groups of a column's cells; None for a column of lists or without any value."""
    if train.dtype.is_nested() or train.dtype == pl.Null or train.null_count() == len(train):
        return None
    first, second = as_numbers(train), as_numbers(test)
    if first is not None and second is not None:
        return _binned(first, second, n_bins=n_bins)
    left, right = train.cast(pl.String), test.cast(pl.String)
    words = left.unique().drop_nulls().sort()
    codes = pl.Enum(words)
    missing = len(words)
    ours = left.cast(codes).to_physical().cast(pl.Int64).fill_null(missing).to_numpy()
    theirs = right.cast(codes, strict=False).to_physical().cast(pl.Int64).fill_null(-1)
    theirs = theirs.set(right.is_null(), missing)
    return Groups(ours, theirs.to_numpy(), missing + 1)


def as_numbers(column: pl.Series) -> Floats | None:
    """Return a column's cells as numbers, NaN where missing [N]; None where they are words."""
    if column.dtype.is_numeric() or column.dtype == pl.Boolean or column.dtype.is_temporal():
        return _floats(column.to_physical())
    if column.dtype.is_nested() or column.dtype in {pl.Binary, pl.Object, pl.Null}:
        return None
    read = column.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    n_present = len(column) - column.null_count()
    if not n_present or len(read) - read.null_count() < MOSTLY * n_present:
        return None
    return _floats(read)


@dataclass(frozen=True)
class Word:
    """A word of a text column, with how well its presence tells the target."""

    word: str
    power: Power


def word_power(
    train: pl.Series, test: pl.Series, *, train_target: Target, test_target: Target
) -> Word | None:
    """Return the word of a text column whose presence tells a target best; None without any.

    Looked at are the commonest words of the first training rows.
    """
    train, test = train.head(WORD_ROWS), test.head(WORD_ROWS)
    first, second = _words(train), _words(test)
    counts = first.explode().drop_nulls().value_counts()
    common = counts.sort(["count", counts.columns[0]], descending=[True, False])
    known = train_target.take(np.arange(len(train)))
    judged = test_target.take(np.arange(len(test)))
    best: Word | None = None
    for word in common[counts.columns[0]].head(N_WORDS):
        power = power_of(
            first.list.contains(word), second.list.contains(word),
            train_target=known, test_target=judged,
        )  # fmt: skip
        if power is not None and (best is None or power.value > best.power.value):
            best = Word(str(word), power)
    return best


def _words(texts: pl.Series) -> pl.Series:
    """Return the words of each text, each once."""
    words = texts.cast(pl.String).fill_null("").str.to_lowercase().str.extract_all(r"\w+")
    return words.list.unique().rename("word")


def area(scores: Floats, positive: npt.NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve, ties counted half; 0.5 where there is one class."""
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return 0.5
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    total = float(ranks[positive].sum()) - n_positive * (n_positive + 1) / 2
    return total / (n_positive * n_negative)


def input_columns(subject: Subject) -> list[tuple[str, str, str]]:
    """Return (name, column, type) of each input whose column stands in the frame."""
    return [
        (one.name, one.column, one.type)
        for one in subject.columns
        if one.column in subject.frame.columns
    ]


def _floats(column: pl.Series) -> Floats:
    numbers = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return np.asarray(numbers, dtype=np.float64)


def _binned(train: Floats, test: Floats, *, n_bins: int) -> Groups | None:
    present = train[np.isfinite(train)]
    if not len(present):
        return None
    edges = np.unique(present)[1:]
    if len(edges) >= 2 * n_bins:
        edges = np.unique(np.quantile(present, np.linspace(0, 1, n_bins + 1)[1:-1]))
    missing = len(edges) + 1

    def codes(values: Floats) -> Codes:
        found = np.searchsorted(edges, values, side="right")
        return np.where(np.isnan(values), missing, found).astype(np.int64)

    return Groups(codes(train), codes(test), missing + 1)


def _shares(groups: Groups, truth: npt.NDArray[np.generic], n_classes: int) -> Floats:
    """Return the share of each class among training rows of the same group [M, C]."""
    cells = groups.train * n_classes + truth.astype(np.int64)
    counts = np.bincount(cells, minlength=groups.n * n_classes).reshape(groups.n, n_classes)
    prior = counts.sum(axis=0) / counts.sum()
    # One row's worth of doubt, so that a group of one row is not certain.
    shares = (counts + prior) / (counts.sum(axis=1, keepdims=True) + 1)
    return np.asarray(np.vstack([shares, prior])[groups.test])


def _means(groups: Groups, truth: Floats) -> Floats:
    sums = np.bincount(groups.train, truth, minlength=groups.n)
    counts = np.bincount(groups.train, minlength=groups.n)
    mean = float(truth.mean())
    means = (sums + mean) / (counts + 1)
    return np.asarray(np.append(means, mean)[groups.test])


def _nearest(train: pl.Series, test: pl.Series, truth: npt.NDArray[np.generic]) -> Floats | None:
    """Return the target between the training rows with the nearest values [M]; None for words.

    NaN for a missing value, and for one beyond those of training, of which they say nothing.
    """
    first, second = as_numbers(train), as_numbers(test)
    if first is None or second is None:
        return None
    usable = np.isfinite(first)
    values, places = np.unique(first[usable], return_inverse=True)
    if len(values) < 2:  # noqa: PLR2004 - a constant tells nothing
        return None
    known = truth[usable].astype(np.float64)
    means = np.bincount(places, known) / np.bincount(places)
    return np.interp(second, values, means, left=np.nan, right=np.nan)


def _r2(guessed: Floats, truth: npt.NDArray[np.generic]) -> float:
    values = truth.astype(np.float64)
    total = float(np.square(values - values.mean()).sum()) if len(values) >= FEW_ROWS else 0.0
    if total <= 0:
        return 0.0
    return max(0.0, 1 - float(np.square(values - guessed).sum()) / total)
