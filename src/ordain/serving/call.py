"""One request on its way through the server, and the table of routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from ordain.serving.refusal import Refusal, Reply

Verb = Literal["predict", "feedback", "read", "metrics", "health"]
"""What a key may be allowed: `health` needs none."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Attributes:
        name: stands in metrics and in the log.
        models: names that may be asked about; None for all.
        verbs: that are allowed; None for all.
        patterns: of more names that may be asked about, as `churn*`.
    """

    name: str
    models: frozenset[str] | None = None
    verbs: frozenset[str] | None = None
    patterns: tuple[str, ...] = ()

    def may(self, verb: str, model: str | None) -> bool:
        """Return whether the caller may do something with a model, or with the server."""
        if self.verbs is not None and verb not in self.verbs:
            return False
        if model is None or self.models is None or model in self.models:
            return True
        return any(fnmatchcase(model, pattern) for pattern in self.patterns)


ANONYMOUS = Caller("anonymous")


@dataclass(slots=True)
class Call:
    """A request that was let in.

    Attributes:
        headers: by lower-case name, the last of each.
        body: whole.
        request_id: given by the caller or made here.
        at: seconds since 1970 when it was accepted.
        started: the same moment on the clock that durations are taken from.
        has_waited: whether other requests had their turn before this one was answered.
    """

    method: str
    path: str
    query: bytes
    headers: Mapping[bytes, bytes]
    body: bytes
    caller: Caller
    request_id: str
    at: float
    started: float
    has_waited: bool = False

    @property
    def content_type(self) -> bytes:
        """Media type of the body, without parameters."""
        return self.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()


Endpoint = Callable[[Call], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Route:
    """What answers at a path.

    Attributes:
        path: exact; names of models are part of it, so that none is ever taken from a request.
        verb: that the caller's key must allow.
        model: that the path is about; None if it is about the server.
        template: the path with `{name}`, for metrics and the description.
        most_bytes: largest body; 0 reads none.
        refuse: says no in the words of another protocol; None in those of this one.
    """

    method: str
    path: str
    endpoint: Endpoint
    verb: Verb
    model: str | None = None
    template: str = ""
    most_bytes: int = 0
    refuse: Callable[[Refusal, str], Reply] | None = None


class Routes:
    """The table: exact path to method to route."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_path: dict[str, dict[str, Route]] = {}
        self._refusals: dict[str, Callable[[Refusal, str], Reply]] = {}
        for route in routes:
            self._by_path.setdefault(route.path, {})[route.method] = route
            if route.refuse is not None:
                self._refusals[_first(route.path)] = route.refuse

    def __iter__(self) -> Iterator[Route]:
        """Yield every route."""
        for methods in self._by_path.values():
            yield from methods.values()

    def at(self, path: str) -> Mapping[str, Route] | None:
        """Return the routes of a path by method, or None if there are none."""
        return self._by_path.get(path)

    def refuse(self, path: str) -> Callable[[Refusal, str], Reply] | None:
        """Return what says no at a path that is not there, in the words of its neighbours."""
        return self._refusals.get(_first(path))


def _first(path: str) -> str:
    return path[1:].partition("/")[0]
