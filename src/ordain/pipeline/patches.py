"""Patches on disk and in a user's own file: what changes is edited, all else stays as it stands.

A patch is a small YAML document:

    name: stronger-regularisation
    title: smaller trees
    expected: smaller trees fit less and overfit later
    set:
      - {path: [trainer, num_leaves], value: 7}
    remove:
      - [input_features, customer_id]

Each change is one edit of the text, at the places the parser gives; comments and layout stay. The
result is read again and must mean exactly what the change says, else nothing is written.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml as pyyaml
from pydantic import ValidationError

from ordain.config import Config, emit, yaml
from ordain.config.check import with_data
from ordain.config.compose import FEATURE_LISTS
from ordain.config.diff import Change, diff
from ordain.config.grammar import canonical
from ordain.config.located import Node
from ordain.config.overrides import apply_overrides
from ordain.core.diagnostics import format_diagnostics
from ordain.core.errors import ConfigError, DataError, UsageError
from ordain.core.files import store_errors, write_text
from ordain.evaluation.diagnosis.patch import Patch
from ordain.evaluation.diagnosis.patch import Path as Keys
from ordain.pipeline.yaml_edits import composed, remove, set_value, value_at

FOLDER = "patches"


@dataclass(frozen=True)
class Applied:
    """A config with a patch in it.

    Attributes:
        config: the file.
        patch: what was applied.
        diff: unified diff of the text; empty where the file says all of it already.
        changes: what the config now means differently.
        is_written: whether the file was changed.
    """

    config: Path
    patch: Patch
    diff: str
    changes: tuple[Change, ...]
    is_written: bool

    def to_json(self) -> dict[str, Any]:
        """Return what `apply-patch --json` prints."""
        return {
            "config": str(self.config),
            "patch": self.patch.name,
            "expected": self.patch.expected,
            "diff": self.diff,
            "changes": [change.to_json() for change in self.changes],
            "written": self.is_written,
        }


def apply_patch(config: Path | str, patch: Path | str | Patch, *, write: bool = True) -> Applied:
    """Apply a patch to a config file, keeping its comments and layout, and check the result.

    Args:
        config: the file, YAML or JSON.
        patch: a file that `diagnose` wrote, or a patch.
        write: whether the file is changed; else only the diff is made.

    Raises:
        UsageError: no such file, or the place of a change cannot be edited; says what to write.
        ConfigError: the config is wrong, before or with the patch; the file stays as it was.
    """
    path = Path(config)
    known = patch if isinstance(patch, Patch) else read_patch(patch)
    with store_errors(path):
        if not path.exists():
            raise UsageError(f"there is no file '{path}'\n  Fix: give the config's own file")
        raw = path.read_bytes()
    before = yaml.decode(raw, str(path))
    old = Config.load(path)
    text = patched(before, known)
    if text == before:
        return Applied(path, known, "", (), is_written=False)
    new = _checked(path, text)
    if write:
        mark = "\ufeff" if raw.startswith(b"\xef\xbb\xbf") else ""
        write_text(path, mark + text)
    return Applied(path, known, unified(before, text, path.name), tuple(diff(old, new)), write)


def read_patch(path: Path | str) -> Patch:
    """Return the patch a file holds.

    Raises:
        UsageError: no such file, or it holds no patch.
    """
    file = Path(path)
    if not file.is_file():
        raise UsageError(
            f"there is no patch '{path}'\n  Fix: `ordain diagnose RUN` writes patches and names "
            "their files"
        )
    text = file.read_text(encoding="utf-8")
    try:
        return Patch.model_validate(yaml.parse(text, str(file)).plain())
    except ValidationError as error:
        raise UsageError(f"{file} is no patch: {error.errors()[0]['msg']}") from error


def write_patch(patch: Patch, folder: Path) -> Path:
    """Write a patch into a folder and return its file."""
    plain = patch.model_dump(mode="json", exclude_defaults=True)
    path = folder / f"{patch.name}.yaml"
    write_text(path, emit.dump(plain))
    return path


def patched(text: str, patch: Patch) -> str:
    """Return a config's text with a patch in it.

    Raises:
        UsageError: the place of a change cannot be edited.
    """
    text_before, is_windows = text, "\r\n" in text
    text = text.replace("\r\n", "\n")
    wanted = _wanted(text, patch)
    if yaml._is_json(text):  # noqa: SLF001 - the parser's own answer
        made = json.dumps(wanted.written(), indent=2, ensure_ascii=False) + "\n"
    else:
        made = _edited(text, patch)
    if not _means(made, wanted):
        lines = [f"    {'.'.join(one.path)}: {emit.show(one.value)}" for one in patch.set]
        lines += [f"    (without {'.'.join(one)})" for one in patch.remove]
        raise UsageError(
            f"the patch '{patch.name}' cannot be put into this file's layout without touching more "
            "than it says\n  Fix: change it by hand to\n" + "\n".join(lines)
        )
    if made == text:
        return text_before
    return made.replace("\n", "\r\n") if is_windows else made


def unified(before: str, after: str, name: str) -> str:
    """Return the unified diff of two texts of one file."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), name, f"{name} (patched)"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def overrides_of(patch: Patch) -> list[str]:
    """Return the settings of a patch as overrides: ``path=value``."""
    return [f"{_override_path(one.path)}={json.dumps(one.value)}" for one in patch.set]


