"""What LightGBM minimises and watches for an output, and the constraints on its trees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ordain.core.component import Component
from ordain.core.errors import TrainingError
from ordain.features.encoded import Kind
from ordain.models.family import Input
from ordain.models.gbm.matrix import Layout

Params = dict[str, Any]

NUMBER_LOSSES: dict[str, tuple[str, dict[str, str]]] = {
    "mean_squared_error": ("l2", {}),
    "root_mean_squared_error": ("l2", {}),
    "mean_absolute_error": ("l1", {}),
    "mean_absolute_percentage_error": ("mape", {}),
    "huber": ("huber", {"delta": "alpha"}),
    "quantile": ("quantile", {"level": "alpha"}),
    "poisson": ("poisson", {}),
    "gamma": ("gamma", {}),
    "tweedie": ("tweedie", {"power": "tweedie_variance_power"}),
}
"""Loss of a number: LightGBM's name of it, its metric's too, and of its keys."""


def objective(
    loss: Component | None, n_classes: int, *, watched: str, is_category: bool = False
) -> Params:
    """Return objective and metric of an output.

    Args:
        loss: as written; None for squared error.
        n_classes: 0 for a number, 2 for binary.
        is_category: whether a score a class is wanted, be they two.
        watched: `validation_metric`; an output that lacks it is judged by its loss.
    """
    if n_classes == 0:
        name, keys = NUMBER_LOSSES[loss.type if loss else "mean_squared_error"]
        chosen: Params = {theirs: getattr(loss, ours) for ours, theirs in keys.items()}
        metric = _METRICS["number"].get(watched, name)
        return chosen | {"objective": "regression" if name == "l2" else name, "metric": metric}
    kind = "binary" if n_classes == _TWO and not is_category else "category"
    metrics = _METRICS[kind]
    chosen = {"metric": metrics.get(watched, metrics["loss"])}
    if kind == "category":
        return chosen | {"objective": "multiclass", "num_class": n_classes}
    return chosen | {"objective": "binary"}


def constraints(
    inputs: Sequence[Input], layout: Layout, interactions: Sequence[Sequence[str]] | None
) -> Params:
    """Return monotone and interaction constraints of the matrix's columns.

    Raises:
        TrainingError: a constraint names no input, or an input that has no order.
    """
    params: Params = {}
    starts = dict(
        zip(layout.names, zip(layout.starts, layout.starts[1:], strict=False), strict=True)
    )
    signs = [0] * layout.n_columns
    for column in inputs:
        if column.monotone is None:
            continue
        if column.shape.kind is not Kind.SCALAR:
            raise TrainingError(
                f"`monotone` of `{column.name}` has no meaning: it is encoded as "
                f"'{column.shape.kind}'\n  Possible: numbers and binaries"
            )
        signs[starts[column.name][0]] = 1 if column.monotone == "increasing" else -1
    if any(signs):
        params["monotone_constraints"] = ",".join(map(str, signs))
    if interactions:
        params["interaction_constraints"] = _groups(starts, interactions)
    return params


def _groups(starts: Mapping[str, tuple[int, int]], interactions: Sequence[Sequence[str]]) -> str:
    named = {name for group in interactions for name in group}
    unknown = sorted(named - starts.keys())
    if unknown:
        raise TrainingError(
            f"`interaction_constraints` names what is no input: {', '.join(unknown)}\n"
            f"  Inputs: {', '.join(starts)}"
        )
    # Inputs that no group names stand alone; LightGBM would leave them out.
    groups = [*interactions, *([name] for name in starts if name not in named)]
    columns = [[c for name in group for c in range(*starts[name])] for group in groups]
    return ",".join("[" + ",".join(map(str, sorted(group))) + "]" for group in columns)


_METRICS = {
    "number": {"mae": "l1"},
    "binary": {
        "loss": "binary_logloss",
        "roc_auc": "auc",
        "average_precision": "average_precision",
        "accuracy": "binary_error",
    },
    "category": {"loss": "multi_logloss", "roc_auc": "auc_mu", "accuracy": "multi_error"},
}
_TWO = 2
