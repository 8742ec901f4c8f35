"""What all answers need, in one hand."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

from ordain.config.deployment import Deployment
from ordain.serving.contracts import Feedback, PredictionLog
from ordain.serving.hosting import Hosting, State
from ordain.serving.load import Load
from ordain.serving.meters import Meters
from ordain.serving.refusal import Refusal


@dataclass
class Kit:
    """What all answers need.

    Attributes:
        deployment: as it is declared now; exchanged when that changes.
        executor: threads for what would hold up the event loop.
        log, feedback: where predictions and outcomes go; None keeps none.
        load: requests at work.
    """

    deployment: Deployment
    hosting: Hosting
    meters: Meters
    executor: Executor
    log: PredictionLog | None = None
    feedback: Feedback | None = None
    load: Load | None = None

    @property
    def is_crowded(self) -> bool:
        """Whether other requests are at work beside the one that asks."""
        return self.load is not None and len(self.load.at_work) > 1

    def state(self) -> State:
        """Return what answers now.

        Raises:
            Refusal: nothing is loaded yet.
        """
        if self.hosting.state is None:
            raise Refusal.busy()
        return self.hosting.state
