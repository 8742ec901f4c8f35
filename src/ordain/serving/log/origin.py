"""Where a prediction comes from: the row of the log, its outcomes, the version, the data behind it.

prediction -> version and its part of the traffic -> bundle -> run -> fingerprint of the data
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from ordain.core.errors import DataError, OrdainError
from ordain.pipeline.register import lineage_of
from ordain.serving.log.join import columns_of_prediction, values_of
from ordain.serving.log.place import Sink
from ordain.serving.log.read import find_prediction, read_outcomes
from ordain.serving.rollout.folder import DeploymentFolder, deployments
from ordain.serving.rollout.versions import Version
from ordain.store.registry import Lineage, ModelVersion, open_registry
from ordain.store.registry.bundles import digest_of


@dataclass(frozen=True)
class Came:
    """What is known of the version that made a prediction.

    Attributes:
        deployment: name of the deployment it was part of; empty where it was served alone.
        generation: of the deployment, when the prediction was made; 0 without one.
        bundle: folder, if it is known.
        is_unchanged: whether the bundle that stands there has the bytes that answered; None where
            that cannot be told.
        lineage: run, data, config and code behind it; None where the bundle is gone.
    """

    deployment: str = ""
    generation: int = 0
    bundle: str = ""
    is_unchanged: bool | None = None
    lineage: Lineage | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        lineage = self.lineage.to_json() if self.lineage else None
        return {
            "deployment": self.deployment or None,
            "generation": self.generation or None,
            "bundle": self.bundle or None,
            "is_unchanged": self.is_unchanged,
            "lineage": lineage,
        }


@dataclass(frozen=True)
class Origin:
    """One answer and where it comes from.

    Attributes:
        row: what the log says beside inputs and outputs.
        inputs: as they came, by field.
        outputs: the answer, under the names of `Model.predict`.
        outcomes: what came true, in the order it came; the last counts.
        came: of the version.
    """

    row: Mapping[str, Any]
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    outcomes: Sequence[Mapping[str, Any]]
    came: Came

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        row = {**self.row, "at": self.row["at"].isoformat()}
        told = [{**one, "at": one["at"].isoformat()} for one in self.outcomes]
        return {
            **row,
            "inputs": dict(self.inputs),
            "outputs": dict(self.outputs),
            "outcomes": told,
            "origin": self.came.to_json(),
        }


def origin_of(
    sink: Sink, prediction_id: str, *, home: Path, registry: str | None = None
) -> list[Origin]:
    """Return the answer of a prediction and those of shadows, with where each comes from.

    Args:
        sink: where the log is.
        prediction_id: as the answer gave it; of a row of a batch with its number.
        home: the work folder, whose deployments and registry know the versions.
        registry: URI of the registry, where it is not the usual one.

    Raises:
        DataError: the log has no such prediction.
    """
    rows = find_prediction(sink, prediction_id)
    if not len(rows):
        raise DataError(
            f"the log in {sink} has no prediction '{prediction_id}'\n"
            "  It was sampled out, is not on the disk yet (a second), was removed by `keep_days`, "
            "or is another log's: --sink, --deployment"
        )
    since = rows["at"].min().timestamp() - 1  # type: ignore[union-attr]
    known = read_outcomes(sink, since=since).filter(pl.col("prediction_id") == prediction_id)
    outcomes = [
        {"at": one["at"], "caller": one["caller"], "values": values_of(one["values"])}
        for one in known.to_dicts()
    ]
    found, seeker = [], _Seeker(home, registry)
    for row in rows.sort(pl.col("arm") == "shadow", maintain_order=True).to_dicts():
        meta, inputs, outputs = columns_of_prediction(row)
        came = seeker.came(str(row["model"]), str(row["version"]), row["at"].timestamp())
        found.append(Origin(meta, inputs, outputs, outcomes, came))
    return found


@dataclass(frozen=True)
class _Seeker:
    """Looks for versions among the deployments and in the registry of a work folder."""

    home: Path
    registry: str | None

    def came(self, model: str, label: str, at: float) -> Came:
        """Return what is known of a version that answered at a moment."""
        registered = self._registered(model, label)
        for name in deployments(self.home):
            known = _generation(DeploymentFolder(self.home, name), model, label, at)
            if known is not None:
                generation, version = known
                found = _with_bundle(Path(version.bundle), version.digest, registered)
                return replace(found, deployment=name, generation=generation)
        if registered is None:
            return Came()
        return _with_bundle(registered.bundle, registered.lineage.bundle, registered)

    def _registered(self, model: str, label: str) -> ModelVersion | None:
        try:
            return open_registry(self.home, self.registry).find(f"{model}/{label}")
        except OrdainError:  # it is not registered, or the registry is away
            return None


def _generation(
    folder: DeploymentFolder, model: str, label: str, at: float
) -> tuple[int, Version] | None:
    """Return the last generation before a moment that had a version, with the version."""
    current = folder.read()
    for number in range(current.generation if current else 0, 0, -1):
        applied = folder.generation(number)
        known = applied.models.get(model)
        if applied.at > at or known is None:
            continue
        for version in known.versions.values():
            if version.label == label:
                return number, version
    return None


def _with_bundle(bundle: Path, digest: str, registered: ModelVersion | None) -> Came:
    """Return what is known of a bundle, or what the registry has kept of one that is gone."""
    lineage = registered.lineage if registered else None
    is_own = lineage is not None and lineage.bundle == digest
    try:
        is_unchanged = digest_of(bundle) == digest
        lineage = lineage if is_own else lineage_of(bundle)
    except OrdainError:
        return Came(bundle=str(bundle), lineage=lineage if is_own else None)
    return Came(bundle=str(bundle), is_unchanged=is_unchanged, lineage=lineage)