def without(tree: Node, path: Keys) -> bool:
    """Take a key, or a feature by name, out of a tree; return whether it was there."""
    node: Node | None = tree
    for key in path[:-1]:
        node = None if node is None else _child(node, key)
    if node is None:
        return False
    if node.is_mapping:
        return node.entries.pop(path[-1], None) is not None
    kept = [item for item in node.items if _name_of(item) != path[-1]]
    is_there = len(kept) < len(node.items)
    if is_there:
        node.value = kept
    return is_there


def _wanted(text: str, patch: Patch) -> Node:
    """Return the tree that the text is to mean, with the patch in it."""
    tree = yaml.parse(text, "config")
    inputs = tree.get("input_features")
    if patch.remove and inputs is not None and inputs.value == "all" and patch.inputs:
        named = yaml.parse(emit.dump({"input_features": patch.inputs}), "patch")
        tree.entries["input_features"] = named.entries["input_features"]
    for path in patch.remove:
        if not without(tree, path):
            raise UsageError(
                f"`{'.'.join(path)}` does not stand in this file, so that it cannot be taken out\n"
                "  Fix: apply the patch to the file it stands in, such as one that is included"
            )
    try:
        apply_overrides(tree, overrides_of(patch), None)
    except ConfigError as error:
        raise UsageError(f"the patch '{patch.name}' does not fit: {error.message}") from error
    return tree


def _means(text: str, wanted: Node) -> bool:
    """Return whether a text means what is wanted, short and long forms being the same."""
    try:
        found = yaml.parse(text, "patched")
    except ConfigError:
        return False
    return bool(canonical(found).plain() == canonical(wanted.copy()).plain())


def _checked(path: Path, text: str) -> Config:
    """Return the config of a changed text as its file would be read."""
    beside = path.with_name(f".{path.stem}.patched{path.suffix}")
    try:
        write_text(beside, text)
        return _check_rows(Config.load(beside))
    except ConfigError as error:
        shown = error.message.replace(str(beside), str(path)).replace(beside.name, path.name)
        raise ConfigError(
            f"the config is wrong with the patch, and stays as it was\n{shown}",
            diagnostics=error.diagnostics,
        ) from error
    finally:
        beside.unlink(missing_ok=True)


def _check_rows(config: Config) -> Config:
    """Return a config that was checked against its rows, where they are there."""
    from ordain.pipeline.check import profiles_of

    try:
        profiles = profiles_of(config, None)
    except DataError:
        return config
    if profiles is None:
        return config
    faults = [one for one in with_data([], config, profiles) if one.severity == "error"]
    if faults:
        raise ConfigError(format_diagnostics(faults), diagnostics=faults)
    return config


def _edited(text: str, patch: Patch) -> str:
    """Return the text with one edit a change; what cannot be edited is left, and told later."""
    try:
        root = composed(text)
        inputs = value_at(root, "input_features")
        if patch.remove and patch.inputs and getattr(inputs, "value", None) == "all":
            text = set_value(text, ("input_features",), patch.inputs)
        for path in patch.remove:
            text = remove(text, path)
        for one in patch.set:
            text = set_value(text, one.path, one.value)
    except (pyyaml.YAMLError, LookupError) as error:
        raise UsageError(
            f"the patch '{patch.name}' cannot be put into this file's layout\n"
            f"  Fix: change `{'`, `'.join('.'.join(one.path) for one in patch.set)}` by hand"
        ) from error
    return text


def _child(node: Node, key: str) -> Node | None:
    if node.is_mapping:
        return node.get(key)
    return next((item for item in node.items if _name_of(item) == key), None)


def _name_of(item: Node) -> str | None:
    name = item.get("name") if item.is_mapping else item
    return None if name is None else str(name.value)


def _override_path(path: Keys) -> str:
    first, *rest = path
    return first + "".join(
        f"['{key}']" if set(key) & set(".[]") or path[0] in FEATURE_LISTS else f".{key}"
        for key in rest
    )
