"""Promote a registered version: an alias is pointed at it if it is fit to take the place.

What must hold: the bundle is whole and answers its golden rows; its run met the gates of the config
and failed no sanity check; it is not shown to be worse than the version that it replaces, on the
same rows. What cannot be judged does not hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ordain.core.errors import GateError, UsageError
from ordain.core.events import Listener
from ordain.evaluation.gates import GateResult
from ordain.pipeline.promote_rules import conditions_of
from ordain.store.loading import load
from ordain.store.model import Model
from ordain.store.registry import (
    CHAMPION,
    AuditLine,
    ModelVersion,
    Reference,
    Registry,
    open_registry,
)
from ordain.store.registry.reference import check_alias, parse


@dataclass(frozen=True)
class Promotion:
    """What a promotion found and did.

    Attributes:
        version: that was promoted, as it is now.
        alias: that points at it.
        previous: version that held the alias before; None if none did.
        conditions: all that had to hold, met or not.
        notes: what must be known of how they were judged.
        line: of the audit; None where the alias pointed at the version already.
    """

    version: ModelVersion
    alias: str
    previous: int | None
    conditions: tuple[GateResult, ...] = ()
    notes: tuple[str, ...] = ()
    line: AuditLine | None = None

    @property
    def failed(self) -> tuple[GateResult, ...]:
        """Conditions that do not hold; there are some only where the promotion was forced."""
        return tuple(one for one in self.conditions if not one.passed)

    def to_json(self) -> dict[str, Any]:
        """Return what `promote --json` prints."""
        return {
            "name": self.version.name,
            "version": self.version.version,
            "alias": self.alias,
            "previous": self.previous,
            "changed": self.line is not None,
            "forced": bool(self.failed),
            "conditions": [one.to_json() for one in self.conditions],
            "notes": list(self.notes),
            "audit": None if self.line is None else self.line.to_json(),
        }


class NotPromotedError(GateError):
    """A version is not fit to take the place.

    Attributes:
        conditions: all that had to hold, met or not.
        notes: what must be known of how they were judged.
    """

    def __init__(
        self, message: str, *, conditions: Sequence[GateResult], notes: Sequence[str]
    ) -> None:
        super().__init__(message)
        self.conditions = tuple(conditions)
        self.notes = tuple(notes)


def promote(
    name: str,
    version: int | str | None = None,
    *,
    to: str = CHAMPION,
    data: Any = None,
    force: bool = False,
    note: str = "",
    home: Path | str | None = None,
    registry: str | None = None,
    listeners: tuple[Listener, ...] = (),
) -> Promotion:
    """Point an alias at a version, if what must hold does.

    Args:
        name: of the model, or with the version: `churn/3`.
        version: its number, or an alias such as `challenger`.
        to: alias.
        data: rows to judge it and the version it replaces by; by default the test rows of its run
            that the other has not learned from. Where its run has judged no gates, these rows do.
        force: do it where something does not hold; the audit says what, and who did it.
        note: why, in words.
        home: the work folder; `ORDAIN_HOME` or `.ordain` by default.
        registry: URI of an MLflow server or a SQLite file; `ORDAIN_REGISTRY_URI` by default, else
            the work folder's own.
        listeners: told of every event.

    Raises:
        NotPromotedError: something does not hold; the message says what and by how much. It is a
            `GateError`.
        UsageError: no such model or version, an illegal alias.
        BundleError: a bundle is damaged; this cannot be forced.
        StoreError: the registry cannot be reached or written, or the alias was moved meanwhile.
    """
    opened = open_registry(home, registry)
    asked = opened.find(_reference(name, version))
    check_alias(to)
    held = opened.holder(asked.name, to)
    if held is not None and held.version == asked.version:
        return Promotion(asked, to, previous=held.version)
    model, other = _loaded(opened, asked), _holding(opened, held)
    conditions, notes = conditions_of(
        asked, model, held, other, alias=to, data=data, home=home, listeners=listeners
    )
    failed = [one for one in conditions if not one.passed]
    if failed and not force:
        raise NotPromotedError(refusal(asked, to, conditions), conditions=conditions, notes=notes)
    line = opened.assign(
        asked.name,
        asked.version,
        to,
        why=note,
        failed=[f"{one.name}: {one.reason}" for one in failed],
        expected=0 if held is None else held.version,
    )
    return Promotion(
        opened.find(Reference(asked.name, asked.version)),
        to,
        previous=None if held is None else held.version,
        conditions=tuple(conditions),
        notes=tuple(notes),
        line=line,
    )


def rollback(
    name: str,
    alias: str = CHAMPION,
    *,
    note: str = "",
    home: Path | str | None = None,
    registry: str | None = None,
) -> AuditLine:
    """Point an alias at the version that held it before; return the line of the audit.

    No gate is judged: only a damaged bundle stops a rollback. Again, it goes one further back.

    Args:
        name: of the model.
        alias: to move.
        note: why, in words.
        home: the work folder; `ORDAIN_HOME` or `.ordain` by default.
        registry: as in `promote`.

    Raises:
        UsageError: no such model or alias, or nothing held it before.
        BundleError: the bundle of the version before is gone or damaged.
        StoreError: the registry cannot be reached or written.
    """
    return open_registry(home, registry).rollback(name, alias, why=note)


def refusal(version: ModelVersion, alias: str, conditions: Sequence[GateResult]) -> str:
    """Return why a version is not promoted, a line for each condition that does not hold."""
    failed = [one for one in conditions if not one.passed]
    counted = f"{len(failed)} of {len(conditions)} conditions"
    lines = [
        f"{version.reference} is not promoted to `{alias}`: {counted} not met",
        *(f"  {one.name}: {one.reason}" for one in failed),
        "  Fix: train a version that meets them, or do it all the same with --force --note WHY",
    ]
    return "\n".join(lines)


def _reference(name: str, version: int | str | None) -> Reference:
    if version is None:
        asked = parse(name)
        if asked is None:
            raise UsageError(
                f"which version of '{name}' is to be promoted\n  Fix: ordain promote {name} VERSION"
            )
        return asked
    text = str(version)
    whole = parse(text)
    if whole is not None and whole.name == name:
        return whole
    asked = parse(f"models:/{name}/{text}" if text.isdigit() else f"models:/{name}@{text}")
    assert asked is not None, "what begins with models:/ is a reference or an error"
    return asked


def _loaded(opened: Registry, version: ModelVersion) -> Model:
    return load(opened.fetch(version).bundle)


def _holding(opened: Registry, held: ModelVersion | None) -> Model | None:
    return None if held is None else _loaded(opened, held)
