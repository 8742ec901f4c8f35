"""What a missing cell is filled with where other columns of its row have a say.

    input_features:
      - name: rent
        type: number
        preprocessing: {missing_value_strategy: fill_with_group_median, missing_group: city}
      - name: rooms
        type: number
        preprocessing: {missing_value_strategy: fill_with_model}

`missing_group` stands beside `missing_value_strategy` and `missing_indicator`, and says of what:
the column whose label names the group. A group that training did not see, or that is missing
itself, takes the statistic of all training rows.

`fill_with_model` predicts the cell from the columns of `missing_inputs` (left out: every other
declared input but texts) by ridge regression: numbers and dates scaled to unit spread, missing ones
at their median with an indicator, categories as one-hot of their 20 most frequent labels. A label
is predicted by the ridge regression of each class's 0 or 1, the highest wins (scikit-learn's
RidgeClassifier); a number stays within the range of the training rows. All state is JSON.

Source: regression imputation, Little and Rubin (2002), Statistical Analysis with Missing Data;
ridge regression, Hoerl and Kennard (1970). Other columns are filled once and not in turns as in
MICE (van Buuren 2011): a cell then needs one pass, and single rows the same one as columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from ordain.core.component import Spec
from ordain.core.randomness import generator
from ordain.features.encoded import EncodedColumn, Kind
from ordain.features.facts import counted
from ordain.features.feature import FEATURES, Encoding, Feature, Form
from ordain.features.labels import read_label, read_labels, replace

Floats = npt.NDArray[np.float64]
InputType = Literal["number", "binary", "category", "date"]
"""How `fill_with_model` may read another column."""

TO_MODE = frozenset({"fill_with_mode", "fill_with_group_mode", "fill_with_model", "ffill", "bfill"})
"""Strategies of labels that fall back on the most frequent one."""
GROUP_PREFIX = "fill_with_group_"
MODEL = "fill_with_model"
_MOST_GROUPS = 10_000
_MOST_LABELS = 20
_MOST_CLASSES = 50
_MOST_ROWS = 50_000
_PENALTY = 1.0


class GroupFilling(Spec):
    """A fill value for each group."""

    kind: Literal["group"] = "group"
    """Which of the ways this is."""
    column: str
    """Column that names the group."""
    fills: dict[str, float]
    """Fill value by label of the group."""
    otherwise: float
    """Fill value of a group that is missing or was not seen."""


class ModelFilling(Spec):
    """A linear model of the cell, from other columns."""

    kind: Literal["model"] = "model"
    """Which of the ways this is."""
    inputs: dict[str, dict[str, Any]]
    """Encoding of each column that is read, as plain data."""
    intercepts: tuple[float, ...]
    """One a class, or one alone for a number [K]."""
    weights: tuple[tuple[float, ...], ...]
    """Of every number and label of the inputs, in order [P, K]."""
    classes: tuple[float, ...] = ()
    """Fill value of each class; empty for a number."""
    low: float = 0.0
    """Lowest number that is filled in."""
    high: float = 0.0
    """Highest number that is filled in."""


Filling = Annotated[GroupFilling | ModelFilling, Field(discriminator="kind")]


def check_filling(strategy: str, group: str | None) -> None:
    """Check that a strategy by group names its group.

    Raises:
        ValueError: it does not.
    """
    if strategy.startswith(GROUP_PREFIX) and not group:
        raise ValueError(f"`{strategy}` needs `missing_group`, the column that names the group")


def fit_filling(
    feature: Feature[Any],
    values: Floats,
    others: pl.DataFrame | None,
    *,
    otherwise: float,
    seed: int,
    has_classes: bool = False,
) -> GroupFilling | ModelFilling | None:
    """Return what fills the missing cells of training rows; None where nothing reads others.

    Args:
        feature: says how in `missing_value_strategy`, `missing_group`, `missing_inputs`.
        values: what a cell would be filled with, of each training row [N]; NaN where missing.
        others: the same rows of the columns that the feature reads.
        otherwise: the statistic of all training rows.
        seed: of the run, for the rows a model is fitted on where there are many.
        has_classes: whether values are codes of classes, and not amounts.
    """
    if others is None or not feature.reads:
        return None
    strategy = str(getattr(feature, "missing_value_strategy", ""))
    if strategy == MODEL:
        types: Mapping[str, str] = getattr(feature, "missing_inputs", None) or {}
        return _fit_model(values, others, types, seed=seed, has_classes=has_classes)
    (column,) = feature.reads
    statistic = strategy.removeprefix(GROUP_PREFIX)
    fills = _group_statistics(values, others[column], statistic)
    return GroupFilling(column=column, fills=fills, otherwise=otherwise)


def fill_values(
    filling: GroupFilling | ModelFilling, others: pl.DataFrame | None, missing: pl.Series
) -> Floats:
    """Return the fill value of each missing row [number of missing rows].

    Args:
        filling: as fitted.
        others: all rows of the columns that are read; without them each counts as missing.
        missing: True where the cell is missing [N].
    """
    if others is None:
        return np.full(int(missing.sum()), fill_reader(filling)({}))
    if isinstance(filling, GroupFilling):
        labels = read_labels(others[filling.column].filter(missing))
        found = _look_up(labels, filling)
        return found.fill_null(filling.otherwise).cast(pl.Float64).to_numpy()
    return _predict(filling, others.select(list(filling.inputs)).filter(missing))


def fill_reader(filling: GroupFilling | ModelFilling) -> Callable[[Mapping[str, object]], float]:
    """Return the function from a raw row to the fill value of its cell, as `fill_values` gives."""
    if isinstance(filling, ModelFilling):
        return _predictor(filling)
    column, look_up, otherwise = filling.column, filling.fills.get, filling.otherwise

    def read(row: Mapping[str, object]) -> float:
        label = read_label(row.get(column))
        return otherwise if label is None else look_up(label, otherwise)

    return read


def unseen_groups(
    filling: GroupFilling | ModelFilling | None, others: pl.DataFrame | None, missing: pl.Series
) -> dict[str, Any] | None:
    """Return count and examples of missing cells whose group is missing or was not seen."""
    if others is None or not isinstance(filling, GroupFilling):
        return None
    groups = others[filling.column]
    return counted(groups, missing & _look_up(read_labels(groups), filling).is_null())


def _look_up(labels: pl.Series, filling: GroupFilling) -> pl.Series:
    known = pl.Series(filling.fills.keys(), dtype=pl.String)
    return replace(labels, known, pl.Series(filling.fills.values(), dtype=pl.Float64))


def _group_statistics(values: Floats, groups: pl.Series, statistic: str) -> dict[str, float]:
    """Return the statistic of the present values of each group, of the largest groups."""
    table = pl.DataFrame({"group": read_labels(groups), "value": values}).drop_nulls("group")
    table = table.filter(~pl.col("value").is_nan())
    sizes = table.group_by("group").len(name="n").sort("n", "group", descending=[True, False])
    kept = sizes["group"].head(_MOST_GROUPS).sort()
    if statistic == "mean":
        # Summed in the order of rows: a grouped mean of several threads varies in its last bit.
        codes = replace(table["group"], kept, pl.Series(range(len(kept)), dtype=pl.Int64))
        inside = codes.is_not_null()
        at = codes.filter(inside).to_numpy()
        sums = np.bincount(at, weights=table["value"].filter(inside), minlength=len(kept))
        means = sums / np.bincount(at, minlength=len(kept))
        return dict(zip(kept.to_list(), means.tolist(), strict=True))
    if statistic == "median":
        found = table.group_by("group").agg(pl.col("value").median())
    else:
        counts = table.group_by("group", "value").len(name="n")
        counts = counts.sort("group", "n", "value", descending=[False, True, False])
        found = counts.group_by("group", maintain_order=True).agg(pl.col("value").first())
    by_group = dict(found.select("group", "value").iter_rows())
    return {label: float(by_group[label]) for label in kept.to_list()}


def _reader(type_name: str) -> Feature[Any]:
    options = {"most_common": _MOST_LABELS} if type_name == "category" else {}
    return FEATURES.build({"type": type_name, **options}).settle(Form.LINEAR)[0]


def _fit_model(
    values: Floats,
    others: pl.DataFrame,
    types: Mapping[str, str],
    *,
    seed: int,
    has_classes: bool,
) -> ModelFilling | None:
    rows = np.flatnonzero(~np.isnan(values))
    if len(rows) == 0:
        return None
    if len(rows) > _MOST_ROWS:
        random = generator(seed, "filling")
        rows = np.sort(random.choice(rows, size=_MOST_ROWS, replace=False))
    encodings = {
        name: _reader(type_name).fit(others[name], seed=seed).model_copy(update={"facts": {}})
        for name, type_name in types.items()
    }
    present = values[rows]
    targets, classes = _targets(present, has_classes=has_classes)
    design = _design(encodings, others.select(list(types))[rows])
    intercepts, weights = _ridge(design, targets)
    return ModelFilling(
        inputs={name: item.model_dump(mode="json") for name, item in encodings.items()},
        intercepts=tuple(intercepts.tolist()),
        weights=tuple(tuple(row) for row in weights.tolist()),
        classes=classes,
        low=float(present.min()),
        high=float(present.max()),
    )


def _targets(values: Floats, *, has_classes: bool) -> tuple[Floats, tuple[float, ...]]:
    """Return what is regressed [N, K], and the classes it stands for."""
    if not has_classes:
        return values[:, None], ()
    codes, counts = np.unique(values, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_MOST_CLASSES]
    classes = codes[order]
    return (values[:, None] == classes[None, :]).astype(np.float64), tuple(classes.tolist())


def _ridge(design: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """Return intercepts [K] and weights [P, K], to nine digits: the rest hangs on the machine."""
    centre, mean = design.mean(axis=0), targets.mean(axis=0)
    centred = design - centre
    gram = centred.T @ centred + _PENALTY * np.eye(design.shape[1])
    weights = np.linalg.solve(gram, centred.T @ (targets - mean))
    return _rounded(mean - centre @ weights), _rounded(weights)


def _rounded(values: Floats) -> Floats:
    flat = [float(f"{value:.9g}") for value in np.ravel(values).tolist()]
    return np.array(flat, dtype=np.float64).reshape(values.shape)


def _design(encodings: Mapping[str, Encoding], others: pl.DataFrame) -> Floats:
    parts = [np.zeros((others.height, 0))]
    for column, encoding in _encoded(encodings, others):
        if column.kind is Kind.INDEX:
            parts.append(np.eye(encoding.shape.cardinality)[column.values])
        else:
            parts.append(column.values.astype(np.float64))
    return np.hstack(parts)


def _encoded(
    encodings: Mapping[str, Encoding], others: pl.DataFrame
) -> list[tuple[EncodedColumn, Encoding]]:
    return [
        (FEATURES.build(encoding.type).encode(others[name], encoding), encoding)
        for name, encoding in encodings.items()
    ]


def _opened(filling: ModelFilling) -> dict[str, Encoding]:
    return {
        name: FEATURES.get(str(document["type"])).Fitted.model_validate(document)
        for name, document in filling.inputs.items()
    }


def _predict(filling: ModelFilling, others: pl.DataFrame) -> Floats:
    """Return the fill value of each row; sums are taken in the order in which `_predictor` does."""
    weights = np.array(filling.weights, dtype=np.float64).reshape(-1, len(filling.intercepts))
    scores = np.tile(np.array(filling.intercepts), (others.height, 1))
    at = 0
    for column, encoding in _encoded(_opened(filling), others):
        if column.kind is Kind.INDEX:
            width = encoding.shape.cardinality
            scores = scores + weights[at : at + width][column.values]
        else:
            width = encoding.shape.width
            cells = column.values.astype(np.float64)
            for place in range(width):
                scores = scores + cells[:, place : place + 1] * weights[at + place]
        at += width
    if filling.classes:
        labels: Floats = np.array(filling.classes)[scores.argmax(axis=1)]
        return labels
    amounts: Floats = np.clip(scores[:, 0], filling.low, filling.high)
    return amounts


def _predictor(filling: ModelFilling) -> Callable[[Mapping[str, object]], float]:
    weights, classes = filling.weights, filling.classes
    low, high = filling.low, filling.high
    readers = []
    at = 0
    for name, encoding in _opened(filling).items():
        is_index = encoding.shape.kind is Kind.INDEX
        readers.append((name, FEATURES.build(encoding.type).row(encoding), at, is_index))
        at += encoding.shape.cardinality if is_index else encoding.shape.width

    def predict(row: Mapping[str, object]) -> float:
        scores = list(filling.intercepts)
        for name, read, start, is_index in readers:
            cell: Any = read(row.get(name))
            if is_index:
                terms = [(1.0, start + cell)]
            else:
                numbers = cell if isinstance(cell, tuple) else (cell,)
                terms = [(number, start + place) for place, number in enumerate(numbers)]
            for number, place in terms:
                scores = [s + number * w for s, w in zip(scores, weights[place], strict=True)]
        if classes:
            return classes[max(range(len(scores)), key=scores.__getitem__)]
        return min(max(scores[0], low), high)

    return predict
