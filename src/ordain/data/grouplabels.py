"""Whole groups, dealt out so that every label has about its share in every set.

As StratifiedGroupKFold of scikit-learn, groups are placed one after the other where they make the
labels most even; what differs: large groups come first, sets may have unlike shares, several
columns of labels count, and of more than 20,000 groups the smaller ones are dealt out by size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[Any]
_CAREFUL_GROUPS = 20_000


def place_groups(
    groups: npt.NDArray[np.int64],
    labels: Sequence[Codes],
    *,
    order: npt.NDArray[np.int64],
    shares: npt.NDArray[np.float64],
) -> npt.NDArray[np.int64]:
    """Return the set of each group [G]; where there are groups enough, each set has one.

    Args:
        groups: code of each row's group, each code in use [N].
        labels: code of each row's label, by column [N].
        order: of the groups, which decides between those of one size [G].
        shares: of the sets, which sum to 1 [S].
    """
    sizes = np.bincount(groups)
    by_size = order[np.argsort(-sizes[order], kind="stable")]
    careful, rest = by_size[:_CAREFUL_GROUPS], by_size[_CAREFUL_GROUPS:]
    placed = np.full(len(sizes), -1, dtype=np.int64)
    placed[rest] = _deal(sizes[rest], shares)
    lacking, worth = [], []
    for codes in (*labels, np.zeros(len(groups), dtype=np.int8)):
        counts = _counts(codes, placed[groups], n_sets=len(shares))
        totals = np.bincount(codes)
        lacking.append(np.outer(totals, shares) - counts)
        worth.append(1 / np.maximum(totals, 1))
    pairs = [_pairs(groups, codes) for codes in (*labels, np.zeros_like(groups))]
    for group in careful:
        gain = np.zeros(len(shares))
        mine = [(p.code[p.start[group] : p.start[group + 1]], p) for p in pairs]
        for (codes, pair), lack, by_label in zip(mine, lacking, worth, strict=True):
            n_rows = pair.count[pair.start[group] : pair.start[group + 1]]
            gain += (n_rows * by_label[codes]) @ lack[codes]
        place = int(np.where(shares > 0, gain, -np.inf).argmax())
        placed[group] = place
        for (codes, pair), lack in zip(mine, lacking, strict=True):
            lack[codes, place] -= pair.count[pair.start[group] : pair.start[group + 1]]
    return _fill_empty(placed, sizes, shares)


class _Pairs:
    """How many rows each group has of each label, group after group."""

    def __init__(self, code: Codes, count: Codes, start: Codes) -> None:
        self.code, self.count, self.start = code, count, start


def _pairs(groups: npt.NDArray[np.int64], codes: Codes) -> _Pairs:
    width = int(codes.max(initial=0)) + 1
    keys, counts = np.unique(groups * width + codes, return_counts=True)
    n_groups = int(groups.max(initial=0)) + 1
    start = np.searchsorted(keys // width, np.arange(n_groups + 1))
    return _Pairs(keys % width, counts, start)


def _counts(codes: Codes, sets: Codes, *, n_sets: int) -> npt.NDArray[np.int64]:
    """Return how many placed rows of each label each set has [L, S]."""
    is_placed = sets >= 0
    n_labels = int(codes.max(initial=0)) + 1
    keys = codes[is_placed].astype(np.int64) * n_sets + sets[is_placed]
    return np.asarray(np.bincount(keys, minlength=n_labels * n_sets).reshape(n_labels, n_sets))


def _deal(sizes: npt.NDArray[np.int64], shares: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the set in whose stretch a group falls when groups of like size are laid in a row."""
    total = max(int(sizes.sum()), 1)
    # A step of the golden ratio visits every stretch, by its length, among few neighbours.
    points = (np.cumsum(sizes) - sizes / 2) / total + np.arange(len(sizes)) * 0.6180339887498949
    return np.minimum(
        np.searchsorted(np.cumsum(shares), points % 1.0, side="right"), len(shares) - 1
    ).astype(np.int64)


def _fill_empty(
    placed: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64], shares: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    counts = np.bincount(placed, minlength=len(shares))
    for empty in np.flatnonzero((shares > 0) & (counts == 0)):
        giver = int(counts.argmax())
        if counts[giver] < 2:  # noqa: PLR2004
            break
        mine = np.flatnonzero(placed == giver)
        placed[mine[sizes[mine].argmin()]] = empty
        counts[giver] -= 1
        counts[empty] += 1
    return placed
