"""From the canonical tree to the typed document: every fault of every block at once."""

from __future__ import annotations

from typing import Any

from ordain.config import ludwig
from ordain.config.codes import fault
from ordain.config.document import (
    AUTO,
    BESIDE_DEPLOYMENT,
    VERSION,
    Budget,
    Data,
    Deployment,
    Document,
    Evaluation,
    Head,
    Preprocessing,
    Project,
    TypeDefaults,
)
from ordain.config.draft import (
    Draft,
    drop_ignored,
    not_mapping,
    read_component,
    read_spec_at,
    salvaged,
)
from ordain.config.explain import is_misspelled, read_spec
from ordain.config.homes import Homes
from ordain.config.located import Node, Path
from ordain.config.migrate import REGISTRIES
from ordain.config.read_features import read_inputs, read_options, read_outputs, read_part
from ordain.core.component import Spec
from ordain.core.diagnostics import Diagnostic, nearest
from ordain.features.feature import FEATURES
from ordain.models.family import FAMILIES, Backend, Family
from ordain.models.neural.component import COMBINERS

_HEAD = ("version", "name", "seed")


def read(root: Node) -> Draft:
    """Return the typed blocks of a canonical tree, and all faults in them."""
    draft = Draft(root)
    _read_family(draft)
    _check_top(draft)
    _read_head(draft)
    for key, spec in (
        ("project", Project),
        ("data", Data),
        ("preprocessing", Preprocessing),
        ("evaluation", Evaluation),
        ("backend", Backend),
        ("budget", Budget),
    ):
        _read_block(draft, key, spec)
    _read_deployment(draft)
    _read_trainer(draft)
    _read_combiner(draft)
    _read_defaults(draft)
    draft.inputs = read_inputs(draft)
    draft.outputs = read_outputs(draft)
    return draft


def _read_family(draft: Draft) -> None:
    node = draft.root.get("model_type")
    name = node.plain() if node is not None else None
    if name is None:
        family = Document.model_fields["model_type"].get_default(call_default_factory=True)
        draft.blocks["model_type"] = family
    elif isinstance(name, str) and name in ludwig.UNSUPPORTED_FAMILIES:
        draft.faults.append(
            fault(
                "E208",
                f"`model_type` may not be '{name}'",
                ("model_type",),
                draft.root.mark_of(("model_type",)),
                allowed=f"There are no {ludwig.UNSUPPORTED_FAMILIES[name]} yet; it may be: "
                f"{', '.join(FAMILIES.names())}.",
            )
        )
    else:
        family = read_component(draft, FAMILIES, ("model_type",))
        if family is not None:
            draft.blocks["model_type"] = family
    if draft.family is not None:
        draft.homes = Homes(type(draft.family))


def _check_top(draft: Draft) -> None:
    names = list(Document.model_fields)
    drop_ignored(draft, draft.root, (), Document.model_fields)
    for key in draft.root.entries:
        if key not in names:
            known = [*names, "include", "environments"]
            draft.faults.append(draft.homes.unknown_key(key, (), known, draft.root))
    required = () if _is_deployment_alone(draft.root) else ("input_features", "output_features")
    for key in required:
        if key not in draft.root.entries and not is_misspelled(key, draft.root, names):
            fix = "input_features: all" if key[0] == "i" else "output_features:\n  <column>: <type>"
            what = "the columns to learn from" if key[0] == "i" else "the columns to predict"
            draft.faults.append(
                fault(
                    "E207",
                    f"`{key}` is missing",
                    (key,),
                    draft.root.mark,
                    allowed=f"It names {what}.",
                    fix=fix,
                )
            )


def _is_deployment_alone(root: Node) -> bool:
    """Return whether a document declares what is served and holds no key of a training."""
    trains = any(key in root.entries for key in Document.model_fields.keys() - BESIDE_DEPLOYMENT)
    return "deployment" in root.entries and not trains


def _read_head(draft: Draft) -> None:
    version = draft.root.get("version")
    if version is not None and isinstance(version.value, int) and version.value != VERSION:
        draft.faults.append(
            fault(
                "E211",
                f"version {version.value} of the language is not known",
                ("version",),
                version.mark,
                allowed=f"This Ordain reads version {VERSION}.",
                fix=f"version: {VERSION}",
            )
        )
        version = None
    keys = {key: node.plain() for key in _HEAD if (node := draft.root.get(key)) is not None}
    if version is None:
        keys.pop("version", None)
    spec, faults = read_spec(Head, keys, draft.root, (), draft.homes)
    draft.faults += faults
    if isinstance(spec, Head):
        draft.blocks |= {key: getattr(spec, key) for key in keys}


