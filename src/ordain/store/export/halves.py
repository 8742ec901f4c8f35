"""Folders in which one half predicts and the other turns rows into what it is fed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ordain.core.files import write_text
from ordain.store.export.running import BUNDLE, write_checked
from ordain.store.export.vendored import copy_modules, copy_tree, needed_modules, pinned, version_of
from ordain.store.model import Model

ENCODER = "encoder"


def write_encoder(model: Model, path: Path, *, file: str, outside: Mapping[str, str]) -> None:
    """Write `encoder/`, the half that makes what is fed, and a README of both.

    Args:
        model: whose columns are encoded.
        path: folder of the export.
        file: that predicts.
        outside: columns that are fed encoded, with the reason.
    """
    assert model.path is not None, "an export begins with a bundle"
    folder = path / ENCODER
    copy_tree(model.path, folder / BUNDLE)
    modules = needed_modules(folder, mode="encoder", allowed=("duckdb",))
    copy_modules(modules, folder / "ordain")
    requirements = pinned(modules)
    write_text(folder / "requirements.txt", "\n".join(requirements) + "\n")
    told = "\n".join(f"- `{name}`: {why}" for name, why in outside.items()) or "- none"
    write_text(path / "README.md", _README.format(file=file, name=model.document.name, told=told))


def write_runtime(model: Model, path: Path, *, is_standalone: bool = True) -> list[str]:
    """Write `bundle/`, the graph where it is needed, and the modules; return requirements."""
    assert model.path is not None, "an export begins with a bundle"
    path.mkdir(exist_ok=True)
    copy_tree(model.path, path / BUNDLE)
    family = model.document.model_type.type
    more = ["lightgbm"] if family == "gbm" else []
    if family == "neural":
        write_graph(model, path)
    allowed = ("duckdb",) if model.document.data.columns else ()
    modules = needed_modules(path, allowed=allowed)
    if is_standalone:
        copy_modules(modules, path / "ordain")
    requirements = pinned(modules, more=more)
    if "duckdb" in allowed:
        requirements.append(f"duckdb=={version_of('duckdb')}")
    write_text(path / "requirements.txt", "\n".join(requirements) + "\n")
    return requirements


def write_graph(model: Model, path: Path) -> None:
    """Write the graph from a network's encoded columns to its scores.

    Raises:
        MissingExtraError: a package that it takes is not installed.
        UsageError: PyTorch cannot turn the network into a graph.
    """
    from ordain.store.export.formats.onnx import OnnxFormat, OnnxScript
    from ordain.store.export.graph.model import scores_graph

    OnnxFormat().require_packages()
    OnnxScript.require()
    write_checked(path, scores_graph(model).model.SerializeToString())


_README = """# {name}

Two halves: `{file}` predicts, `encoder/` turns rows into what it is fed.

Fed encoded:

{told}

What is fed, and how it is called, stands in `interface.json`. With the packages of
`encoder/requirements.txt` installed:

```python
import json, sys

sys.path.insert(0, "encoder")

import polars as pl
from ordain.store.export.interface import Given, feeds
from ordain.store.export.running import open_encoder

encoder = open_encoder("encoder")
given = [Given.from_json(one) for one in json.load(open("interface.json"))["inputs"]]
rows = encoder.with_derived(pl.read_csv("rows.csv"))
arrays = feeds(encoder, given, rows)
```
"""
