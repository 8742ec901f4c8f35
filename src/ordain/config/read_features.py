"""Features of a canonical tree into typed ones: names, types, options, encoders, losses."""

from __future__ import annotations

from typing import Any

from ordain.config import ludwig, words
from ordain.config.codes import fault
from ordain.config.document import (
    AUTO,
    InputFeature,
    OutputFeature,
    Undecided,
)
from ordain.config.draft import Draft, drop_ignored, read_component, read_spec_at
from ordain.config.explain import is_misspelled, unknown_component
from ordain.config.grammar import INPUT_KEYS, OUTPUT_KEYS
from ordain.config.homes import SURE, fitting
from ordain.config.located import Node, Path
from ordain.config.migrate import REGISTRIES, default_component
from ordain.core.component import Component
from ordain.core.diagnostics import Diagnostic, nearest
from ordain.core.errors import UsageError
from ordain.features.feature import FEATURES


def read_inputs(draft: Draft) -> list[InputFeature] | None:
    """Return the inputs that could be read; None for `all`, or where the block is missing."""
    node = draft.root.get("input_features")
    if node is None or node.value == "all":
        return None
    items = _items(draft, "input_features", node)
    return [
        feature for i in items if (feature := _read_input(draft, ("input_features", i))) is not None
    ]


def read_outputs(draft: Draft) -> list[OutputFeature] | None:
    """Return the outputs that could be read; None where the block is missing."""
    node = draft.root.get("output_features")
    if node is None:
        return None
    items = _items(draft, "output_features", node)
    return [
        feature
        for i in items
        if (feature := _read_output(draft, ("output_features", i))) is not None
    ]


def _items(draft: Draft, section: str, node: Node) -> range:
    if node.is_list and node.items:
        return range(len(node.items))
    is_input = section == "input_features"
    wanted = "a list of features or `all`" if is_input else "a list of features"
    shown = "an empty list" if node.is_list else words.found(node.plain())
    draft.faults.append(
        fault(
            "E203",
            f"`{section}` must be {wanted}, not {shown}",
            (section,),
            draft.root.mark_of((section,)),
            fix="input_features: all" if is_input else "output_features:\n  <column>: <type>",
        )
    )
    return range(0)


def _read_input(draft: Draft, path: Path) -> InputFeature | None:
    common = _read_feature(draft, path, INPUT_KEYS)
    if common is None:
        return None
    type_name = common["type"]
    if meant := type_name or _meant_type(draft, path):
        common["encoder"] = read_part(draft, "encoder", meant, path)
    common["monotone"] = _monotone(draft, path)
    return InputFeature.model_construct(**{**common, "type": type_name or AUTO})


def _read_output(draft: Draft, path: Path) -> OutputFeature | None:
    common = _read_feature(draft, path, OUTPUT_KEYS)
    if common is None:
        return None
    type_name = common["type"]
    if meant := type_name or _meant_type(draft, path):
        for part in ("decoder", "loss"):
            common[part] = read_part(draft, part, meant, path)
    common["class_weights"] = _class_weights(draft, path)
    return OutputFeature.model_construct(**{**common, "type": type_name or AUTO})


def _read_feature(draft: Draft, path: Path, keys: tuple[str, ...]) -> dict[str, Any] | None:
    """Return name, type (None where it is wrong), column and options of a feature."""
    node = draft.root.at(path)
    assert node is not None, "the caller counted the items"
    if not node.is_mapping:
        draft.faults.append(
            fault(
                "E203",
                "a feature must be a name or a mapping with `name`, "
                f"not {words.found(node.plain())}",
                path,
                draft.root.mark_of(path),
                fix="- name: ...\n  type: ...",
            )
        )
        return None
    drop_ignored(draft, node, path, keys)
    for key in [key for key in node.entries if key not in keys]:
        draft.faults.append(draft.homes.unknown_key(key, path, keys, draft.root))
    name = _text(draft, path, "name", required=True)
    column = _text(draft, path, "column", required=False)
    type_name = _feature_type(draft, path, name)
    options = Undecided()
    meant = type_name or _meant_type(draft, path)
    if meant is not None and meant != AUTO:
        options = read_options(draft, meant, (*path, "preprocessing")) or options
    if name is None:
        return None
    return {"name": name, "type": type_name, "column": column or name, "preprocessing": options}


def _text(draft: Draft, path: Path, key: str, *, required: bool) -> str | None:
    node = draft.root.at((*path, key))
    if node is None or (node.value is None and not required):
        keys = INPUT_KEYS if path[0] == "input_features" else OUTPUT_KEYS
        if required and not is_misspelled(key, draft.root.at(path), keys):
            draft.faults.append(
                fault(
                    "E207",
                    "a feature has no `name`",
                    (*path, key),
                    draft.root.mark_of(path),
                    fix="name: <column>",
                )
            )
        return None
    if isinstance(node.value, str) and node.value:
        return node.value
    value = node.plain()
    fix = f"{key}: '{value}'" if isinstance(value, int | float) else None
    draft.faults.append(
        fault(
            "E203",
            f"`{key}` must be text, not {words.found(value)}",
            (*path, key),
            draft.root.mark_of((*path, key)),
            fix=fix,
        )
    )
    return None


