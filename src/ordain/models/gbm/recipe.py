"""Which settings suit how many rows: the meaning of `auto` in the `gbm` trainer.

Sources: the tuned defaults of pytabkit (Holzmüller, Grinsztajn, Steinwart 2024,
https://arxiv.org/abs/2407.04491: row sampling of 0.75, small leaves for regression) and
LightGBM's own guide (https://lightgbm.readthedocs.io/en/stable/Parameters-Tuning.html). What we do
differently: the rate of learning is higher where there are many rows, because the last thousandth
then costs the most time, and trees are smaller where there are few, because they overfit at once.
Nothing here depends on what the data is about.
"""

from __future__ import annotations

from dataclasses import dataclass

Setting = tuple[int | float, str]
"""A value and the reason for it."""

_FEW, _SOME, _MANY = 10_000, 250_000, 2_000_000


@dataclass(frozen=True)
class Task:
    """What decides the settings.

    Attributes:
        n_rows: for training.
        n_classes: 0 for a number, 2 for binary.
        has_validation: whether rows say when to stop.
    """

    n_rows: int
    n_classes: int
    has_validation: bool


def recipe(task: Task) -> dict[str, Setting]:
    """Return a value and its reason for every key that may be `auto`."""
    rows = f"{task.n_rows:,} training rows"
    rate = _learning_rate(task)
    rounds, why_rounds = _rounds(task, rate)
    is_few = task.n_rows < _FEW
    if task.n_classes == 0:
        kind = "a number is predicted: every row counts, so leaves are small and sampling is light"
        leaf, bagging, columns, ridge, bins = 5, 0.9, 0.9, 1.0, 511
    else:
        kind = "classes are predicted: sampling rows and columns keeps trees apart"
        leaf, bagging, columns, ridge, bins = 20, 0.75, 0.5 if is_few else 0.7, 0.0, 255
    return {
        "learning_rate": (rate, rows),
        "num_boost_round": (rounds, why_rounds),
        "early_stop": (round(2 / rate), f"2 / learning rate of {rate}"),
        "num_leaves": (_leaves(task.n_rows), rows),
        "min_data_in_leaf": (max(2, min(leaf, task.n_rows // 50)), f"{kind}; {rows}"),
        "bagging_fraction": (bagging, kind),
        "bagging_freq": (1, "rows are drawn anew each round"),
        "feature_fraction": (columns, kind),
        "lambda_l2": (ridge, kind),
        "max_bin": (bins, kind),
    }


def _learning_rate(task: Task) -> float:
    if task.n_rows >= _SOME or task.n_classes > 10:  # noqa: PLR2004 (a tree a class and round)
        return 0.1
    if task.n_rows < _FEW:
        return 0.03
    return 0.05 if task.n_classes == 0 else 0.08


def _rounds(task: Task, rate: float) -> tuple[int, str]:
    if task.has_validation:
        return round(50 / rate), "an upper bound; the validation rows say when to stop"
    return round((5 if task.n_rows < _FEW else 10) / rate), "no validation rows say when to stop"


def _leaves(n_rows: int) -> int:
    bounds = ((2_000, 7), (_FEW, 12), (_SOME, 31), (_MANY, 63))
    return next((leaves for bound, leaves in bounds if n_rows < bound), 127)
