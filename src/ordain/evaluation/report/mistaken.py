"""What goes wrong: classes taken for each other, what bad rows share, and the worst rows."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from ordain.evaluation.errors import ErrorAnalysis, WorstRow
from ordain.evaluation.report.html import Html, join, tag
from ordain.evaluation.report.tables import badge, cell, header, sortable
from ordain.evaluation.summary import RunSummary

N_ROWS = 50
N_INPUTS = 12
MAX_TEXT = 240
MAX_WORD = 24


def mistaken(summary: RunSummary) -> Html | None:
    """Return mistakes, groups and worst rows for every output."""
    parts: list[Html | None] = []
    for name, found in summary.findings.errors.items():
        title = tag("h3", name) if len(summary.outputs) > 1 else None
        inputs = _shown_inputs(summary, name, found)
        parts += [title, _mistakes(found), _groups(found), _worst(found, inputs)]
    return join(parts) if any(parts) else None


def _mistakes(found: ErrorAnalysis) -> Html | None:
    if not found.mistakes:
        return None
    head = [
        header("true class"),
        header("taken for"),
        header("rows", is_number=True),
        header("share", is_number=True, about="Of the rows of the true class."),
        header("overlap", is_number=True,
               about="0: the probabilities part the two; 0.5: they cannot be told apart."),
    ]  # fmt: skip
    rows = (
        tag(
            "tr",
            cell(one.truth),
            cell(one.prediction),
            cell(one.n_rows, is_number=True),
            tag("td", f"{one.share:.1%}", class_="number", data_value=one.share),
            tag("td", f"{one.overlap:.3f}", class_="number", data_value=one.overlap),
        )
        for one in found.mistakes
    )
    words = (
        "Overlap is the share of probability that rows of either class give to the other: near 0.5 "
        "no input parts the two, near 0 the model errs although it can tell them apart."
    )
    caption = "Classes that are most often taken for each other."
    return tag("div", sortable(head, rows, caption=caption), tag("p", words, class_="hint"),
               class_="card")  # fmt: skip


def _groups(found: ErrorAnalysis) -> Html | None:
    if not found.groups:
        return None
    head = [
        header("group", is_number=True),
        header("what they share"),
        header("rows", is_number=True),
        header("of the worst", is_number=True),
        header("of all", is_number=True),
        header("times as common", is_number=True),
        header(f"mean {found.loss}", is_number=True),
    ]
    rows = (
        tag(
            "tr",
            cell(place, is_number=True),
            tag("td", one.shared, title=one.where or None, data_value=one.shared),
            cell(one.n_rows, is_number=True),
            tag("td", f"{one.share:.1%}", class_="number", data_value=one.share),
            tag("td", f"{one.share_of_all:.1%}", class_="number", data_value=one.share_of_all),
            tag("td", f"{one.lift:.1f}", class_="number", data_value=one.lift),
            cell(one.mean_loss, is_number=True),
        )
        for place, one in enumerate(found.groups, start=1)
    )
    caption = (
        f"What the {found.n_worst:,} worst of {found.n_rows:,} rows have more than the others."
    )
    return tag("div", sortable(head, rows, caption=caption), class_="card")


def _worst(found: ErrorAnalysis, inputs: Sequence[str]) -> Html | None:
    if not found.worst:
        return None
    has_probability = found.worst[0].probability is not None
    numbers = _numbers(found.worst[:N_ROWS], inputs)
    head = [
        header("row", is_number=True, about="Position in the table that was read, from 0."),
        header("truth", is_number=not has_probability),
        header("prediction", is_number=not has_probability),
        header("probability of the truth" if has_probability else found.loss, is_number=True),
        header("label" if has_probability else "error"),
        *([header("group", is_number=True)] if found.groups else []),
        *(header(name, is_number=name in numbers) for name in inputs),
    ]  # fmt: skip
    rows = (
        _row(one, inputs, numbers, has_group=bool(found.groups)) for one in found.worst[:N_ROWS]
    )
    what = "errors are far out of line"
    if has_probability:
        what = "labels are worth checking: the model is surer of another class than rows "
        what += "with that label let expect"
    words = f"{found.n_suspect:,} of {found.n_rows:,} {what}. Read these rows first."
    caption = f"The {min(N_ROWS, len(found.worst))} rows with the greatest {found.loss}."
    return tag("div", sortable(head, rows, caption=caption, kind="rows"),
               tag("p", words, class_="hint"), class_="card")  # fmt: skip


def _numbers(rows: Sequence[WorstRow], inputs: Sequence[str]) -> set[str]:
    """Return the inputs whose cells are all numbers, or not there."""
    return {
        name
        for name in inputs
        if all(
            isinstance(one.values.get(name), int | float | None)
            and not isinstance(one.values.get(name), bool)
            for one in rows
        )
    }


def _row(one: WorstRow, inputs: Sequence[str], numbers: Container[str], *, has_group: bool) -> Html:
    has_probability = one.probability is not None
    is_number = not has_probability
    return tag(
        "tr",
        tag("td", str(one.row), class_="number", data_value=one.row),
        cell(one.truth, is_number=is_number) if is_number else _value(one.truth),
        cell(one.prediction, is_number=is_number) if is_number else _value(one.prediction),
        cell(one.probability if has_probability else one.loss, is_number=True),
        tag(
            "td",
            badge("suspect" if has_probability else "far off") if one.is_suspect else "",
            data_value=int(one.is_suspect),
        ),
        cell(None if one.group is None else one.group + 1, is_number=True) if has_group else None,
        *(_value(one.values.get(name), is_number=name in numbers) for name in inputs),
    )


def _value(value: Any, *, is_number: bool = False) -> Html:
    if is_number:
        text = "-" if value is None else f"{value:,.6g}" if isinstance(value, float) else str(value)
        return tag("td", text, class_="number", data_value="" if value is None else value)
    text = "" if value is None else " ".join(str(value).split())
    if isinstance(value, float):
        text = f"{value:.6g}"
    if len(text) <= MAX_WORD:
        return tag("td", text, class_="word", data_value=text)
    if len(text) <= MAX_TEXT:
        return tag("td", tag("span", text, class_="clip"), data_value=text)
    short = text[: MAX_TEXT - 1] + "\u2026"
    return tag("td", tag("span", short, class_="clip"), data_value=short)


def _shown_inputs(summary: RunSummary, name: str, found: ErrorAnalysis) -> list[str]:
    """Return the inputs to show beside a row: all of a few, the most important of many."""
    if not found.worst:
        return []
    known = list(found.worst[0].values)
    table = summary.findings.importance.get(name)
    ranked = [] if table is None else [one.input for one in table.inputs if one.input in known]
    chosen = [*ranked, *(one for one in known if one not in ranked)][:N_INPUTS]
    return [one for one in known if one in chosen]
