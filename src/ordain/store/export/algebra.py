"""What is computed of a row, said once for graphs and for SQL.

Cells, families and answers are written against `Algebra`; `graph.nodes.Graph` turns what they ask
for into ONNX nodes, `statements.select.Select` into text. A value is W numbers a row; a missing
number is NaN in a graph and NULL in SQL, and only `is_missing` may look at it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from ordain.core.errors import UsageError
from ordain.features.encoded import Shape
from ordain.store.export.trees import Ensemble

Floats = npt.NDArray[np.float64]
Constant = float | Floats
"""The same number for every row, or one a place [W]."""
V = TypeVar("V")


class UnfitError(UsageError):
    """A part of a model that a format has no way to say."""


class Algebra(ABC, Generic[V]):
    """Builds what is to be computed; values of unlike width must not meet, but for width 1.

    Class attributes:
        lowers_labels: whether labels can be compared in lower case.
    """

    lowers_labels: ClassVar[bool] = False

    @abstractmethod
    def number(self, column: str) -> V:
        """Return a column of numbers [1], as double; missing where it is not a finite float32."""

    @abstractmethod
    def label(self, column: str) -> V:
        """Return a column as the text of its labels [1]."""

    @abstractmethod
    def index(
        self, label: V, ids: Mapping[str, int], *, missing: int, unseen: int, is_lowered: bool
    ) -> V:
        """Return the id of a label [1]; `is_lowered` compares in lower case."""

    @abstractmethod
    def bins(self, x: V, edges: Sequence[float]) -> V:
        """Return how many edges are at most x [1], as an id; 0 where x is missing."""

    @abstractmethod
    def gather(self, index: V, table: Floats) -> V:
        """Return the row of a table [n, W] that an id names [W]."""

    @abstractmethod
    def encoded(self, column: str, shape: Shape) -> V:
        """Return a column that is given encoded: numbers [W], or an id [1]."""

    @abstractmethod
    def terms(
        self,
        column: str,
        places: npt.NDArray[np.int32],
        table: Floats,
        *,
        shape: Shape,
        is_presence: bool = False,
        absent: Floats | None = None,
    ) -> V:
        """Return the sum of the table's rows [W] that the terms of a text stand for.

        Args:
            column: given encoded, as ids, starts and weights.
            places: row of the table of each id; `len(table)` for one without.
            table: [n, W].
            shape: of the encoded column.
            is_presence: whether weights count as 1.
            absent: [W], added where any term has a row.
        """

    @abstractmethod
    def constant(self, values: Sequence[float]) -> V:
        """Return the same numbers for every row [W]."""

    @abstractmethod
    def join(self, values: Sequence[V]) -> V:
        """Return values side by side."""

    @abstractmethod
    def part(self, x: V, place: int) -> V:
        """Return one of the numbers of a value [1]."""

    @abstractmethod
    def binary(self, sign: str, a: V, b: V | Constant) -> V:
        """Return a `+`, `-`, `*` or `/` b."""

    @abstractmethod
    def call(self, function: str, x: V) -> V:
        """Return `abs`, `sqrt`, `exp`, `log`, `tanh` of x."""

    @abstractmethod
    def clip(self, x: V, low: float, high: float) -> V:
        """Return x within bounds; a missing one stays so."""

    @abstractmethod
    def is_missing(self, x: V) -> V:
        """Return whether numbers are missing, as a condition."""

    @abstractmethod
    def at_least(self, x: V, least: float) -> V:
        """Return whether x is `least` or more, as a condition; no where it is missing."""

    @abstractmethod
    def where(self, condition: V, a: V | Constant | None, b: V | Constant | None) -> V:
        """Return a where the condition holds, else b; None is a missing number."""

    @abstractmethod
    def round32(self, x: V) -> V:
        """Return x rounded to 32 bits, and kept: what is used often is computed once."""

    @abstractmethod
    def affine(self, x: V, weights: Floats, bias: Floats) -> V:
        """Return x [W] times weights [W, K] plus bias [K]."""

    @abstractmethod
    def softmax(self, x: V) -> V:
        """Return exp(x), made to add up to 1."""

    @abstractmethod
    def best(self, x: V) -> V:
        """Return the place of the largest number, the first of equal ones, as an id."""

    @abstractmethod
    def highest(self, x: V) -> V:
        """Return the largest number [1]."""

    def interpolate(self, x: V, xs: Sequence[float], ys: Sequence[float]) -> V:
        """Return the line through two points or more at x [1], flat beyond its ends; xs rise."""
        slopes = np.diff(ys) / np.diff(xs)
        bounded = self.keep(self.clip(x, float(xs[0]), float(xs[-1])))
        at = self.bins(bounded, xs[1:-1])
        start = self.gather(at, np.array(xs[:-1])[:, None])
        base = self.gather(at, np.array(ys[:-1])[:, None])
        run = self.binary("*", self.binary("-", bounded, start), self.gather(at, slopes[:, None]))
        return self.binary("+", base, run)

    @abstractmethod
    def trees(self, cells: V, ensemble: Ensemble) -> V:
        """Return the sums of the leaves of cells, double [n_scores]; see `Ensemble`."""

    @abstractmethod
    def words(self, index: V, labels: Sequence[str | int | bool]) -> V:
        """Return the label that an id names."""

    @abstractmethod
    def answer(self, name: str, value: V) -> None:
        """Make a value [1] an answer under a name."""

    def nothing(self, value: V, condition: V) -> V:
        """Return a label where a condition holds, and nothing elsewhere."""
        del condition
        return value

    def keep(self, x: V) -> V:
        """Return x; where that saves work, under a name of its own."""
        return x
