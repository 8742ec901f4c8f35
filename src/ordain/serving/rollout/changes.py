"""What would differ: a deployment beside the one that is applied, value by value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ordain.config import emit
from ordain.config.deployment import Deployment, Halt, ServedModel
from ordain.config.dumped import spec_to_plain
from ordain.serving.rollout.applied import PLACES, Applied

AT_START = frozenset({"log.sink", "limits.drain_seconds"})
"""What a server reads when it starts, and not again; all else is taken up while it runs."""


@dataclass(frozen=True)
class Difference:
    """One value that differs.

    Attributes:
        path: dotted: ``churn.canary.share``, ``limits.timeout_seconds``.
        before: the value; None also where there is none.
        after: the same.
        kind: ``added``, ``removed`` or ``changed``.
    """

    path: str
    before: Any
    after: Any
    kind: str

    @property
    def needs_start(self) -> bool:
        """Whether a server that runs takes it up at its next start only."""
        return self.path in AT_START

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {**asdict(self), "needs_start": self.needs_start}

    def __str__(self) -> str:
        return {
            "added": f"+ {self.path}: {emit.show(self.after)}",
            "removed": f"- {self.path}: {emit.show(self.before)}",
            "changed": f"~ {self.path}: {emit.show(self.before)} -> {emit.show(self.after)}",
        }[self.kind]


def differences(before: Applied | None, after: Applied) -> list[Difference]:
    """Return what differs between two generations, in the order of the document.

    Versions are told by label, so that an alias that points elsewhere shows. Of a deployment, a
    model or a canary that comes or goes the values that stand at their defaults are left out.
    """
    old = dict(_flat(before)) if before else {}
    new = dict(_flat(after))
    defaults = _defaults()
    found = []
    for path in [*new, *(path for path in old if path not in new)]:
        if path in old and path in new:
            if old[path] != new[path]:
                found.append(Difference(path, old[path], new[path], "changed"))
        elif not _is_default_of_a_block(path, old, new, defaults):
            kind = "added" if path in new else "removed"
            found.append(Difference(path, old.get(path), new.get(path), kind))
    return [one for one in found if not (one.before is None and one.after is None)]


def _is_default_of_a_block(
    path: str, old: Mapping[str, Any], new: Mapping[str, Any], defaults: Mapping[str, Any]
) -> bool:
    """Return whether a value is the default of a block that one side does not have at all."""
    has, lacks = (new, old) if path in new else (old, new)
    model, halt, key = path.rpartition(".canary.halt.")
    if halt:
        return f"{model}.canary.version" not in lacks and defaults[f"halt.{key}"] == has[path]
    if path.endswith(".checks"):
        champion = f"{path.removesuffix('.checks')}.champion"
        return champion not in lacks and defaults["checks"] == has[path]
    return not lacks and defaults.get(path) == has[path]


def _flat(applied: Applied) -> Iterator[tuple[str, Any]]:
    declared = applied.document["deployment"]
    for model in declared["models"]:
        name = model["name"]
        for part, version in applied.models[name].versions.items():
            told = f"{version.label} ({version.reference})"
            yield f"{name}.{part}.version" if part != "champion" else f"{name}.champion", told
        for path, value in _leaves(_without_versions(model)):
            if path != "name":
                yield f"{name}.{path}", value
        if halted := applied.models[name].halted:
            yield f"{name}.canary.halted", halted.reason
    if applied.registry:
        yield "registry", applied.registry
    for block, base in applied.bases.items():
        yield f"{block}.{PLACES[block]}.folder", base
    for key, block in declared.items():
        if key != "models":
            yield from ((f"{key}.{path}", value) for path, value in _leaves(block))


def _defaults() -> dict[str, Any]:
    served = ServedModel(name="a", champion="a")
    filled = spec_to_plain(Deployment(models=(served,)))
    found = dict(_leaves({key: value for key, value in filled.items() if key != "models"}))
    halt = {f"halt.{key}": value for key, value in spec_to_plain(Halt()).items()}
    return found | halt | {"checks": served.checks}


def _without_versions(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model without what its settled versions say."""
    rest = {key: value for key, value in model.items() if key not in {"champion", "shadow"}}
    for key, inner in (("canary", "version"), ("fallback", "model")):
        if isinstance(rest.get(key), dict):
            rest[key] = {k: v for k, v in rest[key].items() if k != inner}
    if isinstance(rest.get("ab"), dict):
        arms = {
            arm.get("name") or "bcdefghijklmnopqrstuvwxyz"[i]: {"share": arm["share"]}
            for i, arm in enumerate(rest["ab"]["arms"])
        }
        rest["ab"] = {**rest["ab"], "arms": arms}
    return rest


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif value is not None and value != []:
        yield path, value
