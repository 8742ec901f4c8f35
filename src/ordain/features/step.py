"""Steps: what happens to one cell on its way to numbers, told for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """One step of a cell.

    Attributes:
        name: read, parsed, cleaned, filled or encoded.
        value: what the cell is after it; None where it is missing.
        why: the rule, with the statistic that fitting found.
    """

    name: str
    value: Any
    why: str


def parsed(given: object, value: object, *, what: str, how: str) -> Step:
    """Return the step of reading a cell as a type; `value` is None where it cannot be."""
    if value is not None:
        return Step("parsed", value, how)
    is_there = given is not None and str(given).strip() != "" and given == given  # noqa: PLR0124
    return Step("parsed", None, f"cannot be read as {what}" if is_there else "missing")


def filled(value: object, *, on_missing: str, strategy: object, is_guessed: bool) -> Step:
    """Return the step of filling a missing cell; `value` is None where it stays missing."""
    if is_guessed:
        return Step("filled", value, f"{strategy}: from other columns of the row")
    if value is None:
        return Step("filled", None, "stays missing: the model reads it as such")
    if on_missing in {"ffill", "bfill"}:
        return Step("filled", value, f"{on_missing}: a row alone takes the value of training")
    return Step("filled", value, f"{strategy}: found on training rows")
