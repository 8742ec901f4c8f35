"""Rows with several labels, spread so that every label has its share in every set.

Iterative stratification after Sechidis, Tsoumakas, Vlahavas 2011, "On the Stratification of
Multi-Label Data" (https://doi.org/10.1007/978-3-642-23808-6_10): rows with rare labels are placed
first, each where its labels lag furthest behind. What differs here: rows that agree in all labels
are dealt out in whole shares before that, so that the product is balanced too as far as it can be;
all labels of a row count, not its rarest alone, each by what a row more or less changes in the sum
of ``(rows - wanted)**2 / wanted``, the number of rows of a set being one of them. Where more than
20,000 rows are left, those beyond are dealt out at random before that, rows with rare labels never:
the 20,000 make up for what chance did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from ordain.data.classes import Classes, describe_classes
from ordain.data.shares import Shares, deal_folds, sets_series, shuffle, spread_classes
from ordain.data.splitter import Assignment

Codes = npt.NDArray[Any]
Stratify = str | Annotated[tuple[str, ...], Field(min_length=1)] | None
"""A column, or several, to stratify by."""
_WIDEST_KEY = 1 << 31
_LEFT_OVER = -1
_CAREFUL_ROWS = 20_000


def names_of(columns: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns that `stratify` names, each once."""
    if columns is None:
        return ()
    return (columns,) if isinstance(columns, str) else tuple(dict.fromkeys(columns))


def stratified(
    classes: Mapping[str, Classes], shares: Shares, *, random: np.random.Generator
) -> Assignment:
    """Return sets that have the classes of each column in equal shares.

    Args:
        classes: of the rows, by column.
        shares: of the sets.
        random: decides which rows of a class go where.
    """
    if len(classes) == 1:
        found = next(iter(classes.values()))
        codes = spread_classes(found.codes, shares, random=random)
        return Assignment(sets_series(codes, shares.names), describe_classes(found))
    codes = spread_labels([one.codes for one in classes.values()], shares.values, random=random)
    facts = {"columns": {name: describe_classes(one) for name, one in classes.items()}}
    return Assignment(sets_series(codes, shares.names), facts)


def stratified_folds(
    classes: Mapping[str, Classes], k: int, *, random: np.random.Generator
) -> pl.Series:
    """Return folds 0 to k - 1 that have the classes of each column in equal shares [N]."""
    if len(classes) == 1:
        return deal_folds(next(iter(classes.values())).codes, k, random=random)
    codes = [one.codes for one in classes.values()]
    return pl.Series("fold", spread_labels(codes, np.full(k, 1 / k), random=random)).cast(pl.Int32)


def spread_labels(
    columns: Sequence[Codes], shares: npt.NDArray[np.float64], *, random: np.random.Generator
) -> npt.NDArray[np.int16]:
    """Return the set of each row [N], the share of every label of every column being that of it.

    A label of one row goes to the set with the largest share.

    Args:
        columns: code of each row's label, 0 and up, by column [N].
        shares: of the sets, which sum to 1 [S].
        random: decides which rows of a label go where.
    """
    sets = _deal_whole_shares(combine_codes(columns), shares, random=random)
    rows = np.flatnonzero(sets == _LEFT_OVER)
    dealt, rows = _chosen_last(columns, rows, random=random)
    lacking = len(sets) * shares - np.bincount(sets[sets != _LEFT_OVER], minlength=len(shares))
    parts = np.clip(lacking, 0, None) / max(np.clip(lacking, 0, None).sum(), 1.0)
    ends = np.round(np.cumsum(parts) * len(dealt)).astype(np.int64)
    counts = ends - np.concatenate(([0], ends[:-1]))
    sets[dealt] = np.repeat(np.arange(len(shares), dtype=np.int16), counts)
    _place_one_by_one(columns, sets, rows, shares=shares)
    _fill_empty(sets, shares, random=random)
    return sets


def combine_codes(columns: Sequence[Codes]) -> npt.NDArray[np.int64]:
    """Return one code for each row [N], equal where the rows agree in all columns."""
    combined = columns[0].astype(np.int64)
    width = int(combined.max(initial=0)) + 1
    for codes in columns[1:]:
        n_codes = int(codes.max(initial=0)) + 1
        if width * n_codes > _WIDEST_KEY:
            combined = np.unique(combined, return_inverse=True)[1]
            width = int(combined.max(initial=0)) + 1
        combined = combined * n_codes + codes
        width *= n_codes
    return combined


