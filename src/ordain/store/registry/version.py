"""A registered version, and how MLflow's tags hold what Ordain knows of it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ordain.core.errors import StoreError, UsageError
from ordain.evaluation.gates import GateResult
from ordain.evaluation.judgement import Record

PREFIX = "ordain."
DIGEST = f"{PREFIX}bundle"
_METRICS, _GATES, _BY, _SET, _SIGNATURES = (
    f"{PREFIX}{key}" for key in ("metrics", "gates", "by", "set", "signatures")
)
_PART = 4_500
"""Characters of a tag at most: MLflow's tables have given a tag 5,000."""


class Lineage(Record):
    """Where a version comes from."""

    bundle: str
    """SHA-256 of the bundle's list of checksums: of all its bytes."""
    run: str = ""
    """Reference of the run; empty for a bundle that stands in none."""
    config: str = ""
    """SHA-256 of the filled config."""
    data: str = ""
    """Fingerprint of the rows that were read."""
    split: str = ""
    """Key of how they were split."""
    family: str = ""
    """Model family."""
    commit: str = ""
    """Of the code around the run; empty outside of a repository."""
    has_changes: bool = False
    """Whether tracked files differed from the commit."""
    ordain: str = ""
    """Version of Ordain that trained it."""


class Measured(Record):
    """The value of a metric on the rows that judged the version."""

    output: str
    metric: str
    value: float | None
    low: float | None = None
    """Lower end of the interval; None where the rows cannot tell."""
    high: float | None = None
    level: float | None = None
    """Of confidence, 0 to 1."""


@dataclass(frozen=True)
class ModelVersion:
    """A version of a registered model.

    Attributes:
        name: of the model.
        version: counted from 1.
        aliases: names that point at it.
        bundle: folder of its bundle; `Registry.fetch` and `resolve` make sure that it is there.
        lineage: where it comes from.
        created: seconds since 1970.
        by: who registered it.
        note: what was written about it.
        tags: what was attached to it.
        metrics: of the rows that judged it, those of an output together, the deciding one first.
        set: name of those rows.
        gates: conditions and sanity checks as its run judged them; None where no run did.
        signatures: ids of those that the bundle had when it was registered.
    """

    name: str
    version: int
    bundle: Path
    lineage: Lineage
    aliases: tuple[str, ...] = ()
    created: float = 0.0
    by: str = ""
    note: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[Measured, ...] = ()
    set: str = ""
    gates: tuple[GateResult, ...] | None = None
    mlflow_run: str | None = None
    source: str = ""
    signatures: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """What a user writes: ``churn/3``."""
        return f"{self.name}/{self.version}"

    @property
    def when(self) -> str:
        """When it was registered, UTC, ISO 8601 to the second."""
        return moment(self.created)

    @property
    def failed(self) -> tuple[GateResult, ...]:
        """Conditions that its run did not meet."""
        return tuple(gate for gate in self.gates or () if not gate.passed)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        gates = None if self.gates is None else [gate.to_json() for gate in self.gates]
        return {
            "name": self.name,
            "version": self.version,
            "reference": self.reference,
            "aliases": list(self.aliases),
            "created": self.when,
            "by": self.by,
            "note": self.note,
            "tags": dict(self.tags),
            "lineage": self.lineage.to_json(),
            "set": self.set,
            "metrics": [one.to_json() for one in self.metrics],
            "gates": gates,
            "passed": None if gates is None else not self.failed,
            "bundle": str(self.bundle),
        }


def moment(seconds: float) -> str:
    """Return a moment, UTC, ISO 8601 to the second."""
    at = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def tags_of(
    lineage: Lineage,
    *,
    by: str,
    metrics: Iterable[Measured],
    set_name: str,
    gates: Iterable[GateResult] | None,
    signatures: Iterable[str] = (),
) -> dict[str, str]:
    """Return what is known of a version as tags of MLflow's."""
    told = {f"{PREFIX}{key}": _text(value) for key, value in lineage if value not in {"", False}}
    told |= {_BY: by, _SET: set_name}
    told |= _parts(_METRICS, [one.model_dump(exclude_defaults=True) for one in metrics])
    if gates is not None:
        told |= _parts(_GATES, [one.model_dump(exclude_defaults=True) for one in gates])
    if ids := ",".join(signatures):
        told[_SIGNATURES] = ids
    return told


def version_of(
    name: str,
    number: int,
    tags: Mapping[str, str],
    *,
    bundle: Path,
    aliases: tuple[str, ...],
    created: float,
    note: str,
    mlflow_run: str | None,
    source: str,
) -> ModelVersion:
    """Return a version from MLflow's entry.

    Raises:
        StoreError: Ordain's tags were changed by hand so that they cannot be read.
    """
    try:
        lineage = Lineage.model_validate(
            {key: tags[tag] for key in Lineage.model_fields if (tag := f"{PREFIX}{key}") in tags}
        )
        gates = _whole(_GATES, tags)
        return ModelVersion(
            name=name,
            version=number,
            bundle=bundle,
            lineage=lineage,
            aliases=aliases,
            created=created,
            by=tags.get(_BY, ""),
            note=note,
            tags={key: value for key, value in tags.items() if not key.startswith(PREFIX)},
            metrics=tuple(map(Measured.model_validate, _whole(_METRICS, tags) or ())),
            set=tags.get(_SET, ""),
            gates=None if gates is None else tuple(map(GateResult.model_validate, gates)),
            mlflow_run=mlflow_run,
            source=source,
            signatures=tuple(filter(None, tags.get(_SIGNATURES, "").split(","))),
        )
    except ValueError as error:
        raise StoreError(
            f"the tags `{PREFIX}*` of {name}/{number} were changed so that they cannot be read: "
            f"{error}"
        ) from error


def checked_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return a user's tags if they can be kept.

    Raises:
        UsageError: a name is taken or missing, or a text too long.
    """
    for key, value in tags.items():
        if key.startswith((PREFIX, "mlflow.")):
            raise UsageError(
                f"the tag `{key}` cannot be given: names that begin with `ordain.` or `mlflow.` "
                "are taken\n  Fix: call it otherwise"
            )
        if not key or len(key) > 200 or len(value) > 4_000:  # noqa: PLR2004 - MLflow's tables
            raise UsageError(
                f"the tag `{key[:40]}` cannot be kept: a name has 1 to 200 characters, a value at "
                "most 4,000\n  Fix: shorten it"
            )
    return dict(tags)


def _text(value: object) -> str:
    return "true" if value is True else str(value)


def _parts(key: str, value: Any) -> dict[str, str]:
    """Return JSON in as many tags as it takes: ``key``, ``key.1``, ``key.2``."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    pieces = [text[at : at + _PART] for at in range(0, len(text), _PART)]
    return {key if not place else f"{key}.{place}": one for place, one in enumerate(pieces)}


def _whole(key: str, tags: Mapping[str, str]) -> Any:
    if key not in tags:
        return None
    pieces = [tags[key]]
    while (more := f"{key}.{len(pieces)}") in tags:
        pieces.append(tags[more])
    return json.loads("".join(pieces))
