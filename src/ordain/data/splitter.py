"""The contract of a splitter: it gives every row the name of its set."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from ordain.core.component import Component, Registry
from ordain.data.table import Table

TRAIN, VALIDATION, TEST = "train", "validation", "test"


@dataclass(frozen=True)
class Assignment:
    """What a splitter decided.

    Attributes:
        sets: a categorical or string column [N] with the name of each row's set, or null for a
            row that belongs to none (such as the gap of a datetime split).
        facts: of this kind of split: cut dates, number of groups, bins ...; plain JSON.
    """

    sets: pl.Series
    facts: dict[str, Any] = field(default_factory=dict)


class Splitter(Component):
    """Gives every row the name of its set, without looking at anything but declared columns."""

    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Return the columns that decide; the plan reads only these."""

    @abstractmethod
    def assign(self, table: Table, *, seed: int) -> Assignment:
        """Return each row's set.

        Raises:
            DataError: too few rows for the sets, a column that cannot be used.
        """


SPLITTERS: Registry[Splitter] = Registry("splitter", Splitter, package="ordain.data.splitters")
