"""A validation set cut from the training rows, where the data came without one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.core.errors import DataError
from ordain.core.randomness import generator
from ordain.data.classes import row_classes
from ordain.data.shares import HELD_OUT, Shares, sets_series, spread_classes
from ordain.data.splitter import TRAIN, VALIDATION, Assignment


def holdout(
    assignment: Assignment,
    *,
    seed: int,
    share: float = HELD_OUT,
    groups: pl.Series | None = None,
    classes: pl.Series | None = None,
    times: pl.Series | None = None,
) -> Assignment:
    """Return the assignment with a part of its training rows as the validation set.

    An assignment that has a validation set is returned as it is, and no row of any set but the
    training set moves. At most one of the three columns is used, the first given.

    Args:
        assignment: of N rows.
        seed: decides who is drawn.
        share: part of the training rows, between 0 and 1.
        groups: column [N] whose values stay together, as in a `group` split.
        classes: column [N] to stratify by.
        times: column [N] of moments or numbers; the last rows validate, as in a `datetime` split.

    Raises:
        DataError: there are fewer than two training rows.
    """
    sets = assignment.sets.cast(pl.String)
    if (sets == VALIDATION).any():
        return assignment
    rows = (sets == TRAIN).arg_true().to_numpy()
    if len(rows) < 2:  # noqa: PLR2004
        raise DataError(
            f"a validation set cannot be cut from {len(rows)} training row(s): 2 are needed"
        )
    shares = Shares((1.0 - share, share, 0.0), None)
    codes = _choose(rows, shares, seed=seed, groups=groups, classes=classes, times=times)
    moved = rows[codes == 1]
    names = list(dict.fromkeys((*assignment.names, VALIDATION)))
    place = {name: i for i, name in enumerate(names)}
    old = sets.replace_strict(place, default=None, return_dtype=pl.Int64).fill_null(-1)
    new = old.to_numpy().copy()
    new[moved] = place[VALIDATION]
    facts = {**assignment.facts, "validation_cut_from_train": len(moved)}
    return Assignment(sets_series(new, names), facts)


def _choose(
    rows: npt.NDArray[Any],
    shares: Shares,
    *,
    seed: int,
    groups: pl.Series | None,
    classes: pl.Series | None,
    times: pl.Series | None,
) -> npt.NDArray[Any]:
    random = generator(seed, "split", "holdout")
    if groups is not None:
        names = groups.gather(rows).cast(pl.String)
        codes = row_classes(names, bins=None).codes
        order = random.permutation(int(codes.max()) + 1)
        sizes = np.bincount(codes)[order]
        is_held = np.cumsum(sizes) - sizes / 2 <= shares.values[1] * len(rows)
        is_held[0] = len(order) > 1
        held = np.zeros(len(order), dtype=np.int64)
        held[order] = is_held
        return np.asarray(held[codes])
    if classes is not None:
        return spread_classes(
            row_classes(classes.gather(rows), bins=None).codes, shares, random=random
        )
    count = int(shares.counts(len(rows))[1])
    chosen = np.zeros(len(rows), dtype=np.int64)
    if times is not None:
        order = times.gather(rows).arg_sort(nulls_last=False).to_numpy()
        chosen[order[-count:]] = 1
    else:
        chosen[random.permutation(len(rows))[:count]] = 1
    return chosen
