"""Older documents into today's language, with an account of every change.

A document without `version` may be written in the grammar of Ludwig, whose older forms are read
as today's; one that says `version: 1` is held to today's language as `ordain schema` prints it.
Each step is one entry of `STEPS`: it changes a canonical tree in place and tells what it did.

    encoder: parallel_cnn                        -> encoder: {type: parallel_cnn, num_filters: 64}
    num_filters: 64
    preprocessing: {number: {...}}               -> defaults: {number: {preprocessing: {...}}}
    preprocessing: {split_probabilities: [...]}  -> preprocessing: {split: {probabilities: [...]}}
    training: {...}                              -> trainer: {...}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from ordain.config import emit, ludwig
from ordain.config.codes import fault
from ordain.config.compose import read_origin
from ordain.config.document import VERSION
from ordain.config.grammar import FEATURES_KEYS, INPUT_KEYS, OUTPUT_KEYS, PARTS, canonical
from ordain.config.located import Entry, Node, Path
from ordain.core.component import Component, Registry
from ordain.core.diagnostics import Diagnostic
from ordain.features.feature import FEATURES
from ordain.models.neural.component import DECODERS, ENCODERS, LOSSES

REGISTRIES: dict[str, Registry[Any]] = {"encoder": ENCODERS, "decoder": DECODERS, "loss": LOSSES}


@dataclass
class Account:
    """What was read as something else, in order."""

    entries: list[Diagnostic] = field(default_factory=list)

    def tell(
        self, message: str, path: Path, place: Entry | Node, *, fix: str | None = None
    ) -> None:
        """Add one sentence about one place."""
        self.entries.append(fault("W505", message, path, place.mark, fix=fix))


Step = Callable[[Node, Account], None]


@dataclass(frozen=True)
class Migrated:
    """A document in today's language.

    Attributes:
        text: YAML, with `version`.
        account: one sentence a change, with its place in the old document.
    """

    text: str
    account: tuple[Diagnostic, ...]


def migrate(source: str | FilePath | Mapping[str, object]) -> Migrated:
    """Return a document rewritten in today's language; variables and `include` stay as written.

    Raises:
        ConfigError: unreadable, not YAML.
    """
    root = canonical(read_origin(source).tree)
    account = bring_up(root)
    plain = {"version": VERSION, **root.written()}
    return Migrated(emit.dump({**plain, "version": VERSION}), tuple(account))


def bring_up(root: Node) -> list[Diagnostic]:
    """Take a canonical tree through every step from its version to today's, in place."""
    node = root.get("version")
    written = node.value if node is not None else 0
    account = Account()
    if isinstance(written, int) and not isinstance(written, bool):
        for version in range(written, VERSION) if written in STEPS else ():
            for step in STEPS[version]:
                step(root, account)
    return account.entries


def rename_blocks(root: Node, account: Account) -> None:
    """Top-level blocks by an older name."""
    for old, new in ludwig.BLOCKS.items():
        entry = root.entries.get(old)
        if entry is None:
            continue
        today = root.entries.get(new)
        if today is None:
            _rename(root, old, new)
        elif entry.node.is_mapping and _is_override(today):
            # `-o trainer.epochs=3` on a document that says `training`: one block, not two.
            merged = {**entry.node.entries, **today.node.entries}
            root.entries[new] = Entry(entry.mark, Node(merged, entry.node.mark))
            del root.entries[old]
        else:
            continue
        account.tell(f"`{old}` was read as `{new}`", (old,), entry, fix=f"{new}: ...")


def _is_override(entry: Entry) -> bool:
    """Return whether a block was made by an override of the command line."""
    return entry.mark is not None and entry.mark.text.name == "-o" and entry.node.is_mapping


def rename_types(root: Node, account: Account) -> None:
    """Column types by an older name."""
    for section in FEATURES_KEYS:
        for index, item in _items(root, section):
            node = item.get("type")
            today = _type_today(node.value if node is not None else None)
            if node is not None and today is not None and today != node.value:
                old = node.value
                item.entries["type"] = Entry(item.entries["type"].mark, Node(today, node.mark))
                account.tell(
                    f"type '{old}' was read as '{today}'",
                    (section, index, "type"),
                    node,
                    fix=f"type: {today}",
                )
    block = root.get("defaults")
    for name in list(block.entries) if block is not None else ():
        today = _type_today(name)
        if block is not None and today is not None and today != name and today not in block.entries:
            account.tell(
                f"`defaults.{name}` was read as `defaults.{today}`",
                ("defaults", name),
                block.entries[name],
                fix=f"{today}: ...",
            )
            _rename(block, name, today)


