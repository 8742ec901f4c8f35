"""Counterfactuals: the fewest changes of a row that flip the answer.

Single changes are tried first: every input set to values that occur (numbers: quantiles; words:
the commonest). Where none is enough the most promising are widened by a second change, and so on.
A change of a number is then drawn back towards the row as far as the answer stays flipped.
Texts are not changed, nor are columns that are said to be immutable; columns that follow from
others follow. What is found is checked by asking the model about the changed row.
Source: the search is a beam search over sparse changes, after the aims of Wachter et al. 2017
(closest) and Mothilal et al. 2020 (sparse, several, feasible).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.core.diagnostics import nearest
from ordain.core.errors import UsageError
from ordain.evaluation.explain.dependence import grid_of
from ordain.evaluation.judgement import Record
from ordain.evaluation.subject import Column, Encoded, Subject
from ordain.features.encoded import EncodedColumn, concatenate

MAX_CHANGES = 4
BEAM = 12
N_POINTS = 15
N_WORDS = 15
N_HALVINGS = 8
MOST_DIGITS = 8


class Change(Record):
    """One cell changed."""

    input: str
    before: Any
    after: Any


class Counterfactual(Record):
    """Changes that flip the answer for a row, checked by predicting the changed row."""

    row: int
    """Position in the rows given."""
    before: str | float
    """The answer as it is."""
    after: str | float
    """The answer after the changes."""
    probability: float | None
    """Of the answer after; None for a number."""
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Goal:
    """What counts as flipped.

    Attributes:
        label: class that is wanted; None: any other than now.
        at_least, at_most: bounds a number has to come into.
    """

    label: str | None = None
    at_least: float | None = None
    at_most: float | None = None


def counterfactuals(
    subject: Subject,
    output: str,
    row: int,
    *,
    goal: Goal | None = None,
    immutable: Collection[str] = (),
    n_wanted: int = 3,
    reference: pl.DataFrame | None = None,
) -> tuple[Counterfactual, ...]:
    """Return up to `n_wanted` ways to flip a row's answer, the fewest changes first.

    Args:
        subject: holds the row.
        output: name of the output.
        row: position of the row in the subject.
        goal: what is wanted instead; by default any other class. A number needs bounds.
        immutable: inputs that may not be changed.
        n_wanted: how many; each starts from another first change.
        reference: rows whose values are tried; by default the subject's own.

    Raises:
        UsageError: an immutable column or the wanted label does not exist, or a number has no
            bounds to come into.
    """
    columns = _changeable(subject, immutable)
    target = subject.targets[output].take(np.array([row]))
    wanted = _wanted(target.type, target.labels, goal or Goal(), _answer(target, target.scores)[0])
    search = _Search(
        subject,
        output,
        row,
        columns=columns,
        wanted=wanted,
        reference=subject.frame if reference is None else reference,
    )
    before = _spoken(target, _answer(target, target.scores)[0])
    told = (search.told(candidate, before) for candidate in search.run(n_wanted))
    return tuple(one for one in told if one is not None)


@dataclass(frozen=True)
class _Candidate:
    """Changes as places in the grids: input to place; `distance` is how far from the goal."""

    places: tuple[tuple[str, int], ...]
    distance: float


class _Search:
    def __init__(
        self,
        subject: Subject,
        output: str,
        row: int,
        *,
        columns: Sequence[Column],
        wanted: Any,
        reference: pl.DataFrame,
    ) -> None:
        self.subject, self.output, self.row, self.wanted = subject, output, row, wanted
        self.grids: dict[str, pl.Series] = {}
        self.columns = {column.name: column for column in columns}
        for column in columns:
            values = grid_of(reference[column.column], column.type, N_POINTS, N_WORDS)
            own = subject.frame[column.column][row]
            if values is None:
                continue
            values = values.filter(values != own) if own is not None else values
            if len(values):
                self.grids[column.name] = values
        self.encoded = {name: subject.encode(name, grid, None) for name, grid in self.grids.items()}
        self.own = {name: column.rows(row, row + 1) for name, column in subject.encoded.items()}

    def run(self, n_wanted: int) -> list[_Candidate]:
        beam = [_Candidate((), np.inf)]
        flipped: list[_Candidate] = []
        for _ in range(MAX_CHANGES):
            tried = self.tried(self.widened(beam))
            tried.sort(key=lambda candidate: candidate.distance)
            flipped += self.diverse([c for c in tried if c.distance <= 0], n_wanted, flipped)
            if len(flipped) >= n_wanted or not tried:
                break
            beam = [c for c in tried if c.distance > 0][:BEAM]
        return flipped[:n_wanted]

    def widened(self, beam: Sequence[_Candidate]) -> list[tuple[tuple[str, int], ...]]:
        found: dict[tuple[tuple[str, int], ...], None] = {}
        for candidate in beam:
            taken = {name for name, _ in candidate.places}
            for name, grid in self.grids.items():
                if name in taken:
                    continue
                for place in range(len(grid)):
                    places = tuple(sorted((*candidate.places, (name, place))))
                    found[places] = None
        return list(found)

    def tried(self, changes: Sequence[tuple[tuple[str, int], ...]]) -> list[_Candidate]:
        if not changes:
            return []
        distances = self.distances(self.inputs(changes))
        return [
            _Candidate(places, float(distance))
            for places, distance in zip(changes, distances, strict=True)
        ]

    def inputs(self, changes: Sequence[tuple[tuple[str, int], ...]]) -> Encoded:
        """Return the row once for each set of changes, changed."""
        by_name = [dict(places) for places in changes]
        inputs = {}
        for name, own in self.own.items():
            if name not in self.encoded:
                inputs[name] = own.take(np.zeros(len(changes), dtype=np.int64))
                continue
            grid = self.encoded[name]
            pool = concatenate([grid.take(np.arange(len(grid))), own])
            inputs[name] = pool.take(
                np.array([places.get(name, len(grid)) for places in by_name], dtype=np.int64)
            )
        return inputs if self.subject.derive is None else {**inputs, **self.derived(by_name)}

    def derived(self, by_name: Sequence[dict[str, int]]) -> Encoded:
        """Return the columns that follow from others for the row changed in each way."""
        assert self.subject.derive is not None, "asked where columns follow from others"
        row = self.subject.frame[self.row : self.row + 1]
        frame = row[np.zeros(len(by_name), dtype=np.int64)]
        cells = []
        for name, grid in self.grids.items():
            column = self.columns[name].column
            own = row[column]
            pool = pl.concat([grid.alias(column).cast(own.dtype, strict=False), own])
            cells.append(pool[[places.get(name, len(grid)) for places in by_name]])
        frame = self.subject.derive(frame.with_columns(cells))
        return {
            column.name: self.subject.encode(column.name, frame[column.column], frame)
            for column in self.subject.columns
            if column.column in self.subject.derived
        }

    def distances(self, inputs: Encoded) -> npt.NDArray[np.float64]:
        """Return how far each row is from the goal; 0 or less is flipped."""
        scores = self.subject.score(inputs)[self.output]
        return _distance(self.subject.targets[self.output], scores, self.wanted)

    def diverse(
        self, found: Sequence[_Candidate], n_wanted: int, known: Sequence[_Candidate]
    ) -> list[_Candidate]:
        """Return candidates that change other inputs than those known, the surest of each."""
        seen = [frozenset(name for name, _ in candidate.places) for candidate in known]
        kept = []
        for candidate in found:
            names = frozenset(name for name, _ in candidate.places)
            if any(other <= names for other in seen):
                continue
            seen.append(names)
            kept.append(candidate)
            if len(kept) == n_wanted:
                break
        return kept

    def told(self, candidate: _Candidate, before: str | float) -> Counterfactual | None:
        """Return a candidate drawn back to the row; None where the whole row does not flip."""
        values = {name: self.grids[name][place] for name, place in candidate.places}
        if not self.is_flipped(values):
            return None
        values = self.drawn_back(values)
        frame = self.changed(values)
        target = self.subject.targets[self.output]
        scores = self.subject.score(self.encoded_row(frame))[self.output]
        answer = _answer(replace(target, scores=scores), scores)[0]
        probability = None
        if target.type == "binary":
            probability = float(scores[0] if answer == 1 else 1 - scores[0])
        elif target.type == "category":
            probability = float(scores[0, int(answer)])
        changes = tuple(
            Change(
                input=name,
                before=_plain(self.subject.frame[self.columns[name].column][self.row]),
                after=_plain(frame[self.columns[name].column][0]),
            )
            for name in sorted(values)
        )
        return Counterfactual(
            row=self.row,
            before=before,
            after=_spoken(target, answer),
            probability=probability,
            changes=changes,
        )

    def drawn_back(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the changes with numbers as near to the row as keeps the answer flipped."""
        values = dict(values)
        for name, far in list(values.items()):
            column = self.columns[name].column
            near = self.subject.frame[column][self.row]
            dtype = self.subject.frame.schema[column]
            if near is None or not dtype.is_numeric():
                continue
            for _ in range(N_HALVINGS):
                middle = (float(near) + float(far)) / 2
                if dtype.is_integer():
                    middle = round(middle)
                if float(middle) in {float(near), float(far)}:
                    break
                if self.is_flipped({**values, name: middle}):
                    far = values[name] = middle  # noqa: PLW2901
                else:
                    near = middle
            values[name] = self.rounded(values, name)
        return values

    def rounded(self, values: dict[str, Any], name: str) -> Any:
        """Return a number with the fewest digits that keep the answer flipped."""
        number = values[name]
        if not isinstance(number, float):
            return number
        for n_digits in range(2, MOST_DIGITS):
            plain = float(f"{number:.{n_digits}g}")
            if self.is_flipped({**values, name: plain}):
                return plain
        return number

    def is_flipped(self, values: dict[str, Any]) -> bool:
        return bool(self.distances(self.encoded_row(self.changed(values)))[0] <= 0)

    def changed(self, values: dict[str, Any]) -> pl.DataFrame:
        row = self.subject.frame[self.row : self.row + 1]
        changed = row.with_columns(
            pl.Series(self.columns[name].column, [value]).cast(
                row.schema[self.columns[name].column], strict=False
            )
            for name, value in values.items()
        )
        return changed if self.subject.derive is None else self.subject.derive(changed)

    def encoded_row(self, frame: pl.DataFrame) -> dict[str, EncodedColumn]:
        return {
            column.name: self.subject.encode(column.name, frame[column.column], frame)
            for column in self.subject.columns
        }


