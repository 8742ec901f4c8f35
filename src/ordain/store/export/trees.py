"""Trees as LightGBM writes them in its text, read into arrays.

A node sends a row left where its number is at most the threshold, or where its category is in a
set; a missing number goes where the node says, a missing category right.

Source: LightGBM 4, `src/io/tree.cpp` (the text) and `include/LightGBM/tree.h` (the decisions).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ordain.core.errors import UsageError

LOGARITHMS = frozenset({"poisson", "gamma", "tweedie"})
"""Objectives whose sums are logarithms."""
_CATEGORY, _DEFAULT_LEFT, _MISSING_SHIFT = 1, 2, 2
_NONE, _ZERO = 0, 1
_WORD_BITS = 32


@dataclass(frozen=True)
class Tree:
    """One tree; children of 0 or more are nodes, those below stand for leaf ``-1 - child``.

    Attributes:
        columns: of the matrix, one a node.
        thresholds: one a node; unused where there is a set.
        sets: category ids that go left, or None for a number.
        takes_missing: whether a missing cell goes left.
        left, right: children.
        leaves: what is added.
    """

    columns: tuple[int, ...]
    thresholds: tuple[float, ...]
    sets: tuple[tuple[int, ...] | None, ...]
    takes_missing: tuple[bool, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    leaves: tuple[float, ...]


@dataclass(frozen=True)
class Ensemble:
    """Trees of one output.

    Attributes:
        trees: tree i adds to score ``i % n_scores``.
        objective: LightGBM's name of it, which says what becomes of a sum.
    """

    trees: tuple[Tree, ...]
    n_scores: int
    n_columns: int
    objective: str
    sigmoid: float = 1.0

    @property
    def n_leaves(self) -> int:
        """Leaves of all trees."""
        return sum(len(tree.leaves) for tree in self.trees)


def parse(text: str) -> Ensemble:
    """Return the trees of a booster's text.

    Raises:
        UsageError: it holds what these arrays cannot, such as linear leaves.
    """
    head, *parts = re.split(r"^Tree=\d+\n", text.partition("\nend of trees")[0], flags=re.MULTILINE)
    keys = _keys(head)
    if "average_output" in head:
        raise UsageError("trees whose answers are averaged cannot be exported")
    objective, *options = keys.get("objective", "regression").split()
    told = dict(option.split(":", 1) for option in options if ":" in option)
    return Ensemble(
        trees=tuple(_tree(_keys(part)) for part in parts),
        n_scores=int(keys["num_tree_per_iteration"]),
        n_columns=int(keys["max_feature_idx"]) + 1,
        objective="sqrt" if "sqrt" in options else objective,
        sigmoid=float(told.get("sigmoid", 1.0)),
    )


def sums(ensemble: Ensemble, cells: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the sums of leaves of rows [B, n_columns] as [B, n_scores], all rows at once."""
    out = np.zeros((len(cells), ensemble.n_scores))
    for place, tree in enumerate(ensemble.trees):
        out[:, place % ensemble.n_scores] += _leaves(tree, cells)
    return out


def answers(ensemble: Ensemble, cells: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return what becomes of the sums: [B], or [B, n_scores] for several classes."""
    raw = sums(ensemble, cells)
    if ensemble.objective == "multiclass":
        powers = np.exp(raw - raw.max(axis=1, keepdims=True))
        shares: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
        return shares
    if ensemble.objective == "binary":
        return 0.5 * (1.0 + np.tanh(0.5 * ensemble.sigmoid * raw[:, 0]))
    if ensemble.objective in LOGARITHMS:
        return np.exp(raw[:, 0])
    return raw[:, 0]


def _leaves(tree: Tree, cells: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    at = np.zeros(len(cells), dtype=np.int64) if tree.columns else np.full(len(cells), -1)
    for node in range(len(tree.columns)):
        # A child always has a larger number than its parent.
        rows = np.flatnonzero(at == node)
        found = cells[rows, tree.columns[node]].astype(np.float64)
        members = tree.sets[node]
        goes_left = (
            found <= tree.thresholds[node] if members is None else np.isin(found, list(members))
        )
        goes_left = np.where(np.isnan(found), tree.takes_missing[node], goes_left)
        at[rows] = np.where(goes_left, tree.left[node], tree.right[node])
    taken: npt.NDArray[np.float64] = np.array(tree.leaves)[-1 - at]
    return taken


def _keys(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def _tree(keys: Mapping[str, str]) -> Tree:
    if keys.get("is_linear", "0") != "0":
        raise UsageError("trees with linear leaves cannot be exported")
    leaves = tuple(_floats(keys, "leaf_value"))
    columns = _ints(keys, "split_feature")
    if not columns:
        return Tree((), (), (), (), (), (), leaves)
    kinds = _ints(keys, "decision_type")
    thresholds = _floats(keys, "threshold")
    sets = _sets(keys, kinds, thresholds)
    return Tree(
        tuple(columns),
        tuple(thresholds),
        sets,
        tuple(
            members is None and _takes_missing(kind, threshold)
            for kind, threshold, members in zip(kinds, thresholds, sets, strict=True)
        ),
        tuple(_ints(keys, "left_child")),
        tuple(_ints(keys, "right_child")),
        leaves,
    )


def _takes_missing(kind: int, threshold: float) -> bool:
    missing = kind >> _MISSING_SHIFT & 3
    if missing == _ZERO:
        raise UsageError("trees in which zero stands for missing cannot be exported")
    return threshold >= 0 if missing == _NONE else bool(kind & _DEFAULT_LEFT)


def _sets(
    keys: Mapping[str, str], kinds: Sequence[int], thresholds: Sequence[float]
) -> tuple[tuple[int, ...] | None, ...]:
    borders, words = _ints(keys, "cat_boundaries"), _ints(keys, "cat_threshold")
    found: list[tuple[int, ...] | None] = []
    for kind, threshold in zip(kinds, thresholds, strict=True):
        if not kind & _CATEGORY:
            found.append(None)
            continue
        own = words[borders[math.floor(threshold)] : borders[math.floor(threshold) + 1]]
        found.append(
            tuple(
                place * _WORD_BITS + bit
                for place, word in enumerate(own)
                for bit in range(_WORD_BITS)
                if word >> bit & 1
            )
        )
    return tuple(found)


def _ints(keys: Mapping[str, str], name: str) -> list[int]:
    return [int(one) for one in keys.get(name, "").split()]


def _floats(keys: Mapping[str, str], name: str) -> list[float]:
    return [float(one) for one in keys.get(name, "").split()]
