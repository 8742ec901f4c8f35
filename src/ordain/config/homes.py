"""Where keys live: the nearest name for a misspelled one, the right block for a misplaced one."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ordain.config import emit, ludwig
from ordain.config.codes import fault
from ordain.config.document import (
    KINDS_OF_TYPE,
    Budget,
    Data,
    Deployment,
    Document,
    Evaluation,
    InputFeature,
    OutputFeature,
    Preprocessing,
    Project,
)
from ordain.config.located import Node, Path, dotted
from ordain.core.component import Registry, Spec
from ordain.core.diagnostics import Diagnostic, nearest
from ordain.data.splitter import SPLITTERS
from ordain.features.feature import FEATURES
from ordain.models.family import FAMILIES, Backend, Family
from ordain.models.neural.component import COMBINERS, DECODERS, ENCODERS, LOSSES

SURE = 0.8
"""Similarity from which a name of the same block is taken before an equal one elsewhere."""

_MOST_LISTED = 14


@dataclass(frozen=True)
class Home:
    """A block that has a key."""

    block: str
    condition: str = ""

    def says(self, key: str) -> str:
        """Return where the key belongs."""
        place = f"`{self.block}.{key}`" if self.block else f"the top of the document, as `{key}`"
        return place + (f" {self.condition}" if self.condition else "")


@dataclass(frozen=True)
class Homes:
    """Knows the keys of every block, for one document.

    Attributes:
        family: of the document; None if it is unknown.
    """

    family: type[Family] | None = None

    def unknown_key(self, key: str, parent: Path, names: Sequence[str], root: Node) -> Diagnostic:
        """Return the fault of a key that its block does not have."""
        path = (*parent, key)
        mark = root.mark_of_key(path)
        block = root.at(parent)
        free = [name for name in names if block is None or name not in block.entries]
        unsupported = ludwig.UNSUPPORTED.get(_block(parent), {}).get(key)
        if unsupported:
            return fault(
                "E208",
                f"`{key}` is a key of Ludwig that Ordain does not have",
                path,
                mark,
                allowed=_sentence(unsupported),
                fix="remove this key",
            )
        return self._slip(key, path, root, names, free)

    def _slip(
        self, key: str, path: Path, root: Node, names: Sequence[str], free: Sequence[str]
    ) -> Diagnostic:
        """Return the fault of a key that was misspelled, or belongs to another block."""
        parent = path[:-1]
        meant = ludwig.MEANT.get(_block(parent), {}).get(key)
        if close := meant if meant in free else nearest(key, free, cutoff=SURE):
            return self._misspelled(key, path, root, names, close)
        if key not in names and (taken := nearest(key, names, cutoff=SURE)):
            return self._misspelled(key, path, root, names, None, taken=taken)
        if home := self._elsewhere(key, parent):
            return self._misplaced(key, path, root, home, names)
        if close := nearest(key, free):
            return self._misspelled(key, path, root, names, close)
        if close := nearest(key, self._all_keys(parent), cutoff=SURE):
            home = self._elsewhere(close, parent)
            assert home is not None, "the key was found in a block"
            return self._misplaced(key, path, root, home, names, close=close)
        return self._misspelled(key, path, root, names, None)

    def _misspelled(
        self,
        key: str,
        path: Path,
        root: Node,
        names: Sequence[str],
        close: str | None,
        *,
        taken: str = "",
    ) -> Diagnostic:
        where = f" in `{_named(path[:-1])}`" if path[:-1] else ""
        return fault(
            "E201",
            f"unknown key `{key}`{where}",
            path,
            root.mark_of_key(path),
            allowed=f"It may have: {_listed(names, key)}." if names else "It has no keys.",
            fix=f"{close}: {_shown(root, path)}" if close else None,
            notes=(f"`{taken}` stands in this block already.",) if taken else (),
        )

    def _misplaced(
        self, key: str, path: Path, root: Node, home: Home, names: Sequence[str], *, close: str = ""
    ) -> Diagnostic:
        where = f"in `{_named(path[:-1])}`" if path[:-1] else "at the top"
        right = close or key
        if home.block == _block(path[:-1]) and (owners := _owners(right, path, root)):
            return _other_type(path, right, root, owners)
        fix = _nested(home.block, right, _shown(root, path)) if not home.condition else None
        return fault(
            "E202",
            f"`{key}` may not stand {where}",
            path,
            root.mark_of_key(path),
            allowed=f"It belongs to {home.says(right)}.",
            fix=fix,
            notes=(f"Keys here: {_listed(names, right)}.",) if names else (),
        )

    def _elsewhere(self, key: str, parent: Path) -> Home | None:
        for home, names in self._blocks(parent):
            if key in names:
                return home
        return None

    def _all_keys(self, parent: Path) -> list[str]:
        keys = [key for _, names in self._blocks(parent) for key in names]
        return list(dict.fromkeys(keys))

    def _blocks(self, parent: Path) -> Iterator[tuple[Home, list[str]]]:
        """Yield blocks with their keys, those a user most likely meant first."""
        here = _block(parent)
        is_feature = here.startswith(("input_features", "output_features"))
        sections = (*(self._feature_blocks(here) if is_feature else ()), *self._sections())
        rest = () if is_feature else self._feature_blocks("input_features")
        for home, names in (*sections, *rest, *self._other_components()):
            if home.block != here or home.condition:
                yield home, names

    def _sections(self) -> Iterator[tuple[Home, list[str]]]:
        yield Home(""), list(Document.model_fields)
        if self.family is not None:
            yield Home("trainer"), _keys(self.family.Trainer)
        yield Home("preprocessing"), _keys(Preprocessing)
        yield Home("preprocessing.split"), _all(SPLITTERS)
        yield Home("data"), _keys(Data)
        yield Home("combiner"), _all(COMBINERS)
        yield Home("evaluation"), _keys(Evaluation)
        yield Home("backend"), _keys(Backend)
        yield Home("budget"), _keys(Budget)
        yield Home("project"), _keys(Project)
        yield Home("deployment"), _keys(Deployment)

    def _feature_blocks(self, here: str) -> Iterator[tuple[Home, list[str]]]:
        is_output = here.startswith("output_features")
        section = "output_features" if is_output else "input_features"
        spec: type[Spec] = OutputFeature if is_output else InputFeature
        yield Home(section, "of a feature"), _keys(spec)
        yield Home(f"{section}.preprocessing", "of a feature"), _all(FEATURES)
        for part, registry in _parts(is_output=is_output):
            yield Home(f"{section}.{part}", "of a feature"), _all(registry)

    def _other_components(self) -> Iterator[tuple[Home, list[str]]]:
        for name in FAMILIES.names():
            family = FAMILIES.get(name)
            yield Home("trainer", f"where `model_type` is `{name}`"), _keys(family.Trainer)
        for part, registry in (*_parts(is_output=False), *_parts(is_output=True)):
            for name in registry.names():
                yield Home(part, f"of type `{name}`"), _keys(registry.get(name))


def _other_type(path: Path, key: str, root: Node, owners: Sequence[str]) -> Diagnostic:
    """Return the fault of a key that another component of the same block has."""
    part = str(path[-2])
    listed = ", ".join(f"`{name}`" for name in owners)
    return fault(
        "E202",
        f"`{path[-1]}` may not stand in `{_named(path[:-1])}`, whose {part} does not have it",
        path,
        root.mark_of_key(path),
        allowed=f"It is a key of the {part}{'s' if len(owners) > 1 else ''} {listed}"
        + (f", as `{key}`." if key != path[-1] else "."),
        fix=f"{part}:\n  type: {owners[0]}\n  {key}: {_shown(root, path)}",
    )


def _owners(key: str, path: Path, root: Node) -> list[str]:
    """Return the components of a feature's part that have a key and fit the column's type."""
    part = path[-2]
    section = str(path[0])
    feature = root.at(path[:-2])
    type_node = feature.get("type") if feature is not None else None
    column = str(type_node.value) if type_node is not None else ""
    registries = dict(_parts(is_output=section == "output_features"))
    if part not in registries:
        return []
    names = fitting(str(part), column)
    return [name for name in names if key in _keys(registries[str(part)].get(name))]


def fitting(part: str, type_name: str) -> tuple[str, ...]:
    """Return the encoders, decoders or losses that a column type may use."""
    registry = dict(_parts(is_output=part != "encoder"))[part]
    kinds = KINDS_OF_TYPE.get(type_name, frozenset())

    def fits(cls: Any) -> bool:
        if part == "encoder":
            return not kinds or bool(kinds & cls.kinds)
        types = getattr(cls, "types", None)
        return not types or type_name in types

    return tuple(name for name in registry.names() if fits(registry.get(name)))


def _parts(*, is_output: bool) -> tuple[tuple[str, Registry[Any]], ...]:
    if is_output:
        return (("decoder", DECODERS), ("loss", LOSSES))
    return (("encoder", ENCODERS),)


def _keys(spec: type[Spec]) -> list[str]:
    return [
        name
        for name in spec.model_fields
        if name != "type" or spec in {InputFeature, OutputFeature}
    ]


def _all(registry: Registry[Any]) -> list[str]:
    names: list[str] = []
    for component in registry.names():
        names += [key for key in _keys(registry.get(component)) if key not in names]
    return names


def _block(path: Path) -> str:
    """Return a path without positions: ``input_features.preprocessing``."""
    return ".".join(key for key in path if isinstance(key, str))


def _named(path: Path) -> str:
    return dotted(path)


def _shown(root: Node, path: Path) -> str:
    """Return a value for the text of a fix: itself where it is short."""
    node = root.at(path)
    if node is None or node.is_mapping or node.is_list:
        return "..."
    return emit.show(node.written())


def _nested(block: str, key: str, value: str) -> str:
    lines = [*(block.split(".") if block else []), f"{key}: {value}"]
    return "\n".join(
        "  " * depth + (line if ":" in line else f"{line}:") for depth, line in enumerate(lines)
    )


def _listed(names: Sequence[str], key: str) -> str:
    """Return the keys of a block, or of many those nearest to a key, in their own order."""
    if len(names) <= _MOST_LISTED:
        return ", ".join(names)
    near = sorted(names, key=lambda name: -difflib.SequenceMatcher(None, key, name).ratio())
    kept = [name for name in names if name in near[:_MOST_LISTED]]
    return f"{', '.join(kept)} ... ({len(names) - len(kept)} more; `ordain render` shows all)"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "." if not text.startswith("`") else text + "."