def require_inputs(subject: Subject, wanted: Collection[str]) -> None:
    """Check that the inputs named are there.

    Raises:
        UsageError: one is not; says the nearest name.
    """
    names = [column.name for column in subject.columns]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        close = nearest(unknown[0], names)
        raise UsageError(
            f"`{unknown[0]}` is no input of the model"
            + (f"; nearest: `{close}`" if close else "")
            + f"\n  Possible: {', '.join(names)}"
        )


def _changeable(subject: Subject, immutable: Collection[str]) -> list[Column]:
    require_inputs(subject, immutable)
    kept = {*immutable, *(c.name for c in subject.columns if c.column in subject.derived)}
    return [column for column in subject.columns if column.name not in kept]


def _wanted(type_name: str, labels: Sequence[str], goal: Goal, now: float) -> Any:
    """Return the class that is wanted, minus one for any other, or the bounds of a number."""
    if type_name == "number":
        low, high = goal.at_least, goal.at_most
        if goal.at_least is None and goal.at_most is None:
            raise UsageError(
                "a number has no other class to flip to\n"
                "  Fix: say which answer is wanted, with a lowest or highest value"
            )
        if low is not None and high is not None and low > high:
            raise UsageError(f"no number is at least {low:g} and at most {high:g}")
        if (low is None or now >= low) and (high is None or now <= high):
            raise UsageError(f"the answer is {now:.6g}: it lies in the wanted range already")
        return (low, high)
    if goal.at_least is not None or goal.at_most is not None:
        raise UsageError("bounds are for numbers\n  Fix: name the class that is wanted")
    if goal.label is None:
        return (-1, int(now))
    if goal.label not in labels:
        close = nearest(goal.label, list(labels))
        raise UsageError(
            f"'{goal.label}' is no class"
            + (f"; nearest: '{close}'" if close else "")
            + f"\n  Possible: {', '.join(labels)}"
        )
    if labels.index(goal.label) == int(now):
        raise UsageError(f"the answer is '{goal.label}' already\n  Fix: name another class")
    return (labels.index(goal.label), int(now))