def _feature_type(draft: Draft, path: Path, name: str | None) -> str | None:
    """Return the type, `auto` where none is written, None where it is wrong."""
    place = (*path, "type")
    node = draft.root.at(place)
    if node is None or node.value is None or node.value == AUTO:
        return AUTO
    of = f" of `{name}`" if name else ""
    if isinstance(node.value, str) and (FEATURES.has(node.value) or ":" in node.value):
        try:
            return FEATURES.get(node.value).type_name()
        except UsageError as error:
            draft.faults.append(fault("E204", error.message, place, node.mark))
            return None
    draft.faults.append(_unknown_type(draft, place, of, node.plain()))
    return None


def _meant_type(draft: Draft, path: Path) -> str | None:
    """Return the type that a misspelled one plainly means, so that its keys can be looked at."""
    node = draft.root.at((*path, "type"))
    if node is None or not isinstance(node.value, str) or node.value in ludwig.UNSUPPORTED_TYPES:
        return None
    return nearest(node.value, FEATURES.names(), cutoff=SURE)


def _unknown_type(draft: Draft, place: Path, of: str, value: object) -> Diagnostic:
    mark = draft.root.mark_of(place)
    allowed = f"Types: {', '.join(FEATURES.names())}."
    if not isinstance(value, str):
        said = f"`type`{of} must be the name of a type, not {words.found(value)}"
        return fault("E203", said, place, mark, allowed=allowed)
    if value in ludwig.UNSUPPORTED_TYPES:
        what = ludwig.UNSUPPORTED_TYPES[value]
        said = f"the type '{value}'{of} is not there yet: {what}"
        return fault("E208", said, place, mark, allowed=allowed)
    aliases = {**FEATURES.aliases(), **ludwig.TYPE_ALIASES}
    aliases |= {other: other for other in ludwig.UNSUPPORTED_TYPES}
    return unknown_component(
        "type", place, draft.root, FEATURES.names(), aliases=aliases, subject=of
    )


def read_options(draft: Draft, type_name: str, path: Path) -> Any:
    """Return the options of a feature type, from a block that does not repeat the type."""
    cls = FEATURES.get(type_name)
    node = draft.root.at(path)
    if node is not None and "type" in node.entries:
        names = [name for name in cls.model_fields if name != "type"]
        draft.faults.append(draft.homes.unknown_key("type", path, names, draft.root))
        return None
    return read_spec_at(draft, cls, path, type=cls.type_name())


def read_part(draft: Draft, part: str, type_name: str, path: Path) -> Component | None:
    """Return the encoder, decoder or loss of a feature; None for `auto`."""
    place = (*path, part)
    node = draft.root.at(place)
    if (
        node is None
        or node.value is None
        or AUTO in {node.value if isinstance(node.value, str) else None, type_name}
    ):
        return None
    name = draft.root.at((*path, "name"))
    of = f" for feature `{name.plain()}`" if name is not None else f" for `{type_name}`"
    registry = REGISTRIES[part]
    names = fitting(part, type_name)
    if not names:
        return None
    default = default_component(part, type_name)
    found: Component | None = read_component(
        draft, registry, place, default=default, subject=of, names=names, owner=type_name
    )
    # Asked again: a component named as `module:Class` has been registered by now.
    names = fitting(part, type_name)
    if found is not None and found.type in registry.names() and found.type not in names:
        code = {"encoder": "E305", "decoder": "E306", "loss": "E307"}[part]
        article = "an" if part == "encoder" else "a"
        draft.faults.append(
            fault(
                code,
                f"{part} '{found.type}' is not {article} {part} for `{type_name}` columns",
                (*place, "type"),
                draft.root.mark_of((*place, "type")),
                allowed=f"A `{type_name}` column may use: {', '.join(names)}.",
            )
        )
        return None
    return found


def _monotone(draft: Draft, path: Path) -> Any:
    node = draft.root.at((*path, "monotone"))
    if node is None or node.value is None or node.value in _WAYS:
        return node.value if node is not None else None
    draft.faults.append(
        fault(
            "E205",
            f"`monotone` must be one of {', '.join(_WAYS)}, not {words.found(node.plain())}",
            (*path, "monotone"),
            draft.root.mark_of((*path, "monotone")),
            allowed=f"It may be: {', '.join(_WAYS)}.",
            fix="monotone: increasing",
        )
    )
    return None


_WAYS = ("increasing", "decreasing")


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
    draft.faults.append(
        fault(
            "E203",
            "`class_weights` must be 'balanced' or a mapping of labels to numbers above 0, "
            f"not {words.found(weights)}",
            (*path, "class_weights"),
            draft.root.mark_of((*path, "class_weights")),
            fix="class_weights: {yes: 2.0, no: 1.0}",
        )
    )
    return None
