"""Which words of the texts move the answer: over many rows, and in the rows that went wrong.

Each word is left out of its text, and the model is asked again: what the answer loses without the
word is what the word adds there. Over a sample of rows that is summed by word, case and the signs
around it aside, for each class; a text that goes wrong shows it word by word. All texts without a
word are asked in one go, so that a family's answer is called twice at most for an input.
What words add is in log-odds of the class, so that a sure answer does not hide it; of a number in
its own units.
Source: Li, Monroe and Jurafsky 2016, "Understanding neural networks through representation
erasure".
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.evaluation.errors import ErrorAnalysis, WorstRow
from ordain.evaluation.explain.highlight import Piece
from ordain.evaluation.judgement import Record
from ordain.evaluation.subject import Column, Encoded, Subject, Target

N_ROWS = 64
N_WORST = 8
MAX_WORDS = 60
"""Words of a text that are tried; what comes after them stays as it is."""
MAX_CLASSES = 6
N_TOLD = 12
LEAST = 1e-9
FLOOR = 1e-6
_WORD = re.compile(r"\S+")
_EDGES = re.compile(r"^\W+|\W+$")

Floats = npt.NDArray[np.float64]


class WordEffect(Record):
    """A word with what it adds."""

    word: str
    value: float
    """Mean over the rows that hold it; below zero it speaks against."""
    n_rows: int
    """Of the sample, that hold it."""


class Vocabulary(Record):
    """The words of one text input that speak for and against one answer."""

    input: str
    label: str = ""
    """Class that they speak for; empty for a number."""
    for_it: tuple[WordEffect, ...]
    against: tuple[WordEffect, ...]


class ReadRow(Record):
    """A row that went wrong, with what each word of its texts added to the answer it got."""

    row: int
    """Position in the table that was read."""
    truth: str | float
    prediction: str | float
    pieces: dict[str, tuple[Piece, ...]]
    """By text input, in the order of the text."""


class WordFindings(Record):
    """What the words of an output's texts do."""

    n_rows: int
    """The vocabulary rests on."""
    vocabulary: tuple[Vocabulary, ...] = ()
    rows: tuple[ReadRow, ...] = ()
    """Those with the greatest loss, the worst first."""


@dataclass(frozen=True)
class _Read:
    """Texts of some rows, with what each of their words adds.

    Attributes:
        spans: where the words of each text begin and end, by row.
        texts: of the rows.
        effects: of the words of all texts, one after the other [W, C].
    """

    spans: list[list[tuple[int, int]]]
    texts: list[str]
    effects: Floats

    @property
    def starts(self) -> list[int]:
        """Where the words of each row begin among all."""
        return [0, *itertools.accumulate(map(len, self.spans))]


def read_words(
    subject: Subject, output: str, errors: ErrorAnalysis | None, *, n_rows: int = N_ROWS
) -> WordFindings | None:
    """Return what the words of an output's texts do; None without a text among the inputs.

    Args:
        subject: at most `n_rows` of its rows make the vocabulary.
        output: name of the output.
        errors: whose worst rows are read word by word; None for none.
        n_rows: see above.
    """
    texts = [column for column in subject.columns if column.type == "text"]
    if not texts or not len(subject):
        return None
    sample = subject.sample(n_rows, "words")
    target = sample.targets[output]
    worst = list(errors.worst[:N_WORST]) if errors is not None else []
    bad = subject.take(_places(subject, worst))
    vocabulary: list[Vocabulary] = []
    pieces: list[dict[str, tuple[Piece, ...]]] = [{} for _ in range(len(bad))]
    for column in texts:
        vocabulary += _vocabulary(_read(sample, output, column), column.name, target)
        for row, found in enumerate(_spoken(_read(bad, output, column), bad.targets[output])):
            pieces[row] |= {column.name: found} if found else {}
    return WordFindings(
        n_rows=len(sample),
        vocabulary=tuple(vocabulary),
        rows=tuple(
            ReadRow(row=one.row, truth=one.truth, prediction=one.prediction, pieces=found)
            for one, found in zip(worst, pieces, strict=True)
            if found
        ),
    )


def _places(subject: Subject, worst: Sequence[WorstRow]) -> npt.NDArray[np.int64]:
    ids = np.arange(len(subject)) if subject.row_ids is None else subject.row_ids
    order = np.argsort(ids, kind="stable")
    wanted = np.array([one.row for one in worst], dtype=np.int64)
    return np.asarray(order[np.searchsorted(ids[order], wanted)], dtype=np.int64)


