"""Answers that say no: a status, a code that stays the same, and what to do about it.

    {"error": {"code": "bad_rows", "message": "...", "id": "5f0c...", "faults": [...]}}

A message tells what the caller did and may do. What went wrong inside is told by the id alone,
under which the server's own log has the rest.
"""

from __future__ import annotations

import http
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class Refusal(Exception):  # noqa: N818 - it is an answer, and says so
    """A request that gets no answer of a model.

    Args:
        status: of HTTP.
        code: stable name of what is wrong.
        message: for the caller.
        faults: what exactly, where there is more than one thing to say.
        headers: to send with it.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        faults: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.faults = tuple(faults)
        self.headers = dict(headers or {})

    def to_json(self, request_id: str) -> dict[str, Any]:
        """Return the body of the answer."""
        told: dict[str, Any] = {"code": self.code, "message": self.message, "id": request_id}
        if self.faults:
            told["faults"] = list(self.faults)
        return {"error": told}

    @classmethod
    def malformed(cls, message: str) -> Refusal:
        """Say that a body cannot be read at all."""
        return cls(http.HTTPStatus.BAD_REQUEST, "malformed", message)

    @classmethod
    def too_large(cls, what: str, *, limit: int, unit: str) -> Refusal:
        """Say which limit is passed."""
        return cls(
            http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "too_large",
            f"{what} may have at most {limit:,} {unit}",
        )

    @classmethod
    def bad_rows(cls, faults: Sequence[Mapping[str, Any]], *, is_cut: bool = False) -> Refusal:
        """Name every fault of the rows; `is_cut` says that there may be more."""
        count = f"the first {_count(faults)}; there may be more" if is_cut else _count(faults)
        return cls(
            http.HTTPStatus.UNPROCESSABLE_ENTITY,
            "bad_rows",
            f"the input is not what the model was trained on: {count}",
            faults=faults,
        )

    @classmethod
    def bad_outcome(cls, faults: Sequence[Mapping[str, Any]]) -> Refusal:
        """Name every fault of what is said to have come true, under the code of rows."""
        return cls(
            http.HTTPStatus.UNPROCESSABLE_ENTITY,
            "bad_rows",
            f"the outcome is nothing that a model here predicts: {_count(faults)}",
            faults=faults,
        )

    @classmethod
    def busy(cls, seconds: int = 1) -> Refusal:
        """Say that there is more to do than can be done now."""
        return cls(
            http.HTTPStatus.SERVICE_UNAVAILABLE,
            "busy",
            "the server has all it can do; try again later",
            headers={"retry-after": str(seconds)},
        )

    @classmethod
    def timed_out(cls, seconds: float) -> Refusal:
        """Say that no answer came in time."""
        return cls(
            http.HTTPStatus.GATEWAY_TIMEOUT,
            "timed_out",
            f"the model did not answer within {seconds:g} seconds",
        )

    @classmethod
    def unexplained(cls) -> Refusal:
        """Say that a version answers but can explain no more."""
        return cls(
            http.HTTPStatus.CONFLICT,
            "unexplained",
            "the version can explain nothing more: its bundle was changed or removed since it was "
            "loaded; without `explain` it answers",
        )

    @classmethod
    def failed(cls) -> Refusal:
        """Say that the fault is the server's, and nothing of it."""
        return cls(
            http.HTTPStatus.INTERNAL_SERVER_ERROR,
            "failed",
            "the model could not answer; the server's log tells more under this id",
        )


def _count(faults: Sequence[object]) -> str:
    return "1 fault" if len(faults) == 1 else f"{len(faults)} faults"


@dataclass(slots=True)
class Reply:
    """What is sent back.

    Attributes:
        body: bytes of it.
        status: of HTTP.
        content_type: of the body.
        headers: more of them, lower-case names.
    """

    body: bytes
    status: int = 200
    content_type: bytes = b"application/json"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
