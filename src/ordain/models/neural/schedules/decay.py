"""How the learning rate falls: by factor of the progress through training.

trainer:
  learning_rate_scheduler: {type: cosine, warmup_fraction: 0.05}
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from ordain.models.neural.component import SCHEDULES, Schedule


@SCHEDULES.register
class Constant(Schedule):
    """The same rate throughout."""

    type: Literal["constant"] = "constant"

    def factor(self, progress: float) -> float:  # noqa: ARG002
        """Return 1."""
        return 1.0


@SCHEDULES.register
class Plateau(Schedule):
    """The same rate until the validation metric stops getting better, then a tenth, and so on."""

    type: Literal["plateau"] = "plateau"
    reduce_on_plateau: int = Field(3, ge=0)
    """How often the rate may be cut."""

    def factor(self, progress: float) -> float:  # noqa: ARG002
        """Return 1; the cuts come from `reduce_on_plateau`."""
        return 1.0


@SCHEDULES.register
class Linear(Schedule):
    """From the full rate to 0 in a straight line."""

    type: Literal["linear"] = "linear"

    def factor(self, progress: float) -> float:
        """Return ``1 - progress``."""
        return max(0.0, 1.0 - progress)

    @property
    def is_annealed(self) -> bool:
        """It ends at 0."""
        return True


@SCHEDULES.register
class Cosine(Schedule):
    """From the full rate to a share of it along half a cosine."""

    type: Literal["cosine"] = "cosine"
    eta_min: float = Field(0.0, ge=0, le=1)
    """Share of the rate left at the end."""

    def factor(self, progress: float) -> float:
        """Return the half cosine."""
        return self.eta_min + (1 - self.eta_min) * 0.5 * (1 + math.cos(math.pi * progress))

    @property
    def is_annealed(self) -> bool:
        """It ends near 0."""
        return True


@SCHEDULES.register
class Exponential(Schedule):
    """The rate times `decay_rate` each tenth of training, smoothly or in steps."""

    type: Literal["exponential"] = "exponential"
    decay_rate: float = Field(0.6, gt=0, le=1)
    """Factor over a tenth of training."""
    staircase: bool = False
    """Whether the rate falls in steps."""

    def factor(self, progress: float) -> float:
        """Return the power of `decay_rate`."""
        tenths = progress * 10
        return float(self.decay_rate ** (math.floor(tenths) if self.staircase else tenths))


@SCHEDULES.register
class OneCycle(Schedule):
    """Up from a share of the rate to the full rate, then down to almost 0, both along cosines.

    Source: Smith and Topin 2017 (arXiv 1708.07120).
    """

    type: Literal["one_cycle"] = "one_cycle"
    peak: float = Field(0.3, gt=0, lt=1)
    """Fraction of training at which the full rate is reached."""
    start: float = Field(0.04, gt=0, le=1)
    """Share of the rate at the start."""

    def factor(self, progress: float) -> float:
        """Return the cycle."""
        if progress < self.peak:
            rise = 0.5 * (1 - math.cos(math.pi * progress / self.peak))
            return self.start + (1 - self.start) * rise
        fall = (progress - self.peak) / (1 - self.peak)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, fall)))

    @property
    def is_annealed(self) -> bool:
        """It ends at 0."""
        return True


@SCHEDULES.register
class CosLog(Schedule):
    """Cosine cycles, each twice as long as the one before; the rate starts and ends at 0.

    ``0.5 (1 - cos(2 pi log2(1 + (2^cycles - 1) t)))``. Source: RealMLP-TD (arXiv 2407.04491),
    where it is called coslog4.
    """

    type: Literal["coslog4"] = "coslog4"
    cycles: int = Field(4, ge=1, le=10)
    """Number of cycles."""

    def factor(self, progress: float) -> float:
        """Return the cycles."""
        turn = math.log2(1 + (2**self.cycles - 1) * progress)
        return 0.5 * (1 - math.cos(2 * math.pi * turn))

    @property
    def is_annealed(self) -> bool:
        """It ends at 0."""
        return True