def _read(part: Subject, output: str, column: Column) -> _Read:
    """Ask the model again without each word of a text input's cells."""
    cells = part.frame[column.column].cast(pl.String).fill_null("").to_list()
    spans = [[found.span() for found in itertools.islice(_WORD.finditer(text), MAX_WORDS)]
             for text in cells]  # fmt: skip
    rows = np.repeat(np.arange(len(cells)), [len(one) for one in spans])
    without = [
        text[:start] + text[stop:]
        for text, one in zip(cells, spans, strict=True)
        for start, stop in one
    ]
    if not without:
        return _Read(spans, cells, np.zeros((0, 1)))
    encoded = part.encode(column.name, pl.Series(column.column, without), None)
    inputs: Encoded = {name: one.take(rows) for name, one in part.encoded.items()}
    asked = part.score({**inputs, column.name: encoded})[output]
    target = part.targets[output]
    whole = _strength(part.score(part.encoded)[output], target)
    return _Read(spans, cells, whole[rows] - _strength(asked, target))


def _strength(scores: npt.NDArray[np.generic], target: Target) -> Floats:
    """Return log-odds of every class [N, C], of the positive one [N, 1], or the number [N, 1]."""
    answers = np.asarray(scores, dtype=np.float64)
    answers = answers if answers.ndim > 1 else answers[:, None]
    if target.type == "number":
        return answers
    inside = np.clip(answers, FLOOR, 1 - FLOOR)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def _vocabulary(read: _Read, name: str, target: Target) -> list[Vocabulary]:
    """Return the words that move the answer most, for each of the commonest classes."""
    words = [_EDGES.sub("", text[start:stop]).casefold()
             for text, spans in zip(read.texts, read.spans, strict=True)
             for start, stop in spans]  # fmt: skip
    rows = np.repeat(np.arange(len(read.texts)), [len(one) for one in read.spans])
    known = [place for place, word in enumerate(words) if word]
    if not known:
        return []
    found = []
    for place in _classes(target):
        table = (
            pl.DataFrame({
                "word": [words[one] for one in known],
                "row": rows[known],
                "value": read.effects[known, place],
            })
            .group_by("word", "row").agg(pl.col("value").sum())
            .group_by("word").agg(pl.col("value").sum().alias("total"), pl.len().alias("n_rows"))
        )  # fmt: skip
        label = ""
        if target.type != "number":
            label = target.labels[place if target.type == "category" else 1]
        rising, falling = (
            table.filter(sign * pl.col("total") > LEAST)
            .sort(sign * pl.col("total"), "word", descending=[True, False])
            .head(N_TOLD)
            for sign in (1, -1)
        )
        if rising.height or falling.height:
            found.append(
                Vocabulary(input=name, label=label, for_it=_told(rising), against=_told(falling))
            )
    return found


def _told(table: pl.DataFrame) -> tuple[WordEffect, ...]:
    return tuple(
        WordEffect(word=word, value=total / n_rows, n_rows=n_rows)
        for word, total, n_rows in table.select("word", "total", "n_rows").iter_rows()
    )


def _classes(target: Target) -> list[int]:
    """Return the columns of the effects to tell: the commonest answers of many classes."""
    if target.type != "category":
        return [0]
    counts = np.bincount(target.scores.argmax(axis=1), minlength=len(target.labels))
    common: list[int] = np.argsort(-counts, kind="stable")[:MAX_CLASSES].tolist()
    return [place for place in common if counts[place]]


def _spoken(read: _Read, target: Target) -> Iterable[tuple[Piece, ...]]:
    """Yield the words of each text with what they add to the answer that the row got."""
    for row, (start, stop) in enumerate(itertools.pairwise(read.starts)):
        effects = read.effects[start:stop]
        if target.type == "category":
            values = effects[:, int(target.scores[row].argmax())]
        elif target.type == "binary":
            values = effects[:, 0] * (1.0 if target.scores[row] >= target.threshold else -1.0)
        else:
            values = effects[:, 0]
        text = read.texts[row]
        yield tuple(
            Piece(text=text[first:last], start=first, value=float(value))
            for (first, last), value in zip(read.spans[row], values, strict=True)
        )