def lift_split(root: Node, account: Account) -> None:
    """`split_probabilities`, `force_split`, `stratify` of `preprocessing` into its `split`."""
    block = root.get("preprocessing")
    if block is None or not block.is_mapping or "split" in block.entries:
        return
    names = [n for n in ("force_split", "split_probabilities", "stratify") if n in block.entries]
    if not names:
        return
    taken = {name: block.entries.pop(name) for name in names}
    first = taken[names[0]]
    kind, split = "random", {}
    if "stratify" in taken and taken["stratify"].node.value is not None:
        kind, split["column"] = "stratify", taken["stratify"]
    if "split_probabilities" in taken:
        split["probabilities"] = taken["split_probabilities"]
    split = {"type": Entry(first.mark, Node(kind, first.mark)), **split}
    block.entries["split"] = Entry(first.mark, Node(split, first.mark))
    for name, entry in taken.items():
        account.tell(
            f"`preprocessing.{name}` was read as part of `preprocessing.split`",
            ("preprocessing", name),
            entry,
        )


def lift_type_options(root: Node, account: Account) -> None:
    """`preprocessing.<type>` into `defaults.<type>.preprocessing`."""
    block = root.get("preprocessing")
    if block is None:
        return
    for key in [key for key in block.entries if _type_today(key) is not None]:
        entry = block.entries[key]
        if not entry.node.is_mapping:
            continue
        del block.entries[key]
        defaults = root.entries.setdefault("defaults", Entry(entry.mark, Node({}, entry.mark)))
        body = defaults.node.entries.setdefault(key, Entry(entry.mark, Node({}, entry.mark)))
        body.node.entries.setdefault("preprocessing", entry)
        account.tell(
            f"`preprocessing.{key}` was read as `defaults.{key}.preprocessing`",
            ("preprocessing", key),
            entry,
        )


def rename_keys(root: Node, account: Account) -> None:
    """Keys of a block by an older name."""
    for block, rules in ludwig.RENAMED.items():
        path = tuple(block.split("."))
        node = root.at(path)
        if node is not None:
            _rename_in(node, rules, path, account)


def rename_inner_keys(root: Node, account: Account) -> None:
    """Older keys of layers, optimizers and encoders; `beta1` and `beta2` become `betas`."""
    for path, node in list(_mappings(root, ())):
        names = [key for key in path if isinstance(key, str)]
        if names and names[-1] in ludwig.RENAMED_INSIDE:
            _rename_in(node, ludwig.RENAMED_INSIDE[names[-1]], path, account)
        if names and names[-1] == "optimizer":
            _join_betas(node, path, account)
    for part, components in ludwig.RENAMED_PARTS.items():
        for section in FEATURES_KEYS:
            for index, item in _items(root, section):
                block, named = item.get(part), item.get("type")
                cls = _class(item, part, str(named.value)) if named is not None else None
                if block is not None and block.is_mapping and cls is not None:
                    rules = components.get(cls.type_name(), {})
                    _rename_in(block, rules, (section, index, part), account)


def _mappings(node: Node, path: Path) -> Iterator[tuple[Path, Node]]:
    """Yield every mapping of a tree with its path."""
    if node.is_mapping:
        yield path, node
        for key, entry in node.entries.items():
            yield from _mappings(entry.node, (*path, key))
    elif node.is_list:
        for index, item in enumerate(node.items):
            yield from _mappings(item, (*path, index))


def _rename_in(node: Node, rules: Mapping[str, str], path: Path, account: Account) -> None:
    for old, new in rules.items():
        if old not in node.entries or new in node.entries:
            continue
        entry = node.entries[old]
        _rename(node, old, new)
        block = ".".join(key for key in path if isinstance(key, str))
        account.tell(
            f"`{block}.{old}` was read as `{block}.{new}`", (*path, old), entry, fix=f"{new}: ..."
        )


def _join_betas(node: Node, path: Path, account: Account) -> None:
    if "beta1" not in node.entries or "beta2" not in node.entries or "betas" in node.entries:
        return
    first, second = node.entries.pop("beta1"), node.entries.pop("beta2")
    pair = Node([first.node, second.node], first.mark)
    node.entries["betas"] = Entry(first.mark, pair)
    account.tell(
        "`beta1` and `beta2` were read as `betas`",
        (*path, "beta1"),
        first,
        fix=f"betas: [{emit.show(first.node.written())}, {emit.show(second.node.written())}]",
    )


