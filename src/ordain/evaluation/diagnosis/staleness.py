"""Staleness: how a model ages, from models that learned from older and older rows.

The training rows before a moment are cut into windows of equally many rows, the oldest first; a
model of each is judged on the newest rows, which lie after that moment. What falls with age is
what a deployed model loses by waiting.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ordain.evaluation.judgement import Difference, Record

Ints = npt.NDArray[np.int64]
N_WINDOWS = 4
NEWEST_SHARE = 0.2
MIN_ROWS = 30
MICROSECONDS_A_DAY = 86_400_000_000


class Window(Record):
    """A model that learned from one stretch of time."""

    start: str
    end: str
    n_rows: int
    age_days: float
    """From the end of the window to the first of the newest rows."""
    value: float | None
    """Of the metric on the newest rows."""


class Staleness(Record):
    """How an output's metric goes with the age of what was learned from."""

    output: str
    metric: str
    column: str
    """Of the dates."""
    n_newest: int = 0
    """Rows that judge."""
    windows: tuple[Window, ...] = ()
    """The oldest first."""
    difference: Difference | None = None
    """The newest window's model against the oldest's, on the same rows; better means that the
    model ages."""
    note: str = ""

    @property
    def is_ageing(self) -> bool:
        """Whether old rows teach what no longer holds."""
        return self.difference is not None and self.difference.verdict == "better"

    @property
    def sentence(self) -> str:
        """What it comes to, in words."""
        if self.difference is None or self.difference.gain is None or len(self.windows) < 2:  # noqa: PLR2004
            return self.note
        days = self.windows[0].age_days - self.windows[-1].age_days
        what = {
            "better": f"loses {self.difference.gain:.4g} of {self.metric}",
            "worse": f"gains {-self.difference.gain:.4g} of {self.metric}",
            "cannot tell": f"loses nothing that can be told of {self.metric}",
        }[self.difference.verdict]
        return f"a model that is {days:.0f} days older {what}"


def cut_windows(
    times: npt.NDArray[np.int64],
    is_train: npt.NDArray[np.bool_],
    *,
    n_windows: int = N_WINDOWS,
    newest_share: float = NEWEST_SHARE,
) -> tuple[list[Ints], Ints]:
    """Return positions of the training rows of each window, the oldest first, and the newest rows.

    Windows have equally many rows. Both are empty where there are too few rows for them.

    Args:
        times: of each row, in microseconds; the smallest number where there is none [N].
        is_train: whether a row trains [N]; the others judge.
        n_windows: how many.
        newest_share: share of the rows, the newest, that no window reaches into.
    """
    is_dated = times > np.iinfo(np.int64).min
    if not is_dated.any():
        return [], np.zeros(0, dtype=np.int64)
    moment = np.quantile(times[is_dated], 1 - newest_share, method="higher")
    newest = np.flatnonzero(is_dated & ~is_train & (times >= moment))
    older = np.flatnonzero(is_dated & is_train & (times < moment))
    order = older[np.argsort(times[older], kind="stable")]
    size = len(order) // n_windows
    if size < MIN_ROWS or len(newest) < MIN_ROWS:
        return [], np.zeros(0, dtype=np.int64)
    return [np.sort(order[i * size : (i + 1) * size]) for i in range(n_windows)], newest


def window_of(rows: Ints, times: Ints, moment: int, *, value: float | None) -> Window:
    """Return what is told of a window.

    Args:
        rows: its positions.
        times: of all rows, in microseconds.
        moment: of the first of the newest rows.
        value: of its model on the newest rows.
    """
    own = times[rows]
    return Window(
        start=_day(int(own.min())),
        end=_day(int(own.max())),
        n_rows=len(rows),
        age_days=round((moment - int(own.max())) / MICROSECONDS_A_DAY, 3),
        value=value,
    )


def _day(microseconds: int) -> str:
    return str(np.datetime64(microseconds, "us").astype("datetime64[D]"))
