"""What was judged, as data frames, as figures, and in a notebook; drawing is loaded when asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import polars as pl

from ordain.evaluation.summary import RunSummary


class Shown(ABC):
    """What was judged, training or given rows, as a person wants to see it."""

    @abstractmethod
    def _told(self) -> RunSummary:
        """Return all that a report says of it."""

    @cached_property
    def frames(self) -> dict[str, pl.DataFrame]:
        """What was found as data frames: `metrics`, `slices`, `importance` and so on."""
        from ordain.evaluation.frames import frames_of

        return frames_of(self._told())

    def figure(self, name: str, *, output: str | None = None, **which: str) -> Any:
        """Return a plotly figure, such as `figure("roc")`; see `ordain.evaluation.gallery`.

        Raises:
            UsageError: there is no such figure; the message lists those that there are.
        """
        from ordain.evaluation.gallery import figure

        return figure(self._told(), name, output=output, **which)

    def _repr_html_(self) -> str:
        from ordain.evaluation.notebook import summary_html

        return summary_html(self._told())
