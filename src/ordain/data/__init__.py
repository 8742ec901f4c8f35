"""Rows: where they come from, what they are like, and which set each belongs to."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ordain.data.combine import combine_sets
    from ordain.data.datasets import list_datasets
    from ordain.data.expressions import apply_expressions, expression_columns
    from ordain.data.open import open_source
    from ordain.data.profile import ColumnProfile, profile_table
    from ordain.data.read import read_table
    from ordain.data.report import split_report
    from ordain.data.source import SOURCES, Source
    from ordain.data.splitter import SPLITTERS, Assignment, Splitter, fold_assignment
    from ordain.data.table import ReadReport, Table
    from ordain.data.validation import holdout

_HOMES = {
    "Assignment": "splitter",
    "ColumnProfile": "profile",
    "ReadReport": "table",
    "SOURCES": "source",
    "SPLITTERS": "splitter",
    "Source": "source",
    "Splitter": "splitter",
    "Table": "table",
    "apply_expressions": "expressions",
    "combine_sets": "combine",
    "expression_columns": "expressions",
    "fold_assignment": "splitter",
    "holdout": "validation",
    "list_datasets": "datasets",
    "open_source": "open",
    "profile_table": "profile",
    "read_table": "read",
    "split_report": "report",
}

__all__ = [
    "SOURCES",
    "SPLITTERS",
    "Assignment",
    "ColumnProfile",
    "ReadReport",
    "Source",
    "Splitter",
    "Table",
    "apply_expressions",
    "combine_sets",
    "expression_columns",
    "fold_assignment",
    "holdout",
    "list_datasets",
    "open_source",
    "profile_table",
    "read_table",
    "split_report",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use, so that importing the room costs next to nothing."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
