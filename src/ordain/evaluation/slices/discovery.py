"""Finding the worst slices: conjunctions of up to three conditions on which the model does badly.

    evaluation: {slices: [auto]}

Every column gives conditions: each of its commoner values, every range between its deciles, a
missing cell; texts give topics (`topics.py`). All single conditions and all pairs are scored by
matrix products, and the best pairs are widened by a third, pruned by size, as in SliceLine
(Sagadeeva and Boehm 2021). Its score weighs how much worse a slice is against how small it is:
0.95 (mean loss / mean loss of all - 1) - 0.05 (all rows / rows - 1). What we add: a slice is told
only where its loss is above that of the other rows beyond chance, by Welch's test, corrected for
the number of slices looked at after Bonferroni; and of slices that share most of their rows only
the worst is told, the one with fewer conditions where two are about as bad.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.evaluation.judgement import Record
from ordain.evaluation.losses import NAMES, row_losses
from ordain.evaluation.slices.cuts import Cut, literal, quoted
from ordain.evaluation.slices.topics import topics_of
from ordain.evaluation.subject import Column, Subject

MAX_ROWS = 20_000
MIN_ROWS = 30
MIN_SHARE = 0.01
MAX_SHARE = 0.5
MIN_LIFT = 1.1
MIN_Z = 3.0
MAX_VALUES = 15
N_PARTS = 10
N_WIDENED = 150
N_BEST = 300
SURE = 0.05
MAX_OVERLAP = 0.5
MAX_CONDITIONS = 900
EFFECT = 0.95
"""Weight of how much worse a slice is, against how small it is: SliceLine's alpha."""
WORTH_A_CONDITION = 1.06
"""How many times the score a slice must have to be worth one condition more."""

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


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
    lift: float
    """Loss over that of the rest."""
    z: float
    """Standard errors by which it is worse."""
    p_value: float
    """Corrected for the search."""


class Discovery(Record):
    """What a search for bad slices found."""

    output: str
    loss: str
    n_rows: int
    n_tried: int
    """Slices looked at."""
    found: tuple[FoundSlice, ...]
    """The worst first; empty where nothing stands out beyond chance."""


@dataclass(frozen=True)
class Condition:
    """One condition with the rows it holds for [N]."""

    column: str
    name: str
    where: str
    rows: Mask


def find_slices(subject: Subject, output: str, *, n_slices: int = 8) -> Discovery:
    """Return the worst slices of an output.

    Args:
        subject: rows the model has not learned from; at most 20,000 are searched.
        output: name of the output.
        n_slices: how many to tell at most.
    """
    part = subject.sample(MAX_ROWS, "slices")
    losses = row_losses(part.targets[output])
    part = part.take(np.flatnonzero(~np.isnan(losses)))
    losses = losses[~np.isnan(losses)]
    target = part.targets[output]
    empty = Discovery(output=output, loss=NAMES[target.type], n_rows=len(part), n_tried=0, found=())
    if len(part) < 2 * MIN_ROWS or losses.std() == 0:
        return empty
    least = max(MIN_ROWS, math.ceil(MIN_SHARE * len(part)))
    conditions = [c for c in conditions_of(part) if least <= int(c.rows.sum()) <= len(part) - least]
    if not conditions:
        return empty
    search = _Search(conditions[:MAX_CONDITIONS], losses, least)
    found, n_tried = search.run()
    kept = _apart(found, n_slices)
    told = [search.told(candidate, n_tried) for candidate in kept]
    return empty.model_copy(
        update={"n_tried": n_tried, "found": tuple(one for one in told if one.p_value < SURE)}
    )


def cuts_of(subject: Subject, discovery: Discovery) -> list[Cut]:
    """Return the found slices as cuts of a subject's rows, to judge them by any metric."""
    by_name = {condition.name: condition.rows for condition in conditions_of(subject)}
    found = []
    for one in discovery.found:
        if all(name in by_name for name in one.conditions):
            rows = np.logical_and.reduce([by_name[name] for name in one.conditions])
            found.append(Cut(one.name, "found", one.where, rows))
    return found


