"""What the predictions cost, by a price for each pair of true and predicted class.

With FN, FP, TP, TN the price of one missed positive row, false alarm, find and negative row left
alone (those not given cost nothing); or a price for each pair of classes. Prices may be negative:
what is earned. The reference is doing nothing: calling no row positive, or giving every row the
one answer that is cheapest over all.
Source: Elkan 2001, "The foundations of cost-sensitive learning".

    evaluation:
      metrics:
        - {name: cost, cost_matrix: {FN: 50, FP: 5}}
        - {name: claims, cost_matrix: {fraud: {honest: 900}, honest: {fraud: 20}}, other_cost: 1}
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import field_validator

from ordain.evaluation.metric import METRICS, Metric, Undefined
from ordain.evaluation.sample import BinarySample, ClassSample, Floats

CELLS: dict[str, tuple[int, int]] = {"TN": (0, 0), "FP": (0, 1), "FN": (1, 0), "TP": (1, 1)}
"""True and predicted class of each cell of a binary matrix."""
CostMatrix = dict[str, float | dict[str, float]]


@METRICS.register
class Cost(Metric[ClassSample]):
    """Mean cost of a row's prediction, by the prices of `cost_matrix`."""

    type: Literal["cost"] = "cost"
    types: ClassVar[frozenset[str]] = frozenset({"binary", "category"})
    is_higher_better: ClassVar[bool] = False
    is_default: ClassVar[bool] = False

    cost_matrix: CostMatrix
    """Price of each outcome: `{FN: 50, FP: 5}`, or by labels `{truth: {predicted: price}}`."""
    other_cost: float = 0.0
    """Price of a mistake that a matrix by labels does not name; what is right costs nothing."""

    @field_validator("cost_matrix", mode="after")
    @classmethod
    def _is_of_one_form(cls, matrix: CostMatrix) -> CostMatrix:
        if not matrix:
            raise ValueError("`cost_matrix` must name at least one price")
        is_nested = [isinstance(price, dict) for price in matrix.values()]
        if any(is_nested) != all(is_nested):
            raise ValueError(
                "`cost_matrix` must hold either prices of FN, FP, TP and TN, or a mapping for each "
                "true class"
            )
        unknown = [key for key in matrix if key not in CELLS]
        if unknown and not all(is_nested):
            raise ValueError(
                f"`cost_matrix` has no cell '{unknown[0]}': its cells are FN, FP, TP and TN"
            )
        return matrix

    @property
    def best(self) -> float:  # type: ignore[override]
        """The lowest price there is, zero where all prices are above it."""
        return min(0.0, self.other_cost, *self._prices())

    def measure(self, sample: ClassSample) -> float | Undefined:
        """Return the mean price of a row; undefined where the matrix names no class there is."""
        costs = self.costs(sample)
        return costs if isinstance(costs, Undefined) else sample.mean(_paid(sample, costs))

    def influence(self, sample: ClassSample) -> Floats | None:
        """Return each row's price less the mean."""
        costs = self.costs(sample)
        return None if isinstance(costs, Undefined) else sample.pull(_paid(sample, costs))

    def idle(self, sample: ClassSample) -> float | None:
        """Return the mean price of calling no row positive, or of the cheapest single answer."""
        costs = self.costs(sample)
        if isinstance(costs, Undefined):
            return None
        answers = sample.counts.truth @ costs / sample.counts.total
        return float(answers[0] if isinstance(sample, BinarySample) else answers.min())

    def price_matrix(self, sample: ClassSample) -> Floats | None:
        """Return `costs`, or None where the matrix names no class there is."""
        costs = self.costs(sample)
        return None if isinstance(costs, Undefined) else costs

    def costs(self, sample: ClassSample) -> Floats | Undefined:
        """Return the price of each true (row) and predicted class [C, C], or what is wrong."""
        n_classes = sample.n_classes
        if not self._is_by_label:
            if not isinstance(sample, BinarySample):
                return Undefined("FN, FP, TP and TN are of a binary output; name the classes")
            prices = np.zeros((2, 2))
            for key, price in self.cost_matrix.items():
                assert not isinstance(price, dict), "the validator has looked"
                prices[CELLS[key]] = price
            return prices
        place = {label: index for index, label in enumerate(sample.labels)}
        if unknown := [label for label in self.named_labels if label not in place]:
            known = ", ".join(f"'{label}'" for label in sample.labels[:20]) or "not known"
            return Undefined(f"`cost_matrix` names '{unknown[0]}'; the classes are {known}")
        prices = np.full((n_classes, n_classes), self.other_cost)
        np.fill_diagonal(prices, 0.0)
        for truth, row in self.cost_matrix.items():
            assert isinstance(row, dict), "the validator has looked"
            for predicted, price in row.items():
                prices[place[truth], place[predicted]] = price
        return prices

    @property
    def named_labels(self) -> tuple[str, ...]:
        """The classes that the matrix names; none where it is of FN, FP, TP and TN."""
        if not self._is_by_label:
            return ()
        rows = [row for row in self.cost_matrix.values() if isinstance(row, dict)]
        return tuple(dict.fromkeys([*self.cost_matrix, *(label for row in rows for label in row)]))

    @property
    def _is_by_label(self) -> bool:
        return any(isinstance(price, dict) for price in self.cost_matrix.values())

    def _prices(self) -> list[float]:
        found: list[float] = []
        for price in self.cost_matrix.values():
            found += price.values() if isinstance(price, dict) else [price]
        return found


def _paid(sample: ClassSample, costs: Floats) -> Floats:
    return np.asarray(costs[sample.truth_index, sample.predicted])
