"""Rows at prediction that are not as in training: told with counts, never silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from ordain.features.feature import Feature
from ordain.features.number import NumberFeature

if TYPE_CHECKING:
    from ordain.store.model import Model

N_EXAMPLES = 3
_TOLD = {
    "unparsed": "cannot be read and count as missing",
    "unseen": "did not occur in training",
    "unseen_group": "are missing in a group that is missing or did not occur in training, and are "
    "filled as of all rows",
    "unknown_holidays": "are of years whose holidays are not known",
    "not_positive": "are not above 0, where `box_cox` begins, and count as the lowest of training",
    "truncated": "are longer than the model reads and are cut off",
}
"""What is said of the values that `inspect` counts under a key."""


@dataclass
class Unusual:
    """Counts over any number of blocks of rows; derived columns must be there already."""

    model: Model
    n_rows: int = 0
    outside: int = 0
    missing: dict[str, int] = field(default_factory=dict)
    unread: dict[tuple[str, str], int] = field(default_factory=dict)
    examples: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add(self, rows: pl.DataFrame) -> None:
        """Look at a block."""
        self.n_rows += rows.height
        where = self.model.document.data.where
        if where and set(rows.columns) >= _columns_of(where, rows):
            from ordain.data.expressions import satisfies

            self.outside += rows.height - int(satisfies(rows, where).sum())
        for feature in self.model.document.inputs:
            column = rows[feature.column]
            if _is_plain_number(feature.preprocessing, column):
                self._count_missing(feature.name, column.null_count())
                continue
            encoding = self.model.encodings[feature.name]
            found = feature.preprocessing.inspect(column, encoding, rows)
            self._count_missing(feature.name, found["n_missing"])
            for kind in _TOLD:
                self._count_unread(feature.name, kind, found.get(kind))

    def to_json(self) -> dict[str, Any]:
        """Return the counts as plain data, for `merge`."""
        return {
            "n_rows": self.n_rows,
            "outside": self.outside,
            "missing": self.missing,
            "unread": [
                [name, kind, count, self.examples.get((name, kind), [])]
                for (name, kind), count in self.unread.items()
            ],
        }

    def merge(self, other: Mapping[str, Any]) -> None:
        """Add the counts of other rows, as `to_json` gives them."""
        self.n_rows += other["n_rows"]
        self.outside += other["outside"]
        for name, count in other["missing"].items():
            self._count_missing(name, count)
        for name, kind, count, examples in other["unread"]:
            told = [{"value": example} for example in examples]
            self._count_unread(name, kind, {"count": count, "examples": told})

    def warnings(self) -> dict[str, str]:
        """Return a sentence for each thing that was not as in training, by its code."""
        told: dict[str, str] = {}
        where = self.model.document.data.where
        if self.outside:
            told["W601"] = (
                f"{self.outside} of {self.n_rows} rows do not satisfy `where: {where}`, which the "
                "model was trained under; they are predicted all the same"
            )
        for (name, kind), count in self.unread.items():
            shown = ", ".join(f"'{value}'" for value in self.examples[name, kind])
            told[f"W604 {name} {kind}"] = (
                f"{count:,} of {self.n_rows:,} values of `{name}` {_TOLD[kind]}, such as {shown}"
            )
        for name, count in self.missing.items():
            known = self.model.encodings[name].facts
            was_there = known.get("n_missing", 0) < known.get("n_rows", 1)
            if count == self.n_rows > 1 and was_there and (name, "unparsed") not in self.unread:
                told[f"W605 {name}"] = (
                    f"`{name}` is missing in all of {self.n_rows:,} rows, and was not in training"
                )
        return told

    def _count_missing(self, name: str, count: int) -> None:
        self.missing[name] = self.missing.get(name, 0) + count

    def _count_unread(self, name: str, kind: str, found: dict[str, Any] | None) -> None:
        if not found:
            return
        key = (name, kind)
        self.unread[key] = self.unread.get(key, 0) + found["count"]
        shown = self.examples.setdefault(key, [])
        for example in found["examples"]:
            if example["value"] not in shown and len(shown) < N_EXAMPLES:
                shown.append(example["value"])


def _is_plain_number(feature: Feature[Any], column: pl.Series) -> bool:
    """Return whether nothing of a number can be unusual but that it is missing."""
    is_plain = isinstance(feature, NumberFeature) and feature.normalization != "box_cox"
    return is_plain and not feature.reads and column.dtype.is_numeric()


def _columns_of(where: str, rows: pl.DataFrame) -> set[str]:
    from ordain.core.errors import DataError
    from ordain.data import expression_columns

    try:
        return set(expression_columns(where, rows.schema))
    except DataError:
        return {""}  # the filter reads a column that prediction does without