def conditions_of(subject: Subject) -> list[Condition]:
    """Return every condition that slices are made of; ranges of a column among them."""
    found: list[Condition] = []
    for column in subject.columns:
        found += _conditions(subject, column)
    return found


@dataclass(frozen=True)
class _Candidate:
    places: tuple[int, ...]
    score: float
    rows: Mask


class _Search:
    """Scores conjunctions by matrix products: rows and losses inside of each, at once."""

    def __init__(self, conditions: Sequence[Condition], losses: Floats, least: int) -> None:
        self.conditions = list(conditions)
        self.losses, self.least = losses, least
        self.held = np.stack([c.rows for c in conditions], axis=1).astype(np.float32)  # [N, P]
        # Centred: sums of float32 then keep their digits.
        self.centred = (losses - losses.mean()).astype(np.float32)
        self.squares = float(np.square(self.centred, dtype=np.float64).sum())
        self.column = np.array(
            np.unique([c.column for c in conditions], return_inverse=True)[1], dtype=np.int64
        )

    def run(self) -> tuple[list[_Candidate], int]:
        """Return the candidates that stand out, the furthest first, and how many were scored."""
        n = len(self.conditions)
        found = self.candidates([(place,) for place in range(n)], self.scores(self.held))
        by_pair = self.pair_scores()
        one, other = np.triu_indices(n, 1)
        apart = self.column[one] != self.column[other]
        one, other = one[apart], other[apart]
        scores = by_pair[one, other]
        order = np.argsort(-scores, kind="stable")
        best = [(int(one[i]), int(other[i])) for i in order[:N_BEST]]
        found += self.candidates(best, scores[order[:N_BEST]])
        widened = [pair for pair in best[:N_WIDENED] if by_pair[pair] > 0]
        triples, scores, n_scored = self.widened(widened)
        found += self.candidates(triples, scores)
        found.sort(key=lambda candidate: -_merit(candidate))
        return found, n + len(one) + n_scored

    def scores(self, held: Singles) -> Floats:
        """Return the score of each set of rows [N, P]; minus infinity where it is no slice [P]."""
        n_rows = held.sum(axis=0, dtype=np.float64)
        sums = np.asarray(self.centred @ held, dtype=np.float64)
        squares = np.asarray(np.square(self.centred) @ held, dtype=np.float64)
        return self._score(n_rows, sums, squares)

    def pair_scores(self) -> Floats:
        """Return the same for every pair of conditions [P, P]."""
        n_rows = np.asarray(self.held.T @ self.held, dtype=np.float64)
        sums = np.asarray(self.held.T @ (self.held * self.centred[:, None]), dtype=np.float64)
        squares = np.asarray(
            self.held.T @ (self.held * np.square(self.centred)[:, None]), dtype=np.float64
        )
        return self._score(n_rows, sums, squares)

    def widened(
        self, pairs: Sequence[tuple[int, int]]
    ) -> tuple[list[tuple[int, ...]], Floats, int]:
        """Return each pair with a third condition, of another column, and its score."""
        triples: dict[tuple[int, ...], float] = {}
        n_scored = 0
        for one, other in pairs:
            both = (self.held[:, one] * self.held[:, other]) > 0
            rows = np.flatnonzero(both)
            inside = self.held[rows]
            centred = self.centred[rows]
            n_rows = inside.sum(axis=0, dtype=np.float64)
            sums = np.asarray(centred @ inside, dtype=np.float64)
            squares = np.asarray(np.square(centred) @ inside, dtype=np.float64)
            scores = self._score(n_rows, sums, squares)
            is_other = (self.column != self.column[one]) & (self.column != self.column[other])
            n_scored += int(is_other.sum())
            for place in np.flatnonzero(is_other & (scores > 0)):
                triples[tuple(sorted((one, other, int(place))))] = float(scores[place])
        return list(triples), np.array(list(triples.values())), n_scored

    def candidates(self, places: Sequence[tuple[int, ...]], scores: Floats) -> list[_Candidate]:
        if not len(places):
            return []
        best = np.argsort(-scores, kind="stable")[:N_BEST]
        return [
            _Candidate(places[i], float(scores[i]), self.rows_of(places[i]))
            for i in best
            if scores[i] > 0
        ]

    def rows_of(self, places: tuple[int, ...]) -> Mask:
        """Return the rows that all of these conditions hold for [N]."""
        return np.asarray(np.logical_and.reduce([self.conditions[place].rows for place in places]))

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
            lift=float(inside.mean()) / rest if rest > 0 else math.inf,
            z=z,
            p_value=min(1.0, n_tried * 0.5 * math.erfc(z / math.sqrt(2))),
        )

    def _score(self, n_rows: Floats, sums: Floats, squares: Floats) -> Floats:
        """Return SliceLine's score; minus infinity where few rows are or chance may explain it."""
        n_all, base = float(len(self.losses)), float(self.losses.mean())
        usable = (n_rows >= self.least) & (n_rows <= MAX_SHARE * n_all)
        n_in = np.where(usable, n_rows, 2.0)
        n_out = np.where(usable, n_all - n_rows, 2.0)
        inside, outside = sums / n_in, -sums / n_out
        noise_in = np.maximum(squares / n_in - np.square(inside), 0) / (n_in - 1)
        noise_out = np.maximum((self.squares - squares) / n_out - np.square(outside), 0)
        noise = np.sqrt(noise_in + noise_out / (n_out - 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            is_beyond = (inside - outside) / noise > MIN_Z
        score = EFFECT * inside / base - (1 - EFFECT) * (n_all / n_in - 1)
        is_lifted = base + inside >= MIN_LIFT * np.maximum(base + outside, 0)
        return np.where(usable & is_beyond & is_lifted & (score > 0), score, -np.inf)


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


def _conditions(subject: Subject, column: Column) -> Iterator[Condition]:
    series = subject.frame[column.column]
    if column.type == "text":
        for topic in topics_of(series, seed=subject.seed):
            yield Condition(column.name, topic.name, "", topic.rows)
        return
    is_missing = series.is_null()
    if series.dtype.is_float():
        is_missing |= series.is_nan().fill_null(False)
    missing = is_missing.to_numpy()
    sql = quoted(column.column)
    if missing.any():
        yield Condition(column.name, f"{column.column} is missing", f"{sql} is null", missing)
    known = series.filter(~is_missing)
    if (series.dtype.is_numeric() or series.dtype.is_temporal()) and known.n_unique() > MAX_VALUES:
        yield from _ranges(series, known, column)
    else:
        yield from _values(series, known, column)


def _values(series: pl.Series, known: pl.Series, column: Column) -> Iterator[Condition]:
    if not len(known):
        return
    counts = known.value_counts().sort(["count", series.name], descending=[True, False])
    for value in counts[series.name].head(MAX_VALUES).to_list():
        rows = (series == value).fill_null(False).to_numpy()
        where = f"{quoted(column.column)} = {literal(value)}"
        yield Condition(column.name, f"{column.column} = {_shown(value)}", where, rows)


def _ranges(series: pl.Series, known: pl.Series, column: Column) -> Iterator[Condition]:
    """Yield every range between deciles; equal values stay together."""
    ordered = known.sort()
    places = [len(ordered) * part // N_PARTS for part in range(1, N_PARTS)]
    borders = sorted({ordered[place] for place in places} - {ordered[0]})
    group = np.full(len(series), -1)
    for border in [None, *borders]:
        above = series.is_not_null() if border is None else (series >= border).fill_null(False)
        group += above.to_numpy()
    if series.dtype.is_float():
        group[series.is_nan().fill_null(False).to_numpy()] = -1
    sql, n_groups = quoted(column.column), len(borders) + 1
    for low, high in itertools.combinations(range(n_groups + 1), 2):
        if high - low == n_groups:
            continue
        said, where = [], []
        if low > 0:
            said.append(f"{column.column} >= {_shown(borders[low - 1])}")
            where.append(f"{sql} >= {literal(borders[low - 1])}")
        if high < n_groups:
            said.append(f"{column.column} < {_shown(borders[high - 1])}")
            where.append(f"{sql} < {literal(borders[high - 1])}")
        rows = (group >= low) & (group < high)
        yield Condition(column.name, " and ".join(said), " and ".join(where), rows)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"'{value}'" if isinstance(value, str) else str(value)
