"""A trained `gbm` model: one booster an output, or the constant that needs none."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ordain.core.errors import BundleError
from ordain.core.files import read_json, write_json, write_text
from ordain.features.encoded import EncodedColumn, RowValue
from ordain.features.feature import Scores
from ordain.models.attribution import Attribution
from ordain.models.family import FittedModel, Learned, Problem
from ordain.models.gbm.attribution import tree_shap
from ordain.models.gbm.mask_tables import compile_masks
from ordain.models.gbm.masks import Masks
from ordain.models.gbm.matrix import Layout
from ordain.models.gbm.native import Booster
from ordain.models.loading import loading
from ordain.models.targets import spread

FORMAT = 1
_FILE = "gbm.json"
_ONE_THREAD_ROWS = 512
_MASKED_ROWS = 16
"""Rows from which on the tables of `masks.py` are faster than the walk down the trees."""


@dataclass(frozen=True)
class Trees:
    """What answers for one output.

    Attributes:
        name: of the output.
        is_category: whether there is a probability a class.
        text: of the booster; empty for a constant.
        constant: scores of every row, where the truth never varied.
    """

    name: str
    is_category: bool
    text: str = ""
    constant: tuple[float, ...] = ()


class FittedGbm(FittedModel):
    """Boosters and the layout of their matrix.

    Args:
        layout: of the inputs.
        trees: one an output, in the order of the problem.
        n_threads: for prediction on many rows; 0 for all that OpenMP offers.
    """

    engine = "lightgbm"

    def __init__(
        self,
        layout: Layout,
        trees: Sequence[Trees],
        *,
        history: list[dict[str, Any]] | None = None,
        facts: dict[str, Any] | None = None,
        n_threads: int = 0,
    ) -> None:
        self.history = history or []
        self.facts = facts or {}
        self._layout = layout
        self._trees = tuple(trees)
        self._n_threads = n_threads
        self._boosters = [Booster.parse(t.text) if t.text else None for t in trees]

    def predict(self, inputs: Mapping[str, EncodedColumn]) -> dict[str, Scores]:
        """Return the scores of every output, float64; see the contract."""
        n_rows = len(next(iter(inputs.values()))) if inputs else 0
        scores: dict[str, Any] = {}
        for trees, booster in zip(self._trees, self._boosters, strict=True):
            if booster is None:
                constant = np.array(trees.constant)
                scores[trees.name] = spread(constant, n_rows, is_category=trees.is_category)
            else:
                shape = (n_rows, booster.n_scores) if trees.is_category else (n_rows,)
                scores[trees.name] = np.empty(shape)
        n_threads = 1 if n_rows < _ONE_THREAD_ROWS else self._n_threads
        masks = self._masks if n_rows >= _MASKED_ROWS else (None,) * len(self._trees)

        def answer(place: slice) -> None:
            block = self._layout.gather(inputs, place)
            parts = zip(self._trees, self._boosters, masks, strict=True)
            for trees, booster, tables in parts:
                if tables is not None:
                    tables.predict(block, scores[trees.name][place])
                elif booster is not None:
                    booster.predict(block, scores[trees.name][place], n_threads=n_threads)

        places = self._layout.places(n_rows)
        # LightGBM has threads of its own.
        n_workers = 1 if None in masks else min(len(places), n_threads or _n_cores())
        if n_workers > 1:
            with ThreadPoolExecutor(n_workers) as pool:
                list(pool.map(answer, places))
        else:
            for place in places:
                answer(place)
        return scores

    @functools.cached_property
    def _masks(self) -> tuple[Masks | None, ...]:
        """The tables of each output; None where there are no trees, or tables cannot hold them."""
        return tuple(compile_masks(trees.text) if trees.text else None for trees in self._trees)

    def row_predictor(self) -> Callable[[Sequence[RowValue]], dict[str, Any]]:
        """Return a function for one row; see the contract."""
        compile_row = self._layout.row_compiler()
        predictors = [
            _one(trees, booster) for trees, booster in zip(self._trees, self._boosters, strict=True)
        ]

        def predict_row(cells: Sequence[RowValue]) -> dict[str, Any]:
            row = compile_row(cells)
            return {name: answer(row) for name, answer in predictors}

        return predict_row

    def attribute(
        self,
        inputs: Mapping[str, EncodedColumn],
        output: str,
        *,
        background: Mapping[str, EncodedColumn],
    ) -> Attribution | None:
        """Return tree SHAP values, whose base is that of the training rows; None for a constant."""
        del background
        place = next(i for i, trees in enumerate(self._trees) if trees.name == output)
        booster = self._boosters[place]
        if booster is None:
            return None
        return tree_shap(
            booster,
            self._layout,
            inputs,
            scale=_scale(self._trees[place].text),
            is_category=self._trees[place].is_category,
            n_threads=self._n_threads,
        )

    def learned(self) -> dict[str, Learned]:
        """Return how often the trees of each output split; 0 for a constant."""
        fix = "trainer: {min_data_in_leaf: 5, num_boost_round: 100}"
        found: dict[str, Learned] = {}
        for trees in self._trees:
            leaves = re.findall(r"^num_leaves=(\d+)$", trees.text, re.MULTILINE)
            count = sum(int(n) - 1 for n in leaves)
            found[trees.name] = {"count": count, "what": "splits in its trees", "fix": fix}
        return found

    def save(self, folder: Path) -> None:
        """Write `gbm.json` and, for each output with trees, `<index>.txt`."""
        outputs = []
        for index, trees in enumerate(self._trees):
            if trees.text:
                write_text(folder / f"{index}.txt", trees.text)
            outputs.append({"name": trees.name, "constant": list(trees.constant)})
        write_json(
            folder / _FILE,
            {"format": FORMAT, "n_columns": self._layout.n_columns, "outputs": outputs},
        )

    @classmethod
    def load(cls, folder: Path, problem: Problem) -> FittedGbm:
        """Return what `save` wrote.

        Raises:
            BundleError: a file is missing, damaged, or of another problem.
        """
        with loading(folder, "`gbm` weights"):
            stored = read_json(folder / _FILE)
            layout = Layout.of(problem.inputs)
            _check(stored, layout, problem, folder=folder)
            trees = [
                _read(folder, index, constant=tuple(entry["constant"]), problem=problem)
                for index, entry in enumerate(stored["outputs"])
            ]
            return cls(layout, trees)


def _n_cores() -> int:
    """Return the threads that OpenMP would take."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdigit() else os.cpu_count() or 1


