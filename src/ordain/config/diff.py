"""What differs between two configs in meaning, and which stage of a run each change touches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ordain.config import emit
from ordain.config.config import Config
from ordain.config.effects import effect

_MISSING = object()
_ORDER = ("read", "split", "encode", "train", "evaluate")


@dataclass(frozen=True)
class Change:
    """One value that differs.

    Attributes:
        path: dotted, features by name: ``input_features.tenure.encoder.dropout``.
        before, after: the values; None also where the key is absent.
        kind: ``added``, ``removed`` or ``changed``.
        stage: first stage of a run that is touched: ``read``, ``split``, ``encode <name>``,
            ``train``, ``evaluate``, or ``none`` where no stage is.
        effect: what the change tends to do, one sentence; empty where nothing is known.
    """

    path: str
    before: Any
    after: Any
    kind: str
    stage: str
    effect: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    def __str__(self) -> str:
        shown = {
            "added": f"+ {self.path}: {emit.show(self.after)}",
            "removed": f"- {self.path}: {emit.show(self.before)}",
            "changed": f"~ {self.path}: {emit.show(self.before)} -> {emit.show(self.after)}",
        }[self.kind]
        return (
            f"{shown}  ({'touches ' + self.stage if self.stage != 'none' else 'touches nothing'})"
        )


def diff(before: Config | Mapping[str, Any], after: Config | Mapping[str, Any]) -> list[Change]:
    """Return the changes between two filled configs, in the order of the document.

    Comments, the order of keys, short forms, and a default that is written out are no changes.

    Args:
        before: a config, or a filled document as plain data (`Bound.to_dict`).
        after: the same.
    """
    old, new = (c.to_dict() if isinstance(c, Config) else dict(c) for c in (before, after))
    return [_change(path, a, b) for path, a, b in _differ(_by_name(old), _by_name(new), ())]


def reruns(changes: Sequence[Change]) -> list[str]:
    """Return the stages that run again after some changes; the others are reused.

    A change of one column's options encodes that column alone, then all after it runs.
    """
    touched = {change.stage for change in changes} - {"none"}
    first = min((_ORDER.index(stage.split(" ")[0]) for stage in touched), default=len(_ORDER))
    stages = list(_ORDER[first:])
    if stages and stages[0] == "encode" and "encode" not in touched:
        columns = [stage for stage in touched if stage.startswith("encode ")]
        stages[:1] = sorted(columns)
    return stages


def _change(path: tuple[str, ...], before: Any, after: Any) -> Change:
    dotted, kind = ".".join(path), _kind(before, after)
    before, after = _plain(before), _plain(after)
    told = effect(dotted, before, after, kind)
    return Change(dotted, before, after, kind, _stage(path), told)


def _kind(before: Any, after: Any) -> str:
    if before is _MISSING:
        return "added"
    return "removed" if after is _MISSING else "changed"


def _plain(value: Any) -> Any:
    return None if value is _MISSING else value


def _by_name(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document whose features are mappings by name."""
    named = dict(document)
    for section in ("input_features", "output_features"):
        features = named.get(section)
        if isinstance(features, list):
            named[section] = {str(feature.get("name")): feature for feature in features}
    return named


def _differ(
    before: Any, after: Any, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        if _is_other_component(before, after) and path[-1:] != ("trainer",):
            yield path, dict(before), dict(after)
            return
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _differ(
                before.get(key, _MISSING), after.get(key, _MISSING), (*path, str(key))
            )
    elif before != after or isinstance(before, bool) != isinstance(after, bool):
        yield path, before, after


def _is_other_component(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether two blocks are components of different type, whose keys do not compare."""
    is_feature = "name" in before or "name" in after
    return not is_feature and before.get("type") != after.get("type")


_STAGES = {
    "data": "read",
    "preprocessing.sample_ratio": "read",
    "preprocessing.sample_size": "read",
    "preprocessing.split": "split",
    "seed": "split",
    "model_type": "encode",
    "evaluation": "evaluate",
    "budget.price_per_hour": "none",
    "project": "evaluate",
    "deployment": "none",
    "version": "none",
    "name": "none",
}


def _stage(path: tuple[str, ...]) -> str:
    if path[0] in {"input_features", "output_features"}:
        return _feature_stage(path)
    if path[0] == "defaults":
        return "encode" if path[2:3] in {(), ("preprocessing",)} else "train"
    return _STAGES.get(".".join(path[:2])) or _STAGES.get(path[0]) or "train"


def _feature_stage(path: tuple[str, ...]) -> str:
    if len(path) == 1:
        return "encode"
    name, key = path[1], path[2] if len(path) > 2 else ""  # noqa: PLR2004
    return (
        "train"
        if key in {"encoder", "decoder", "loss", "class_weights", "monotone"}
        else f"encode {name}"
    )
