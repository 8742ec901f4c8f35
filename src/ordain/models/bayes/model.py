"""A fitted naive Bayes: tables of each output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.core.arrays import read_arrays, write_arrays
from ordain.core.errors import BundleError
from ordain.core.files import read_json, write_json
from ordain.features.encoded import EncodedColumn, RowValue
from ordain.features.feature import Scores
from ordain.models.attribution import Attribution
from ordain.models.bayes.attribution import log_odds
from ordain.models.bayes.counting import Tables, level_starts
from ordain.models.bayes.factors import BLOCK_ROWS, Factors, Floats, Row, is_text, places_of, terms
from ordain.models.family import FittedModel, Problem
from ordain.models.loading import loading
from ordain.models.targets import spread

FORMAT = 1
_FACTS, _TABLES = "naive_bayes.json", "naive_bayes.safetensors"
_PLAIN = ("prior", "centre", "scale", "mean", "variance", "levels")


@dataclass(frozen=True)
class Answer:
    """What answers for one output: tables, or the scores of every row where truth never varied."""

    tables: Tables | None
    constant: tuple[float, ...] = ()


class FittedBayes(FittedModel):
    """Answers, one an output, in the order of the problem.

    Args:
        is_presence: whether a term counts once, whatever its weight.
    """

    def __init__(
        self,
        problem: Problem,
        factors: Factors,
        answers: Sequence[Answer],
        *,
        is_presence: bool,
        history: list[dict[str, Any]] | None = None,
        facts: dict[str, Any] | None = None,
    ) -> None:
        self.history = history or []
        self.facts = facts or {}
        self._problem, self._factors, self._answers = problem, factors, tuple(answers)
        self._is_presence = is_presence
        self._said = [Said(answer.tables, factors) if answer.tables else None for answer in answers]

    def predict(self, inputs: Mapping[str, EncodedColumn]) -> dict[str, Scores]:
        """Return the probabilities of every output, float64; see the contract."""
        n_rows = len(next(iter(inputs.values()))) if inputs else 0
        scores: dict[str, Scores] = {}
        for output, answer, said in zip(
            self._problem.outputs, self._answers, self._said, strict=True
        ):
            is_category = output.type == "category"
            if said is None:
                constant = np.array(answer.constant)
                scores[output.name] = spread(constant, n_rows, is_category=is_category)
                continue
            found = np.empty((n_rows, said.n_classes))
            for place, numbers, levels in self._factors.blocks(inputs, n_rows):
                said.write(found[place], numbers, levels)
            for index, (name, places) in enumerate(self._factors.places.items()):
                for start in range(0, n_rows, BLOCK_ROWS):
                    rows = inputs[name].rows(start, min(start + BLOCK_ROWS, n_rows))
                    told, weights, row = terms(rows, places)
                    weights = np.ones(len(told)) if self._is_presence else weights
                    said.add_terms(
                        found[start : start + len(rows)], index, told, weights=weights, rows=row
                    )
            found = _shares(found)
            scores[output.name] = found if is_category else np.ascontiguousarray(found[:, 1])
        return scores

    def row_predictor(self) -> Callable[[Sequence[RowValue]], dict[str, Any]]:
        """Return a function for one row; see the contract."""
        read, is_presence = self._factors.row_reader(), self._is_presence
        steps = [
            (output.name, output.type == "category", answer.constant, said)
            for output, answer, said in zip(
                self._problem.outputs, self._answers, self._said, strict=True
            )
        ]

        def predict_row(cells: Sequence[RowValue]) -> dict[str, Any]:
            row, scores = read(cells), {}
            for name, is_category, constant, said in steps:
                if said is None:
                    scores[name] = list(constant) if is_category else constant[0]
                    continue
                shares = said.row(row, is_presence=is_presence)
                scores[name] = shares if is_category else shares[1]
            return scores

        return predict_row

    def attribute(
        self,
        inputs: Mapping[str, EncodedColumn],
        output: str,
        *,
        background: Mapping[str, EncodedColumn],
    ) -> Attribution | None:
        """Return what each input says, against the mean of the background; None for a constant."""
        place = next(i for i, o in enumerate(self._problem.outputs) if o.name == output)
        said = self._said[place]
        if said is None:
            return None
        return log_odds(
            said,
            self._factors,
            inputs,
            background,
            is_category=self._problem.outputs[place].type == "category",
            is_presence=self._is_presence,
        )

    def save(self, folder: Path) -> None:
        """Write `naive_bayes.json` and `naive_bayes.safetensors`."""
        tensors: dict[str, npt.NDArray[Any]] = {}
        for index, (_, places) in enumerate(self._factors.places.items()):
            tensors[f"text.{index}"] = np.flatnonzero(places[:-1] < places[-1]).astype(np.int32)
        entries = []
        for index, (output, answer) in enumerate(
            zip(self._problem.outputs, self._answers, strict=True)
        ):
            entries.append({"output": output.name, "constant": list(answer.constant)})
            if answer.tables is not None:
                tensors |= {f"{index}.{k}": v for k, v in _named(answer.tables).items()}
        write_arrays(folder / _TABLES, tensors)
        write_json(
            folder / _FACTS,
            {"format": FORMAT, "is_presence": self._is_presence, "outputs": entries},
        )

    @classmethod
    def load(cls, folder: Path, problem: Problem) -> FittedBayes:
        """Return what `save` wrote.

        Raises:
            BundleError: a file is missing, damaged, or of another problem.
        """
        with loading(folder, "`naive_bayes` tables"):
            stored, tensors = read_json(folder / _FACTS), read_arrays(folder / _TABLES)
            _check(stored, problem, folder=folder)
            factors = _factors(problem, tensors)
            answers = [
                Answer(None, tuple(entry["constant"]))
                if entry["constant"]
                else Answer(_tables(tensors, index, n_texts=len(factors.places)))
                for index, entry in enumerate(stored["outputs"])
            ]
            return cls(problem, factors, answers, is_presence=stored["is_presence"])


class Said:
    """Adds up what the factors of rows say for each class, as logarithms."""

    def __init__(self, tables: Tables, factors: Factors) -> None:
        self.n_classes, self.prior = len(tables.prior), tables.prior
        self._tables = tables
        self._starts = np.array(level_starts(factors.n_levels), dtype=np.int64)
        # -(z - m)^2 / 2v - log(v) / 2  =  a z^2 + b z + c; all 0 where v is infinite.
        is_told = np.isfinite(tables.variance)
        variance = np.where(is_told, tables.variance, 1.0)
        self._a = np.where(is_told, -0.5 / variance, 0.0)
        self._b = np.where(is_told, tables.mean / variance, 0.0)
        self._c = np.where(is_told, -0.5 * tables.mean**2 / variance - 0.5 * np.log(variance), 0.0)

    def write(self, out: Floats, numbers: Floats, levels: npt.NDArray[np.int32]) -> None:
        """Write what prior, numbers and levels say, [B, C]."""
        out[:] = self.prior
        everything = slice(None), slice(None)
        self.add_dense(out, numbers, levels, places=everything)

    def add_dense(
        self, out: Floats, numbers: Floats, levels: npt.NDArray[np.int32], *,
        places: tuple[slice, slice],
    ) -> None:  # fmt: skip
        """Add what some numbers and levels say, [B, C]; `places` are theirs among all."""
        tables, (of_numbers, of_levels) = self._tables, places
        if numbers.shape[1]:
            scaled = (numbers - tables.centre[of_numbers]) * tables.scale[of_numbers]
            is_known = np.isfinite(scaled)
            known = np.where(is_known, scaled, 0.0)
            a, b, c = self._a[of_numbers], self._b[of_numbers], self._c[of_numbers]
            out += (known**2) @ a + known @ b + is_known @ c
        for start, column in zip(self._starts[of_levels], levels.T, strict=True):
            out += tables.levels[start + column]

    def add_terms(
        self, out: Floats, index: int, places: npt.NDArray[np.int32], *, weights: Floats,
        rows: npt.NDArray[np.int32],
    ) -> None:  # fmt: skip
        """Add what the terms of one input of text say, [B, C]."""
        table, n_rows = self._tables.terms[index], len(out)
        for c in range(self.n_classes):
            said = weights * table[places, c]
            out[:, c] += np.bincount(rows, weights=said, minlength=n_rows)
        has_terms = np.bincount(rows, minlength=n_rows) > 0
        out[has_terms] += self._tables.absent[index]

    def row(self, row: Row, *, is_presence: bool) -> list[float]:
        """Return the probability of each class for one row."""
        tables, said = self._tables, self._tables.prior
        if row.numbers:
            scaled = (np.array(row.numbers) - tables.centre) * tables.scale
            is_known = np.isfinite(scaled)
            known = np.where(is_known, scaled, 0.0)
            said = said + (known**2 @ self._a + known @ self._b + is_known @ self._c)
        if row.levels:
            said = said + tables.levels[self._starts + row.levels].sum(axis=0)
        for index, (places, weights) in enumerate(row.terms):
            if places:
                by = np.ones(len(places)) if is_presence else np.array(weights)
                said = said + by @ tables.terms[index][places] + tables.absent[index]
        powers = np.exp(said - said.max())
        shares: list[float] = (powers / powers.sum()).tolist()
        return shares


def _shares(said: Floats) -> Floats:
    if not len(said):
        return said
    powers: Floats = np.exp(said - said.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def _named(tables: Tables) -> dict[str, Floats]:
    named: dict[str, Floats] = {name: getattr(tables, name) for name in _PLAIN}
    for part in ("terms", "absent"):
        named |= {f"{part}.{i}": values for i, values in enumerate(getattr(tables, part))}
    return named


def _tables(tensors: Mapping[str, Floats], index: int, *, n_texts: int) -> Tables:
    return Tables(
        **{name: tensors[f"{index}.{name}"] for name in _PLAIN},
        terms=tuple(tensors[f"{index}.terms.{i}"] for i in range(n_texts)),
        absent=tuple(tensors[f"{index}.absent.{i}"] for i in range(n_texts)),
    )


def _factors(problem: Problem, tensors: Mapping[str, Any]) -> Factors:
    texts = [column for column in problem.inputs if is_text(column.shape)]
    places = {
        column.name: places_of(tensors[f"text.{index}"], column.shape.cardinality)
        for index, column in enumerate(texts)
    }
    return Factors(problem.inputs, places)


def _check(stored: Mapping[str, Any], problem: Problem, *, folder: Path) -> None:
    names = [entry["output"] for entry in stored["outputs"]]
    wanted = [output.name for output in problem.outputs]
    if stored["format"] != FORMAT or names != wanted:
        raise BundleError(
            f"{folder / _FACTS}: format {stored['format']} with answers for {names} does not fit "
            f"format {FORMAT} and the outputs {wanted} of the config"
        )
