"""A fitted baseline: a table of answers for each output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.core.arrays import read_arrays, write_arrays
from ordain.core.errors import BundleError
from ordain.core.files import read_json, write_json
from ordain.features.encoded import EncodedColumn, RowValue
from ordain.features.feature import Scores
from ordain.models.baseline.groups import Grouping, Table
from ordain.models.family import FittedModel, Problem
from ordain.models.loading import loading

FORMAT = 1
_FILE, _TABLES = "baseline.json", "baseline.safetensors"


class FittedBaseline(FittedModel):
    """Tables, one an output, in the order of the problem."""

    def __init__(
        self,
        problem: Problem,
        tables: Sequence[Table],
        *,
        history: list[dict[str, Any]] | None = None,
        facts: dict[str, Any] | None = None,
    ) -> None:
        self.history = history or []
        self.facts = facts or {}
        self._problem, self._tables = problem, tuple(tables)

    def predict(self, inputs: Mapping[str, EncodedColumn]) -> dict[str, Scores]:
        """Return the answers of each row's groups, float64; see the contract."""
        n_rows = len(next(iter(inputs.values()))) if inputs else 0
        scores: dict[str, Scores] = {}
        for output, table in zip(self._problem.outputs, self._tables, strict=True):
            groups = np.zeros(n_rows, dtype=np.int64)
            if table.grouping is not None:
                groups = table.grouping.of(inputs)
            found = table.scores[groups]
            scores[output.name] = found if output.type == "category" else found[:, 0]
        return scores

    def row_predictor(self) -> Callable[[Sequence[RowValue]], dict[str, Any]]:
        """Return a function for one row; see the contract."""
        names = [column.name for column in self._problem.inputs]
        steps = []
        for output, table in zip(self._problem.outputs, self._tables, strict=True):
            answers = table.scores if output.type == "category" else table.scores[:, 0]
            grouping = table.grouping
            place = 0 if grouping is None else names.index(grouping.name)
            group = _always_first if grouping is None else grouping.of_cell()
            steps.append((output.name, place, group, answers.tolist()))

        def predict_row(cells: Sequence[RowValue]) -> dict[str, Any]:
            return {name: answers[group(cells[place])] for name, place, group, answers in steps}

        return predict_row

    def save(self, folder: Path) -> None:
        """Write `baseline.json` and `baseline.safetensors`."""
        tensors: dict[str, npt.NDArray[Any]] = {}
        entries = []
        for index, (output, table) in enumerate(
            zip(self._problem.outputs, self._tables, strict=True)
        ):
            tensors[str(index)] = table.scores
            grouping = table.grouping
            entries.append(
                {
                    "output": output.name,
                    "column": None if grouping is None else grouping.name,
                    "edges": None if grouping is None else grouping.edges,
                }
            )
        write_arrays(folder / _TABLES, tensors)
        write_json(folder / _FILE, {"format": FORMAT, "tables": entries})

    @classmethod
    def load(cls, folder: Path, problem: Problem) -> FittedBaseline:
        """Return what `save` wrote.

        Raises:
            BundleError: a file is missing, damaged, or of another problem.
        """
        with loading(folder, "`baseline` tables"):
            stored, scores = read_json(folder / _FILE), read_arrays(folder / _TABLES)
            tables = [
                Table(_grouping(entry, n_groups=len(scores[str(index)])), scores[str(index)])
                for index, entry in enumerate(stored["tables"])
            ]
            outputs = [entry["output"] for entry in stored["tables"]]
            form = stored["format"]
        wanted = [output.name for output in problem.outputs]
        if form != FORMAT or outputs != wanted:
            raise BundleError(
                f"{folder / _FILE}: format {form} with answers for {outputs} does not fit "
                f"format {FORMAT} and the outputs {wanted} of the config"
            )
        return cls(problem, tables)


def _grouping(entry: Mapping[str, Any], *, n_groups: int) -> Grouping | None:
    if entry["column"] is None:
        return None
    edges = None if entry["edges"] is None else tuple(entry["edges"])
    return Grouping(entry["column"], edges, n_groups)


def _always_first(_: RowValue) -> int:
    return 0
