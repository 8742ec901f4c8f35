"""Which words move the answer: by class over many rows, and word by word in the worst rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ordain.evaluation.explain.highlight import Piece
from ordain.evaluation.explain.vocabulary import (
    MAX_WORDS,
    ReadRow,
    Vocabulary,
    WordEffect,
    WordFindings,
)
from ordain.evaluation.report.html import Html, join, tag
from ordain.evaluation.report.tables import header, sortable
from ordain.evaluation.verdict import format_value

LEAST_SHOWN = 0.08
"""Share of the strongest word under which a word stays without colour."""
VOCABULARY = (
    "Words whose absence changes the answer most, summed over {rows:,} rows; the stronger the "
    "colour, the more a word does. Hovering shows how much, in {unit}, and in how many rows. A "
    "word that should not matter, such as a name or a source, is a hint that the model has learned "
    "the wrong thing."
)
WORST = (
    "The rows with the greatest loss, as the model read them. Blue words speak for the answer that "
    "was given, orange ones with a dotted line against it: strong blue in a wrong answer is what "
    "misled the model, and no strong word at all means that it found nothing to go by."
)


def wording(found: WordFindings) -> Html | None:
    """Return the words of one output's texts."""
    parts = [_vocabulary(found) if found.vocabulary else None, _worst(found.rows)]
    return join(parts) if any(parts) else None


def _vocabulary(found: WordFindings) -> Html:
    has_inputs = len({one.input for one in found.vocabulary}) > 1
    has_labels = any(one.label for one in found.vocabulary)
    head = [
        *([header("input")] if has_inputs else []),
        *([header("class")] if has_labels else []),
        header("for it" if has_labels else "raise the answer"),
        header("against it" if has_labels else "lower the answer"),
    ]
    rows = (_of_class(one, has_input=has_inputs, has_label=has_labels) for one in found.vocabulary)
    unit = "log-odds" if has_labels else "units of the answer"
    words = VOCABULARY.format(rows=found.n_rows, unit=unit)
    return tag("div", tag("h3", "Words that move the answer"),
               sortable(head, rows, kind="chips"), tag("p", words, class_="hint"),
               class_="card")  # fmt: skip


def _of_class(one: Vocabulary, *, has_input: bool, has_label: bool) -> Html:
    strongest = max((abs(word.value) for word in (*one.for_it, *one.against)), default=1.0)
    return tag(
        "tr",
        tag("td", one.input, data_value=one.input) if has_input else None,
        tag("td", tag("strong", one.label), data_value=one.label) if has_label else None,
        tag("td", _chips(one.for_it, strongest)),
        tag("td", _chips(one.against, strongest)),
    )


def _chips(words: Sequence[WordEffect], strongest: float) -> Html | str:
    if not words:
        return "none"
    return join((_chip(word, strongest) for word in words), " ")


def _chip(word: WordEffect, strongest: float) -> Html:
    count = "1 row" if word.n_rows == 1 else f"{word.n_rows:,} rows"
    title = f"{word.value:+.3g} on average, in {count}"
    return _marked(word.word, word.value / strongest, title=title, kind="chip")


def _worst(rows: Sequence[ReadRow]) -> Html | None:
    if not rows:
        return None
    return tag(
        "div",
        tag("h3", "The worst rows, word by word"),
        *map(_row, rows),
        tag("p", WORST, class_="hint"),
        class_="card",
    )


def _row(row: ReadRow) -> Html:
    strongest = max((abs(one.value) for found in row.pieces.values() for one in found), default=0.0)
    has_names = len(row.pieces) > 1
    texts = (
        tag(
            "p",
            tag("span", f"{name}: ", class_="soft") if has_names else None,
            *_text(pieces, strongest or 1.0),
            class_="read",
        )
        for name, pieces in row.pieces.items()
    )
    told = [
        tag("span", f"row {row.row}", class_="soft"),
        "  truth ",
        tag("strong", _shown(row.truth)),
        ", predicted ",
        tag("strong", _shown(row.prediction)),
    ]
    return tag("div", tag("p", *told, class_="told"), *texts, class_="reading")


def _text(pieces: Sequence[Piece], strongest: float) -> Iterator[Html | str]:
    for one in pieces:
        yield _marked(one.text, one.value / strongest, title=f"{one.value:+.3g}")
        yield " "
    if len(pieces) == MAX_WORDS:
        yield "\u2026"


def _marked(text: str, share: float, *, title: str, kind: str = "") -> Html:
    """Return a word on its colour; `share` is how strong it is, from -1 to 1."""
    if abs(share) < LEAST_SHOWN and not kind:
        return tag("span", text, title=title)
    side = "for" if share >= 0 else "against"
    depth = round(0.12 + 0.5 * min(1.0, abs(share)), 2)
    return tag("mark", text, class_=f"{kind} {side}".strip(), title=title, style=f"--depth:{depth}")


def _shown(value: str | float) -> str:
    return format_value(value) if isinstance(value, float) else str(value)
