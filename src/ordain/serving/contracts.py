"""What the server asks of the parts around it: who answers, what is kept, what came true.

The server knows nothing of canaries, files or tables. For each request it asks a `Router` which
version answers, tells it how that went, and hands the prediction to a `PredictionLog`; outcomes go
to a `Feedback`. All of them are called on the event loop: a call must return in some ten
microseconds, must not block on a file or a socket, and must not raise for anything a client sent.
With several worker processes each has its own; nothing here is shared between processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import polars as pl

    from ordain.config.deployment import Deployment, PredictionLogging
    from ordain.serving.rollout.versions import Version

Status = Literal["answered", "failed", "timed_out"]
"""How a prediction ended: with the version's own answer, an error of it, or too late."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which versions are asked about a row.

    Attributes:
        version: label of the version that answers, as `Router.versions` names it.
        arm: why it was chosen: ``champion``, ``canary``, or the name of an arm of an A/B test.
        shadows: labels of versions that predict the same row after the answer has left; what they
            say is logged and never seen by the caller.
        key: that it was made for; a router that halts canaries needs it back in `observe`.
    """

    version: str
    arm: str = "champion"
    shadows: tuple[str, ...] = ()
    key: str = ""


class Router(Protocol):
    """Chooses the version of a model that answers a row.

    A router stands for one state of a deployment: its models and their versions never change. The
    server is given a function that makes one; when it starts, and whenever it is told that
    something has changed, it makes a router, loads all its versions, and only then puts it in the
    place of the one before, in one step. So `choose` names loaded versions only, and a version that
    cannot be loaded leaves the old router in its place. Shares, and whether a canary is halted, may
    change at any time.

    The server calls `choose` once a row, or once a request of several rows; `observe` once for each
    row or batch that a version was asked about, shadows included.
    """

    @property
    def deployment(self) -> Deployment:
        """What is declared: the server reads each model's checks and fallback value."""
        ...

    @property
    def problem(self) -> str:
        """What kept the last `newer` from finding out what is deployed; empty mostly."""
        ...

    def models(self) -> Sequence[str]:
        """Return the names of the models served, as they stand in a path."""
        ...

    def versions(self, name: str) -> Mapping[str, Version]:
        """Return each version of a model that may be chosen, by its label.

        A label stands in answers, metrics and the log; what is loaded is the bundle of that digest,
        and nothing else that stands in its folder. The champion stands first.
        """
        ...

    def fallback(self, name: str) -> Version | None:
        """Return the version that answers where another fails, if any."""
        ...

    def sticky_by(self, name: str) -> str | None:
        """Return the input field whose value is the `key` of `choose`; None if there is none.

        The field need not be an input of the model. A request without it gives its request id.
        """
        ...

    def choose(self, name: str, key: str) -> Choice:
        """Return the versions for a key: the same for the same key while shares do not change."""
        ...

    def observe(
        self, name: str, choice: Choice, *, version: str, status: Status, seconds: float
    ) -> None:
        """Take note of how a version did, so that a bad canary can be halted.

        Args:
            name: of the model.
            choice: that was made.
            version: the label that this is about: the choice's, or one of its shadows.
            status: how it ended.
            seconds: that the version took.
        """
        ...

    def newer(self) -> Router | None:
        """Return the router of what was deployed since, or None while nothing was.

        The server calls it about once a second, off the event loop (this call may read files). It
        loads the versions that the new router names and only then asks it in place of this one;
        where one cannot be loaded it keeps this one, tells it so, and asks again: a router gives
        what is newer until it is taken up. The answer is a whole router of
        its own: `choose` of this one stays as it was. Counts of versions that stay are kept.
        """
        ...

    def tell(self, problem: str) -> None:
        """Take note of why what `newer` gave cannot be served; empty once that is over."""
        ...

    def close(self) -> None:
        """Write the last counts and end; called once, off the event loop."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One prediction as the log keeps it.

    Attributes:
        prediction_id: unique; the caller has it and gives it back with the outcome.
        request_id: of the HTTP request; several rows share it.
        model: name of the model.
        version: label of the version that answered.
        arm: `Choice.arm`, or ``shadow`` for an answer that nobody saw.
        at: seconds since 1970, UTC, when the request was accepted.
        seconds: from acceptance to the answer.
        status: how it ended; where not ``answered``, `outputs` hold the fallback, if there is one.
        caller: name of the API key, or ``anonymous``.
        inputs: the row as it came, by column.
        outputs: the answer under the names of `Model.predict`; empty where there was none.
        flags: what was unusual about the row, as ``code:field``, and ``code:field:imputed`` where
            the cell was taken as missing; empty mostly.
        error_id: of the error that the server's own log tells more of; None mostly.
    """

    prediction_id: str
    request_id: str
    model: str
    version: str
    arm: str
    at: float
    seconds: float
    status: Status
    caller: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    flags: tuple[str, ...] = ()
    error_id: str | None = None


@dataclass(frozen=True, slots=True)
class BatchEntry:
    """Many predictions of one request as the log keeps them, as columns.

    The id of row *i* is ``<prediction_id>-<i>``, counted from 0 over the request. The other
    attributes are those of `Entry`.

    Attributes:
        places: of the rows in the request; None where they are all of its rows.
        flags: of each row, as `Entry.flags`; None where nothing was unusual about any.
    """

    prediction_id: str
    request_id: str
    model: str
    version: str
    arm: str
    at: float
    seconds: float
    caller: str
    inputs: pl.DataFrame
    outputs: pl.DataFrame
    status: Status = "answered"
    error_id: str | None = None
    places: Sequence[int] | None = None
    flags: pl.Series | None = None


class PredictionLog(Protocol):
    """Keeps predictions; sampling, redaction and writing in batches are its own business."""

    def write(self, entry: Entry) -> None:
        """Take one prediction over; the mappings must not be changed afterwards by either side."""
        ...

    def write_batch(self, entry: BatchEntry) -> None:
        """Take the predictions of many rows over."""
        ...

    def adopt(self, logging: PredictionLogging) -> None:
        """Keep predictions as is declared from now on; the place stays what it was."""
        ...

    def close(self) -> None:
        """Write what is held and end; called once, off the event loop, when the server drains."""
        ...


Receipt = Literal["recorded", "repeated", "replaced"]
"""What happened to an outcome: first of its id, the same again, or another that now counts."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came true of a prediction.

    Attributes:
        prediction_id: as the answer gave it; whether it exists need not be known yet.
        values: truth by name of the output.
        at: seconds since 1970, UTC, when it came.
        caller: name of the API key, or ``anonymous``.
    """

    prediction_id: str
    values: Mapping[str, Any]
    at: float
    caller: str


class Feedback(Protocol):
    """Keeps outcomes; joining them with the log is done later."""

    def write(self, outcome: Outcome) -> Receipt | None:
        """Take an outcome over; a late one and a repeated one are both right.

        None where there is no room for it: it is not kept, and must be sent again.
        """
        ...

    def close(self) -> None:
        """Write what is held and end."""
        ...


Policy = Literal["reject", "impute", "flag"]
"""What happens to a row that is not as in training: refused, with all faults told; answered with
the cells at fault taken as missing; or answered as it is. The last two name them in the answer. A
cell that the model cannot read at all is refused under `flag` too. In a deployment: `checks:` of a
model."""
