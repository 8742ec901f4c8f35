"""Checks of `evaluation.checks`: the sanity checks that a training is to be asked."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from typing import Any

from ordain.config.codes import fault
from ordain.config.draft import Draft
from ordain.config.explain import read_spec, unknown_component
from ordain.core.component import Registry
from ordain.core.diagnostics import Diagnostic
from ordain.core.errors import UsageError

Written = str | dict[str, Any]


def check_checks(draft: Draft, checks: bool | Sequence[Written]) -> Iterator[Diagnostic]:  # noqa: FBT001 - as the config says it
    """Yield the faults of sanity checks: unknown names, wrong keys, one named twice."""
    if isinstance(checks, bool):
        return
    registry = check_registry()
    first: dict[str, int] = {}
    for index, written in enumerate(checks):
        path = ("evaluation", "checks", index)
        keys = {"type": written} if isinstance(written, str) else written
        if keys.get("type") is None:
            yield fault(
                "E209",
                "a check has no `type`",
                path,
                draft.root.mark_of(path),
                allowed=f"Its `type` may be: {', '.join(registry.names())}.",
                fix="type: ...",
            )
            continue
        try:
            cls = registry.get(str(keys["type"]))
        except UsageError as error:
            allowed = error.message if ":" in str(keys["type"]) else None
            yield unknown_component("check", path, draft.root, registry.names(), allowed=allowed)
            continue
        name = cls.type_name()
        yield from read_spec(cls, {**keys, "type": name}, draft.root, path, draft.homes)[1]
        if name in first:
            yield fault(
                "E210",
                f"the check '{name}' stands twice, the other is number {first[name] + 1} of the "
                "list",
                path,
                draft.root.mark_of(path),
                fix="remove one of them",
            )
        first.setdefault(name, index)


def check_registry() -> Registry[Any]:
    """Return the registry of sanity checks."""
    # They live in a room above this one: looked up by name, as metrics are.
    registry: Registry[Any] = importlib.import_module("ordain.evaluation.checks.check").CHECKS
    return registry
