"""The router of a deployment: chooses, counts, halts canaries, and takes up what was applied since.

router = open_router(home, "production")
choice = router.choose("churn", key)
router.observe("churn", choice, version=choice.version, status="answered", seconds=0.0004)
router = router.newer() or router          # about once a second, off the event loop
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from ordain.config.deployment import Deployment
from ordain.core.errors import OrdainError, UsageError
from ordain.serving.contracts import Choice, Status
from ordain.serving.rollout.actions import follow
from ordain.serving.rollout.applied import Applied, shares_of
from ordain.serving.rollout.choice import Part, Shares
from ordain.serving.rollout.folder import DeploymentFolder
from ordain.serving.rollout.tally import Snapshot, Tally, Trial
from ordain.serving.rollout.versions import Version
from ordain.serving.rollout.watch import halt_bad_canaries

FOLLOW_SECONDS = 2.0
"""Seconds between looks at aliases."""
METRIC_SECONDS = 30.0
"""Seconds between looks at what came true, which reads the log."""
Counters = Callable[[], Mapping[str, int]]


def open_router(
    home: Path, name: str, *, uri: str | None = None, counters: Counters | None = None
) -> DeployedRouter:
    """Return the router of what is applied now.

    Args:
        home: the work folder.
        name: of the deployment.
        uri: of the registry, where it is not the usual one.
        counters: gives what else tables show of this worker, such as rows the log dropped.

    Raises:
        UsageError: nothing was ever applied under the name.
        ConfigError: a variable that the deployment names is not set here.
    """
    folder = DeploymentFolder(home, name)
    stamp = folder.stamp()
    applied = folder.read()
    if applied is None:
        raise UsageError(f"'{name}' was never deployed in {home}\n  Fix: ordain deploy DEPLOYMENT")
    folder.forget_workers(applied)
    worker = Worker(folder, uri, counters or dict)
    return DeployedRouter(worker, applied, stamp)


class Worker:
    """What a process keeps from one generation to the next: its counts, and when it did its chores.

    Args:
        folder: of the deployment.
        uri: of the registry.
        counters: see `open_router`.
    """

    def __init__(self, folder: DeploymentFolder, uri: str | None, counters: Counters) -> None:
        self.folder, self.uri, self.counters = folder, uri, counters
        self.started = time.time()
        self.id = f"{os.getpid()}-{time.time_ns():x}"
        self.tallies: dict[tuple[str, str, str], Tally] = {}
        self.problem = self.refused = ""
        self._followed = self._measured = 0.0

    def snapshot(self, generation: int, trials: Mapping[str, Trial]) -> Snapshot:
        """Return a copy of the counts; safe while the event loop goes on counting."""
        return Snapshot(
            worker=self.id,
            at=time.time(),
            started=self.started,
            generation=generation,
            tallies=[
                msgspec.structs.replace(one, seconds=list(one.seconds))
                for one in list(self.tallies.values())
            ],
            trials={name: trial.copy() for name, trial in trials.items()},
            log=dict(self.counters()),
            problem=self.refused or self.problem,
        )

    def do_chores(self, applied: Applied, deployment: Deployment) -> None:
        """Follow aliases and judge canaries, if no other worker is at it."""
        now = time.monotonic()
        with self.folder.watch("chores") as is_ours:
            if not is_ours:
                return
            if now - self._followed >= FOLLOW_SECONDS:
                self._followed = now
                follow(self.folder, uri=self.uri)
                self.problem = ""
            with_truth = now - self._measured >= METRIC_SECONDS
            if with_truth:
                self._measured = now
            halt_bad_canaries(self.folder, applied, deployment, with_truth=with_truth)


class DeployedRouter:
    """One generation of a deployment, as a `Router`.

    Args:
        worker: what this process keeps over generations.
        applied: the generation.
        stamp: of the folder when it was read.
        before: trials of the generation before; those that are the same go on.
    """

    def __init__(
        self,
        worker: Worker,
        applied: Applied,
        stamp: tuple[int, int],
        *,
        before: Mapping[str, Trial] | None = None,
    ) -> None:
        self._worker, self._stamp = worker, stamp
        self._trials: dict[str, Trial] = {}
        self.applied = applied
        self.deployment = applied.deployment()
        self._shares: dict[str, Shares] = {}
        self._choices: dict[str, dict[str, Choice]] = {}
        self._sticky = {model.name: model.sticky_by for model in self.deployment.models}
        for model in self.deployment.models:
            known = applied.models[model.name]
            shares = self._shares[model.name] = shares_of(model, known)
            parts = (*shares.parts, Part("champion", shares.champion, 1), Part("a", "", 0))
            self._choices[model.name] = {
                part.arm: _choice(part, shares.champion, known.shadows) for part in parts
            }
            if shares.canary is not None:
                trial = (before or {}).get(model.name)
                is_same = trial is not None and trial.id == known.trial
                new = Trial(known.trial, is_sticky=model.sticky_by is not None)
                self._trials[model.name] = trial if trial and is_same else new

    @property
    def problem(self) -> str:
        """What kept this worker from following aliases or reading what is applied."""
        return self._worker.problem

    def models(self) -> Sequence[str]:
        """Return the names of the models served."""
        return tuple(self._shares)

    def versions(self, name: str) -> Mapping[str, Version]:
        """Return each version that may be chosen, by its label, the champion first."""
        known = self.applied.models[name].versions
        return {one.label: one for part, one in known.items() if part != "fallback"}

    def fallback(self, name: str) -> Version | None:
        """Return the version that answers where another fails, if any."""
        return self.applied.models[name].versions.get("fallback")

    def sticky_by(self, name: str) -> str | None:
        """Return the field by whose value is chosen."""
        return self._sticky[name]

    def choose(self, name: str, key: str) -> Choice:
        """Return the versions for a key."""
        shares, choices = self._shares[name], self._choices[name]
        if not shares.is_divided:
            return choices["champion"]
        choice = choices[shares.part(key).arm]
        if self._sticky[name] is None:
            return choice
        return Choice(choice.version, choice.arm, choice.shadows, key)

    def observe(
        self, name: str, choice: Choice, *, version: str, status: Status, seconds: float
    ) -> None:
        """Count how a version did."""
        arm = choice.arm if version == choice.version else "shadow"
        key = (name, version, arm)
        tally = self._worker.tallies.get(key)
        if tally is None:
            tally = self._worker.tallies[key] = Tally(*key)
        tally.add(status, seconds)
        trial = self._trials.get(name)
        if trial is None or arm not in {"canary", "champion", "a"}:
            return
        shares = self._shares[name]
        is_canary = arm == "canary"
        # An answer that another generation chose is no part of this trial.
        if version == (shares.parts[0].version if is_canary else shares.champion):
            is_error = status != "answered"
            trial.add(choice.key, is_canary=is_canary, is_error=is_error, seconds=seconds)

    def newer(self) -> DeployedRouter | None:
        """Return the router of what was applied since, or None; writes counts, judges canaries."""
        folder = self._worker.folder
        try:
            folder.write_snapshot(self._worker.snapshot(self.applied.generation, self._trials))
            self._worker.do_chores(self.applied, self.deployment)
        except OrdainError as error:
            # A registry that is away must not keep a new deployment from being taken up.
            self._worker.problem = error.message
        try:
            stamp = folder.stamp()
            if stamp == self._stamp:
                return None
            applied = folder.read()
            if applied is None or applied.generation == self.applied.generation:
                self._stamp = stamp
                return None
            return DeployedRouter(self._worker, applied, stamp, before=self._trials)
        except OrdainError as error:
            self._worker.problem = error.message
            return None

    def tell(self, problem: str) -> None:
        """Have tables show why what was applied is not served."""
        self._worker.refused = problem

    def close(self) -> None:
        """Write the last counts."""
        self._worker.folder.write_snapshot(
            self._worker.snapshot(self.applied.generation, self._trials)
        )


def _choice(part: Part, champion: str, shadows: tuple[str, ...]) -> Choice:
    version = part.version or champion
    unseen = tuple(label for label in shadows if label != version)
    return Choice(version, part.arm, unseen)
