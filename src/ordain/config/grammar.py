"""Short forms into the one canonical shape, in the tree, places kept.

    input_features: {tenure: number, age:}       -> a list of mappings with `name`
    input_features: [tenure, age]                -> the same, types inferred
    encoder: embed                               -> encoder: {type: embed}
    data: {source: a.csv, separator: ";"}        -> source: {type: csv, path: a.csv, separator: ";"}
    slices: [contract, "tenure < 6"]             -> [{column: contract}, {where: tenure < 6}]
    models: {churn: churn@champion}              -> [{name: churn, champion: churn@champion}]

Nothing is judged here: what does not fit is left as it is for the reader to report.
"""

from __future__ import annotations

from collections.abc import Callable

from ordain.config.document import AUTO, Data
from ordain.config.located import Entry, Node
from ordain.data.locations import is_remote, scheme_of
from ordain.data.source import SOURCES

FEATURES_KEYS = ("input_features", "output_features")
INPUT_KEYS = ("name", "type", "column", "preprocessing", "encoder", "monotone")
OUTPUT_KEYS = ("name", "type", "column", "preprocessing", "decoder", "loss", "class_weights")
PARTS = ("encoder", "decoder", "loss")
_FORMATS = {
    "tsv": "csv",
    "tab": "csv",
    "txt": "csv",
    "data": "csv",
    "pq": "parquet",
    "ndjson": "jsonl",
    "xlsx": "excel",
    "xls": "excel",
    "xlsb": "excel",
    "ods": "excel",
    "feather": "arrow",
    "ipc": "arrow",
}


def canonical(tree: Node) -> Node:
    """Return the tree with every short form opened; the tree given is not changed."""
    root = Node(dict(tree.entries), tree.mark)
    for section in FEATURES_KEYS:
        _replace(root, section, _features)
    _replace(root, "defaults", _defaults)
    _replace(root, "data", _data)
    _replace(root, "evaluation", _evaluation)
    _replace(root, "deployment", _deployment)
    return root


def opened(node: Node) -> Node:
    """Return `embed` as `{type: embed}`; `auto` and null as they are."""
    if isinstance(node.value, str) and node.value != AUTO:
        return Node({"type": Entry(node.mark, node)}, node.mark)
    return node


def _replace(root: Node, key: str, change: Callable[[Node], Node]) -> None:
    entry = root.entries.get(key)
    if entry is not None:
        root.entries[key] = Entry(entry.mark, change(entry.node))


def _features(node: Node) -> Node:
    if node.is_mapping:
        items = [_from_short(name, entry) for name, entry in node.entries.items()]
    elif node.is_list:
        items = [_item(item) for item in node.items]
    else:
        return node
    return Node([_open_parts(item) for item in items], node.mark)


def _from_short(name: str, entry: Entry) -> Node:
    """`tenure: number`, `tenure: {type: number}`, `tenure:` as a mapping with `name`."""
    named = {"name": Entry(entry.mark, Node(name, entry.mark))}
    body = entry.node
    if body.is_mapping:
        return Node({**named, **body.entries}, entry.mark)
    if body.value is None:
        return Node(named, entry.mark)
    return Node({**named, "type": Entry(body.mark, body)}, entry.mark)


def _item(item: Node) -> Node:
    """A bare name in a list is a feature whose type is inferred."""
    if isinstance(item.value, str):
        return Node({"name": Entry(item.mark, item)}, item.mark)
    return item


def _open_parts(item: Node) -> Node:
    if not item.is_mapping:
        return item
    entries = {
        key: Entry(entry.mark, opened(entry.node) if key in PARTS else entry.node)
        for key, entry in item.entries.items()
    }
    return Node(entries, item.mark)


def _defaults(node: Node) -> Node:
    if not node.is_mapping:
        return node
    types = {
        name: Entry(entry.mark, _open_parts(entry.node)) for name, entry in node.entries.items()
    }
    return Node(types, node.mark)


def _evaluation(node: Node) -> Node:
    entry = node.entries.get("slices")
    if entry is None:
        return node
    slices = [entry.node] if isinstance(entry.node.value, str) else entry.node.items
    opened_ = Node([_slice(item) for item in slices], entry.node.mark)
    return Node({**node.entries, "slices": Entry(entry.mark, opened_)}, node.mark)


def _slice(node: Node) -> Node:
    """A word is a column, anything more is a condition."""
    if not isinstance(node.value, str) or node.value == AUTO:
        return node
    key = "column" if node.value.isidentifier() else "where"
    return Node({key: Entry(node.mark, node)}, node.mark)


def _deployment(node: Node) -> Node:
    """Open models by name; keys of the environment are text, be they digits alone."""
    entries = dict(node.entries)
    models = entries.get("models")
    if models is not None and models.node.is_mapping:
        items = [_served(name, entry) for name, entry in models.node.entries.items()]
        entries["models"] = Entry(models.mark, Node(items, models.node.mark))
    auth = entries.get("auth")
    if auth is not None and (keys := auth.node.entries.get("api_keys")) is not None:
        text = Entry(keys.mark, _as_text(keys.node))
        node_ = Node({**auth.node.entries, "api_keys": text}, auth.node.mark)
        entries["auth"] = Entry(auth.mark, node_)
    return Node(entries, node.mark) if node.is_mapping else node


def _served(name: str, entry: Entry) -> Node:
    named = {"name": Entry(entry.mark, Node(name, entry.mark))}
    body = entry.node
    if body.is_mapping:
        return Node({**named, **body.entries}, entry.mark)
    return Node({**named, "champion": Entry(body.mark, body)}, entry.mark)


def _as_text(node: Node) -> Node:
    if node.is_list:
        return Node([_as_text(item) for item in node.items], node.mark)
    if node.raw is None or node.value is None or isinstance(node.value, str):
        return node
    text = node.copy()
    text.value = str(node.value)
    return text


def _data(node: Node) -> Node:
    """Move a source's options that stand beside `source` into it."""
    source = node.entries.get("source")
    if source is None or not isinstance(source.node.value, str):
        return node
    loose = [key for key in node.entries if key not in Data.model_fields]
    kind = _source_type(source.node.value, node) if loose else None
    if kind is None:
        return node
    fields = set(SOURCES.get(kind).model_fields) - {"type"}
    reference = next((key for key in ("path", "url", "name") if key in fields), None)
    if reference is None:
        return node
    body = {"type": Entry(source.mark, Node(kind, source.node.mark)), reference: source}
    inner: dict[str, Entry] = {}
    for key in loose:
        if key in fields and key != reference:
            body[key] = node.entries[key]
        elif "options" in fields:
            inner[key] = node.entries[key]
    if inner:
        body.setdefault("options", Entry(source.mark, Node(inner, source.node.mark)))
    moved = {"format", *inner, *(key for key in loose if key in body and key != "type")}
    rest = {key: entry for key, entry in node.entries.items() if key not in moved}
    rest["source"] = Entry(source.mark, Node(body, source.node.mark))
    return Node(rest, node.mark)


def _source_type(reference: str, node: Node) -> str | None:
    """Return the source that a reference asks for, or None where only its bytes would tell."""
    declared = node.get("format")
    if declared is not None:
        name = str(declared.value)
    elif reference.startswith("dataset:"):
        name = "dataset"
    elif is_remote(reference):
        name = "remote"
    elif scheme_of(reference):
        name = "sql"
    else:
        plain = reference.lower().removesuffix(".gz").removesuffix(".zst")
        suffix = plain.rpartition(".")[2]
        name = _FORMATS.get(suffix, suffix)
    return name if SOURCES.has(name) else None
