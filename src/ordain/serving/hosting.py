"""The versions that are loaded, and how others take their place without a request noticing.

What answers at one moment is one `State`: a router and the versions it may choose. A request takes
the state once and keeps it to its end. A change makes the next state beside it, in a thread: it
loads what is new, keeps what is the same, and is put in place in one step. Where something cannot
be loaded the old state stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ordain.config.deployment import ServedModel
from ordain.serving.contracts import Router
from ordain.serving.meters import Meters
from ordain.serving.served import Served, fingerprint

LOG = logging.getLogger("ordain.serving")
FALLBACK = "fallback"
"""Label of a version that answers only in place of another."""
LOOK_SECONDS = 1.0


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


class Hosting:
    """Loads states and changes from one to the next.

    Args:
        router: that begins.
        meters: told of versions that come and go.
    """

    def __init__(self, router: Router, meters: Meters) -> None:
        self._router, self._meters = router, meters
        self._lock = asyncio.Lock()
        self.on_change: list[Callable[[State], None]] = []
        self.state: State | None = None
        self._refused = ""

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

        Where it cannot be loaded the old versions keep serving, and the log says why, once.
        """
        async with self._lock:
            newer: Router | None = None
            try:
                newer = await asyncio.to_thread(self._router.newer)
                if newer is None:
                    self._refused = ""
                    return False
                state = await asyncio.to_thread(self._state_of, newer)
            except Exception as error:
                if str(error) != self._refused:
                    self._refused = str(error)
                    LOG.exception("a change was refused; the old versions keep serving")
                    self._meters.swapped("", "refused")
                return False
            self._router = newer
            self._put(state)
            return True

    async def look_for_ever(self) -> None:
        """Look for changes once a second."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    def close(self) -> None:
        """End the router."""
        self._router.close()

    def _state_of(self, router: Router) -> State:
        """Return the loaded state of a router; what is loaded already is kept.

        Raises:
            OrdainError: a version cannot be found or loaded.
        """
        models = {model.name: model for model in router.deployment.models}
        versions, sticky_by = {}, {}
        for name in router.models():
            sticky_by[name] = sticky = router.sticky_by(name)
            references = dict(router.versions(name))
            if fallback := router.fallback(name):
                references[FALLBACK] = fallback
            versions[name] = {
                label: self._version(
                    models[name], label, Path(reference), others=(sticky,) if sticky else ()
                )
                for label, reference in references.items()
            }
        return State(router, models, versions, sticky_by)

    def _version(
        self, model: ServedModel, label: str, folder: Path, *, others: tuple[str, ...]
    ) -> Served:
        """Return a version: the one that is loaded already, where it is the same."""
        if self.state is not None:
            known = self.state.versions.get(model.name, {}).get(label)
            is_same = (
                known is not None
                and self.state.models[model.name].checks == model.checks
                and known.others == others
                and known.fingerprint == fingerprint(folder)
            )
            if known is not None and is_same:
                return known
        return Served.load(model.name, label, folder=folder, policy=model.checks, others=others)

    def _put(self, state: State) -> None:
        before = set(self.state.all()) if self.state else set()
        self.state = state
        after = set(state.all())
        for served in before - after:
            self._meters.loaded(served.name, served.label, served.fingerprint, is_there=False)
        for served in after - before:
            self._meters.loaded(served.name, served.label, served.fingerprint)
            self._meters.swapped(served.name, "taken_up")
            LOG.info("%s version %s is served (%s)", served.name, served.label, served.fingerprint)
        for tell in self.on_change:
            tell(state)
