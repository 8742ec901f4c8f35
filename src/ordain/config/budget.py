"""The `budget` block: how much time or money a run may take.

budget:
  seconds: 600
  cost: 1.50
  price_per_hour: 0.42
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from ordain.core.component import Spec


class Budget(Spec):
    """How much a run may take, after which learning ends with the best model so far."""

    seconds: Annotated[float, Field(gt=0)] | None = None
    """Wall time of a run, in seconds; judging and the report come on top of it."""
    cost: Annotated[float, Field(gt=0)] | None = None
    """Money a run may take, in the unit of `price_per_hour`, which it needs beside it."""
    price_per_hour: Annotated[float, Field(ge=0)] | None = None
    """What an hour of this machine costs, in any currency: runs and plans then say their cost."""

    @model_validator(mode="after")
    def _has_price(self) -> Self:
        if self.cost is not None and self.price_per_hour is None:
            msg = "`cost` needs `price_per_hour` beside it: what an hour of this machine costs"
            raise ValueError(msg)
        return self

    @property
    def limit_seconds(self) -> float | None:
        """Seconds that time and money allow together; None where neither is bounded."""
        allowed = [] if self.seconds is None else [self.seconds]
        if self.cost is not None and self.price_per_hour:
            allowed.append(self.cost / self.price_per_hour * SECONDS_PER_HOUR)
        return min(allowed, default=None)

    def cost_of(self, seconds: float) -> float | None:
        """Return what some seconds cost; None where no price is declared."""
        price = self.price_per_hour
        return None if price is None else seconds / SECONDS_PER_HOUR * price


SECONDS_PER_HOUR = 3600
