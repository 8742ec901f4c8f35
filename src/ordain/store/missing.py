"""What is said where a frame lacks columns."""

from __future__ import annotations

from collections.abc import Sequence

from ordain.core.diagnostics import nearest
from ordain.core.errors import DataError

_REALLY_NEAR = 0.75
"""Likeness from which on a name may be a misspelling: `totl` of `total`, and not `tolls`."""


def missing_columns(missing: Sequence[str], present: Sequence[str]) -> DataError:
    """Return the error that names input columns a frame lacks, with the nearest names it has."""
    count = "1 input column is" if len(missing) == 1 else f"{len(missing)} input columns are"
    return DataError(
        f"{count} not in the data\n{_named(missing, present)}\n"
        "  Fix: add the column, empty where the value is not known"
    )


def missing_targets(missing: Sequence[str], present: Sequence[str]) -> DataError:
    """Return the error that names targets a frame to judge by lacks."""
    count = "1 target column is" if len(missing) == 1 else f"{len(missing)} target columns are"
    return DataError(
        f"{count} not in the data\n{_named(missing, present)}\n"
        "  Fix: give rows that hold the target, or use `ordain predict`, which needs inputs only"
    )


def _named(missing: Sequence[str], present: Sequence[str]) -> str:
    lines = []
    for name in missing:
        close = nearest(name, present, cutoff=_REALLY_NEAR)
        hint = f"; nearest: `{close}`" if close else ""
        lines.append(f"  column `{name}` is missing{hint}")
    return "\n".join(lines)
