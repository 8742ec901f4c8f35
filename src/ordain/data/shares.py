"""Shares of named sets: how many rows each set gets, and which rows of a class go where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import AfterValidator, Field

from ordain.core.errors import DataError
from ordain.data.splitter import TEST, TRAIN, VALIDATION

STANDARD = (TRAIN, VALIDATION, TEST)
DEFAULT_PROBABILITIES = (0.7, 0.1, 0.2)
HELD_OUT = 0.1
"""Part of the training rows that validates where no validation set came."""
_TOLERANCE = 1e-6


def _check_probabilities(shares: tuple[float, ...]) -> tuple[float, ...]:
    _check_sum(shares)
    if shares[0] <= 0:
        raise ValueError("the share of the training set must be above 0")
    return shares


def _check_sets(sets: dict[str, float] | None) -> dict[str, float] | None:
    if sets is None:
        return None
    _check_sum(tuple(sets.values()))
    if sets.get(TRAIN, 0.0) <= 0:
        raise ValueError("`sets` must give 'train' a share above 0")
    return sets


def _check_sum(shares: Sequence[float]) -> None:
    total = sum(shares)
    if abs(total - 1) > _TOLERANCE:
        raise ValueError(f"the shares must sum to 1 and sum to {total:g}")


Share = Annotated[float, Field(ge=0, le=1)]
Probabilities = Annotated[
    tuple[
        Annotated[Share, Field(title=TRAIN)],
        Annotated[Share, Field(title=VALIDATION)],
        Annotated[Share, Field(title=TEST)],
    ],
    AfterValidator(_check_probabilities),
]
"""Shares of train, validation and test."""
Sets = Annotated[dict[str, Share] | None, AfterValidator(_check_sets)]
"""Shares of any named sets, in place of the three."""
Folds = Annotated[int, Field(ge=2, le=1000)] | None
Repeats = Annotated[int, Field(ge=1, le=100)]


class Shares:
    """The named sets of a split and the part of the rows each gets.

    Args:
        probabilities: shares of train, validation and test.
        sets: shares of any named sets; used in place of the first where given.
    """

    def __init__(self, probabilities: Sequence[float], sets: Mapping[str, float] | None) -> None:
        named = dict(sets) if sets else dict(zip(STANDARD, probabilities, strict=True))
        self.names: tuple[str, ...] = tuple(named)
        self.values: npt.NDArray[np.float64] = np.array(list(named.values()), dtype=np.float64)
        self.values /= self.values.sum()

    @classmethod
    def of(cls, spec: Any) -> Self:
        """Return the shares of a splitter that has the keys `probabilities` and `sets`."""
        return cls(spec.probabilities, spec.sets)

    def counts(self, n_rows: int) -> npt.NDArray[np.int64]:
        """Return the number of rows of each set [S]; the sum is `n_rows`.

        Shares are rounded by largest remainder; then, where there are rows enough, every set with
        a positive share has at least one. With fewer rows than sets the training set comes first,
        then test, then validation, then the others.
        """
        ranks = self.ranks()
        if n_rows <= len(ranks):
            return np.bincount(ranks[:n_rows], minlength=len(self.names)).astype(np.int64)
        wanted = self.values * n_rows
        counts = np.floor(wanted + 1e-9).astype(np.int64)
        order = np.argsort(np.round(counts - wanted, 9), kind="stable")
        counts[order[: n_rows - counts.sum()]] += 1
        for i in ranks:
            if not counts[i]:
                counts[np.argmax(counts)] -= 1
                counts[i] = 1
        return counts

    def ranks(self) -> npt.NDArray[np.int64]:
        """Return the sets with a positive share, the one that most needs a row first."""
        positive = np.flatnonzero(self.values > 0)
        return np.array(sorted(positive, key=lambda i: _priority(self.names[i])), dtype=np.int64)

    def borders(self) -> npt.NDArray[np.float64]:
        """Return where each set ends on the line from 0 to 1 [S]; the last is exactly 1."""
        borders = np.cumsum(self.values)
        borders[-1] = 1.0
        return borders


def sets_series(codes: npt.NDArray[Any], names: Sequence[str]) -> pl.Series:
    """Return set names [N] as an enumeration; code -1 is null.

    The three standard names always belong to it, so that comparing with them never fails.
    """
    every = list(dict.fromkeys((*STANDARD, *names)))
    # The last place is that of code -1: a null.
    place = pl.Series([every.index(name) for name in names] + [None], dtype=pl.UInt32)
    values = pl.Series("set", [*every, None], dtype=pl.Enum(every))
    return values.gather(place.fill_null(len(every))).gather(codes).alias("set")


def spread_classes(
    classes: npt.NDArray[Any], shares: Shares, *, random: np.random.Generator
) -> npt.NDArray[np.int16]:
    """Return the set of each row [N], the share of every class being that of the sets.

    Within a class whole rows go by the shares; what is left over goes, row by row, to the set that
    lags furthest behind over all classes, so that the sizes of the sets are right as well. A class
    of one row goes to the first set, which trains.

    Args:
        classes: code of each row's class [N].
        shares: of the sets.
        random: decides which rows of a class go where.
    """
    n_sets = len(shares.names)
    order = _shuffled_by_class(classes, random)
    labels, sizes = np.unique(classes, return_counts=True)
    base = np.floor(np.outer(sizes, shares.values) + 1e-9).astype(np.int64)
    base[sizes == 1] = 0
    train = shares.names.index(TRAIN)
    base[sizes == 1, train] = 1
    left = sizes - base.sum(axis=1)
    given = base.sum(axis=0).astype(np.float64)
    total = shares.values * len(classes)
    for row in np.flatnonzero(left):
        eligible = np.where(shares.values > 0, total - given, -np.inf)
        for i in np.argsort(-eligible, kind="stable")[: left[row]]:
            base[row, i] += 1
            given[i] += 1
    _fill_empty(base, shares)
    result = np.empty(len(classes), dtype=np.int16)
    result[order] = np.repeat(np.tile(np.arange(n_sets, dtype=np.int16), len(labels)), base.ravel())
    return result


def deal_folds(classes: npt.NDArray[Any], k: int, *, random: np.random.Generator) -> pl.Series:
    """Return fold numbers 0 to k - 1 [N], classes spread evenly, folds of nearly one size."""
    folds = np.empty(len(classes), dtype=np.int32)
    folds[_shuffled_by_class(classes, random)] = np.arange(len(classes)) % k
    return pl.Series("fold", folds)


def shuffle(n_rows: int, random: np.random.Generator) -> npt.NDArray[Any]:
    """Return the row numbers in random order [N], in the smallest type that holds them."""
    dtype = np.int32 if n_rows < np.iinfo(np.int32).max else np.int64
    return random.permutation(np.arange(n_rows, dtype=dtype))


def _shuffled_by_class(classes: npt.NDArray[Any], random: np.random.Generator) -> npt.NDArray[Any]:
    """Return the row numbers, class by class, in random order within each [N]."""
    order = shuffle(len(classes), random)
    # Sixteen bits are sorted by radix: five times as fast, and stable.
    narrow = classes.astype(np.int16) if classes.max(initial=0) < 1 << 15 else classes
    return np.asarray(order[np.argsort(narrow[order], kind="stable")])


def require_rows(n_rows: int, k: int, *, what: str = "rows") -> None:
    """Refuse more folds than there are rows (or groups) to deal.

    Raises:
        DataError: there are fewer than folds.
    """
    if n_rows < k:
        raise DataError(f"`k_fold: {k}` needs at least {k} {what}, and there are {n_rows}")


def _priority(name: str) -> int:
    return {TRAIN: 0, TEST: 1, VALIDATION: 2}.get(name, 3)


def _fill_empty(base: npt.NDArray[np.int64], shares: Shares) -> None:
    """Give each set that came out empty a row of a set with several, from its largest class."""
    if base.sum() < np.count_nonzero(shares.values > 0):
        return
    sizes = base.sum(axis=1)
    for i in np.flatnonzero((shares.values > 0) & (base.sum(axis=0) == 0)):
        giver = int(np.argmax(base.sum(axis=0)))
        row = int(np.argmax(np.where(base[:, giver] > 0, sizes, -1)))
        if sizes[row] > 1:
            base[row, giver] -= 1
            base[row, i] += 1
