"""Finding the worst slices: conjunctions of up to three conditions on which the model does badly.

    evaluation: {slices: [auto]}

Every column gives conditions (`conditions.py`). All single conditions and all pairs are scored by
matrix products, and the best pairs are widened by a third, pruned by size, as in SliceLine
(Sagadeeva and Boehm 2021). Its score weighs how much worse a slice is against how small it is:
0.95 (mean loss / mean loss of all - 1) - 0.05 (all rows / rows - 1). What we add: a slice is told
only where its loss is above that of the other rows beyond chance, by Welch's test, corrected for
the number of slices looked at after Bonferroni; and of slices that share most of their rows only
the worst is told, the one with fewer conditions where two are about as bad.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ordain.evaluation.judgement import Record
from ordain.evaluation.losses import NAMES, row_losses
from ordain.evaluation.slices.conditions import Condition, conditions_of
from ordain.evaluation.slices.cuts import Cut
from ordain.evaluation.slices.values import Mask
from ordain.evaluation.subject import Subject

MAX_ROWS = 20_000
MIN_ROWS = 30
MIN_SHARE = 0.01
MAX_SHARE = 0.5
MIN_LIFT = 1.1
MIN_Z = 3.0
N_WIDENED = 150
N_BEST = 300
SURE = 0.05
MAX_OVERLAP = 0.5
MAX_PAIRED = 600
"""Conditions that are joined to pairs: the worst by themselves, where there are more."""
EFFECT = 0.95
"""Weight of how much worse a slice is, against how small it is: SliceLine's alpha."""
WORTH_A_CONDITION = 1.06
"""How many times the score a slice must have to be worth one condition more."""

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]


class FoundSlice(Record):
    """A slice that the model does worse on than on the other rows."""

    name: str
    """Its conditions, joined by `and`."""
    where: str
    """The same as SQL; empty where a condition is about a topic of a text."""
    conditions: tuple[str, ...]
    n_rows: int
    share: float
    loss: float
    """Mean loss of its rows."""
    loss_of_rest: float
    lift: float | None
    """Loss over that of the rest; None where the rest has none."""
    z: float
    """Standard errors by which it is worse."""
    p_value: float
    """Corrected for the search."""


class Discovery(Record):
    """What a search for bad slices found."""

    output: str
    loss: str
    n_rows: int
    """Rows that were searched."""
    n_tried: int
    """Slices looked at."""
    n_conditions: int = 0
    """Conditions that slices were made of."""
    n_unpaired: int = 0
    """Of these, the ones that were looked at by themselves only."""
    found: tuple[FoundSlice, ...]
    """The worst first; empty where nothing stands out beyond chance."""


class SliceFinder:
    """Searches the rows of a subject, at most 20,000 of them, for bad slices.

    The conditions are made once, for all outputs.

    Args:
        subject: rows the model has not learned from.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.part = subject.sample(MAX_ROWS, "slices")
        self.conditions = conditions_of(self.part)

    def find(self, output: str, *, n_slices: int = 8) -> Discovery:
        """Return the worst slices of an output, at most `n_slices`."""
        target = self.part.targets[output]
        losses = row_losses(target)
        known = np.flatnonzero(~np.isnan(losses))
        losses, n_rows = losses[known], len(known)
        nothing = Discovery(
            output=output, loss=NAMES[target.type], n_rows=n_rows, n_tried=0, found=()
        )
        if n_rows < 2 * MIN_ROWS or losses.std() == 0:
            return nothing
        least = max(MIN_ROWS, math.ceil(MIN_SHARE * n_rows))
        able = [c for c in self.conditions if least <= int(c.rows[known].sum()) <= n_rows - least]
        if not able:
            return nothing
        search = _Search(able, known, losses, least=least)
        found, n_tried = search.run()
        told = [search.told(candidate, n_tried) for candidate in _apart(found, n_slices)]
        return nothing.model_copy(
            update={
                "n_tried": n_tried,
                "n_conditions": len(able),
                "n_unpaired": len(able) - len(search.paired),
                "found": tuple(one for one in told if one.p_value < SURE),
            }
        )

    def cuts(self, discovery: Discovery) -> list[Cut]:
        """Return the found slices as cuts of all the subject's rows, to judge by any metric."""
        by_name = {condition.name: condition for condition in self.conditions}
        return [
            Cut(
                one.name,
                "found",
                one.where,
                np.logical_and.reduce([self._rows(by_name[name]) for name in one.conditions]),
            )
            for one in discovery.found
        ]

    def _rows(self, condition: Condition) -> Mask:
        if self.part is self.subject:
            return condition.rows
        return condition.holds(self.subject.frame[condition.column])


