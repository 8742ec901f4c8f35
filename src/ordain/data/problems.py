"""What reading found, in words: one sentence for each counted fault of a `ReadReport`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WORDS = {
    "stray_quotes": "{count} quotes stand inside fields",
    "blank_lines": "{count} lines are blank",
    "short_lines": "{count} lines have too few fields",
    "long_lines": "{count} lines have too many fields",
    "missing_spellings": "{count} cells hold a word for missing",
    "mixed_types": "`{column}` mixes types in {count} cells",
    "not_parsed": "`{column}` has {count} cells that are not of its declared type",
    "not_utf8": "{count} lines are not UTF-8",
    "column_left_out": "`{column}` is left out",
    "dataset_changed": "the rows of `dataset:{column}` are not those on record",
    "types_differ": "`{column}` does not have one type in all files",
}
_EXPECTED = frozenset({"blank_lines", "missing_spellings"})
_LONGEST = 60


def describe_problem(problem: Mapping[str, Any]) -> str:
    """Return a problem as a sentence: what was found, how often, up to three examples, what to do.

    Args:
        problem: one of `ReadReport.problems`.
    """
    kind = str(problem["kind"])
    words = _WORDS.get(kind, "{count} cases of " + kind.replace("_", " "))
    found = words.format(count=f"{problem.get('count', 0):,}", column=problem.get("column", ""))
    if problem.get("count") == 1:
        found = _singular(found)
    shown = ", ".join(_example(example) for example in list(problem.get("examples", ()))[:3])
    return found + (f" ({shown})" if shown else "") + f": {problem['fix']}"


def is_expected(problem: Mapping[str, Any]) -> bool:
    """Return whether a problem is part of ordinary files: to be told, and no reason to warn."""
    return problem["kind"] in _EXPECTED


def _example(example: Any) -> str:
    if not isinstance(example, Mapping):
        return str(example)
    if "values" in example:
        counts = " and ".join(f"'{word}' {count:,}" for word, count in example["values"].items())
        return f"`{example['column']}`: {counts}"
    if "file" in example:
        return f"{example['type']} in '{example['file']}'"
    place = next((f"{key} {example[key]}" for key in ("line", "row") if key in example), "")
    text = example.get("text", example.get("value"))
    return place if text is None else f"{place} '{_shorten(str(text))}'".strip()


def _singular(text: str) -> str:
    for many, one in (
        ("quotes stand", "quote stands"),
        ("lines are", "line is"),
        ("lines have", "line has"),
        ("cells hold", "cell holds"),
        ("cells that are not", "cell that is not"),
        ("cells", "cell"),
    ):
        text = text.replace(many, one)
    return text


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
