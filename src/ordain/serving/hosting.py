"""The versions that are loaded, and how others take their place without a request noticing.

What answers at one moment is one `State`: a router and the versions it may choose. A request takes
the state once and keeps it to its end. A change makes the next state beside it, in a thread: it
loads what is new, keeps what is the same, and is put in place in one step. Where something cannot
be loaded the old state stays.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ordain.config.deployment import Deployment, ServedModel, Trust
from ordain.core.errors import BundleError, OrdainError
from ordain.serving.contracts import Router
from ordain.serving.ids import new_id
from ordain.serving.meters import Meters
from ordain.serving.rollout.versions import Version
from ordain.serving.served import Served

LOG = logging.getLogger("ordain.serving")
FALLBACK = "fallback"
"""Label of a version that answers only in place of another."""
LOOK_SECONDS = 1.0
LONGEST_PAUSE = 60.0
"""Seconds until what cannot be served is tried again, at most."""


@dataclass(frozen=True)
class State:
    """What answers at one moment.

    Attributes:
        router: chooses among the versions.
        models: their declarations, by name.
        versions: loaded, by name and label.
        sticky: field by which versions are chosen, by name; None where there is none.
    """

    router: Router
    models: Mapping[str, ServedModel]
    versions: Mapping[str, Mapping[str, Served]]
    sticky: Mapping[str, str | None] = field(default_factory=dict)

    def all(self) -> list[Served]:
        """Return every loaded version."""
        return [served for labelled in self.versions.values() for served in labelled.values()]


@dataclass(frozen=True)
class Refused:
    """What was deployed and cannot be served.

    Attributes:
        why: in words, with paths: for the log, not for callers.
        id: under which the server's own log has it.
        since: seconds since 1970.
        wanted: what it was; None where even that could not be found out.
        again_at: on the clock of `time.monotonic`, when it is tried next.
        pause: seconds after which that is.
    """

    why: str
    id: str
    since: float
    wanted: object = None
    again_at: float = 0.0
    pause: float = LOOK_SECONDS


class Hosting:
    """Loads states and changes from one to the next.

    Args:
        router: that begins.
        meters: told of versions that come and go.

    Attributes:
        on_check: each is called with what is declared, in a thread, before a change counts, and may
            refuse it.
        on_change: each is called with what answers from now on, on the event loop.
        refused: the change that the state lags behind; None mostly.
    """

    def __init__(self, router: Router, meters: Meters) -> None:
        self._router, self._meters = router, meters
        self._lock = asyncio.Lock()
        self.on_change: list[Callable[[State], None]] = []
        self.on_check: list[Callable[[Deployment], None]] = []
        self.state: State | None = None
        self.refused: Refused | None = None

    def load(self) -> State:
        """Load the first state, before there is any request.

        Raises:
            OrdainError: a version cannot be found or loaded.
        """
        self._put(self._state_of(self._router))
        assert self.state is not None, "it was just put in place"
        return self.state

    async def look(self) -> bool:
        """Take up what was deployed since, if anything was; return whether it was.

        Where it cannot be loaded the old versions keep serving, and it is tried again after a pause
        that grows. The log says why, once.
        """
        async with self._lock:
            wanted: object = None
            try:
                newer = await asyncio.to_thread(self._router.newer)
                if newer is None:
                    self._note(self._router.problem)
                    return False
                wanted = _content(newer)
                if self._is_to_wait(wanted):
                    return False
                state = await asyncio.to_thread(self._checked_state, newer)
            except Exception as error:  # noqa: BLE001 - whatever it is, the old versions serve
                self._note(getattr(error, "message", "") or repr(error), wanted, error)
                return False
            self._router = newer
            self._put(state)
            self._note("")
            return True

    def _is_to_wait(self, wanted: object) -> bool:
        """Return whether the same was refused a moment ago."""
        refused = self.refused
        return (
            refused is not None and refused.wanted == wanted and time.monotonic() < refused.again_at
        )

    def _note(self, why: str, wanted: object = None, error: Exception | None = None) -> None:
        """Take note of what keeps the state behind; of nothing where `why` is empty."""
        before = self.refused
        self._meters.lagging(is_so=bool(why))
        if not why:
            self.refused = None
            if before is not None:
                self._router.tell("")
                LOG.info("what was refused (%s) is over", before.id)
            return
        if before is not None and (before.why, before.wanted) == (why, wanted):
            pause = min(LONGEST_PAUSE, 2 * before.pause)
            again_at = time.monotonic() + pause
            self.refused = replace(before, pause=pause, again_at=again_at)
            return
        again_at = time.monotonic() + LOOK_SECONDS
        self.refused = Refused(why, new_id(), time.time(), wanted, again_at)
        LOG.error(
            "a change was refused (%s); the old versions keep serving: %s",
            self.refused.id,
            why,
            exc_info=None if isinstance(error, OrdainError) else error,
        )
        self._meters.swapped("", "refused")
        if wanted is not None:
            self._router.tell(why)

    async def look_for_ever(self) -> None:
        """Look for changes once a second."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except Exception:
                LOG.exception("looking for changes failed; it is tried again")

    def tell(self, told: Callable[[State], None]) -> None:
        """Have something called with what answers, now and after each change."""
        self.on_change.append(told)
        if self.state is not None:
            told(self.state)

    def close(self) -> None:
        """End the router."""
        self._router.close()

    def _checked_state(self, router: Router) -> State:
        for check in self.on_check:
            check(router.deployment)
        return self._state_of(router)

    def _state_of(self, router: Router) -> State:
        """Return the loaded state of a router; what is loaded already is kept.

        Raises:
            OrdainError: a version cannot be found or loaded.
        """
        models = {model.name: model for model in router.deployment.models}
        versions, sticky_by = {}, {}
        for name in router.models():
            sticky_by[name] = sticky = router.sticky_by(name)
            wanted = dict(router.versions(name))
            if fallback := router.fallback(name):
                wanted[FALLBACK] = fallback
            versions[name] = {
                label: self._version(
                    models[name],
                    label,
                    version,
                    others=(sticky,) if sticky else (),
                    trust=router.deployment.trust,
                )
                for label, version in wanted.items()
            }
        return State(router, models, versions, sticky_by)

    def _version(
        self,
        model: ServedModel,
        label: str,
        version: Version,
        *,
        others: tuple[str, ...],
        trust: Trust,
    ) -> Served:
        """Return a version: the one that is loaded already, where it is the same.

        What was trusted when it was loaded stays: to take a bad canary out must not fail because
        somebody has left the file of signers since.
        """
        if self.state is not None:
            known = self.state.versions.get(model.name, {}).get(label)
            is_same = (
                known is not None
                and _of_rows(self.state.models[model.name]) == _of_rows(model)
                and known.others == others
                and self.state.router.deployment.trust == trust
                and known.digest == version.digest
            )
            if known is not None and is_same:
                return known
        try:
            return Served.load(
                model.name,
                label,
                folder=Path(version.bundle),
                digest=version.digest,
                policy=model.checks,
                others=others,
                fields=model.field_checks,
                typed=model.other_fields,
                rules=model.rules,
                signers=Path(trust.signers) if trust.signers is not None else None,
            )
        except BundleError as error:
            raise BundleError(f"{model.name} version {label}: {error.message}") from error

    def _put(self, state: State) -> None:
        before = set(self.state.all()) if self.state else set()
        self.state = state
        after = set(state.all())
        for served in before - after:
            self._meters.loaded(served.name, served.label, served.fingerprint, is_there=False)
        for served in after - before:
            self._meters.loaded(served.name, served.label, served.fingerprint)
            self._meters.swapped(served.name, "taken_up")
            engine = served.model.fitted.engine
            LOG.info("%s version %s is served by %s (%s)", served.name, served.label, engine,
                     served.fingerprint)  # fmt: skip
        for tell in self.on_change:
            tell(state)


def _of_rows(model: ServedModel) -> tuple[object, ...]:
    """Return what a declaration says of the rows and answers of every version."""
    return model.checks, model.field_checks, model.other_fields, model.rules


def _content(router: Router) -> object:
    """Return what tells one change from another."""
    found = {name: (dict(router.versions(name)), router.fallback(name)) for name in router.models()}
    return router.deployment, found
