"""Error analysis: the rows the model gets most wrong, which labels look wrong, what they share.

The rows with the greatest loss come first. A label is *suspect* where the model, which has not
learned from the row, is surer of another class than it is on average of rows that bear that label
(confident learning, Northcutt et al. 2021); a number where its error is more than six median
absolute deviations. Groups are made by what rows share: the value or range of one column that the
worst tenth has most in excess of all rows takes its rows out, then the next, while the excess is
beyond chance.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.evaluation.judgement import Record
from ordain.evaluation.losses import NAMES, Floats, predicted_class, row_losses
from ordain.evaluation.slices.cuts import cut_column
from ordain.evaluation.subject import Subject, Target

N_WORST = 100
WORST_SHARE = 0.1
MAX_WORST = 2_000
MAX_GROUPS = 6
MIN_LIFT = 1.5
MIN_GROUP = 5
SURE = 0.01
FAR = 6.0
N_WORDS = 300
MAD_TO_SD = 1.4826


class WorstRow(Record):
    """A row that the model gets very wrong."""

    row: int
    """Position in the table that was read."""
    loss: float
    truth: str | float
    prediction: str | float
    probability: float | None = None
    """Given to the true class."""
    is_suspect: bool = False
    """Whether the label is worth checking."""
    group: int | None = None
    """Index of its group, or None."""
    values: dict[str, Any]
    """Inputs as they were read."""


class ErrorGroup(Record):
    """What many of the worst rows share."""

    shared: str
    """In words, such as `contract = 'Two year'`."""
    where: str = ""
    """The same as SQL condition, where it can be said so."""
    n_rows: int
    """Of the worst rows."""
    share: float
    """Of the worst rows that have it, when the group was made."""
    share_of_all: float
    """Of all judged rows that have it and nothing of the groups before."""
    lift: float
    """How many times as common it is among the worst rows."""
    mean_loss: float


class Mistake(Record):
    """A class that is taken for another."""

    truth: str
    prediction: str
    n_rows: int
    share: float
    """Of the rows of the true class."""
    overlap: float
    """Of the probability that rows of both classes give to the wrong one of the two: 0 apart, 0.5
    not to be told apart."""


class ErrorAnalysis(Record):
    """What goes wrong for one output."""

    output: str
    loss: str
    n_rows: int
    """Judged."""
    n_worst: int
    """Rows that were grouped."""
    n_suspect: int
    """Labels that look wrong, of all judged rows."""
    worst: tuple[WorstRow, ...]
    groups: tuple[ErrorGroup, ...]
    mistakes: tuple[Mistake, ...]
    """Most frequent first; empty for a number."""


def analyse_errors(subject: Subject, output: str, *, n_rows: int = N_WORST) -> ErrorAnalysis:
    """Return the worst rows of an output, with groups and confusions.

    Args:
        subject: rows the model has not learned from.
        output: name of the output.
        n_rows: how many of the worst rows are told.
    """
    target = subject.targets[output]
    losses = row_losses(target)
    n_judged = int(np.count_nonzero(~np.isnan(losses)))
    order = np.argsort(-np.nan_to_num(losses, nan=-np.inf), kind="stable")[:n_judged]
    suspects = label_suspects(target)
    n_worst = min(MAX_WORST, max(MIN_GROUP, math.ceil(n_judged * WORST_SHARE)), n_judged)
    groups, members = _groups(subject, losses, order[:n_worst])
    worst = _worst_rows(subject, target, order[:n_rows], losses, suspects=suspects, groups=members)
    return ErrorAnalysis(
        output=output,
        loss=NAMES[target.type],
        n_rows=n_judged,
        n_worst=n_worst,
        n_suspect=int(suspects.sum()),
        worst=tuple(worst),
        groups=tuple(groups),
        mistakes=mistakes(target),
    )


def label_suspects(target: Target) -> npt.NDArray[np.bool_]:
    """Return whether the truth of each row looks wrong [N]."""
    found = np.zeros(len(target.truth), dtype=np.bool_)
    rows = np.flatnonzero(target.is_judged)
    if not len(rows):
        return found
    if target.type == "number":
        errors = target.scores[rows] - target.truth[rows]
        spread = MAD_TO_SD * float(np.median(np.abs(errors - np.median(errors))))
        found[rows] = np.abs(errors - np.median(errors)) > FAR * spread if spread > 0 else False
        return found
    scores = _all_classes(target)[rows]
    truth = target.truth[rows].astype(np.int64)
    n_classes = scores.shape[1]
    counts = np.bincount(truth, minlength=n_classes)
    sure = np.bincount(truth, scores[np.arange(len(rows)), truth], minlength=n_classes)
    least = np.divide(sure, counts, out=np.full(n_classes, np.inf), where=counts > 0)
    above = np.where(scores >= least, scores, -np.inf)
    likely = above.argmax(axis=1)
    found[rows] = (above.max(axis=1) > -np.inf) & (likely != truth)
    return found


def suspicion(target: Target) -> Floats:
    """Return how much each label looks wrong [N]: the higher the more, NaN without a truth.

    Classes: the probability of the likeliest other class minus that of the given one.
    Numbers: the absolute error.
    """
    found = np.full(len(target.truth), np.nan)
    rows = np.flatnonzero(target.is_judged)
    if target.type == "number":
        return row_losses(target)
    scores = np.array(_all_classes(target)[rows], dtype=np.float64)
    truth = target.truth[rows].astype(np.int64)
    own = scores[np.arange(len(rows)), truth]
    scores[np.arange(len(rows)), truth] = -np.inf
    found[rows] = scores.max(axis=1) - own
    return found


def mistakes(target: Target, *, n_pairs: int = 10) -> tuple[Mistake, ...]:
    """Return which classes are taken for which, the most frequent first."""
    if target.type == "number":
        return ()
    rows = np.flatnonzero(target.is_judged)
    part = target.take(rows)
    truth, predicted = part.truth.astype(np.int64), predicted_class(part)
    n_classes = len(target.labels)
    table = np.bincount(truth * n_classes + predicted, minlength=n_classes**2)
    table = table.reshape(n_classes, n_classes)
    sizes = table.sum(axis=1)
    wrong = table.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:n_pairs]
    scores = _all_classes(part)
    found = []
    for place in order:
        one, other = divmod(int(place), n_classes)
        if wrong[one, other] == 0:
            break
        found.append(
            Mistake(
                truth=target.labels[one],
                prediction=target.labels[other],
                n_rows=int(wrong[one, other]),
                share=float(wrong[one, other] / sizes[one]),
                overlap=_overlap(scores, truth, one, other),
            )
        )
    return tuple(found)


def _overlap(scores: Floats, truth: npt.NDArray[np.int64], one: int, other: int) -> float:
    wrong = []
    for own, foreign in ((one, other), (other, one)):
        rows = truth == own
        if rows.any():
            both = scores[rows, own] + scores[rows, foreign]
            wrong.append(float(np.mean(scores[rows, foreign] / np.maximum(both, 1e-12))))
    return min(0.5, sum(wrong) / len(wrong)) if wrong else 0.0


def _all_classes(target: Target) -> Floats:
    scores = np.asarray(target.scores, dtype=np.float64)
    return np.stack([1.0 - scores, scores], axis=1) if scores.ndim == 1 else scores


def _worst_rows(
    subject: Subject,
    target: Target,
    order: npt.NDArray[np.int64],
    losses: Floats,
    *,
    suspects: npt.NDArray[np.bool_],
    groups: dict[int, int],
) -> Iterator[WorstRow]:
    part = target.take(order)
    scores = _all_classes(part) if target.labels else part.scores
    predicted = predicted_class(part) if target.labels else part.scores
    columns = [column.column for column in subject.columns]
    shown = subject.frame.select(columns)[order].to_dicts()
    for place, row in enumerate(order.tolist()):
        truth = part.truth[place]
        yield WorstRow(
            row=row if subject.row_ids is None else int(subject.row_ids[row]),
            loss=float(losses[row]),
            truth=target.labels[int(truth)] if target.labels else float(truth),
            prediction=target.labels[int(predicted[place])]
            if target.labels
            else float(predicted[place]),
            probability=float(scores[place, int(truth)]) if target.labels else None,
            is_suspect=bool(suspects[row]),
            group=groups.get(row),
            values={name: _plain(value) for name, value in shown[place].items()},
        )


@dataclass(frozen=True)
class _Trait:
    """Something that rows may share, with the rows that have it [N]."""

    shared: str
    where: str
    rows: npt.NDArray[np.bool_]


def _groups(
    subject: Subject, losses: Floats, worst: npt.NDArray[np.int64]
) -> tuple[list[ErrorGroup], dict[int, int]]:
    known = ~np.isnan(losses)
    is_left = np.zeros(len(losses), dtype=np.bool_)
    is_left[worst] = True
    traits = list(_traits(subject, worst))
    groups: list[ErrorGroup] = []
    members: dict[int, int] = {}
    while traits and len(groups) < MAX_GROUPS and int(is_left.sum()) >= MIN_GROUP:
        best, share, of_all = _most_in_excess(traits, is_left, known, n_tried=len(traits))
        if best is None:
            break
        rows = np.flatnonzero(best.rows & is_left)
        groups.append(
            ErrorGroup(
                shared=best.shared,
                where=best.where,
                n_rows=len(rows),
                share=share,
                share_of_all=of_all,
                lift=share / of_all,
                mean_loss=float(losses[rows].mean()),
            )
        )
        members.update(dict.fromkeys(rows.tolist(), len(groups) - 1))
        # Those that come after are compared with the rows that have none of the earlier traits.
        is_left[rows] = False
        known = known & ~best.rows
        traits = [trait for trait in traits if trait is not best]
    return groups, members


def _most_in_excess(
    traits: Sequence[_Trait],
    is_left: npt.NDArray[np.bool_],
    known: npt.NDArray[np.bool_],
    *,
    n_tried: int,
) -> tuple[_Trait | None, float, float]:
    """Return the trait with the greatest excess of rows beyond chance, and its two shares."""
    n_left, n_known = int(is_left.sum()), int(known.sum())
    best, best_excess, shares = None, 0.0, (0.0, 1.0)
    for trait in traits:
        n_here, n_all = int((trait.rows & is_left).sum()), int((trait.rows & known).sum())
        if n_here < MIN_GROUP:
            continue
        share, of_all = n_here / n_left, n_all / n_known
        excess = n_here - n_left * of_all
        error = math.sqrt(n_left * of_all * (1 - of_all)) or math.inf
        p_value = 0.5 * math.erfc(excess / error / math.sqrt(2)) * n_tried
        if share >= MIN_LIFT * of_all and p_value < SURE and excess > best_excess:
            best, best_excess, shares = trait, excess, (share, of_all)
    return best, *shares


def _traits(subject: Subject, worst: npt.NDArray[np.int64]) -> Iterator[_Trait]:
    for column in subject.columns:
        series = subject.frame[column.column]
        if column.type == "text":
            yield from _words(series, worst)
        else:
            for cut in cut_column(subject.frame, column.column):
                yield _Trait(cut.name, cut.where, cut.rows)


def _words(series: pl.Series, worst: npt.NDArray[np.int64]) -> Iterator[_Trait]:
    """Yield the words that the worst rows use most."""
    text = series.cast(pl.String).fill_null("").str.to_lowercase()
    words = text.str.extract_all(r"\w{3,}").list.unique()
    counts = words[worst].explode().drop_nulls().value_counts()
    common = counts.sort(["count", series.name], descending=[True, False]).to_series(0)[:N_WORDS]
    uses = pl.DataFrame({"row": np.arange(len(series)), "word": words}).explode("word")
    for (word,), part in uses.filter(pl.col("word").is_in(common.implode())).group_by(
        "word", maintain_order=True
    ):
        rows = np.zeros(len(series), dtype=np.bool_)
        rows[part["row"].to_numpy()] = True
        yield _Trait(f"`{series.name}` has the word '{word}'", "", rows)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
