"""A document while it is read: what could be read, and every fault met on the way."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from ordain.config import ludwig, words
from ordain.config.codes import fault
from ordain.config.document import Document, InputFeature, OutputFeature
from ordain.config.explain import read_spec, unknown_component, untyped
from ordain.config.homes import SURE, Homes
from ordain.config.located import Node, Path
from ordain.core.component import Registry, Spec
from ordain.core.diagnostics import Diagnostic, nearest
from ordain.core.errors import UsageError
from ordain.models.family import Family


@dataclass
class Draft:
    """What could be read, with the faults met on the way.

    A block that has faults stands in `blocks` without its faulty keys, or not at all where nothing
    of it can be read; rules between keys then skip it. `elsewhere`
    are faults that the document has only in an environment that was not chosen.
    """

    root: Node
    blocks: dict[str, Any] = field(default_factory=dict)
    inputs: list[InputFeature] | None = None
    outputs: list[OutputFeature] | None = None
    faults: list[Diagnostic] = field(default_factory=list)
    notices: list[Diagnostic] = field(default_factory=list)
    elsewhere: list[Diagnostic] = field(default_factory=list)
    homes: Homes = field(default_factory=Homes)

    @property
    def family(self) -> Family | None:
        """The model family, where it is known."""
        return self.blocks.get("model_type")

    def document(self) -> Document:
        """Return the document; call it only where there are no faults."""
        inputs = "all" if self.inputs is None else tuple(self.inputs)
        return Document.model_construct(
            **{
                **_filled(self.blocks),
                "input_features": inputs,
                "output_features": tuple(self.outputs or ()),
            }
        )


def _filled(blocks: Mapping[str, Any]) -> dict[str, Any]:
    """Return every key of a document, those not written at their defaults."""
    filled = {
        name: info.get_default(call_default_factory=True)
        for name, info in Document.model_fields.items()
        if not info.is_required()
    }
    return {**filled, **blocks}


def salvaged(draft: Draft, spec: type[Spec], path: Path) -> Spec | None:
    """Return the spec of a block without its faulty keys; None where nothing can be read."""
    node = draft.root.at(path)
    n = len(path)
    inside = [d.path for d in draft.faults if d.path[:n] == path]
    if node is None or not node.is_mapping or path in inside:
        return None
    wrong = {found[n] for found in inside}
    keys = {key: e.node.plain() for key, e in node.entries.items() if key not in wrong}
    return read_spec(spec, keys, draft.root, path, draft.homes)[0]


def read_spec_at(draft: Draft, spec: type[Spec], path: Path, **extra: object) -> Spec | None:
    """Return the spec of a block; None if it has faults. An absent block is an empty one."""
    node = draft.root.at(path)
    if node is None or node.value is None:
        node = Node({})
    if not node.is_mapping:
        draft.faults.append(not_mapping(draft, path, spec))
        return None
    drop_ignored(draft, node, path, spec.model_fields)
    keys = {key: entry.node.plain() for key, entry in node.entries.items()}
    read, faults = read_spec(spec, {**keys, **extra}, draft.root, path, draft.homes)
    draft.faults += faults
    return read


def not_mapping(draft: Draft, path: Path, spec: type[Spec]) -> Diagnostic:
    """Return the fault of a block that is something else than keys."""
    node = draft.root.at(path)
    assert node is not None, "the caller has seen the node"
    names = words.keys_at(spec, ())
    return fault(
        "E203",
        f"`{path[-1]}` must be a mapping of keys, not {words.found(node.plain())}",
        path,
        draft.root.mark_of(path),
        allowed=f"Keys: {', '.join(names)}." if names else None,
    )


def drop_ignored(draft: Draft, node: Node, path: Path, names: Container[str]) -> None:
    """Take keys of Ludwig that have no effect here out of a block, and tell."""
    block = ".".join(key for key in path if isinstance(key, str))
    for key, instead in ludwig.IGNORED.get(block, {}).items():
        entry = node.entries.get(key)
        if entry is None or key in names:
            continue
        draft.notices.append(
            fault(
                "W505",
                f"`{key}` has no effect: {instead}",
                (*path, key),
                entry.mark,
                fix="remove this key",
            )
        )
        del node.entries[key]


def read_component(
    draft: Draft,
    registry: Registry[Any],
    path: Path,
    *,
    default: str | None = None,
    subject: str = "",
    names: tuple[str, ...] | None = None,
    owner: str = "",
) -> Any:
    """Return the component a place names; None, with faults, where it is wrong.

    Args:
        draft: takes the faults.
        registry: of the kind of component.
        path: where its block stands.
        default: type where none is written.
        subject: whose it is, for messages, such as `` of `review```.
        names: those that fit; all of the registry by default.
        owner: the column type they fit.
    """
    node = draft.root.at(path)
    assert node is not None, "the caller has seen the node"
    keys = {"type": node.value} if isinstance(node.value, str) else node.plain()
    if not isinstance(keys, dict):
        draft.faults.append(
            fault(
                "E203",
                f"`{path[-1]}` must be a name or a mapping with `type`, not {words.found(keys)}",
                path,
                draft.root.mark_of(path),
                allowed=f"Names: {', '.join(names or registry.names())}.",
            )
        )
        return None
    name = keys.get("type", default)
    if name is None:
        possible = ", ".join(names or registry.names())
        draft.faults.append(untyped(path, draft.root, possible, draft.homes, subject=subject))
        return None
    try:
        cls = registry.get(str(name))
    except UsageError as error:
        _read_as_nearest(draft, registry, path, keys, names=names or registry.names())
        if ":" in str(name):
            draft.faults.append(
                fault("E204", error.message, path, draft.root.mark_of((*path, "type")))
            )
        else:
            names = names or registry.names()
            draft.faults.append(
                unknown_component(
                    registry.kind,
                    path,
                    draft.root,
                    names,
                    aliases=_fitting_aliases(registry, names),
                    subject=subject,
                    allowed=f"A `{owner}` column may use: {', '.join(names)}." if owner else None,
                )
            )
        return None
    keys = {**keys, "type": cls.type_name()}
    read, faults = read_spec(cls, keys, draft.root, path, draft.homes)
    draft.faults += faults
    return read


def _read_as_nearest(
    draft: Draft,
    registry: Registry[Any],
    path: Path,
    keys: dict[str, Any],
    *,
    names: tuple[str, ...],
) -> None:
    """Add the faults in the keys of a component whose name has a slip that is plain to see."""
    meant = nearest(str(keys["type"]), [*names, *_fitting_aliases(registry, names)], cutoff=SURE)
    if meant is not None:
        cls = registry.get(meant)
        rest = {**keys, "type": cls.type_name()}
        draft.faults += read_spec(cls, rest, draft.root, path, draft.homes)[1]


def _fitting_aliases(registry: Registry[Any], names: tuple[str, ...]) -> dict[str, str]:
    return {alias: name for alias, name in registry.aliases().items() if name in names}
