"""From the canonical tree to the typed document: every fault of every block at once."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from ordain.config import ludwig, words
from ordain.config.codes import fault
from ordain.config.document import (
    AUTO,
    VERSION,
    Data,
    Document,
    Evaluation,
    Head,
    InputFeature,
    OutputFeature,
    Preprocessing,
    TypeDefaults,
    Undecided,
)
from ordain.config.explain import read_spec, unknown_component
from ordain.config.grammar import INPUT_KEYS, OUTPUT_KEYS
from ordain.config.homes import Homes
from ordain.config.located import Node, Path
from ordain.config.migrate import REGISTRIES, default_component
from ordain.core.component import Component, Registry, Spec
from ordain.core.diagnostics import Diagnostic
from ordain.core.errors import UsageError
from ordain.features.feature import FEATURES
from ordain.models.family import FAMILIES, Backend, Family
from ordain.models.neural.component import COMBINERS

_HEAD = ("version", "name", "seed")


@dataclass
class Draft:
    """What could be read, with the faults met on the way.

    A block that has faults is left out of `blocks`; rules between keys then skip it.
    """

    root: Node
    blocks: dict[str, Any] = field(default_factory=dict)
    inputs: list[InputFeature] | None = None
    outputs: list[OutputFeature] | None = None
    faults: list[Diagnostic] = field(default_factory=list)
    notices: list[Diagnostic] = field(default_factory=list)
    homes: Homes = field(default_factory=Homes)

    @property
    def family(self) -> Family | None:
        """The model family, where it is known."""
        return self.blocks.get("model_type")

    def document(self) -> Document:
        """Return the document; call it only where there are no faults."""
        inputs = "all" if self.inputs is None else tuple(self.inputs)
        return Document.model_construct(
            **{**_filled(self.blocks), "input_features": inputs, "output_features": tuple(self.outputs or ())}
        )


def read(root: Node) -> Draft:
    """Return the typed blocks of a canonical tree, and all faults in them."""
    draft = Draft(root)
    _read_family(draft)
    _check_top(draft)
    _read_head(draft)
    for key, spec in (("data", Data), ("preprocessing", Preprocessing), ("evaluation", Evaluation),
                      ("backend", Backend)):  # fmt: skip
        _read_block(draft, key, spec)
    if draft.family is not None:
        _read_block(draft, "trainer", type(draft.family).Trainer)
    _read_combiner(draft)
    _read_defaults(draft)
    draft.inputs = _read_inputs(draft)
    draft.outputs = _read_outputs(draft)
    return draft


def _filled(blocks: Mapping[str, Any]) -> dict[str, Any]:
    """Return every key of a document, those not written at their defaults."""
    filled = {
        name: info.get_default(call_default_factory=True)
        for name, info in Document.model_fields.items()
        if not info.is_required()
    }
    return {**filled, **blocks}


def _read_family(draft: Draft) -> None:
    node = draft.root.get("model_type")
    name = node.plain() if node is not None else None
    if name is None:
        family = Document.model_fields["model_type"].get_default(call_default_factory=True)
        draft.blocks["model_type"] = family
    elif isinstance(name, str) and name in ludwig.UNSUPPORTED_FAMILIES:
        draft.faults.append(fault(
            "E208", f"`model_type` may not be '{name}'", ("model_type",), draft.root.mark_of(("model_type",)),
            allowed=f"There are no {ludwig.UNSUPPORTED_FAMILIES[name]} yet; it may be: "
                    f"{', '.join(FAMILIES.names())}.",
        ))  # fmt: skip
    else:
        family = _component(draft, FAMILIES, ("model_type",))
        if family is not None:
            draft.blocks["model_type"] = family
    if draft.family is not None:
        draft.homes = Homes(type(draft.family))


def _check_top(draft: Draft) -> None:
    names = list(Document.model_fields)
    _drop_ignored(draft, draft.root, (), Document.model_fields)
    for key in draft.root.entries:
        if key not in names:
            draft.faults.append(draft.homes.unknown_key(key, (), [*names, "include"], draft.root))
    for key in ("input_features", "output_features"):
        if key not in draft.root.entries:
            fix = "input_features: all" if key[0] == "i" else "output_features:\n  <column>: <type>"
            what = "the columns to learn from" if key[0] == "i" else "the columns to predict"
            draft.faults.append(fault("E207", f"`{key}` is missing", (key,), draft.root.mark,
                                      allowed=f"It names {what}.", fix=fix))  # fmt: skip


def _read_head(draft: Draft) -> None:
    version = draft.root.get("version")
    if version is not None and isinstance(version.value, int) and version.value != VERSION:
        draft.faults.append(fault(
            "E211", f"version {version.value} of the language is not known", ("version",), version.mark,
            allowed=f"This Ordain reads version {VERSION}.", fix=f"version: {VERSION}",
        ))  # fmt: skip
        version = None
    keys = {key: node.plain() for key in _HEAD if (node := draft.root.get(key)) is not None}
    if version is None:
        keys.pop("version", None)
    spec, faults = read_spec(Head, keys, draft.root, (), draft.homes)
    draft.faults += faults
    if isinstance(spec, Head):
        draft.blocks |= {key: getattr(spec, key) for key in keys}


def _read_block(draft: Draft, key: str, spec: type[Spec]) -> None:
    read = _spec(draft, spec, (key,))
    if read is not None:
        draft.blocks[key] = read


def _spec(draft: Draft, spec: type[Spec], path: Path, **extra: object) -> Spec | None:
    """Return the spec of a block; None if it has faults. An absent block is an empty one."""
    node = draft.root.at(path)
    if node is None or node.value is None:
        node = Node({})
    if not node.is_mapping:
        draft.faults.append(_not_mapping(draft, path, spec))
        return None
    _drop_ignored(draft, node, path, spec.model_fields)
    keys = {key: entry.node.plain() for key, entry in node.entries.items()}
    read, faults = read_spec(spec, {**keys, **extra}, draft.root, path, draft.homes)
    draft.faults += faults
    return read


def _not_mapping(draft: Draft, path: Path, spec: type[Spec]) -> Diagnostic:
    node = draft.root.at(path)
    assert node is not None, "the caller has seen the node"
    names = words.keys_at(spec, ())
    return fault(
        "E203", f"`{path[-1]}` must be a mapping of keys, not {words.found(node.plain())}", path,
        draft.root.mark_of(path), allowed=f"Keys: {', '.join(names)}." if names else None,
    )  # fmt: skip


def _drop_ignored(draft: Draft, node: Node, path: Path, names: Container[str]) -> None:
    """Take keys of Ludwig that have no effect here out of a block, and tell."""
    block = ".".join(key for key in path if isinstance(key, str))
    for key, instead in ludwig.IGNORED.get(block, {}).items():
        entry = node.entries.get(key)
        if entry is None or key in names:
            continue
        draft.notices.append(fault(
            "W505", f"`{key}` has no effect: {instead}", (*path, key), entry.mark, fix="remove this key"
        ))  # fmt: skip
        del node.entries[key]


def _component(
    draft: Draft, registry: Registry[Any], path: Path, *,
    default: str | None = None, subject: str = "", names: tuple[str, ...] | None = None,
) -> Any:  # fmt: skip
    """Return the component a place names; None, with faults, where it is wrong.

    Args:
        default: type where none is written.
        subject: whose it is, for messages, such as `` of `review```.
        names: those that fit; all of the registry by default.
    """
    node = draft.root.at(path)
    assert node is not None, "the caller has seen the node"
    names = names or registry.names()
    keys = {"type": node.value} if isinstance(node.value, str) else node.plain()
    if not isinstance(keys, dict):
        draft.faults.append(fault(
            "E203", f"`{path[-1]}` must be a name or a mapping with `type`, not {words.found(keys)}", path,
            draft.root.mark_of(path), allowed=f"Names: {', '.join(names)}.",
        ))  # fmt: skip
        return None
    name = keys.get("type", default)
    if name is None:
        draft.faults.append(fault(
            "E209", f"`{path[-1]}`{subject} has no `type`", path, draft.root.mark_of(path),
            allowed=f"Its `type` may be: {', '.join(names)}.", fix="type: ...",
        ))  # fmt: skip
        return None
    try:
        cls = registry.get(str(name))
    except UsageError as error:
        if ":" in str(name):
            draft.faults.append(fault("E204", error.message, path, draft.root.mark_of((*path, "type"))))
        else:
            draft.faults.append(unknown_component(
                registry.kind, path, draft.root, names, aliases=_fitting_aliases(registry, names),
                subject=subject,
            ))  # fmt: skip
        return None
    keys = {**keys, "type": cls.type_name()}
    read, faults = read_spec(cls, keys, draft.root, path, draft.homes)
    draft.faults += faults
    return read


def _fitting_aliases(registry: Registry[Any], names: tuple[str, ...]) -> list[str]:
    return [alias for alias, name in registry.aliases().items() if name in names]


def _read_combiner(draft: Draft) -> None:
    node = draft.root.get("combiner")
    if node is None or node.value is None or node.value == AUTO:
        return
    combiner = _component(draft, COMBINERS, ("combiner",))
    if combiner is not None:
        draft.blocks["combiner"] = combiner


def _read_defaults(draft: Draft) -> None:
    node = draft.root.get("defaults")
    if node is None or node.value is None:
        return
    if not node.is_mapping:
        draft.faults.append(_not_mapping(draft, ("defaults",), TypeDefaults))
        return
    types: dict[str, TypeDefaults] = {}
    for name, entry in node.entries.items():
        path = ("defaults", name)
        if not FEATURES.has(name):
            draft.faults.append(_unknown_default(draft, name))
        elif entry.node.is_mapping:
            types[name] = _type_defaults(draft, name, path)
        elif entry.node.value is not None:
            draft.faults.append(_not_mapping(draft, path, TypeDefaults))
    draft.blocks["defaults"] = types


def _unknown_default(draft: Draft, name: str) -> Diagnostic:
    if name in ludwig.UNSUPPORTED_TYPES:
        return fault("E208", f"`defaults.{name}`: {ludwig.UNSUPPORTED_TYPES[name]} are not there yet",
                     ("defaults", name), draft.root.mark_of_key(("defaults", name)),
                     allowed=f"Types: {', '.join(FEATURES.names())}.")  # fmt: skip
    return draft.homes.unknown_key(name, ("defaults",), FEATURES.names(), draft.root)


def _type_defaults(draft: Draft, type_name: str, path: Path) -> TypeDefaults:
    node = draft.root.at(path)
    assert node is not None, "the caller has seen the node"
    found: dict[str, Any] = {}
    for key in node.entries:
        if key == "preprocessing":
            found[key] = _options(draft, type_name, (*path, key))
        elif key in REGISTRIES:
            found[key] = _part(draft, key, type_name, path)
        else:
            keys = list(TypeDefaults.model_fields)
            draft.faults.append(draft.homes.unknown_key(key, path, keys, draft.root))
    return TypeDefaults.model_construct(**found)


def _read_inputs(draft: Draft) -> list[InputFeature] | None:
    node = draft.root.get("input_features")
    if node is None or node.value == "all":
        return None
    items = _items(draft, "input_features", node)
    return [feature for i in items if (feature := _read_input(draft, ("input_features", i))) is not None]


def _read_outputs(draft: Draft) -> list[OutputFeature] | None:
    node = draft.root.get("output_features")
    if node is None:
        return None
    items = _items(draft, "output_features", node)
    return [feature for i in items if (feature := _read_output(draft, ("output_features", i))) is not None]


def _items(draft: Draft, section: str, node: Node) -> range:
    if node.is_list and node.items:
        return range(len(node.items))
    is_input = section == "input_features"
    shown = "an empty list" if node.is_list else words.found(node.plain())
    draft.faults.append(fault(
        "E203", f"`{section}` must be a list of features{' or `all`' if is_input else ''}, not {shown}",
        (section,), draft.root.mark_of((section,)),
        fix="input_features: all" if is_input else "output_features:\n  <column>: <type>",
    ))  # fmt: skip
    return range(0)


def _read_input(draft: Draft, path: Path) -> InputFeature | None:
    common = _read_feature(draft, path, INPUT_KEYS)
    if common is None:
        return None
    type_name = common["type"]
    if type_name is not None:
        common["encoder"] = _part(draft, "encoder", type_name, path)
    return InputFeature.model_construct(**{**common, "type": type_name or AUTO})


def _read_output(draft: Draft, path: Path) -> OutputFeature | None:
    common = _read_feature(draft, path, OUTPUT_KEYS)
    if common is None:
        return None
    type_name = common["type"]
    if type_name is not None:
        for part in ("decoder", "loss"):
            common[part] = _part(draft, part, type_name, path)
    common["class_weights"] = _class_weights(draft, path)
    return OutputFeature.model_construct(**{**common, "type": type_name or AUTO})


def _read_feature(draft: Draft, path: Path, keys: tuple[str, ...]) -> dict[str, Any] | None:
    """Return name, type (None where it is wrong), column and options of a feature."""
    node = draft.root.at(path)
    assert node is not None, "the caller counted the items"
    if not node.is_mapping:
        draft.faults.append(fault(
            "E203", f"a feature must be a name or a mapping with `name`, not {words.found(node.plain())}",
            path, draft.root.mark_of(path), fix="- name: ...\n  type: ...",
        ))  # fmt: skip
        return None
    _drop_ignored(draft, node, path, keys)
    for key in [key for key in node.entries if key not in keys]:
        draft.faults.append(draft.homes.unknown_key(key, path, keys, draft.root))
    name = _text(draft, path, "name", required=True)
    column = _text(draft, path, "column", required=False)
    type_name = _feature_type(draft, path, name)
    options = Undecided()
    if type_name is not None and type_name != AUTO:
        options = _options(draft, type_name, (*path, "preprocessing")) or options
    if name is None:
        return None
    return {"name": name, "type": type_name, "column": column or name, "preprocessing": options}


def _text(draft: Draft, path: Path, key: str, *, required: bool) -> str | None:
    node = draft.root.at((*path, key))
    if node is None or (node.value is None and not required):
        if required:
            draft.faults.append(fault("E207", "a feature has no `name`", (*path, key),
                                      draft.root.mark_of(path), fix="name: <column>"))
        return None
    if isinstance(node.value, str) and node.value:
        return node.value
    value = node.plain()
    fix = f"{key}: '{value}'" if isinstance(value, int | float) else None
    draft.faults.append(fault("E203", f"`{key}` must be text, not {words.found(value)}", (*path, key),
                              draft.root.mark_of((*path, key)), fix=fix))
    return None


def _feature_type(draft: Draft, path: Path, name: str | None) -> str | None:
    """Return the type, `auto` where none is written, None where it is wrong."""
    node = draft.root.at((*path, "type"))
    if node is None or node.value is None or node.value == AUTO:
        return AUTO
    of = f" of `{name}`" if name else ""
    if isinstance(node.value, str) and node.value in ludwig.UNSUPPORTED_TYPES:
        draft.faults.append(fault(
            "E208", f"the type '{node.value}'{of} is not there yet: {ludwig.UNSUPPORTED_TYPES[node.value]}",
            (*path, "type"), node.mark, allowed=f"Types: {', '.join(FEATURES.names())}.",
        ))  # fmt: skip
        return None
    if isinstance(node.value, str):
        if FEATURES.has(node.value):
            return FEATURES.get(node.value).type_name()
        if ":" in node.value:
            try:
                return FEATURES.get(node.value).type_name()
            except UsageError as error:
                draft.faults.append(fault("E204", error.message, (*path, "type"), node.mark))
                return None
        draft.faults.append(unknown_component(
            "type", (*path, "type"), draft.root, FEATURES.names(),
            aliases=[*FEATURES.aliases(), *ludwig.TYPE_ALIASES, *ludwig.UNSUPPORTED_TYPES], subject=of,
        ))  # fmt: skip
        return None
    draft.faults.append(fault(
        "E203", f"`type`{of} must be the name of a type, not {words.found(node.plain())}", (*path, "type"),
        draft.root.mark_of((*path, "type")), allowed=f"Types: {', '.join(FEATURES.names())}.",
    ))  # fmt: skip
    return None


def _options(draft: Draft, type_name: str, path: Path) -> Any:
    """Return the options of a feature type, from a block that does not repeat the type."""
    cls = FEATURES.get(type_name)
    node = draft.root.at(path)
    if node is not None and "type" in node.entries:
        names = [name for name in cls.model_fields if name != "type"]
        draft.faults.append(draft.homes.unknown_key("type", path, names, draft.root))
        return None
    return _spec(draft, cls, path, type=cls.type_name())


def _part(draft: Draft, part: str, type_name: str, path: Path) -> Component | None:
    """Return the encoder, decoder or loss of a feature; None for `auto`."""
    place = (*path, part)
    node = draft.root.at(place)
    if node is None or node.value is None or node.value == AUTO or type_name == AUTO:
        return None
    name = draft.root.at((*path, "name"))
    of = f" for feature `{name.plain()}`" if name is not None else f" for `{type_name}`"
    registry = REGISTRIES[part]
    names = fitting(part, type_name)
    if not names:
        return None
    default = default_component(part, type_name)
    found: Component | None = _component(draft, registry, place, default=default, subject=of, names=names)
    if found is not None and found.type in registry.names() and found.type not in names:
        code = {"encoder": "E305", "decoder": "E306", "loss": "E307"}[part]
        article = "an" if part == "encoder" else "a"
        draft.faults.append(fault(
            code, f"{part} '{found.type}' is not {article} {part} for `{type_name}` columns",
            (*place, "type"), draft.root.mark_of((*place, "type")),
            allowed=f"A `{type_name}` column may use: {', '.join(names)}.",
        ))  # fmt: skip
        return None
    return found


def fitting(part: str, type_name: str) -> tuple[str, ...]:
    """Return the encoders, decoders or losses that a column type may use."""
    from ordain.config.document import KINDS_OF_TYPE

    registry = REGISTRIES[part]
    kinds = KINDS_OF_TYPE.get(type_name, frozenset())

    def fits(cls: Any) -> bool:
        if part == "encoder":
            return not kinds or bool(kinds & cls.kinds)
        types = getattr(cls, "types", None)
        return not types or type_name in types

    return tuple(name for name in registry.names() if fits(registry.get(name)))


def _class_weights(draft: Draft, path: Path) -> Any:
    node = draft.root.at((*path, "class_weights"))
    if node is None or node.value is None or node.value == "balanced":
        return node.value if node is not None else None
    weights = node.plain()
    is_right = isinstance(weights, dict) and all(
        isinstance(w, int | float) and not isinstance(w, bool) and w > 0 for w in weights.values()
    )
    if is_right:
        return {str(label): float(weight) for label, weight in weights.items()}
    draft.faults.append(fault(
        "E203", "`class_weights` must be 'balanced' or a mapping of labels to numbers above 0, "
        f"not {words.found(weights)}", (*path, "class_weights"),
        draft.root.mark_of((*path, "class_weights")), fix="class_weights: {yes: 2.0, no: 1.0}",
    ))  # fmt: skip
    return None