def nest_flat_keys(root: Node, account: Account) -> None:
    """Keys beside `encoder`, `decoder`, `loss` into the block that has them."""
    for section in FEATURES_KEYS:
        is_input = section == "input_features"
        known = INPUT_KEYS if is_input else OUTPUT_KEYS
        parts = PARTS[:1] if is_input else PARTS[1:]
        for index, item in _items(root, section):
            node = item.get("type")
            if node is None or not isinstance(node.value, str) or not FEATURES.has(node.value):
                continue
            loose = [key for key in item.entries if key not in known]
            _nest(item, loose, parts, path=(section, index), type_name=node.value, account=account)


def _nest(
    item: Node,
    loose: Iterable[str],
    parts: tuple[str, ...],
    *,
    path: Path,
    type_name: str,
    account: Account,
) -> None:
    options = set(FEATURES.get(type_name).model_fields) - {"type"}
    for key in loose:
        home = _home(key, item, parts, options=options, type_name=type_name)
        if home is None:
            continue
        entry = item.entries[key]
        block = item.entries.get(home)
        if block is None or not block.node.is_mapping:
            block = Entry(entry.mark, Node({}, entry.mark))
        target, name = block.node, key
        if home == "decoder" and key not in _fields(item, home, type_name):
            name = f"fc_{key}"
        if name in target.entries:
            continue
        del item.entries[key]
        target.entries[name] = entry
        item.entries[home] = block
        account.tell(
            f"`{key}` was read as `{home}.{name}`",
            (*path, key),
            entry,
            fix=f"{home}:\n  {name}: ...",
        )


def _home(
    key: str, item: Node, parts: tuple[str, ...], *, options: set[str], type_name: str
) -> str | None:
    for part in parts:
        fields = _fields(item, part, type_name)
        if key in fields or (part == "decoder" and f"fc_{key}" in fields):
            return part
    if key in options:
        return "preprocessing"
    return next((part for part in parts if _takes_any(item, part, type_name)), None)


def _takes_any(item: Node, part: str, type_name: str) -> bool:
    """Return whether a component passes keys on, as those of Hugging Face do."""
    cls = _class(item, part, type_name)
    return cls is not None and cls.model_config.get("extra") == "allow"


def _fields(item: Node, part: str, type_name: str) -> set[str]:
    cls = _class(item, part, type_name)
    return set(cls.model_fields) - {"type"} if cls is not None else set()


def _class(item: Node, part: str, type_name: str) -> type[Component] | None:
    """Return the component that stands in a feature's `encoder`, `decoder` or `loss`."""
    node = item.get(part)
    named = node.get("type") if node is not None else None
    name = str(named.value) if named is not None else default_component(part, type_name)
    registry = REGISTRIES[part]
    return registry.get(name) if name and registry.has(name) else None


def default_component(part: str, type_name: str) -> str | None:
    """Return what `encoder`, `decoder` or `loss` without a `type` means for a column type."""
    name = ludwig.DEFAULT_PARTS.get(part, {}).get(type_name)
    return name if name and REGISTRIES[part].has(name) else None


def lift_class_weights(root: Node, account: Account) -> None:
    """`loss.class_weights` by label into `class_weights` of the output: every family follows it."""
    for index, item in _items(root, "output_features"):
        loss = item.get("loss")
        weights = loss.get("class_weights") if loss is not None else None
        if loss is None or weights is None or "class_weights" in item.entries:
            continue
        entry = loss.entries["class_weights"]
        is_even = weights.value in (1, None) and not isinstance(weights.value, bool)
        if not (weights.is_mapping or is_even):
            continue
        del loss.entries["class_weights"]
        if weights.is_mapping:
            item.entries["class_weights"] = entry
        if not loss.entries:
            del item.entries["loss"]
        account.tell(
            "`loss.class_weights` was read as `class_weights` of the output",
            ("output_features", index, "loss", "class_weights"),
            entry,
        )


STEPS: dict[int, tuple[Step, ...]] = {
    0: (
        rename_blocks,
        rename_keys,
        rename_types,
        lift_split,
        lift_type_options,
        rename_types,
        nest_flat_keys,
        rename_inner_keys,
        lift_class_weights,
    ),
}
"""By the version they start from; 0 is a document without `version`."""


def _type_today(name: object) -> str | None:
    """Return the column type that a name means today, or None."""
    if not isinstance(name, str):
        return None
    today = ludwig.TYPE_ALIASES.get(name, name)
    return FEATURES.get(today).type_name() if FEATURES.has(today) else None


def _items(root: Node, section: str) -> list[tuple[int, Node]]:
    node = root.get(section)
    items = node.items if node is not None else []
    return [(index, item) for index, item in enumerate(items) if item.is_mapping]


def _rename(node: Node, old: str, new: str) -> None:
    node.value = {new if key == old else key: entry for key, entry in node.entries.items()}
