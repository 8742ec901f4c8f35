"""Inputs as cells: what is missing filled, numbers scaled or cut, labels looked up."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

import numpy as np

from ordain.config.document import InputFeature
from ordain.features.binary import BinaryEncoding
from ordain.features.category_ids import CategoryEncoding, ids_of
from ordain.features.encoded import Shape
from ordain.features.feature import Encoding
from ordain.features.filling import GroupFilling
from ordain.features.number_cells import NumberEncoding
from ordain.features.numerals import LARGEST
from ordain.features.outliers import Cleaning
from ordain.features.scaling import Scaling
from ordain.store.export.algebra import Algebra, UnfitError, V

_FAR, _SPREAD = 1e9, 3.0
_POWERS = frozenset({"yeo_johnson", "box_cox"})


@dataclass(frozen=True)
class Cell(Generic[V]):
    """An encoded column.

    Attributes:
        column: of the table.
        shape: of what `encode` gives.
        value: numbers [W], or an id; None for a text, which its terms stand for.
    """

    column: str
    shape: Shape
    value: V | None

    @property
    def numbers(self) -> V:
        """The value of a column that is no text."""
        assert self.value is not None, "the caller has looked at the kind"
        return self.value


def why_outside(feature: InputFeature, encoding: Encoding) -> str:  # noqa: PLR0911 - one a reason
    """Return why a column cannot be encoded outside of Ordain; empty where it can."""
    filling = getattr(encoding, "filling", None)
    if filling is not None and not isinstance(filling, GroupFilling):
        return "a missing cell is predicted from other columns"
    if feature.preprocessing.depends_on_order:
        return "a missing cell is filled from its neighbours"
    if getattr(encoding, "on_missing", "fill") == "error":
        return "a missing cell is an error"
    if isinstance(encoding, NumberEncoding):
        if encoding.cut == "spline":
            return "numbers are turned into a spline"
        return f"numbers are scaled by `{encoding.scaling.method}`" if _is_power(encoding) else ""
    if isinstance(encoding, CategoryEncoding):
        if encoding.buckets:
            return "labels are hashed"
        ways = {"error": "an unseen label is an error", "nearest": "labels are matched by spelling"}
        return ways.get(encoding.on_unseen, "")
    if isinstance(encoding, BinaryEncoding):
        return ""
    return f"it is a {feature.type}"


def cell_of(algebra: Algebra[V], feature: InputFeature, encoding: Encoding) -> Cell[V]:
    """Return what `encode` gives for a column.

    Raises:
        UnfitError: the column cannot be encoded so; see `why_outside`.
    """
    if reason := why_outside(feature, encoding):
        raise UnfitError(f"`{feature.name}` cannot be encoded: {reason}")
    makers: dict[type[Encoding], Callable[..., V]] = {
        NumberEncoding: _number,
        CategoryEncoding: _category,
        BinaryEncoding: _binary,
    }
    made = makers[type(encoding)](algebra, feature.column, encoding)
    return Cell(feature.column, encoding.shape, made)


def _number(algebra: Algebra[V], column: str, encoding: NumberEncoding) -> V:
    x = _cleaned(algebra, algebra.number(column), encoding.cleaning)
    missing = algebra.is_missing(x)
    if isinstance(encoding.filling, GroupFilling):
        x = algebra.where(missing, _group_fill(algebra, encoding.filling), x)
    elif encoding.fill is not None:
        x = algebra.where(missing, encoding.fill, x)
    if encoding.cut == "index":
        return _bin_ids(algebra, x, encoding)
    made = _cut(algebra, x, encoding) if encoding.cut else _scaled(algebra, x, encoding.scaling)
    if encoding.has_indicator:
        made = algebra.join([made, algebra.where(missing, 1.0, 0.0)])
    return algebra.round32(made)


def _cleaned(algebra: Algebra[V], x: V, cleaning: Cleaning) -> V:
    if cleaning.outliers == "none":
        return x
    if cleaning.outliers == "clip":
        return algebra.clip(x, cleaning.low, cleaning.high)
    instead = None if cleaning.outliers == "missing" else cleaning.outlier_fill
    is_above = algebra.at_least(x, math.nextafter(cleaning.high, math.inf))
    inside = algebra.where(is_above, instead, x)
    below = algebra.where(algebra.is_missing(x), None, instead)
    return algebra.where(algebra.at_least(x, cleaning.low), inside, below)


def _group_fill(algebra: Algebra[V], filling: GroupFilling) -> V:
    ids = {label: place for place, label in enumerate(filling.fills)}
    other = len(ids)
    index = algebra.index(
        algebra.label(filling.column), ids, missing=other, unseen=other, is_lowered=False
    )
    return algebra.gather(index, np.array([[*filling.fills.values(), filling.otherwise]]).T)


def _bin_ids(algebra: Algebra[V], x: V, encoding: NumberEncoding) -> V:
    reached = algebra.bins(x, encoding.edges)
    # A missing number is at least none of the edges, and so is the lowest bin: tell them apart.
    n_bins = len(encoding.edges) + 1
    ids = np.arange(1, n_bins + 1, dtype=np.float64)[:, None]
    numbers = algebra.where(algebra.is_missing(x), 0.0, algebra.gather(reached, ids))
    return algebra.bins(numbers, [float(place) for place in range(1, n_bins + 1)])


def _cut(algebra: Algebra[V], x: V, encoding: NumberEncoding) -> V:
    n_bins = len(encoding.edges) + 1
    reached = algebra.bins(x, encoding.edges)
    if encoding.cut == "ordinal":
        ranks = np.arange(n_bins) / max(len(encoding.edges), 1)
        return algebra.where(algebra.is_missing(x), None, algebra.gather(reached, ranks[:, None]))
    table = np.eye(n_bins + 1)
    return algebra.where(algebra.is_missing(x), table[0], algebra.gather(reached, table[1:]))


def _scaled(algebra: Algebra[V], x: V, scaling: Scaling) -> V:
    method = scaling.method
    if method is None:
        return x
    if method == "log1p":
        size = algebra.call("log", algebra.binary("+", algebra.call("abs", x), 1.0))
        negative = algebra.binary("*", size, -1.0)
        return algebra.where(algebra.at_least(x, 0.0), size, negative)
    if scaling.knots:
        return _between_knots(algebra, x, scaling)
    z = algebra.binary("*", algebra.binary("-", x, scaling.center), scaling.factor)
    if method != "robust":
        return algebra.clip(z, -LARGEST, LARGEST)
    z = algebra.clip(z, -_FAR, _FAR)
    third = algebra.binary("/", z, _SPREAD)
    root = algebra.call("sqrt", algebra.binary("+", algebra.binary("*", third, third), 1.0))
    return algebra.binary("/", z, root)


def _between_knots(algebra: Algebra[V], x: V, scaling: Scaling) -> V:
    xs, ys = zip(*scaling.knots, strict=True)
    if len(xs) == 1:
        return algebra.where(algebra.is_missing(x), None, ys[0])
    return algebra.where(algebra.is_missing(x), None, algebra.interpolate(x, xs, ys))


def _is_power(encoding: NumberEncoding) -> bool:
    method = encoding.scaling.method
    is_unfitted = method in {"quantile", "quantile_uniform"} and not encoding.scaling.knots
    return encoding.cut is None and (method in _POWERS or is_unfitted)


def _category(algebra: Algebra[V], column: str, encoding: CategoryEncoding) -> V:
    label = algebra.label(column)
    found = algebra.index(
        label,
        ids_of(encoding),
        missing=encoding.missing_id,
        unseen=encoding.unseen_id,
        is_lowered=encoding.lowercase,
    )
    if not isinstance(encoding.filling, GroupFilling):
        return found
    known = algebra.index(label, {}, missing=0, unseen=1, is_lowered=False)
    is_there = algebra.at_least(algebra.gather(known, np.array([[0.0], [1.0]])), 1.0)
    n_ids = encoding.shape.cardinality
    numbers = algebra.gather(found, np.arange(n_ids, dtype=np.float64)[:, None])
    settled = algebra.where(is_there, numbers, _group_fill(algebra, encoding.filling))
    return algebra.bins(settled, [float(place) for place in range(1, n_ids)])


def _binary(algebra: Algebra[V], column: str, encoding: BinaryEncoding) -> V:
    label = algebra.label(column)
    spelled = {known: int(value) for known, value in encoding.values.items()}
    if not algebra.lowers_labels:
        spelled |= {
            spelling: value
            for known, value in spelled.items()
            for spelling in (known.upper(), known.capitalize(), known.title())
        }
        spelled |= {known: spelled[known.lower()] for known in encoding.labels
                    if known.lower() in spelled}  # fmt: skip
    index = algebra.index(label, spelled, missing=2, unseen=2, is_lowered=algebra.lowers_labels)
    fill = math.nan if encoding.fill is None else float(np.float32(encoding.fill))
    value = algebra.gather(index, np.array([[0.0], [1.0], [0.0]]))
    missing = algebra.at_least(algebra.gather(index, np.array([[0.0], [0.0], [1.0]])), 1.0)
    if isinstance(encoding.filling, GroupFilling):
        value = algebra.where(missing, _group_fill(algebra, encoding.filling), value)
    else:
        value = algebra.where(missing, None if math.isnan(fill) else fill, value)
    if encoding.has_indicator:
        value = algebra.join([value, algebra.where(missing, 1.0, 0.0)])
    return algebra.round32(value)
