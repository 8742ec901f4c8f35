"""Markdown by construction: names and labels are text, whatever characters they hold."""

from __future__ import annotations

import json
from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, n_text: int = 1) -> str:
    """Return a table: the first `n_text` columns to the left, all others to the right."""
    align = ["---" if place < n_text else "---:" for place in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, align, *rows))


def inline(text: str) -> str:
    """Return text in which no character starts Markdown or HTML, on one line."""
    text = plain(" ".join(str(text).split()))
    for character in "\\`*_[]|#":
        text = text.replace(character, f"\\{character}")
    return text


def prose(text: str) -> str:
    """Return our own words on one line: what stands between back-quotes stays code."""
    parts = " ".join(text.split()).split("`")
    if len(parts) % 2 == 0:
        return inline(text)
    return "`".join(part if place % 2 else plain(part) for place, part in enumerate(parts))


def plain(text: str) -> str:
    """Return text in which no character starts HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


def code(text: str) -> str:
    """Return text set as code: fenced by more back-quotes than it holds."""
    text = " ".join(str(text).split()).replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def scalar(text: str) -> str:
    """Return a YAML scalar: plain where that is safe, else a JSON string, which YAML reads."""
    is_plain = text.replace("-", "").replace("_", "").isalnum() and text[:1].isalpha()
    words = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
    return text if is_plain and text.isascii() and text.lower() not in words else json.dumps(text)
