"""Write the reference pages from the code, or check that they are in step with it.

python docs/build.py            writes docs/reference/*.md
python docs/build.py --check    ends with 1 where a page differs from the code
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ordain.core.component import Component, Registry, Spec

REFERENCE = Path(__file__).parent / "reference"
COMMANDS = (
    "init", "check", "render", "schema", "plan", "train", "evaluate", "predict", "runs",
    "runs list", "runs show", "runs compare", "runs diff", "runs tag", "runs note", "reproduce", "diff",
    "datasets", "cache", "cache list", "cache clear", "cache verify",
)  # fmt: skip


def main() -> int:
    """Write or check every page; return the exit code."""
    is_check = "--check" in sys.argv
    stale = []
    for name, text in pages():
        path = REFERENCE / name
        if is_check:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(path)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for path in stale:
        print(f"{path} is not in step with the code; run: make docs")
    return 1 if stale else 0


def pages() -> Iterator[tuple[str, str]]:
    """Yield file name and text of every page."""
    for title, registry, intro in registries():
        yield f"{title.replace(' ', '_')}.md", component_page(title, registry, intro)
    yield "config.md", config_page()
    yield "commands.md", commands_page()


def registries() -> list[tuple[str, Registry[Any], str]]:
    """Return what has a page of its own: title, registry, one sentence."""
    from ordain.data.source import SOURCES
    from ordain.data.splitter import SPLITTERS
    from ordain.evaluation.metric import METRICS
    from ordain.features.feature import FEATURES
    from ordain.models.family import FAMILIES
    from ordain.models.neural.component import (
        COMBINERS,
        DECODERS,
        ENCODERS,
        LOSSES,
        OPTIMIZERS,
        SCHEDULES,
    )

    return [
        ("sources", SOURCES, "Where rows come from: `data.source`."),
        ("splitters", SPLITTERS, "How rows are divided into sets: `preprocessing.split`."),
        ("feature types", FEATURES, "Column types, and the keys under their `preprocessing`."),
        ("model families", FAMILIES, "What `model_type` names, and the keys of its `trainer`."),
        ("encoders", ENCODERS, "How a neural model reads a column: `encoder` of an input."),
        ("combiners", COMBINERS, "How a neural model joins its inputs: `combiner`."),
        ("decoders", DECODERS, "How a neural model predicts an output: `decoder` of an output."),
        ("losses", LOSSES, "What a neural model minimises: `loss` of an output."),
        ("optimizers", OPTIMIZERS, "How a neural model's weights move: `trainer.optimizer`."),
        ("schedules", SCHEDULES, "How the learning rate goes: `trainer.learning_rate_scheduler`."),
        ("metrics", METRICS, "How a model is judged: `evaluation.metrics`."),
    ]


def component_page(title: str, registry: Registry[Any], intro: str) -> str:
    """Return the page of one kind of component."""
    lines = [f"# {title.capitalize()}", "", intro, ""]
    aliases = registry.aliases()
    for name in registry.names():
        cls = registry.get(name)
        lines += [f"## {name}", "", _text(cls), ""]
        others = sorted(alias for alias, target in aliases.items() if target == name)
        if others:
            lines += [f"Also read as: {', '.join(f'`{other}`' for other in others)}.", ""]
        lines += keys_table(cls)
        trainer = getattr(cls, "Trainer", None)
        if trainer is not None:
            lines += ["### trainer", "", *keys_table(trainer)]
    return "\n".join(lines).rstrip() + "\n"


def config_page() -> str:
    """Return the page of the document's own blocks."""
    from ordain.config import document
    from ordain.models.family import Backend

    lines = [
        "# The config",
        "",
        "Every key that is not a component's; those have pages of their own.",
        "",
    ]
    blocks: list[type[Spec]] = [
        document.Document, document.Data, document.Preprocessing, document.InputFeature,
        document.OutputFeature, document.TypeDefaults, document.Evaluation, Backend,
    ]  # fmt: skip
    for block in blocks:
        lines += [f"## {block.__name__}", "", _text(block), "", *keys_table(block)]
    return "\n".join(lines).rstrip() + "\n"


def commands_page() -> str:
    """Return the page of the commands: their own help texts."""
    lines = ["# Commands", ""]
    for command in COMMANDS:
        done = subprocess.run(
            [sys.executable, "-m", "ordain.cli.main", *command.split(), "--help"],
            capture_output=True,
            text=True,
            check=True,
            env={"COLUMNS": "100", "PATH": "/usr/bin:/bin"},
        )
        text = done.stdout.replace("python -m ordain.cli.main", "ordain").strip()
        lines += [f"## ordain {command}", "", "```text", text, "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def keys_table(cls: type[Spec]) -> list[str]:
    """Return the table of a spec's keys."""
    rows = []
    for name, field in cls.model_fields.items():
        if name == "type" and issubclass(cls, Component):
            continue
        described = " ".join((field.description or "").split()).replace("|", "\\|")
        rows.append(f"| `{name}` | {_kind(field)} | {_default(field)} | {described} |")
    if not rows:
        return ["It has no keys.", ""]
    return ["| key | type | default | meaning |", "| --- | --- | --- | --- |", *rows, ""]


def _kind(field: FieldInfo) -> str:
    text = (
        str(field.annotation)
        if not isinstance(field.annotation, type)
        else field.annotation.__name__
    )
    for module in ("typing.", "pydantic.types.", "ordain."):
        text = text.replace(module, "")
    text = text.split("Annotated")[0] + "component" if "OneOf" in text else text
    return "`" + text.replace("|", "\\|") + "`" if len(text) < 90 else "see meaning"


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return ""
    return (
        "required"
        if field.default is PydanticUndefined
        else f"`{field.default!r}`".replace("|", "\\|")
    )


def _text(cls: type) -> str:
    return inspect.cleandoc(cls.__doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
