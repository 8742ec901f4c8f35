"""The typed document back into plain data, every default written out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from ordain.config.document import (
    AUTO,
    BESIDE_DEPLOYMENT,
    Document,
    InputFeature,
    OutputFeature,
    Undecided,
)
from ordain.config.located import Node, Path, escaped
from ordain.core.component import Component, Spec

Secrets = Mapping[Path, str]
_CHOICES = {"encoder", "decoder", "loss", "combiner"}


def to_plain(document: Document, *, secrets: Secrets | None = None) -> dict[str, Any]:
    """Return the filled document as plain data that loads back to an equal one; `$${` is `${`.

    Args:
        document: what to write out.
        secrets: by path, what to write instead of values that came from the environment.
    """
    plain: dict[str, Any] = {}
    for name in _told_blocks(document):
        value = getattr(document, name)
        if name in {"input_features", "output_features"}:
            plain[name] = value if isinstance(value, str) else [feature_to_plain(f) for f in value]
        elif name == "defaults":
            plain[name] = {key: _defaults_to_plain(part) for key, part in value.items()}
        elif name == "model_type":
            plain[name] = _family(value)
        else:
            plain[name] = AUTO if value is None and name in _CHOICES else spec_to_plain(value)
    plain = escaped(plain)
    for path, raw in (secrets or {}).items():
        _hide(plain, path, raw)
    return plain


def _told_blocks(document: Document) -> list[str]:
    """Return the keys at the top: without a deployment where none is declared, or with it alone."""
    is_alone = document.is_deployment_alone
    return [
        name
        for name in Document.model_fields
        if (name in BESIDE_DEPLOYMENT or not is_alone)
        and (name != "deployment" or document.deployment is not None)
    ]


def feature_to_plain(feature: InputFeature | OutputFeature) -> dict[str, Any]:
    """Return a feature; its options do not repeat its type."""
    plain: dict[str, Any] = {}
    for name in type(feature).model_fields:
        value = getattr(feature, name)
        if name == "preprocessing":
            plain[name] = {} if isinstance(value, Undecided) else options_to_plain(value)
        else:
            plain[name] = AUTO if value is None and name in _CHOICES else spec_to_plain(value)
    return {key: value for key, value in plain.items() if value != {} or key != "preprocessing"}


def options_to_plain(options: Component) -> dict[str, Any]:
    """Return the options of a feature type without the type."""
    plain: dict[str, Any] = spec_to_plain(options)
    return {key: value for key, value in plain.items() if key != "type"}


def spec_to_plain(value: Any) -> Any:
    """Return a spec as plain data: `type` first, tuples as lists."""
    if isinstance(value, Spec):
        plain = {name: spec_to_plain(getattr(value, name)) for name in _told_keys(value)}
        plain |= spec_to_plain(value.model_extra or {})
        return {"type": plain["type"], **plain} if "type" in plain else plain
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(key): spec_to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_item_to_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(spec_to_plain(item) for item in value)
    return value.isoformat() if hasattr(value, "isoformat") else getattr(value, "value", value)


def _told_keys(spec: Spec) -> list[str]:
    """Return the keys to write: all, but those that mean something by being left out."""
    return [
        name
        for name in type(spec).model_fields
        if name in spec.model_fields_set or name not in spec.meaningful_unset
    ]


def _item_to_plain(item: Any) -> Any:
    """Return an item of a list; a spec in it as written, for it takes the rest from beside it."""
    if isinstance(item, Spec) and not isinstance(item, Component):
        return {
            name: spec_to_plain(getattr(item, name))
            for name in type(item).model_fields
            if name in item.model_fields_set
        }
    return spec_to_plain(item)


def secrets_of(tree: Node) -> dict[Path, str]:
    """Return what was written where a variable of the environment was read, by path."""
    return {
        path: node.raw for path, node in tree.walk() if node.raw is not None and "${" in node.raw
    }


def _family(family: Component) -> Any:
    plain = spec_to_plain(family)
    return plain["type"] if set(plain) == {"type"} else plain


def _defaults_to_plain(defaults: Spec) -> dict[str, Any]:
    plain = {}
    for name in type(defaults).model_fields:
        value = getattr(defaults, name)
        if value is not None:
            plain[name] = (
                options_to_plain(value) if name == "preprocessing" else spec_to_plain(value)
            )
    return plain


def _hide(plain: Any, path: Path, raw: str) -> None:
    """Write a text at a path, where the path leads anywhere."""
    for key in path[:-1]:
        if not _has(plain, key):
            return
        plain = plain[key]
    if _has(plain, path[-1]):
        plain[path[-1]] = raw


def _has(plain: Any, key: str | int) -> bool:
    if isinstance(plain, dict):
        return key in plain
    return isinstance(plain, list) and isinstance(key, int) and key < len(plain)
