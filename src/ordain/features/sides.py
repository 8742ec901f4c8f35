"""The two sides of a binary column: which label is false, which is true, and their names."""

from __future__ import annotations

import math

import polars as pl

from ordain.core.errors import DataError
from ordain.features.labels import read_label

TRUE_WORDS = frozenset({"true", "t", "yes", "y", "1", "on", "positive", "pos"})
FALSE_WORDS = frozenset({"false", "f", "no", "n", "0", "-1", "off", "negative", "neg"})


def assign_sides(
    counts: dict[str, int], fallback: str | None, name: str
) -> tuple[dict[str, float], str]:
    """Return the value of every label, in lower case, and why.

    Raises:
        DataError: there are more than two labels.
    """
    known = sorted({label.lower() for label in counts})
    if fallback is not None:
        true = str(read_label(fallback) or fallback).lower()
        others = [label for label in known if label != true]
        if len(others) > 1:
            raise _too_many(counts, name)
        return {**dict.fromkeys(others, 0.0), true: 1.0}, "`fallback_true_label` says which is true"
    truths = [label in TRUE_WORDS for label in known]
    falsities = [label in FALSE_WORDS for label in known]
    if all(a or b for a, b in zip(truths, falsities, strict=True)):
        words = {label: float(label in TRUE_WORDS) for label in known}
        is_split = len(set(words.values())) == 2 or len(known) < 2  # noqa: PLR2004 - two sides
        if is_split:
            return words, "the labels are words for true and false"
    if len(known) > 2:  # noqa: PLR2004 - two values
        raise _too_many(counts, name)
    if len(known) == 1:
        return {known[0]: 1.0}, "there is one label only; it counts as true"
    ordered = sorted(known, key=_sort_key)
    return {ordered[0]: 0.0, ordered[1]: 1.0}, (
        f"'{ordered[1]}' sorts after '{ordered[0]}'; set `fallback_true_label` to choose"
    )


def other_words(values: dict[str, float]) -> dict[str, float]:
    """Return all words for true and false, or none where a known label is no such word.

    The same truth is written `true`, `yes` or `1` by different programs.
    """
    words = {**dict.fromkeys(FALSE_WORDS, 0.0), **dict.fromkeys(TRUE_WORDS, 1.0)}
    agrees = all(words.get(label) == value for label, value in values.items())
    return dict(sorted(words.items())) if agrees else {}


def _sort_key(label: str) -> tuple[float, str]:
    try:
        return float(label), label
    except ValueError:
        return math.inf, label


def _too_many(counts: dict[str, int], name: str) -> DataError:
    shown = ", ".join(f"'{label}' ({n})" for label, n in list(counts.items())[:4])
    return DataError(
        f"column `{name}`: a binary column has two values, this one has {len(counts)}: {shown}"
        f"{' ...' if len(counts) > 4 else ''}.\n  Fix: declare it `type: category`"  # noqa: PLR2004
    )


def name_sides(
    counts: dict[str, int], values: dict[str, float], dtype: pl.DataType
) -> tuple[str, str]:
    """Return the most frequent spelling of each side; a side never seen gets a made-up name."""
    sides: dict[float, str] = {}
    for label in counts:
        sides.setdefault(values[label.lower()], label)
    for label, value in values.items():
        sides.setdefault(value, label)
    if dtype == pl.Boolean or not sides:
        return ("0", "1") if dtype.is_numeric() else ("false", "true")
    if 0.0 not in sides:
        sides[0.0] = _opposite(sides[1.0])
    if 1.0 not in sides:
        sides[1.0] = _opposite(sides[0.0])
    return sides[0.0], sides[1.0]


_PAIRS = (
    ("false", "true"),
    ("f", "t"),
    ("no", "yes"),
    ("n", "y"),
    ("0", "1"),
    ("off", "on"),
    ("negative", "positive"),
    ("neg", "pos"),
)


def _opposite(label: str) -> str:
    for pair in _PAIRS:
        if label.lower() in pair:
            other = pair[0] if pair[1] == label.lower() else pair[1]
            return other.upper() if label.isupper() else other.title() if label.istitle() else other
    return f"not {label}"
