"""What would differ: a deployment beside the one that is applied, value by value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ordain.config import emit
from ordain.config.deployment import Deployment, Halt, ServedModel
from ordain.config.dumped import spec_to_plain
from ordain.serving.rollout.applied import Applied


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

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    def __str__(self) -> str:
        return {
            "added": f"+ {self.path}: {emit.show(self.after)}",
            "removed": f"- {self.path}: {emit.show(self.before)}",
            "changed": f"~ {self.path}: {emit.show(self.before)} -> {emit.show(self.after)}",
        }[self.kind]


def differences(before: Applied | None, after: Applied) -> list[Difference]:
    """Return what differs between two generations, in the order of the document.

    Versions are told by label, so that an alias that points elsewhere shows. Of a first generation
    the values that stand at their defaults are left out.
    """
    old = dict(_flat(before)) if before else {}
    new = dict(_flat(after))
    if before is None:
        defaults = _defaults()
        new = {path: v for path, v in new.items() if defaults.get(_general(path)) != v}
    found = []
    for path in [*new, *(path for path in old if path not in new)]:
        if path in old and path in new:
            if old[path] != new[path]:
                found.append(Difference(path, old[path], new[path], "changed"))
        else:
            kind = "added" if path in new else "removed"
            found.append(Difference(path, old.get(path), new.get(path), kind))
    return [one for one in found if not (one.before is None and one.after is None)]


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
    for key, block in declared.items():
        if key != "models":
            yield from ((f"{key}.{path}", value) for path, value in _leaves(block))


def _general(path: str) -> str:
    """Return a path without the name of the model whose canary's test it is about."""
    _, halt, key = path.rpartition("canary.halt.")
    return f"{halt}{key}" if halt else path


def _defaults() -> dict[str, Any]:
    served = ServedModel(name="a", champion="a")
    filled = spec_to_plain(Deployment(models=(served,)))
    found = dict(_leaves({key: value for key, value in filled.items() if key != "models"}))
    halt = spec_to_plain(Halt())
    return found | {f"canary.halt.{key}": value for key, value in halt.items()}


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
