"""Which words of a text move the answer, for a model of any family.

Each word is left out of the text, and each is kept alone; what the answer loses without it and
gains by it alone are averaged. Of a text with many words sentences are taken instead, and of one
with many sentences runs of them. Where the model gave the text a value among the other inputs, what
the pieces add is scaled to come to it.
Source: Li, Monroe and Jurafsky 2016 (erasure); both ends of a Shapley value's sum, so that two
words that say the same share what they add.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.evaluation.explain.dependence import answer_of, set_input
from ordain.evaluation.judgement import Record
from ordain.evaluation.subject import Encoded, Subject

MAX_PIECES = 200
MOST_SCALED = 4.0
"""A text whose pieces add up to less than a quarter of its value, or four times it, stays as
measured: the rest rests on how words act together."""
FLOOR = 1e-6
_WORD = re.compile(r"\S+")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?\n]*")


class Piece(Record):
    """A word or sentence of a text with what it adds to the answer."""

    text: str
    start: int
    """Place of its first character in the text."""
    value: float


def highlight(
    subject: Subject,
    output: str,
    name: str,
    row: int,
    *,
    label: int = 0,
    scale: str = "probability",
    value: float | None = None,
) -> tuple[Piece, ...]:
    """Return the pieces of a row's text in their order; none for an empty text.

    Args:
        subject: holds the row.
        output: name of the output.
        name: of the text input.
        row: position of the row.
        label: class whose score is followed, for a category.
        scale: of the values, as an attribution says it.
        value: what the text adds among the other inputs, if that is known.
    """
    column = next(column for column in subject.columns if column.name == name)
    text = subject.frame[column.column][row]
    if not isinstance(text, str) or not text.strip():
        return ()
    spans = pieces_of(text)
    without = [text[:start] + text[stop:] for start, stop in spans]
    alone = [text[start:stop] for start, stop in spans]
    encoded = subject.encode(name, pl.Series(column.column, [text, "", *without, *alone]), None)
    own = {key: one.rows(row, row + 1) for key, one in subject.encoded.items()}
    inputs: Encoded = own
    for key, one in own.items():
        inputs = set_input(inputs, key, one, len(encoded))
    scores = subject.score({**inputs, name: encoded})[output]
    answers = _scaled(answer_of(scores, label), scale)
    n_pieces = len(spans)
    lost = answers[0] - answers[2 : 2 + n_pieces]
    gained = answers[2 + n_pieces :] - answers[1]
    values = _fitted((lost + gained) / 2, value)
    return tuple(
        Piece(text=piece, start=start, value=float(one))
        for piece, (start, _), one in zip(alone, spans, values, strict=True)
    )


def pieces_of(text: str) -> list[tuple[int, int]]:
    """Return where the words of a text begin and end; sentences, or runs of them, of a long one."""
    spans = [found.span() for found in _WORD.finditer(text)]
    if len(spans) <= MAX_PIECES:
        return spans
    sentences = [found.span() for found in _SENTENCE.finditer(text) if found.group().strip()]
    spans = sentences if len(sentences) > 1 else spans
    together = -(-len(spans) // MAX_PIECES)
    runs = [spans[start : start + together] for start in range(0, len(spans), together)]
    return [(run[0][0], run[-1][1]) for run in runs]


def _scaled(answers: npt.NDArray[np.float64], scale: str) -> npt.NDArray[np.float64]:
    if scale == "log_odds":
        inside = np.clip(answers, FLOOR, 1 - FLOOR)
        return np.asarray(np.log(inside) - np.log1p(-inside))
    return np.asarray(np.log(np.maximum(answers, FLOOR))) if scale == "log" else answers


def _fitted(values: npt.NDArray[np.float64], wanted: float | None) -> npt.NDArray[np.float64]:
    total = float(values.sum())
    if wanted is None or total == 0:
        return values
    factor = wanted / total
    return values * factor if 1 / MOST_SCALED <= factor <= MOST_SCALED else values