def _deal_whole_shares(
    combined: npt.NDArray[np.int64],
    shares: npt.NDArray[np.float64],
    *,
    random: np.random.Generator,
) -> npt.NDArray[np.int16]:
    """Return sets [N], -1 for the rows of a combination that are left after whole shares."""
    order = shuffle(len(combined), random)
    order = order[np.argsort(combined[order], kind="stable")]
    sizes = np.unique(combined, return_counts=True)[1]
    counts = np.floor(np.outer(sizes, shares) + 1e-9).astype(np.int64)
    counts = np.column_stack([counts, sizes - counts.sum(axis=1)])
    names = np.array([*range(len(shares)), _LEFT_OVER], dtype=np.int16)
    sets = np.empty(len(combined), dtype=np.int16)
    sets[order] = np.repeat(np.tile(names, len(sizes)), counts.ravel())
    return sets


def _place_one_by_one(
    columns: Sequence[Codes],
    sets: npt.NDArray[np.int16],
    rows: npt.NDArray[np.int64],
    *,
    shares: npt.NDArray[np.float64],
) -> None:
    """Give each of the rows, in their order, the set to which it is worth most."""
    worth, step = [], []
    for codes in (*columns, np.zeros(len(sets), dtype=np.int8)):
        wanted = np.maximum(np.outer(np.bincount(codes), shares), 1e-12)
        worth.append((2 * (wanted - _cross(codes, sets, len(shares))) - 1) / wanted)
        step.append(2 / wanted)
    starts = np.cumsum([0, *(len(one) for one in worth)])
    labels = np.column_stack([*(codes[rows] for codes in columns), np.zeros_like(rows)])
    labels += starts[:-1]
    all_worth, all_steps = np.concatenate(worth), np.concatenate(step)
    all_worth[:, shares == 0] = -np.inf
    for row, mine in zip(rows, labels, strict=True):
        place = int(all_worth[mine].sum(axis=0).argmax())
        sets[row] = place
        all_worth[mine, place] -= all_steps[mine, place]


def _chosen_last(
    columns: Sequence[Codes], rows: npt.NDArray[np.int64], *, random: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return rows to be dealt out at random, and those to place with care, the rarest first."""
    rarest = np.full(len(rows), np.iinfo(np.int64).max)
    for codes in columns:
        rarest = np.minimum(rarest, np.bincount(codes)[codes[rows]])
    order = random.permutation(len(rows))
    # Labels about as rare count as equally rare: rows are mixed, so that the last of them, which
    # make up for what is amiss, have labels of every kind.
    order = order[np.argsort(np.log2(rarest[order]).astype(np.int8), kind="stable")]
    rare, common = order[: _CAREFUL_ROWS // 2], order[_CAREFUL_ROWS // 2 :]
    common = random.permutation(common)
    n_dealt = max(0, len(rows) - _CAREFUL_ROWS)
    return rows[common[:n_dealt]], rows[np.concatenate([rare, common[n_dealt:]])]


def _fill_empty(
    sets: npt.NDArray[np.int16], shares: npt.NDArray[np.float64], *, random: np.random.Generator
) -> None:
    """Give each set without a row one of the largest set, where there are rows enough."""
    counts = np.bincount(sets, minlength=len(shares))
    for empty in np.flatnonzero((shares > 0) & (counts == 0)):
        giver = int(counts.argmax())
        if counts[giver] < 2:  # noqa: PLR2004
            break
        sets[random.choice(np.flatnonzero(sets == giver))] = empty
        counts[giver] -= 1
        counts[empty] += 1


def _cross(codes: Codes, sets: npt.NDArray[np.int16], n_sets: int) -> npt.NDArray[np.int64]:
    """Return how many placed rows of each label each set has [L, S]."""
    is_placed = sets != _LEFT_OVER
    n_labels = int(codes.max(initial=0)) + 1
    pairs = codes[is_placed].astype(np.int64) * n_sets + sets[is_placed]
    counts = np.bincount(pairs, minlength=n_labels * n_sets)
    return np.asarray(counts.reshape(n_labels, n_sets))
