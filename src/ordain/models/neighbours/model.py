"""A fitted `knn` model: the kept training rows, and how many of them are asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.core.arrays import read_arrays, write_arrays
from ordain.core.errors import BundleError
from ordain.core.files import read_json, write_json
from ordain.features.encoded import EncodedColumn, Kind, RowValue
from ordain.features.feature import Scores
from ordain.models.family import FittedModel, Problem
from ordain.models.loading import loading
from ordain.models.neighbours.points import Points, Space
from ordain.models.neighbours.search import Neighbours, Search
from ordain.models.neighbours.voting import Truths, Weighting

FORMAT = 1
_FACTS, _ROWS = "knn.json", "knn.safetensors"


@dataclass(frozen=True)
class Vote:
    """How one output is answered: truths of the kept rows, and how many neighbours."""

    truths: Truths
    k: int


@dataclass(frozen=True)
class Kept:
    """The training rows that answer.

    Attributes:
        space, points: where they lie.
        rows: [M] int64, ascending: their positions among the training rows.
    """

    space: Space
    points: Points
    rows: npt.NDArray[np.int64]


class FittedKnn(FittedModel):
    """Kept rows and a vote for each output, in the order of the problem.

    `nearest` says which training rows an answer rests on, for explanations by example.
    """

    def __init__(
        self,
        problem: Problem,
        kept: Kept,
        votes: Sequence[Vote],
        *,
        weighting: Weighting,
        smoothing: float,
        history: list[dict[str, Any]] | None = None,
        facts: dict[str, Any] | None = None,
    ) -> None:
        self.history = history or []
        self.facts = facts or {}
        self._problem, self._kept, self._votes = problem, kept, tuple(votes)
        self._weighting, self._smoothing = weighting, smoothing

    def nearest(self, inputs: Mapping[str, EncodedColumn], k: int) -> Neighbours:
        """Return the k training rows nearest to each row, nearest first.

        Returns:
            Neighbours: `rows` are positions among the training rows in the order of the split,
            [N, k]; fewer columns where fewer rows were kept.
        """
        n_rows = len(next(iter(inputs.values()))) if inputs else 0
        found = self._search.nearest(self._kept.space.points(inputs, n_rows), k)
        return Neighbours(self._kept.rows[found.rows], found.distances)

    def predict(self, inputs: Mapping[str, EncodedColumn]) -> dict[str, Scores]:
        """Return the scores of every output, float64; see the contract."""
        n_rows = len(next(iter(inputs.values()))) if inputs else 0
        return self._answer(self._kept.space.points(inputs, n_rows))

    def row_predictor(self) -> Callable[[Sequence[RowValue]], dict[str, Any]]:
        """Return a function for one row; see the contract."""
        space = self._kept.space
        _ = self._search  # built now, not at the first row

        def predict_row(cells: Sequence[RowValue]) -> dict[str, Any]:
            return {n: scores[0].tolist() for n, scores in self._answer(space.one(cells)).items()}

        return predict_row

    def save(self, folder: Path) -> None:
        """Write `knn.json` and `knn.safetensors`, which holds the kept training rows."""
        write_arrays(folder / _ROWS, _tensors(self._kept, self._votes))
        outputs = [
            {"output": output.name, "k": vote.k}
            for output, vote in zip(self._problem.outputs, self._votes, strict=True)
        ]
        write_json(
            folder / _FACTS,
            {
                "format": FORMAT,
                "inputs": [column.name for column in self._problem.inputs],
                "outputs": outputs,
                "smoothing": self._smoothing,
                "weights": self._weighting,
            },
        )

    @classmethod
    def load(cls, folder: Path, problem: Problem) -> FittedKnn:
        """Return what `save` wrote.

        Raises:
            BundleError: a file is missing, damaged, or of another problem.
        """
        with loading(folder, "`knn` rows"):
            stored, tensors = read_json(folder / _FACTS), read_arrays(folder / _ROWS)
            _check(stored, problem, folder=folder)
            votes = [
                Vote(
                    Truths(output.type, *(tensors[f"{index}.{name}"] for name in _TRUTHS)),
                    int(entry["k"]),
                )
                for index, (output, entry) in enumerate(
                    zip(problem.outputs, stored["outputs"], strict=True)
                )
            ]
            return cls(
                problem,
                _kept(problem, tensors),
                votes,
                weighting=stored["weights"],
                smoothing=float(stored["smoothing"]),
            )

    @cached_property
    def _search(self) -> Search:
        return Search(self._kept.points)

    def _answer(self, points: Points) -> dict[str, Scores]:
        found = self._search.nearest(points, max(vote.k for vote in self._votes))
        return {
            output.name: vote.truths.answer(
                found.first(vote.k), weighting=self._weighting, smoothing=self._smoothing
            )
            for output, vote in zip(self._problem.outputs, self._votes, strict=True)
        }


_TRUTHS = ("truth", "weights", "prior")


def _tensors(kept: Kept, votes: Sequence[Vote]) -> dict[str, npt.NDArray[Any]]:
    points = kept.points
    # Both are exact: coordinates lie on a grid, levels are small.
    tensors: dict[str, npt.NDArray[Any]] = {
        "centre": kept.space.centre,
        "factor": kept.space.factor,
        "dense": points.dense.astype(np.float32),
        "levels": points.levels,
        "rows": kept.rows,
    }
    for index, column in enumerate(points.terms):
        assert column.offsets is not None, "a text has offsets"
        assert column.weights is not None, "terms of points have weights"
        tensors[f"text.{index}.ids"] = column.values
        tensors[f"text.{index}.offsets"] = column.offsets
        tensors[f"text.{index}.weights"] = column.weights
    for index, vote in enumerate(votes):
        tensors[f"{index}.truth"] = vote.truths.values
        tensors[f"{index}.weights"] = vote.truths.weights
        tensors[f"{index}.prior"] = vote.truths.prior
    return tensors


def _kept(problem: Problem, tensors: Mapping[str, npt.NDArray[Any]]) -> Kept:
    texts = [c for c in problem.inputs if c.shape.kind in {Kind.BAG, Kind.TOKENS}]
    terms = tuple(
        EncodedColumn(
            column.shape.kind,
            *(tensors[f"text.{index}.{part}"] for part in ("ids", "offsets", "weights")),
        )
        for index, column in enumerate(texts)
    )
    points = Points(tensors["dense"].astype(np.float64), tensors["levels"], terms)
    space = Space(problem.inputs, tensors["centre"], tensors["factor"])
    return Kept(space, points, tensors["rows"])


def _check(stored: Mapping[str, Any], problem: Problem, *, folder: Path) -> None:
    names = ([entry["output"] for entry in stored["outputs"]], stored["inputs"])
    wanted = ([o.name for o in problem.outputs], [c.name for c in problem.inputs])
    if stored["format"] != FORMAT or names != wanted:
        raise BundleError(
            f"{folder / _FACTS}: format {stored['format']} with answers for {names[0]} from "
            f"{names[1]} does not fit format {FORMAT} and the config, which asks for {wanted[0]} "
            f"from {wanted[1]}"
        )
