"""Frames in, frames out: train from a data frame, predict a frame and a row, load a saved model.

Run: python examples/python/frames.py     (about five seconds on two cores)
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import ordain
from ordain.data import open_source, read_table

CONFIG = {
    "name": "breast-cancer",
    "input_features": "all",
    "output_features": {"target": "binary"},
    "model_type": "gbm",
}


def main() -> None:
    """Train, judge, predict, save, load."""
    rows = read_table(open_source("dataset:breast_cancer")).frame.collect()
    result = ordain.train(CONFIG, rows)
    scores = result.metrics["test"]["target"]
    print(f"roc_auc {scores['roc_auc']:.4f} on rows that training did not see")
    print(result.verdict)

    model = result.model()
    news = rows.drop("target").head(3)
    print(model.predict(news))

    patient = news.row(0, named=True)
    print(model.predict_row(patient))

    with tempfile.TemporaryDirectory() as folder:
        path = model.save(Path(folder) / "bundle")
        again = ordain.load(path)
        assert again.predict(news).equals(model.predict(news))
        print(again.evaluate(rows)["target"]["accuracy"])


if __name__ == "__main__":
    main()
