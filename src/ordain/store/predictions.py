"""Predictions of the rows a model was judged by, kept with its run.

    predictions.parquet
        row                         position in the table that was read
        <output>_truth              label, or number; missing where it is not known or was not seen
        <output>_prediction         label by the threshold in force, or number in its own unit
        <output>_probability_<c>    of each class

Plots, comparisons and error browsing read it, so that no row is read and predicted again. It holds
the rows that were studied, at most 50,000 of them and at most five million probabilities, and none
of the inputs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.core.errors import UsageError
from ordain.core.files import atomic_file
from ordain.evaluation.losses import predicted_class
from ordain.evaluation.scores import UNSEEN
from ordain.evaluation.subject import Subject, Target
from ordain.store.runs import Run

FILE = "predictions.parquet"
MOST_NUMBERS = 5_000_000
ROW = "row"
_HEAD = "ordain"


@dataclass(frozen=True)
class Predictions:
    """What a model said of N rows, beside the truth.

    Attributes:
        run: reference of the run.
        set: name of the set of rows.
        rows: position of each row in the table that was read [N], rising.
        targets: truth and scores by output.
    """

    run: str
    set: str
    rows: npt.NDArray[np.int64]
    targets: dict[str, Target]

    def __len__(self) -> int:
        return len(self.rows)


def write_predictions(subject: Subject, folder: Path) -> Path:
    """Write what a model says of a subject's rows into a run folder; return the file's path."""
    n_numbers = sum(max(1, len(target.labels)) for target in subject.targets.values())
    kept = subject_rows(subject, MOST_NUMBERS // max(1, n_numbers))
    ids = kept if subject.row_ids is None else subject.row_ids[kept]
    columns = [pl.Series(ROW, ids, dtype=pl.UInt32)]
    for target in subject.targets.values():
        columns += _columns(target.take(kept))
    head = {
        "set": subject.set,
        "outputs": [
            {
                "name": target.name,
                "column": target.column,
                "type": target.type,
                "labels": list(target.labels),
                "threshold": target.threshold,
            }
            for target in subject.targets.values()
        ],
    }
    path = folder / FILE
    with atomic_file(path) as file:
        pl.DataFrame(columns).sort(ROW).write_parquet(file, metadata={_HEAD: json.dumps(head)})
    return path


def read_predictions(run: Run) -> Predictions:
    """Return the predictions that a run keeps.

    Raises:
        UsageError: the run keeps none.
    """
    path = run.folder / FILE
    if not path.exists():
        raise UsageError(
            f"run {run.reference} keeps no predictions: it has not finished, or an earlier version "
            "made it\n  Fix: ordain train CONFIG --force"
        )
    head = json.loads(pl.read_parquet_metadata(path)[_HEAD])
    frame = pl.read_parquet(path)
    return Predictions(
        run=run.reference,
        set=head["set"],
        rows=frame[ROW].to_numpy().astype(np.int64),
        targets={one["name"]: _target(one, frame) for one in head["outputs"]},
    )


def subject_rows(subject: Subject, most: int) -> npt.NDArray[np.int64]:
    """Return the positions of at most so many rows, spread evenly."""
    n_rows = len(subject)
    if n_rows <= most:
        return np.arange(n_rows)
    return np.linspace(0, n_rows - 1, max(1, most)).round().astype(np.int64)


def _columns(target: Target) -> list[pl.Series]:
    name = target.name
    if target.type == "number":
        return [
            pl.Series(f"{name}_truth", target.truth.astype(np.float64), nan_to_null=True),
            pl.Series(f"{name}_prediction", target.scores),
        ]
    # The last place stands for a truth that is not known.
    labels = pl.Series([*target.labels, None], dtype=pl.Enum(target.labels))
    truth = np.where(target.is_judged, target.truth, len(target.labels)).astype(np.int64)
    scores = target.scores if target.scores.ndim > 1 else _both(target.scores)
    return [
        labels.gather(truth).alias(f"{name}_truth"),
        labels.gather(predicted_class(target)).alias(f"{name}_prediction"),
        *(
            pl.Series(probability_column(name, label), np.ascontiguousarray(scores[:, place]))
            for place, label in enumerate(target.labels)
        ),
    ]


def probability_column(output: str, label: str) -> str:
    """Return the column of a class's probability, as predictions name it."""
    return f"{output}_probability_{label}"


def _both(positive: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.stack([1 - positive, positive], axis=1)


def _target(head: dict[str, Any], frame: pl.DataFrame) -> Target:
    name, labels = head["name"], tuple(head["labels"])
    truth = frame[f"{name}_truth"]
    if head["type"] == "number":
        values = truth.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        scores = frame[f"{name}_prediction"].to_numpy()
    else:
        values = truth.to_physical().cast(pl.Int64).fill_null(UNSEEN).to_numpy()
        own = [probability_column(name, label) for label in labels]
        is_binary = head["type"] == "binary"
        scores = frame[own[1]].to_numpy() if is_binary else frame.select(own).to_numpy()
    return Target(
        name=name,
        column=head["column"],
        type=head["type"],
        labels=labels,
        truth=values,
        scores=scores,
        threshold=head["threshold"],
    )
