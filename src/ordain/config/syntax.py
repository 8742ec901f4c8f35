"""Faults of the text itself: what the parser of YAML says, in words that say what to change."""

from __future__ import annotations

from typing import Any

import yaml as pyyaml

from ordain.config.codes import fault
from ordain.config.located import Mark, Text
from ordain.core.errors import ConfigError

_PROBLEMS = {
    "mapping values are not allowed in this context": (
        "a second `:` stands here, or the line is indented more than the one above",
        "Text that holds `: ` must be quoted; keys of one mapping must start in one column.",
    ),
    "found unexpected end of stream": (
        "a quote that is opened here is never closed",
        "Close the quote on the same line.",
    ),
    "did not find expected key": (
        "this line is indented in a way that fits no mapping above",
        "Keys of one mapping must start in one column.",
    ),
    "did not find expected '-' indicator": (
        "a key stands where the list above expects `- `",
        "Items of a list start with `- `; indent the key to make it part of an item.",
    ),
    "did not find expected ',' or ']'": (
        "a `[` that is opened here is not closed",
        "Separate items by `,` and close with `]`.",
    ),
    "did not find expected ',' or '}'": (
        "a `{` that is opened here is not closed",
        "Separate keys by `,` and close with `}`.",
    ),
    "did not find expected node content": (
        "a value is missing here, or a bracket around it is not closed",
        "Each `[` needs its `]`, each `{` its `}`; items stand between commas.",
    ),
    "block sequence entries are not allowed in this context": (
        "a list starts here in the middle of a line",
        "Write the first `- ` on the next line.",
    ),
    "found character that cannot start any token": (
        "a value may not start with this character",
        "Put the value in quotes.",
    ),
}


def refuse(
    code: str, message: str, text: Text, mark: Mark | None = None, **more: Any
) -> ConfigError:
    """Return the error of one fault, at a mark or at the start of the text."""
    place = mark or Mark(text, 1, 1, 1)
    return ConfigError.of([fault(code, message, (), place, **more)])


def syntax_error(error: pyyaml.YAMLError, text: Text) -> ConfigError:
    """Return the parser's own error in words that say what to change."""
    where = getattr(error, "problem_mark", None)
    if where is None:
        return refuse("E101", f"the text holds a control character: {_control(text)}", text)
    line = text.lines[where.line] if where.line < len(text.lines) else ""
    mark = Mark(text, where.line + 1, where.column + 1, 1)
    if (
        "\t" in line[: len(line) - len(line.lstrip())]
        or line[where.column : where.column + 1] == "\t"
    ):
        tab = line.find("\t")
        return refuse(
            "E102",
            "a tab stands where YAML needs spaces",
            text,
            Mark(text, where.line + 1, tab + 1, 1),
            allowed="Blocks are indented with spaces.",
            fix=line.replace("\t", "  ").rstrip(),
        )
    problem = str(getattr(error, "problem", None) or error)
    said, allowed = _PROBLEMS.get(problem, (problem, None))
    opened = getattr(error, "context_mark", None)
    if opened is not None and said.endswith("closed"):
        mark = _visible(Mark(text, opened.line + 1, opened.column + 1, 1))
        return refuse("E101", said, text, mark, allowed=allowed, fix=_closed(mark))
    notes: tuple[str, ...] = ()
    if opened is not None and opened.line != where.line:
        notes = (f"The block around it starts on line {opened.line + 1}.",)
    return refuse("E101", said, text, _visible(mark), allowed=allowed, notes=notes)


def _closed(mark: Mark) -> str | None:
    """Return the line of a bracket that is open, closed at its end, where nothing else closes."""
    line = mark.text.lines[mark.line - 1].rstrip()
    inside = line[mark.column :]
    close = {"[": "]", "{": "}"}.get(line[mark.column - 1 : mark.column])
    if close is None or not inside or any(sign in inside for sign in "[]{}#'\""):
        return None
    return line.rstrip(",") + close


def _visible(mark: Mark) -> Mark:
    """Move a mark at the end of the text to the last line that has something on it."""
    lines = mark.text.lines
    line = min(mark.line, len(lines))
    if mark.line <= len(lines) and lines[line - 1].strip():
        return mark
    while line > 1 and not lines[line - 1].strip():
        line -= 1
    return Mark(mark.text, line, max(1, len(lines[line - 1])), 1)


def _control(text: Text) -> str:
    for number, line in enumerate(text.lines, 1):
        for character in line:
            if not character.isprintable() and character != "\t":
                return f"U+{ord(character):04X} on line {number}"
    return "unknown"
