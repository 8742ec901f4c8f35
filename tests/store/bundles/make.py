"""Make the bundles that later versions must read; those that are there are left alone."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import ordain
from ordain.core.files import read_json, write_json
from ordain.store import bundle

HERE = Path(__file__).resolve().parent
JUDGED = {"baselines": False, "checks": False}
INPUTS: dict[str, Any] = {
    "tenure": {"type": "number", "preprocessing": {"missing_indicator": True}},
    "charges": {"type": "number", "preprocessing": {"normalization": "robust"}},
    "since": "date",
    "contract": "category",
    "senior": "binary",
    "note": {"type": "text", "preprocessing": {"max_terms": 40}},
}
PLAIN = {name: INPUTS[name] for name in ("tenure", "charges", "contract", "senior")}
DECIDED = {"calibration": "isotonic", "threshold": {"maximize": "f1"}, "intervals": 0.9,
           "abstain": {"confidence_below": 0.6}, **JUDGED}  # fmt: skip
SMALL = {"type": "concat", "hidden_layers": 1, "output_size": 8}
TOKENS = {"type": "text", "encoder": {"type": "gru", "embedding_size": 4, "state_size": 4}}

CASES: dict[str, dict[str, Any]] = {
    "baseline": {"model_type": "baseline", "output_features": {"size": "category"}},
    "linear": {"model_type": "linear", "output_features": {"churn": "binary"},
               "evaluation": DECIDED},
    "linear_derived": {"model_type": "linear", "output_features": {"price": "number"},
                       "data": {"columns": {"monthly": "charges / (tenure + 1)"}},
                       "input_features": {"monthly": "number", **PLAIN}},
    "naive_bayes": {"model_type": "naive_bayes", "output_features": {"size": "category"}},
    "gbm": {"model_type": "gbm", "output_features": {"churn": "binary", "price": "number"},
            "trainer": {"num_boost_round": 8, "num_leaves": 6},
            "evaluation": {"intervals": 0.8, **JUDGED}},
    "neural": {"model_type": "neural", "output_features": {"churn": "binary", "price": "number"},
               "combiner": SMALL, "trainer": {"epochs": 3}},
    "neural_tokens": {"model_type": "neural", "output_features": {"size": "category"},
                      "combiner": SMALL, "trainer": {"epochs": 2},
                      "input_features": {"note": TOKENS, "contract": "category"}},
    "knn": {"model_type": "knn", "output_features": {"size": "category"},
            "trainer": {"max_rows": 120}},
}  # fmt: skip


def customers(n_rows: int = 1_500) -> pl.DataFrame:
    """Return rows of every type, with gaps."""
    random = np.random.default_rng(11)
    tenure = random.integers(0, 72, n_rows)
    charges = np.round(random.normal(60, 20, n_rows), 2)
    contract = random.choice(["month", "year", "two years"], n_rows, p=[0.5, 0.3, 0.2])
    odds = 1.5 - 0.06 * tenure + (contract == "month") * 1.5 + (charges - 60) / 40
    left = random.random(n_rows) < 1 / (1 + np.exp(-odds))
    words = ["bad and slow", "a fine line", "good", "too dear for me", "all is well"]
    gap = pl.Series(random.random(n_rows) < 0.08)
    return pl.DataFrame(
        {
            "tenure": tenure,
            "charges": pl.Series(charges).set(gap, None),
            "since": pl.Series([f"20{20 + i % 5}-{1 + i % 12:02}-03" for i in range(n_rows)]),
            "contract": pl.Series(contract).set(gap.shuffle(seed=1), None),
            "senior": random.random(n_rows) < 0.3,
            "note": pl.Series(random.choice(words, n_rows)).set(gap.shuffle(seed=2), None),
            "churn": np.where(left, "Yes", "No"),
            "size": np.where(odds > 1, "large", np.where(odds > -1, "middle", "small")),
            "price": np.round(odds * 20 + 50, 3),
        }
    )


def make(name: str, target: Path) -> None:
    """Train a case and keep its bundle, without what tells of the machine."""
    config = {"name": name, "input_features": INPUTS, "evaluation": JUDGED, **CASES[name]}
    with tempfile.TemporaryDirectory() as home:
        made = ordain.train(config, customers(), home=home).run.bundle
        lock = read_json(made / "lock.json")
        write_json(made / "lock.json", {**lock, "machine": {}, "git": None})
        (made / bundle.CHECKSUMS).unlink()
        bundle.seal(made)
        shutil.copytree(made, target)


def main() -> None:
    """Make each case that has no folder yet."""
    for name in CASES:
        target = HERE / f"format_{bundle.FORMAT}" / name
        if not target.exists():
            make(name, target)
            size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
            sys.stdout.write(f"{target.relative_to(HERE)} {size / 1000:.1f} kB\n")


if __name__ == "__main__":
    main()
