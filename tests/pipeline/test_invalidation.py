"""Every key of a config rebuilds exactly what depends on it."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import ordain

pytestmark = pytest.mark.slow

Config = dict[str, Any]
BASE: Config = {
    "name": "churn",
    "seed": 1,
    "input_features": [
        {"name": "tenure", "type": "number"},
        {"name": "contract", "type": "category"},
        {"name": "charges", "type": "number"},
    ],
    "output_features": [{"name": "churn", "type": "binary"}],
    "model_type": "gbm",
    "trainer": {"num_boost_round": 5},
    "evaluation": {"baselines": False},
}
ALL = {
    "read",
    "split",
    "encode tenure",
    "encode contract",
    "encode charges",
    "encode churn",
    "fit model",
}
AFTER_SPLIT = ALL - {"read"}

CASES: list[tuple[str, Any, set[str]]] = [
    ("trainer.num_boost_round", 6, {"fit model"}),
    ("trainer.learning_rate", 0.2, {"fit model"}),
    ("trainer.num_leaves", 7, {"fit model"}),
    ("backend.threads", 1, {"fit model"}),
    ("input_features.0.preprocessing", {"normalization": "zscore"}, {"encode tenure", "fit model"}),
    ("input_features.1.preprocessing", {"most_common": 2}, {"encode contract", "fit model"}),
    (
        "input_features.2.preprocessing",
        {"missing_value_strategy": "fill_with_mean"},
        {"encode charges", "fit model"},
    ),
    (
        "defaults",
        {"number": {"preprocessing": {"normalization": "minmax"}}},
        {"encode tenure", "encode charges", "fit model"},
    ),
    ("preprocessing", {"oversample_minority": 0.9}, {"fit model"}),
    ("preprocessing", {"split": {"type": "random", "probabilities": [0.6, 0.2, 0.2]}}, AFTER_SPLIT),
    ("preprocessing", {"split": {"type": "hash", "column": "tenure"}}, AFTER_SPLIT),
    ("seed", 2, AFTER_SPLIT),
    ("data", {"where": "tenure > 3"}, ALL),
    ("data", {"sample": 0.9}, ALL),
    ("model_type", "linear", {"encode tenure", "encode charges", "fit model"}),
    ("name", "other", set()),
    ("evaluation.metrics", ["accuracy"], set()),
]


@pytest.mark.parametrize(
    ("path", "value", "rebuilt"), CASES, ids=lambda v: v if isinstance(v, str) else ""
)
def test_key_rebuilds_exactly_its_descendants(
    path: str, value: Any, rebuilt: set[str], frame: pl.DataFrame
) -> None:
    ordain.train(BASE, frame)
    changed = _with(BASE, path.split("."), value)
    if path == "model_type":
        changed.pop("trainer")
    plan = ordain.plan(changed, frame)
    assert plan.answer is None
    computed = {
        f"{step.stage} {step.subject}".strip() for step in plan.steps if step.action != "reuse"
    }
    assert computed - {"profile"} == rebuilt


def test_comment_order_and_short_forms_rebuild_nothing(frame: pl.DataFrame) -> None:
    first = ordain.train(BASE, frame)
    text = """
# the same, written otherwise
output_features: {churn: binary}
trainer: {num_boost_round: 5}
evaluation: {baselines: false}
model_type: gbm
input_features:
  charges: number       # three columns
  contract: {type: category}
  tenure: number
seed: 1
name: churn
"""
    assert ordain.plan(text, frame).answer == first.run.reference


def test_changed_row_rebuilds_everything(frame: pl.DataFrame) -> None:
    ordain.train(BASE, frame)
    other = frame.with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(99).otherwise("tenure").alias("tenure")
    )
    assert {step.action for step in ordain.plan(BASE, other).steps if step.stage != "read"} == {
        "compute",
        "recompute",
    } or all(
        step.action != "reuse"
        for step in ordain.plan(BASE, other).steps
        if step.stage in {"split", "encode", "fit"}
    )


def test_reason_names_the_changed_key(frame: pl.DataFrame) -> None:
    ordain.train(BASE, frame)
    plan = ordain.plan(_with(BASE, ["trainer", "num_boost_round"], 9), frame)
    (step,) = [step for step in plan.steps if step.stage == "fit"]
    assert step.reason == "changed: trainer.num_boost_round"
    assert plan.summary == "Plan: 7 to reuse, 1 to recompute."


def _with(config: Config, path: list[str], value: Any) -> Config:
    head, *rest = path
    if not rest:
        return {**config, head: value}
    if head.isdigit():
        raise AssertionError("positions stand second")
    inner = config.get(head, {})
    if isinstance(inner, list):
        position = int(rest[0])
        items = list(inner)
        items[position] = {**items[position], rest[1]: value}
        return {**config, head: items}
    return {**config, head: _with(inner, rest, value)}
