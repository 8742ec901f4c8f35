"""LightGBM's text of an ensemble read as the tables of `masks.Masks`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.models.gbm.masks import DE_BRUIJN, WIDTHS, Floats, Integers, Masks, Table

Bits = npt.NDArray[Any]
"""Unsigned words of `width` bits, one a tree."""
Place = tuple[Integers, Integers]

MOST_BYTES = 1 << 25
"""Largest tables: beyond, they are read from memory and the walk is as fast."""
_CATEGORY, _DEFAULT_LEFT, _MISSING_SHIFT = 1, 2, 2
_NONE, _ZERO = 0, 1
_PLAIN = frozenset({"regression", "regression_l1", "huber", "fair", "quantile", "mape"})
_LOGARITHMS = frozenset({"poisson", "gamma", "tweedie"})
_LINE = re.compile(r"^(\w+)=(.*)$", re.MULTILINE)


def compile_masks(text: str) -> Masks | None:
    """Return the tables of a booster's text; None where it holds what they cannot.

    That is: more than 64 leaves, linear leaves, zeros that stand for missing cells, averaged trees,
    an objective whose answer is another function of the sum, or tables of more than `MOST_BYTES`.
    """
    head, _, rest = text.partition("\nend of trees")[0].partition("\nTree=0\n")
    told = dict(_LINE.findall(head))
    finish = _finisher(told.get("objective", ""))
    if finish is None or "average_output" in head or not rest:
        return None
    trees = _Trees.read(re.split(r"^Tree=\d+\n", rest, flags=re.MULTILINE))
    if trees is None:
        return None
    leaves, starts, counts = trees.ordered()
    tables = trees.tables(starts, counts)
    if not tables:
        return None
    n_scores = int(told["num_tree_per_iteration"])
    return Masks(tables, leaves, width=trees.width, n_scores=n_scores, finish=finish)


@dataclass(frozen=True)
class _Trees:
    """The splits of all trees side by side, [T, most splits of a tree]; unused places are 0.

    Attributes:
        n_splits: [T].
        sets: by tree and split, the words of 32 categories that go left.
    """

    n_splits: Integers
    columns: Integers
    thresholds: npt.NDArray[np.float64]
    kinds: Integers
    left: Integers
    right: Integers
    leaves: npt.NDArray[np.float64]
    sets: dict[tuple[int, int], list[int]]

    @classmethod
    def read(cls, parts: Sequence[str]) -> _Trees | None:
        keys = [dict(_LINE.findall(part)) for part in parts]
        if any(one.get("is_linear", "0") != "0" for one in keys):
            return None
        most = max(int(one["num_leaves"]) for one in keys)
        if most > max(WIDTHS):
            return None
        whole = {
            name: _side_by_side(keys, name, max(1, most - 1), np.int64)
            for name in ("split_feature", "decision_type", "left_child", "right_child")
        }
        thresholds = _side_by_side(keys, "threshold", max(1, most - 1), np.float64)
        return cls(
            np.array([int(one["num_leaves"]) - 1 for one in keys]),
            whole["split_feature"],
            thresholds,
            whole["decision_type"],
            whole["left_child"],
            whole["right_child"],
            _side_by_side(keys, "leaf_value", most, np.float64),
            _sets(keys, whole["decision_type"], thresholds),
        )

    @property
    def width(self) -> int:
        """Bits of a tree."""
        return next(width for width in WIDTHS if width >= self.leaves.shape[1])

    @property
    def is_split(self) -> npt.NDArray[np.bool_]:
        """True where there is a split, [T, S]."""
        places = np.arange(self.columns.shape[1])
        found: npt.NDArray[np.bool_] = places[None, :] < self.n_splits[:, None]
        return found

    def ordered(self) -> tuple[npt.NDArray[np.float64], Integers, Integers]:
        """Return leaves by the hash of their bit [T, width], then two arrays [T, S].

        They hold the first leaf on the left of each split, and how many there are.
        """
        n_trees, n_splits = self.columns.shape
        rows = np.arange(n_trees)
        below = np.ones((n_trees, n_splits), dtype=np.int64)
        on_left = np.ones((n_trees, n_splits), dtype=np.int64)

        def leaves_of(children: Integers) -> Integers:
            return np.where(children < 0, 1, below[rows, np.maximum(children, 0)])

        # A child always has a larger number than its parent.
        for split in reversed(range(n_splits)):
            on_left[:, split] = leaves_of(self.left[:, split])
            below[:, split] = on_left[:, split] + leaves_of(self.right[:, split])
        starts = np.zeros((n_trees, n_splits), dtype=np.int64)
        places = np.zeros(self.leaves.shape, dtype=np.int64)
        is_split = self.is_split
        for split in range(n_splits):
            at = starts[:, split]
            for children, first in (
                (self.left[:, split], at),
                (self.right[:, split], at + on_left[:, split]),
            ):
                inner = is_split[:, split] & (children >= 0)
                starts[rows[inner], children[inner]] = first[inner]
                outer = is_split[:, split] & (children < 0)
                places[rows[outer], -1 - children[outer]] = first[outer]
        found = np.zeros((n_trees, self.width))
        has_leaf = np.arange(self.leaves.shape[1])[None, :] <= self.n_splits[:, None]
        tree, leaf = np.nonzero(has_leaf)
        found[tree, _hashes(self.width)[places[tree, leaf]]] = self.leaves[tree, leaf]
        return found, starts, on_left

    def tables(self, starts: Integers, counts: Integers) -> list[Table] | None:
        """Return a table a column; None where they are too large, or a split is of another kind."""
        missing = self.kinds >> _MISSING_SHIFT & 3
        is_split = self.is_split
        is_set = (self.kinds & _CATEGORY).astype(bool)
        if ((missing == _ZERO) & is_split & ~is_set).any():
            return None
        one = np.uint64(1)
        # Shifts by 64 are not defined, so that a tree's own last leaf is never on the left.
        span = ((one << counts.astype(np.uint64)) - one) << starts.astype(np.uint64)
        stays = (~span).astype(WIDTHS[self.width])
        # Without a rule of its own for missing cells LightGBM reads them as zero.
        goes_left = np.where(
            missing == _NONE, self.thresholds >= 0, (self.kinds & _DEFAULT_LEFT).astype(bool)
        )
        tables: list[Table] = []
        n_bytes = 0
        for column in np.unique(self.columns[is_split]).tolist():
            trees, places = np.nonzero(is_split & (self.columns == column))
            own = (trees, places)
            make = self._of_sets if is_set[own].any() else self._of_numbers
            table = make(column, own, stays[own], ~goes_left[own])
            n_bytes += table.words.nbytes
            if n_bytes > MOST_BYTES:
                return None
            tables.append(table)
        return tables

    def _of_numbers(
        self,
        column: int,
        own: Place,
        stays: Bits,
        is_right: npt.NDArray[np.bool_],
    ) -> Table:
        edges, bins = np.unique(_rounded_down(self.thresholds[own]), return_inverse=True)
        words = self._all(len(edges) + 2)
        # A number above an edge goes right there, and so does every larger one.
        np.bitwise_and.at(words, (bins + 1, own[0]), stays)
        np.bitwise_and.accumulate(words[:-1], axis=0, out=words[:-1])
        np.bitwise_and.at(words[-1], own[0][is_right], stays[is_right])
        return Table(column, edges, words.view(np.uint64))

    def _of_sets(
        self,
        column: int,
        own: Place,
        stays: Bits,
        is_right: npt.NDArray[np.bool_],
    ) -> Table:
        del is_right  # a missing category is in no set
        sets = [self.sets[place] for place in zip(*(part.tolist() for part in own), strict=True)]
        n_bits = 32 * max(len(words) for words in sets)
        members = np.zeros((len(sets), n_bits // 32), dtype="<u4")
        for place, words in enumerate(sets):
            members[place, : len(words)] = words
        bits = np.unpackbits(members.view(np.uint8), axis=1, bitorder="little").astype(bool)
        n_bins = int(np.flatnonzero(bits.any(axis=0)).max(initial=-1)) + 1
        taken = self._all(n_bins + 1)
        split, line = np.nonzero(~bits[:, :n_bins])
        np.bitwise_and.at(taken, (line, own[0][split]), stays[split])
        np.bitwise_and.at(taken[-1], own[0], stays)
        return Table(column, None, taken.view(np.uint64))

    def _all(self, n_bins: int) -> Bits:
        """Return words in which every leaf stays, [bins, trees], filled up to whole uint64."""
        per_word = max(WIDTHS) // self.width
        n_trees = -(-len(self.columns) // per_word) * per_word
        return np.full((n_bins, n_trees), -1).astype(WIDTHS[self.width])


def _side_by_side(
    keys: Sequence[dict[str, str]], name: str, most: int, kind: type
) -> npt.NDArray[Any]:
    found: npt.NDArray[Any] = np.zeros((len(keys), most), dtype=kind)
    texts = [one.get(name, "").split() for one in keys]
    lengths = np.array([len(words) for words in texts])
    flat = np.array([word for words in texts for word in words], dtype=np.str_)
    found[np.arange(most)[None, :] < lengths[:, None]] = flat.astype(kind)
    return found


def _sets(
    keys: Sequence[dict[str, str]],
    kinds: Integers,
    thresholds: npt.NDArray[np.float64],
) -> dict[tuple[int, int], list[int]]:
    found: dict[tuple[int, int], list[int]] = {}
    for tree, one in enumerate(keys):
        if one.get("num_cat", "0") == "0":
            continue
        borders = [int(word) for word in one["cat_boundaries"].split()]
        words = [int(word) for word in one["cat_threshold"].split()]
        for split in np.flatnonzero(kinds[tree] & _CATEGORY).tolist():
            at = int(thresholds[tree, split])
            found[tree, split] = words[borders[at] : borders[at + 1]]
    return found


def _hashes(width: int) -> Integers:
    """Return the place in the table of leaves of each bit."""
    kind = WIDTHS[width]
    bits = kind(1) << np.arange(width).astype(kind)
    found: Integers = (bits * kind(DE_BRUIJN[width])) >> kind(width - (width.bit_length() - 1))
    return found.astype(np.int64)


def _rounded_down(thresholds: npt.NDArray[np.float64]) -> Floats:
    """Return the largest float32 up to each threshold: a float32 is up to one or up to both."""
    with np.errstate(over="ignore"):  # LightGBM writes 1e300 where only missing cells go right
        near = thresholds.astype(np.float32)
    below = np.nextafter(near, np.float32(-np.inf))
    return np.where(near.astype(np.float64) > thresholds, below, near)


def _finisher(
    objective: str,
) -> Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]] | None:
    """Return what turns sums [B, n_scores] into scores, as LightGBM does; None if unknown."""
    name, *options = objective.split() or [""]
    told = dict(option.split(":", 1) for option in options if ":" in option)
    if name == "binary":
        scale = -float(told.get("sigmoid", 1.0))
        return lambda sums: 1.0 / (1.0 + np.exp(scale * sums))
    if name == "multiclass":
        return _softmax
    if name in _LOGARITHMS:
        return np.exp
    return (lambda sums: sums) if name in _PLAIN and "sqrt" not in options else None


def _softmax(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    powers = np.exp(sums - sums.max(axis=1, keepdims=True))
    found: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return found