def _scale(text: str) -> str:
    """Return what the raw score of a booster is, as its text says it."""
    name = text.partition("\nobjective=")[2].split(maxsplit=1)[0] if "\nobjective=" in text else ""
    if name in {"binary", "multiclass"}:
        return "log_odds"
    return "log" if name in {"poisson", "gamma", "tweedie"} else "value"


def _one(
    trees: Trees, booster: Booster | None
) -> tuple[str, Callable[[Sequence[float]], float | list[float]]]:
    if booster is None:
        constant: Any = list(trees.constant) if trees.is_category else trees.constant[0]
        return trees.name, lambda _: constant
    answer = booster.row_predictor()
    return trees.name, answer if trees.is_category else lambda row: answer(row)[0]


def _read(folder: Path, index: int, *, constant: tuple[float, ...], problem: Problem) -> Trees:
    output = problem.outputs[index]
    text = "" if constant else (folder / f"{index}.txt").read_text(encoding="utf-8")
    return Trees(output.name, output.type == "category", text, constant)


def _check(stored: dict[str, Any], layout: Layout, problem: Problem, *, folder: Path) -> None:
    if stored["format"] != FORMAT:
        raise BundleError(
            f"{folder / _FILE}: format {stored['format']} is not known; "
            f"this version reads format {FORMAT}"
        )
    names = [entry["name"] for entry in stored["outputs"]]
    wanted = [output.name for output in problem.outputs]
    if names != wanted or stored["n_columns"] != layout.n_columns:
        raise BundleError(
            f"{folder / _FILE}: the weights answer {names} from {stored['n_columns']} numbers, "
            f"and the config asks for {wanted} from {layout.n_columns}"
        )
