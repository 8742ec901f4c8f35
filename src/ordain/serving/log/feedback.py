"""Outcomes as they come: every one is kept; the last one of a prediction is the one that counts."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b

from ordain.serving.contracts import Outcome, Receipt
from ordain.serving.log.rows import outcome_line
from ordain.serving.log.writer import LogWriter

REMEMBERED = 100_000
"""Outcomes a worker remembers, to tell a repeated one."""


class FeedbackFiles:
    """Keeps outcomes beside the predictions.

    Whether an outcome is a repeated one is told by what this worker remembers of late; what counts
    in the end is decided where they are joined, by time.

    Args:
        writer: of this worker.
    """

    def __init__(self, writer: LogWriter) -> None:
        self._writer = writer
        self._known: OrderedDict[str, bytes] = OrderedDict()

    def write(self, outcome: Outcome) -> Receipt | None:
        """Take an outcome over; None where the queue has no room for it."""
        if not self._writer.put(outcome):
            return None
        values = Outcome("", outcome.values, 0.0, "")
        digest = blake2b(outcome_line(values), digest_size=8).digest()
        before = self._known.get(outcome.prediction_id)
        self._known[outcome.prediction_id] = digest
        self._known.move_to_end(outcome.prediction_id)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        if before is None:
            return "recorded"
        return "repeated" if before == digest else "replaced"

    def close(self) -> None:
        """End with the writer, which the log of predictions closes too."""
        self._writer.close()
