"""How a deployment stands: versions, shares, requests, errors, latencies, halts, workers."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ordain.core.errors import ConfigError
from ordain.serving.rollout.applied import Applied, AppliedModel, shares_of
from ordain.serving.rollout.folder import DeploymentFolder, live_of
from ordain.serving.rollout.tally import Snapshot, Tally, as_row, merged
from ordain.serving.rollout.watch import judge_canary, labelled_rows


@dataclass(frozen=True)
class Standing:
    """How a deployment stands.

    Attributes:
        applied: the generation that counts.
        rows: one a model, version and part of the traffic: share, requests, errors, latencies.
        canaries: by model, what the tests of its canary say, or why it was halted.
        workers: of the servers that run, with the generation each answers by.
        log: what became of rows for the log, over all workers.
        problems: that workers met.
    """

    applied: Applied
    rows: Sequence[Mapping[str, Any]]
    canaries: Mapping[str, Mapping[str, Any]]
    workers: Sequence[Mapping[str, Any]]
    log: Mapping[str, int]
    problems: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "deployment": self.applied.name,
            "generation": self.applied.generation,
            "at": self.applied.at,
            "by": self.applied.by,
            "versions": [dict(row) for row in self.rows],
            "canaries": {name: dict(one) for name, one in self.canaries.items()},
            "workers": [dict(worker) for worker in self.workers],
            "log": dict(self.log),
            "problems": list(self.problems),
        }


def standing(folder: DeploymentFolder, *, with_truth: bool = False) -> Standing | None:
    """Return how a deployment stands; None where nothing was ever applied.

    Counts are those of all workers since they began, those that ended too.

    Args:
        folder: of the deployment.
        with_truth: whether canaries are judged by outcomes too, which reads the prediction log.

    Raises:
        StoreError: the folder cannot be read.
    """
    applied = folder.read()
    if applied is None:
        return None
    snapshots = folder.snapshots()
    live = live_of(snapshots)
    log: dict[str, int] = {}
    for snapshot in snapshots:
        for key, value in snapshot.log.items():
            log[key] = log.get(key, 0) + value
    return Standing(
        applied,
        _rows(applied, merged(tally for one in snapshots for tally in one.tallies)),
        _canaries(folder, applied, snapshots, with_truth=with_truth),
        [_worker(one) for one in live.values()],
        log,
        list(dict.fromkeys(one.problem for one in live.values() if one.problem)),
    )


def _rows(applied: Applied, tallies: Sequence[Tally]) -> list[dict[str, Any]]:
    """Return a row for each declared part, then those of versions that are no longer served."""
    counted = {(one.model, one.version, one.arm): one for one in tallies}
    rows = []
    for name, model in applied.models.items():
        for arm, version, share in _parts(applied, name, model):
            tally = counted.pop((name, version, arm), Tally(name, version, arm))
            rows.append({**as_row(tally), "share": share})
    return rows + [{**as_row(one), "share": None} for one in counted.values()]


def _parts(applied: Applied, name: str, model: AppliedModel) -> list[tuple[str, str, float | None]]:
    declared = next(m for m in applied.document["deployment"]["models"] if m["name"] == name)
    canary = declared.get("canary")
    parts: list[tuple[str, str, float | None]] = []
    taken = 0.0
    if canary and model.canary:
        share = 0.0 if model.halted else _number(canary["share"])
        parts.append(("canary", model.canary.label, share))
        taken += share or 0.0
    for index, arm in enumerate((declared.get("ab") or {}).get("arms", ())):
        label = arm.get("name") or "bcdefghijklmnopqrstuvwxyz"[index]
        share = _number(arm["share"])
        parts.append((label, model.versions[label].label, share))
        taken += share or 0.0
    first = ("a" if declared.get("ab") else "champion", model.champion.label, 1.0 - taken)
    return [first, *parts, *(("shadow", label, None) for label in model.shadows)]


def _number(value: object) -> float | None:
    """Return a share; None where a variable stands for it."""
    return float(value) if isinstance(value, int | float) else None


def _canaries(
    folder: DeploymentFolder, applied: Applied, snapshots: Sequence[Snapshot], *, with_truth: bool
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, model in applied.models.items():
        if model.canary is None:
            continue
        found[name] = {"version": model.canary.label, "since": model.trial_began}
        if model.halted:
            found[name] |= {
                "state": "halted",
                "test": model.halted.test,
                "reason": model.halted.reason,
                "halted_at": model.halted.at,
            }
            continue
        tests = _tests(folder, applied, name, snapshots, with_truth=with_truth)
        found[name] |= {"state": "running", "tests": tests}
    return found


def _tests(
    folder: DeploymentFolder,
    applied: Applied,
    name: str,
    snapshots: Sequence[Snapshot],
    *,
    with_truth: bool,
) -> list[str]:
    model = applied.models[name]
    try:
        declared = applied.models_declared()[name]
        log = applied.logging() if with_truth else None
    except ConfigError:  # a variable that only the server has
        return []
    if shares_of(declared, model).canary is None:
        return []
    labelled = labelled_rows(folder, log, declared, model) if log else None
    return [one.text for one in judge_canary(declared, model, snapshots, labelled=labelled)]


def _worker(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "worker": snapshot.worker.partition("-")[0],
        "generation": snapshot.generation,
        "started": snapshot.started,
        "seen_seconds_ago": round(time.time() - snapshot.at, 1),
    }