def _distance(target: Any, scores: npt.NDArray[Any], wanted: Any) -> npt.NDArray[np.float64]:
    if target.type == "number":
        low, high = wanted
        below = (low - scores) if low is not None else np.full(len(scores), -np.inf)
        above = (scores - high) if high is not None else np.full(len(scores), -np.inf)
        return np.asarray(np.maximum(below, above), dtype=np.float64)
    label, now = wanted
    if target.type == "binary":
        label = 1 - now if label < 0 else label
        gap = target.threshold - scores
        # At the threshold itself a row is positive.
        return np.asarray(gap if label == 1 else np.nextafter(-gap, np.inf), dtype=np.float64)
    if label >= 0:
        others = np.delete(scores, label, axis=1).max(axis=1)
        return np.asarray(np.nextafter(others - scores[:, label], np.inf), dtype=np.float64)
    others = np.delete(scores, now, axis=1).max(axis=1)
    return np.asarray(np.nextafter(scores[:, now] - others, np.inf), dtype=np.float64)


def _answer(target: Any, scores: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if target.type == "number":
        return scores
    if target.type == "binary":
        return np.asarray(scores >= target.threshold, dtype=np.int64)
    return np.asarray(scores.argmax(axis=1))


def _spoken(target: Any, answer: Any) -> str | float:
    return target.labels[int(answer)] if target.labels else float(answer)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
