"""HTML by construction: whatever is not made by `tag` is text, and text is always escaped."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from typing import Any

_VOID = frozenset({"meta", "br", "hr", "link"})


class Html(str):
    """Markup that is safe to place in a page; only `tag`, `join` and `raw` make it."""

    __slots__ = ()


def tag(name: str, /, *children: Html | str | float | None, **attributes: object) -> Html:
    """Return an element.

    Args:
        name: of the element.
        children: markup as it is, anything else escaped, None left out.
        attributes: `class_` and `for_` stand for reserved words, `data_x` for `data-x`; None and
            False leave one out, True gives it without a value.
    """
    head = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{head}>")
    return Html(f"<{name}{head}>{join(children)}</{name}>")


def join(children: Iterable[Html | str | float | None], separator: str = "") -> Html:
    """Return several pieces as one; text among them is escaped."""
    pieces = (_piece(child) for child in children if child is not None)
    return Html(_piece(separator).join(pieces))


def raw(text: str) -> Html:
    """Return trusted markup as it is: our own style and script, never data."""
    return Html(text)


def script_json(value: Any, *, identifier: str) -> Html:
    """Return data for scripts as an element that no content can break out of."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Html(f'<script type="application/json" id="{html.escape(identifier)}">{text}</script>')


def code_words(text: str) -> Html:
    """Return text in which words between back-quotes are set as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # an odd back-quote is just a character
        return join([text])
    return join(tag("code", part) if place % 2 else part for place, part in enumerate(parts))


def _piece(child: Html | str | float) -> str:
    return str(child) if isinstance(child, Html) else html.escape(str(child))


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'
