"""From training rows to the tables of naive Bayes for one output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ordain.features.encoded import EncodedColumn
from ordain.models.bayes.factors import BLOCK_ROWS, Factors, Floats, Places, terms
from ordain.models.family import Dataset

TextModel = Literal["complement", "multinomial", "bernoulli"]


@dataclass(frozen=True)
class Tables:
    """What each factor says for each of C classes, as logarithms.

    Attributes:
        prior: [C].
        centre, scale: of numbers [n_numbers]; a number z = (x - centre) * scale says
            ``-(z - mean)^2 / (2 variance) - log(variance) / 2``.
        mean, variance: of z [n_numbers, C]; a number that tells nothing has infinite variance.
        levels: [sum of levels, C]; 0 for each level 0.
        terms: one an input of text [terms, C]; a term says its weight times this.
        absent: one an input of text [C]: what a text says that has a term, whichever it has.
    """

    prior: Floats
    centre: Floats
    scale: Floats
    mean: Floats
    variance: Floats
    levels: Floats
    terms: tuple[Floats, ...]
    absent: tuple[Floats, ...]


@dataclass(frozen=True)
class Counter:
    """Counts the classes of one output.

    Attributes:
        classes: [N], the class of each row.
        weights: [N], how much each row counts.
        n_classes: C.
        smoothing: rows' worth of doubt about each level and term.
        variance_smoothing: share of a number's overall variance that is added within each class.
    """

    classes: npt.NDArray[np.int64]
    weights: Floats
    n_classes: int
    smoothing: float
    variance_smoothing: float

    def tables(self, factors: Factors, train: Dataset, *, text: TextModel, prior: str) -> Tables:
        """Return what the training rows say."""
        centre, scale = _scale(factors, train)
        moments = np.zeros((3, factors.n_numbers, self.n_classes))
        sizes = factors.n_levels
        starts = level_starts(sizes)
        levels = np.zeros((sum(sizes), self.n_classes))
        for place, numbers, ids in factors.blocks(train.inputs, train.n_rows):
            moments += self._moments((numbers - centre) * scale, place)
            for start, column in zip(starts, ids.T, strict=True):
                self._add_levels(levels, start + column, place)
        mean, variance = self._gaussians(moments)
        told = [
            self._terms(train.inputs[name], places, text=text)
            for name, places in factors.places.items()
        ]
        return Tables(
            self._prior(prior), centre, scale, mean, variance,
            self._log_shares(levels, sizes), tuple(t for t, _ in told), tuple(a for _, a in told),
        )  # fmt: skip

    def _prior(self, prior: str) -> Floats:
        if prior == "uniform":
            return np.full(self.n_classes, -np.log(self.n_classes))
        # A class without a row keeps half a row of doubt (Krichevsky and Trofimov 1981).
        counts = np.bincount(self.classes, weights=self.weights, minlength=self.n_classes) + 0.5
        log_shares: Floats = np.log(counts / counts.sum())
        return log_shares

    def _one_hot(self, place: slice) -> Floats:
        classes = self.classes[place]
        hot = np.zeros((len(classes), self.n_classes))
        hot[np.arange(len(classes)), classes] = self.weights[place]
        return hot

    def _moments(self, numbers: Floats, place: slice) -> Floats:
        """Return weight, sum and sum of squares of known numbers [3, n_numbers, C]."""
        is_known = np.isfinite(numbers)
        known, hot = np.where(is_known, numbers, 0.0), self._one_hot(place)
        return np.stack([is_known.T @ hot, known.T @ hot, (known**2).T @ hot])

    def _gaussians(self, moments: Floats) -> tuple[Floats, Floats]:
        counts, sums, squares = moments
        total = np.maximum(counts.sum(axis=1, keepdims=True), 1e-12)
        overall = sums.sum(axis=1, keepdims=True) / total
        spread = np.maximum(squares.sum(axis=1, keepdims=True) / total - overall**2, 0)
        has_rows, safe = counts > 0, np.where(counts > 0, counts, 1)
        mean = np.where(has_rows, sums / safe, overall)
        own = np.maximum(squares / safe - mean**2, 0)
        variance = np.where(has_rows, own, spread) + self.variance_smoothing * spread
        # A number that never varies, or is never known, says nothing.
        return mean, np.where(spread > _LEAST_SPREAD, variance, np.inf)

    def _add_levels(self, levels: Floats, ids: Places, place: slice) -> None:
        cells = ids.astype(np.int64) * self.n_classes + self.classes[place]
        counts = np.bincount(cells, weights=self.weights[place], minlength=levels.size)
        levels += counts.reshape(levels.shape)

    def _log_shares(self, counts: Floats, sizes: Sequence[int]) -> Floats:
        told = np.zeros_like(counts)
        for start, size in zip(level_starts(sizes), sizes, strict=True):
            known = counts[start + 1 : start + size] + self.smoothing
            told[start + 1 : start + size] = np.log(known / known.sum(axis=0))
        return told

    def _terms(
        self, column: EncodedColumn, places: Places, *, text: TextModel
    ) -> tuple[Floats, Floats]:
        n_terms = int(places[-1])
        counts = np.zeros(n_terms * self.n_classes)
        n_texts = np.zeros(self.n_classes)
        for start in range(0, len(column), BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, len(column))
            found, weights, rows = terms(column.rows(start, stop), places)
            told = np.ones(len(found)) if text == "bernoulli" else weights
            classes = self.classes[start:stop]
            cells = found.astype(np.int64) * self.n_classes + classes[rows]
            row_weights = self.weights[start:stop]
            counts += np.bincount(cells, weights=told * row_weights[rows], minlength=len(counts))
            has_terms = np.zeros(stop - start, dtype=bool)
            has_terms[rows] = True
            n_texts += np.bincount(
                classes, weights=row_weights * has_terms, minlength=self.n_classes
            )
        return _TEXT_MODELS[text](counts.reshape(n_terms, -1), n_texts, self.smoothing)


def level_starts(sizes: Sequence[int]) -> list[int]:
    """Return the first row of each factor among all levels."""
    return np.cumsum([0, *sizes])[:-1].tolist() if sizes else []


def _scale(factors: Factors, train: Dataset) -> tuple[Floats, Floats]:
    """Return centre and 1 / standard deviation of known numbers; they bound rounding only."""
    n, count = factors.n_numbers, np.zeros(factors.n_numbers)
    total, squares = np.zeros(n), np.zeros(n)
    for _, numbers, _ in factors.blocks(train.inputs, train.n_rows):
        is_known = np.isfinite(numbers)
        count += is_known.sum(axis=0)
        total += np.where(is_known, numbers, 0.0).sum(axis=0)
    centre = total / np.maximum(count, 1)
    for _, numbers, _ in factors.blocks(train.inputs, train.n_rows):
        squares += np.where(np.isfinite(numbers), (numbers - centre) ** 2, 0.0).sum(axis=0)
    spread = np.sqrt(squares / np.maximum(count, 1))
    return centre, np.where(spread > 0, 1 / np.where(spread > 0, spread, 1), 0.0)


def _multinomial(counts: Floats, _: Floats, smoothing: float) -> tuple[Floats, Floats]:
    known = counts + smoothing
    return np.log(known / known.sum(axis=0)), np.zeros(counts.shape[1])


def _complement(counts: Floats, _: Floats, smoothing: float) -> tuple[Floats, Floats]:
    others = counts.sum(axis=1, keepdims=True) - counts + smoothing
    return -np.log(others / others.sum(axis=0)), np.zeros(counts.shape[1])


def _bernoulli(counts: Floats, n_texts: Floats, smoothing: float) -> tuple[Floats, Floats]:
    share = (counts + smoothing) / (n_texts + 2 * smoothing)
    return np.log(share) - np.log1p(-share), np.log1p(-share).sum(axis=0)


_TEXT_MODELS = {"complement": _complement, "multinomial": _multinomial, "bernoulli": _bernoulli}
_LEAST_SPREAD = 1e-12