def find_slices(subject: Subject, output: str, *, n_slices: int = 8) -> Discovery:
    """Return the worst slices of one output; see `SliceFinder` for several."""
    return SliceFinder(subject).find(output, n_slices=n_slices)


@dataclass(frozen=True)
class _Candidate:
    places: tuple[int, ...]
    score: float
    rows: Mask


class _Search:
    """Scores conjunctions by matrix products: rows and losses inside of each, at once.

    Args:
        conditions: P of them.
        known: positions of the N rows to search, among those of the conditions.
        losses: of these rows [N].
        least: rows that a slice must have.
    """

    def __init__(
        self, conditions: Sequence[Condition], known: Places, losses: Floats, *, least: int
    ) -> None:
        self.conditions = list(conditions)
        self.losses, self.least = losses, least
        self.rows = np.stack([c.rows[known] for c in conditions])  # [P, N]
        # Centred: sums of float32 then keep their digits.
        self.centred = (losses - losses.mean()).astype(np.float32)
        self.squared = np.square(self.centred)
        self.squares = float(self.squared.sum(dtype=np.float64))
        self.column = np.unique([c.column for c in conditions], return_inverse=True)[1]
        blocks = range(0, len(self.rows), MAX_PAIRED)
        self.alone = np.concatenate(
            [self._scores(self.rows[start : start + MAX_PAIRED]) for start in blocks]
        )
        order = np.argsort(-self._deviations(), kind="stable")
        self.paired = np.sort(order[:MAX_PAIRED])

    def run(self) -> tuple[list[_Candidate], int]:
        """Return the candidates that stand out, the furthest first, and how many were scored."""
        held = self.rows[self.paired].astype(np.float32)  # [Q, N]
        found = self._candidates(np.arange(len(self.rows))[:, None], self.alone)
        pairs, scores, n_pairs = self._pairs(held)
        found += self._candidates(self.paired[pairs], scores)
        triples, wider, n_triples = self._triples(held, pairs[:N_WIDENED][scores[:N_WIDENED] > 0])
        found += self._candidates(self.paired[triples], wider)
        found.sort(key=lambda candidate: -_merit(candidate))
        return found, len(self.rows) + n_pairs + n_triples

    def _pairs(self, held: Singles) -> tuple[Places, Floats, int]:
        """Return the best pairs [K, 2] of the rows held [Q, N], their scores, and how many are."""
        column = self.column[self.paired]
        one, other = np.triu_indices(len(held), 1)
        apart = column[one] != column[other]
        one, other = one[apart], other[apart]
        scores = self._products(held, held)[one, other]
        order = np.argsort(-scores, kind="stable")[:N_BEST]
        return np.stack([one[order], other[order]], axis=1), scores[order], len(one)

    def _triples(self, held: Singles, pairs: Places) -> tuple[Places, Floats, int]:
        """Return the best triples [K, 3] that hold one of the pairs, likewise."""
        if not len(pairs):
            return np.empty((0, 3), np.int64), np.empty(0), 0
        column = self.column[self.paired]
        one, other = pairs[:, 0], pairs[:, 1]
        is_third = (column != column[one, None]) & (column != column[other, None])
        scores = np.where(is_third, self._products(held[one] * held[other], held), -np.inf)
        order = np.argsort(-scores, axis=None, kind="stable")[: 3 * N_BEST]
        at, third = np.divmod(order, len(held))
        # A triple comes up to three times, from each of its pairs.
        triples, first = np.unique(
            np.sort(np.column_stack([pairs[at], third]), axis=1), axis=0, return_index=True
        )
        return triples, scores.ravel()[order[first]], int(is_third.sum())

    def told(self, candidate: _Candidate, n_tried: int) -> FoundSlice:
        """Return what is known of a slice; its deviation is measured again in full precision."""
        inside, outside = self.losses[candidate.rows], self.losses[~candidate.rows]
        error = math.sqrt(inside.var(ddof=1) / len(inside) + outside.var(ddof=1) / len(outside))
        z = (float(inside.mean()) - float(outside.mean())) / error if error else 0.0
        parts = [self.conditions[place] for place in candidate.places]
        rest = float(outside.mean())
        is_sql = all(part.where for part in parts)
        return FoundSlice(
            name=" and ".join(part.name for part in parts),
            where=" and ".join(part.where for part in parts) if is_sql else "",
            conditions=tuple(part.name for part in parts),
            n_rows=len(inside),
            share=len(inside) / len(self.losses),
            loss=float(inside.mean()),
            loss_of_rest=rest,
            lift=float(inside.mean()) / rest if rest > 0 else None,
            z=z,
            p_value=min(1.0, n_tried * 0.5 * math.erfc(z / math.sqrt(2))),
        )

    def _scores(self, rows: Mask) -> Floats:
        """Return the score of each set of rows [P, N]; minus infinity where it is no slice [P]."""
        held = rows.astype(np.float32)
        return self._score(held.sum(axis=1), held @ self.centred, held @ self.squared)

    def _products(self, first: Singles, second: Singles) -> Floats:
        """Return the score of every set of rows of the first in every one of the second."""
        return self._score(
            first @ second.T,
            (first * self.centred) @ second.T,
            (first * self.squared) @ second.T,
        )

    def _deviations(self) -> Floats:
        """Return how far the losses of each condition lie from the mean, up to a factor [P]."""
        sums = np.array([self.centred[rows].sum(dtype=np.float64) for rows in self.rows])
        deviations: Floats = np.abs(sums) / np.sqrt(self.rows.sum(axis=1))
        return deviations

    def _candidates(self, places: Places, scores: Floats) -> list[_Candidate]:
        best = np.argsort(-scores, kind="stable")[:N_BEST]
        best = best[scores[best] > 0]
        return [
            _Candidate(tuple(at), float(score), self.rows[at].all(axis=0))
            for at, score in zip(places[best].tolist(), scores[best], strict=True)
        ]

    def _score(self, counts: Singles, sums: Singles, squares: Singles) -> Floats:
        """Return SliceLine's score; minus infinity where few rows are or chance may explain it."""
        n_all, base = float(len(self.losses)), float(self.losses.mean())
        n_rows = counts.astype(np.float64)
        usable = (n_rows >= self.least) & (n_rows <= MAX_SHARE * n_all)
        n_in = np.where(usable, n_rows, 2.0)
        n_out = np.where(usable, n_all - n_rows, 2.0)
        inside, outside = sums / n_in, -sums / n_out
        noise_in = np.maximum(squares / n_in - np.square(inside), 0) / (n_in - 1)
        noise_out = np.maximum((self.squares - squares) / n_out - np.square(outside), 0)
        noise = np.sqrt(noise_in + noise_out / (n_out - 1))
        score = EFFECT * inside / base - (1 - EFFECT) * (n_all / n_in - 1)
        is_beyond = inside - outside > MIN_Z * noise
        is_lifted = base + inside >= MIN_LIFT * np.maximum(base + outside, 0)
        found: Floats = np.where(usable & is_beyond & is_lifted & (score > 0), score, -np.inf)
        return found


def _merit(candidate: _Candidate) -> float:
    return candidate.score / WORTH_A_CONDITION ** (len(candidate.places) - 1)


def _apart(found: Sequence[_Candidate], n_slices: int) -> list[_Candidate]:
    """Return the candidates that share at most half of their rows with one that is worse."""
    kept: list[_Candidate] = []
    for candidate in found:
        if len(kept) == n_slices:
            break
        size = int(candidate.rows.sum())
        shared = (
            int((candidate.rows & other.rows).sum()) / min(size, int(other.rows.sum()))
            for other in kept
        )
        if all(share <= MAX_OVERLAP for share in shared):
            kept.append(candidate)
    return kept