def _read_block(draft: Draft, key: str, spec: type[Spec]) -> None:
    read = read_spec_at(draft, spec, (key,)) or salvaged(draft, spec, (key,))
    if read is not None:
        draft.blocks[key] = read


def _read_deployment(draft: Draft) -> None:
    node = draft.root.get("deployment")
    if node is not None and node.value is not None:
        _read_block(draft, "deployment", Deployment)


def _read_trainer(draft: Draft) -> None:
    """Read `trainer` with the keys of the family; of an unknown one, with those of all."""
    if draft.family is not None:
        _read_block(draft, "trainer", type(draft.family).Trainer)
        return
    node = draft.root.get("trainer")
    families = _possible_families(draft)
    if node is None or node.value is None or not families:
        return
    if not node.is_mapping:
        draft.faults.append(not_mapping(draft, ("trainer",), families[0].Trainer))
        return
    names = list(dict.fromkeys(key for f in families for key in f.Trainer.model_fields))
    drop_ignored(draft, node, ("trainer",), names)
    for key in node.entries:
        if key not in names:
            draft.faults.append(draft.homes.unknown_key(key, ("trainer",), names, draft.root))
        else:
            draft.faults += _faults_for_all(draft, key, families)


def _possible_families(draft: Draft) -> list[type[Family]]:
    """Return the families a document may be of, the likeliest first; none where it is foreign."""
    node = draft.root.at(("model_type", "type")) or draft.root.get("model_type")
    name = node.plain() if node is not None else None
    if not isinstance(name, str) or ":" in name or name in ludwig.UNSUPPORTED_FAMILIES:
        return []
    if FAMILIES.has(name):  # its own keys are wrong
        return [FAMILIES.get(name)]
    close = nearest(name, [*FAMILIES.names(), *FAMILIES.aliases()])
    first = [FAMILIES.get(close)] if close else []
    return first + [f for n in FAMILIES.names() if (f := FAMILIES.get(n)) not in first]


def _faults_for_all(draft: Draft, key: str, families: list[type[Family]]) -> list[Diagnostic]:
    """Return the faults of a key of `trainer` where every family that has it finds one."""
    value = {key: draft.root.at(("trainer", key)).plain()}  # type: ignore[union-attr]
    found: list[list[Diagnostic]] = []
    for family in families:
        if key in family.Trainer.model_fields:
            _, faults = read_spec(family.Trainer, value, draft.root, ("trainer",), draft.homes)
            found.append([d for d in faults if d.path[1:2] == (key,) and d.code != "E210"])
    return found[0] if all(found) else []


def _read_combiner(draft: Draft) -> None:
    node = draft.root.get("combiner")
    if node is None or node.value is None or node.value == AUTO:
        return
    combiner = read_component(draft, COMBINERS, ("combiner",), default="concat")
    if combiner is not None:
        draft.blocks["combiner"] = combiner


def _read_defaults(draft: Draft) -> None:
    node = draft.root.get("defaults")
    if node is None or node.value is None:
        return
    if not node.is_mapping:
        draft.faults.append(not_mapping(draft, ("defaults",), TypeDefaults))
        return
    types: dict[str, TypeDefaults] = {}
    for name, entry in node.entries.items():
        path = ("defaults", name)
        if not FEATURES.has(name):
            draft.faults.append(_unknown_default(draft, name))
        elif entry.node.is_mapping:
            types[name] = _type_defaults(draft, name, path)
        elif entry.node.value is not None:
            draft.faults.append(not_mapping(draft, path, TypeDefaults))
    draft.blocks["defaults"] = types


def _unknown_default(draft: Draft, name: str) -> Diagnostic:
    if name in ludwig.UNSUPPORTED_TYPES:
        return fault(
            "E208",
            f"`defaults.{name}`: {ludwig.UNSUPPORTED_TYPES[name]} are not there yet",
            ("defaults", name),
            draft.root.mark_of_key(("defaults", name)),
            allowed=f"Types: {', '.join(FEATURES.names())}.",
        )
    return draft.homes.unknown_key(name, ("defaults",), FEATURES.names(), draft.root)


def _type_defaults(draft: Draft, type_name: str, path: Path) -> TypeDefaults:
    node = draft.root.at(path)
    assert node is not None, "the caller has seen the node"
    found: dict[str, Any] = {}
    for key in node.entries:
        if key == "preprocessing":
            found[key] = read_options(draft, type_name, (*path, key))
        elif key in REGISTRIES:
            found[key] = read_part(draft, key, type_name, path)
        else:
            keys = list(TypeDefaults.model_fields)
            draft.faults.append(draft.homes.unknown_key(key, path, keys, draft.root))
    return TypeDefaults.model_construct(**found)
