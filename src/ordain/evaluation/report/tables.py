"""Tables and lists of facts as markup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ordain.evaluation.report.html import Html, join, raw, tag
from ordain.evaluation.table import Cell, DrawnTable
from ordain.evaluation.verdict import format_value

MAX_ITEMS = 12
MAX_ROWS = 25
MAX_NESTED = 8
LONG_HEADER = 12


def sortable(
    head: Iterable[Html], rows: Iterable[Html], *, caption: str = "", kind: str = ""
) -> Html:
    """Return a table whose columns sort at a click; a long one scrolls in a box of its own."""
    body = list(rows)
    table = tag(
        "table",
        tag("caption", caption) if caption else None,
        tag("thead", tag("tr", *head)),
        tag("tbody", *body),
        class_=f"sortable {kind}".strip(),
    )
    return tag("div", table, class_="scroll tall" if len(body) > MAX_ROWS else "scroll")


def drawn_table(table: DrawnTable, *, caption: str = "", has_own_row: bool = True) -> Html:
    """Return a comparison; `has_own_row` sets the first row off as this model."""
    head = (
        header(name, is_number=place > 0, about=about)
        for place, (name, about) in enumerate(zip(table.header, table.about, strict=True))
    )
    body = (
        tag(
            "tr",
            *(_table_cell(one, place) for place, one in enumerate(row)),
            class_="own" if has_own_row and number == 0 else None,
        )
        for number, row in enumerate(table.rows)
    )
    return sortable(head, body, caption=caption, kind="compared")


def facts(found: Mapping[str, Any]) -> Html:
    """Return plain data as a list of names and values, nested where it is nested."""
    pairs = ((tag("dt", words(name)), tag("dd", _fact(value))) for name, value in found.items())
    return tag("dl", *(piece for pair in pairs for piece in pair))


def header(text: str, *, is_number: bool = False, about: str = "") -> Html:
    """Return the heading of a column."""
    # A long name such as `median_absolute_error` may break at its words.
    pieces = join(text.split("_"), raw("_<wbr>" if len(text) > LONG_HEADER else "_"))
    kind = "number" if is_number else None
    return tag("th", pieces, class_=kind, title=about or None, scope="col")


def cell(value: Any, *, is_number: bool = False) -> Html:
    """Return one value of a sortable table; None is shown as a dash and sorts last."""
    if not is_number:
        text = "" if value is None else str(value)
        return tag("td", text, data_value=text)
    if value is None:
        return tag("td", "-", class_="number", data_value="")
    text = f"{value:,}" if isinstance(value, int) else format_value(float(value))
    return tag("td", text, class_="number", data_value=value)


BADGES = {
    "passed": ("good", "\u2713 passed"),
    "failed": ("bad", "\u2717 failed"),
    "warned": ("warn", "! warns"),
    "does not apply": ("soft", "\u2013 does not apply"),
    "worse": ("bad", "\u25bc worse"),
    "better": ("good", "\u25b2 better"),
    "cannot tell": ("soft", "cannot tell"),
    "suspect": ("warn", "? looks wrong"),
    "far off": ("warn", "! far off"),
    "marked": ("warn", "! marked"),
    "problem": ("warn", "! to work on"),
    "fact": ("soft", "\u2013 good to know"),
}
"""Kind and text of each state; the sign tells it without its colour."""


def badge(state: str) -> Html:
    """Return a state as a coloured word with its sign."""
    kind, text = BADGES[state]
    return tag("span", text, class_=f"badge {kind}")


def words(name: str) -> str:
    """Return a key as words."""
    return name.removeprefix("n_").replace("_", " ")


def _table_cell(one: Cell, place: int) -> Html:
    kinds = [*(["number"] if place else []), *(["best"] if one.is_best else [])]
    return tag(
        "td",
        one.text,
        class_=" ".join(kinds) or None,
        title=one.note or None,
        data_value="" if one.value is None else one.value,
    )


def _fact(value: Any) -> Html | str:
    if isinstance(value, Mapping):
        return _nested(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.6g}"  # noqa: PLR2004 - readable
    if isinstance(value, Iterable) and not isinstance(value, str):
        return _list(list(value))
    return "none" if value is None else str(value)


def _nested(value: Mapping[str, Any]) -> Html | str:
    if not value:
        return "none"
    if len(value) <= MAX_NESTED:
        return facts(value)
    return tag("details", tag("summary", f"{len(value)} values"), facts(value))


def _list(values: list[Any]) -> Html | str:
    if not values:
        return "none"
    shown = values[:MAX_ITEMS]
    more = f" and {len(values) - len(shown):,} more" if len(values) > len(shown) else ""
    if any(isinstance(value, Mapping) for value in shown):
        return join([*(tag("div", _fact(value)) for value in shown), more or None])
    return join([join((_fact(value) for value in shown), ", "), more or None])
