"""Write the reference pages from the code, or check that they are in step with it.

python docs/build.py            writes docs/reference/*.md
python docs/build.py --check    ends with 1 where a page differs from the code
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Help texts are wrapped to the terminal: the pages are the same on every one.
os.environ.update(COLUMNS="100", TERMINAL_WIDTH="100", _TYPER_FORCE_DISABLE_TERMINAL="1")

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ordain.cli.main import app
from ordain.config import deployment, document, emit, evaluation, stub, words
from ordain.config.codes import CODES
from ordain.core.component import Component, Registry, Spec
from ordain.data.source import SOURCES
from ordain.data.splitter import SPLITTERS
from ordain.evaluation.checks.check import CHECKS
from ordain.evaluation.metric import METRICS
from ordain.evaluation.plots.plot import PLOTS
from ordain.features.feature import FEATURES
from ordain.models.family import FAMILIES, Backend
from ordain.models.neural import component as neural
from ordain.store.export.format import EXPORTS

REFERENCE = Path(__file__).parent / "reference"
Schema = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of component with a page of its own."""

    title: str
    registry: Registry[Any]
    intro: str

    @property
    def page(self) -> str:
        """File name of the page."""
        return f"{self.title.replace(' ', '_')}.md"


KINDS = (
    Kind("sources", SOURCES, "Where rows come from: `data.source`."),
    Kind("splitters", SPLITTERS, "How rows are divided into sets: `preprocessing.split`."),
    Kind("feature types", FEATURES, "Column types, and the keys under their `preprocessing`."),
    Kind("model families", FAMILIES, "What `model_type` names, and the keys of its `trainer`."),
    Kind("encoders", neural.ENCODERS, "How a neural model reads a column: `encoder` of an input."),
    Kind("combiners", neural.COMBINERS, "How a neural model joins its inputs: `combiner`."),
    Kind("decoders", neural.DECODERS, "How a neural model predicts: `decoder` of an output."),
    Kind("losses", neural.LOSSES, "What a neural model minimises: `loss` of an output."),
    Kind("optimizers", neural.OPTIMIZERS, "How weights move: `trainer.optimizer`."),
    Kind("schedules", neural.SCHEDULES, "How the rate goes: `trainer.learning_rate_scheduler`."),
    Kind("metrics", METRICS, "How a model is judged: `evaluation.metrics`."),
    Kind("checks", CHECKS, "What every training is asked: `evaluation.checks`."),
    Kind("export formats", EXPORTS, "What `ordain export` writes, with the options of `-o`."),
    Kind("plots", PLOTS, "What `ordain visualize` draws, with the options of `-o`."),
)
"""Every kind of component; a test compares it with the registries there are."""

BLOCKS: dict[type[Spec], tuple[str, str]] = {
    document.Document: ("Document", "The keys at the top of a config."),
    document.Data: ("data", ""),
    document.Preprocessing: ("preprocessing", ""),
    document.InputFeature: ("input_features", "Each of `input_features`."),
    document.OutputFeature: ("output_features", "Each of `output_features`."),
    document.TypeDefaults: ("defaults", "Each type under `defaults`."),
    document.Evaluation: ("evaluation", ""),
    evaluation.Gate: ("evaluation.gates", "Each of `evaluation.gates`."),
    evaluation.Limit: ("evaluation.satisfy", "Each of `evaluation.satisfy`."),
    evaluation.Slice: (
        "evaluation.slices",
        "Each of `evaluation.slices`; a text is the name of a column, or a condition.",
    ),
    evaluation.Threshold: ("evaluation.threshold", ""),
    evaluation.Abstain: ("evaluation.abstain", ""),
    Backend: ("backend", ""),
    document.Project: ("project", ""),
    document.Budget: ("budget", ""),
    deployment.Deployment: ("deployment", ""),
    deployment.ServedModel: ("deployment.models", "Each of `deployment.models`."),
    deployment.Canary: ("deployment.models.canary", ""),
    deployment.Halt: ("deployment.models.canary.halt", ""),
    deployment.SplitTest: ("deployment.models.ab", ""),
    deployment.Arm: ("deployment.models.ab.arms", "Each of `arms`."),
    deployment.Fallback: ("deployment.models.fallback", ""),
    deployment.Limits: ("deployment.limits", ""),
    deployment.Batching: ("deployment.batching", ""),
    deployment.Auth: ("deployment.auth", ""),
    deployment.Trust: ("deployment.trust", ""),
    deployment.PredictionLogging: ("deployment.log", ""),
}
"""Blocks of the document with their headings."""

LINKED = {
    "model_type": "[a model family](model_families.md)",
    "trainer": "the keys of the [model family](model_families.md)",
    "metrics": "a list of [metrics](metrics.md)",
    "checks": "true, false, or a list of [checks](checks.md)",
    "class_weights": "a mapping of labels to a number above 0, or 'balanced'",
}
"""Keys whose type the specs hold looser than the language does."""


def main() -> int:
    """Write or check every page; return the exit code."""
    made = dict(pages())
    if "--check" not in sys.argv:
        REFERENCE.mkdir(parents=True, exist_ok=True)
        for name, text in made.items():
            (REFERENCE / name).write_text(text, encoding="utf-8")
        stub.FILE.write_text(stub.stub(), encoding="utf-8")
        return 0
    stale = stale_pages(made)
    if stub.FILE.read_text(encoding="utf-8") != stub.stub():
        stale.append(stub.FILE)
    for path in stale:
        print(f"{path} is not in step with the code; run: make docs")
    return 1 if stale else 0


def stale_pages(made: dict[str, str]) -> list[Path]:
    """Return pages that are missing, differ from the code, or have nothing in it any more."""
    there = {path.name: path for path in REFERENCE.glob("*.md")}
    stale = [path for name, path in there.items() if name not in made]
    for name, text in made.items():
        path = REFERENCE / name
        if name not in there or path.read_text(encoding="utf-8") != text:
            stale.append(path)
    return sorted(stale)


def pages() -> Iterator[tuple[str, str]]:
    """Yield file name and text of every page."""
    for kind in KINDS:
        yield kind.page, _joined(component_page(kind))
    yield "config.md", _joined(config_page())
    yield "commands.md", _joined(commands_page())
    yield "codes.md", _joined(codes_page())
    yield "README.md", _joined(index_page())


def index_page() -> list[str]:
    """Return the list of the pages."""
    return [
        "# Reference",
        "",
        "Written from the code by `make docs`; not edited by hand.",
        "",
        "- [The config](config.md): every block and key that is not a component's",
        *(f"- [{kind.title.capitalize()}]({kind.page}): {_lower(kind.intro)}" for kind in KINDS),
        "- [Commands](commands.md): the help text of each",
        "- [Codes](codes.md): every fault of a config, with its page",
    ]


def component_page(kind: Kind) -> list[str]:
    """Return the page of one kind of component."""
    lines = [f"# {kind.title.capitalize()}", "", kind.intro, ""]
    lines += ["A component of your own is named as `type: module:Class`.", ""]
    aliases = kind.registry.aliases()
    for name in kind.registry.names():
        cls = kind.registry.get(name)
        lines += [f"## {name}", "", _text(cls), ""]
        others = sorted(alias for alias, target in aliases.items() if target == name)
        if others:
            lines += [f"Also read as: {', '.join(f'`{other}`' for other in others)}.", ""]
        lines += facts(cls)
        lines += keys_table(cls)
        trainer = getattr(cls, "Trainer", None)
        if trainer is not None:
            lines += [f"### trainer of {name}", "", *keys_table(trainer)]
    return lines


def facts(cls: type[Component]) -> list[str]:
    """Return what a component fits, where its class says so."""
    types = getattr(cls, "types", None)
    if types:
        return [f"For outputs of type {', '.join(f'`{name}`' for name in sorted(types))}.", ""]
    kinds = getattr(cls, "kinds", None)
    if kinds:
        fitting = [name for name, found in document.KINDS_OF_TYPE.items() if found & set(kinds)]
        return [f"For columns of type {', '.join(f'`{name}`' for name in fitting)}.", ""]
    return []


def config_page() -> list[str]:
    """Return the page of the document's own blocks."""
    lines = [
        "# The config",
        "",
        "Every key that is not a component's; those have [pages of their own](README.md).",
        "",
    ]
    for block, (title, intro) in BLOCKS.items():
        lines += [f"## {title}", "", intro or _text(block), "", *keys_table(block)]
    return lines


def commands_page() -> list[str]:
    """Return the page of the commands: their own help texts."""
    lines = ["# Commands", ""]
    for name, command, context in commands():
        text = command.get_help(context).strip()
        lines += [f"## {name}", "", "```text", text, "```", ""]
    return lines


def commands() -> Iterator[tuple[str, Any, Any]]:
    """Yield every command with its full name and its context, the groups before their own."""
    yield from _commands(typer.main.get_command(app), "ordain", None)


def _commands(command: Any, name: str, parent: Any) -> Iterator[tuple[str, Any, Any]]:
    context = command.context_class(
        command,
        info_name=name,
        parent=parent,
        terminal_width=100,
        help_option_names=["-h", "--help"],
    )
    if parent is not None:
        yield context.command_path, command, context
    for inner, found in getattr(command, "commands", {}).items():
        yield from _commands(found, inner, context)


def codes_page() -> list[str]:
    """Return the page of the faults of a config."""
    lines = [
        "# Codes",
        "",
        "E1xx the text is not a document; E2xx names, keys and values; E3xx rules between keys;",
        "E4xx the document against the data; W5xx warnings. Each page has a failing document, the",
        "text that is printed, and the mended document.",
        "",
        "| code | meaning |",
        "| --- | --- |",
    ]
    return [*lines, *(f"| [{c}](../../cases/config/{c}.md) | {m} |" for c, m in CODES.items())]


def keys_table(cls: type[Spec]) -> list[str]:
    """Return the table of a spec's keys."""
    root = words.schema_of(cls)
    described = cls.field_descriptions()
    rows = []
    for name, field in cls.model_fields.items():
        if name == "type" and issubclass(cls, Component):
            continue
        meaning = " ".join(described.get(name, "").split())
        with_null = not field.is_required() and field.default is not None
        kind = LINKED.get(name) or _kind(root["properties"][name], root, with_null=with_null)
        cells = (f"`{name}`", kind, _default(field), meaning)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    if not rows:
        return ["It has no keys.", ""]
    return ["| key | type | default | meaning |", "| --- | --- | --- | --- |", *rows, ""]


def _kind(schema: Schema, root: Schema, *, with_null: bool = False) -> str:
    """Return what may stand there, in words, with a link to what has a page."""
    plain: list[Schema] = []
    texts = []
    for part in words.branches({**schema, "$defs": root.get("$defs", {})}):
        if "x-component" in part:
            texts.append(_link(part["x-component"]))
        elif part.get("title") in _TITLES and part.get("type") == "object":
            title = _TITLES[part["title"]]
            texts.append(f"[the keys of `{title}`](config.md#{title.replace('.', '')})")
        elif part.get("type") == "array" and isinstance(part.get("items"), dict):
            texts.append(_list(part, root))
        elif part.get("type") == "object" and isinstance(part.get("additionalProperties"), dict):
            texts.append(f"a mapping of names to {_kind(part['additionalProperties'], root)}")
        elif part.get("type") != "null" or with_null:
            plain.append(part)
    texts += [words.phrase({"anyOf": plain}, root)] if plain else []
    return ", or ".join(dict.fromkeys(texts))


def _list(schema: Schema, root: Schema) -> str:
    count = schema.get("minItems")
    if count is not None and count == schema.get("maxItems"):
        return words.phrase(schema, root)
    return f"a list, each {_kind(schema['items'], root)}"


_TITLES = {block.__name__: title for block, (title, _) in BLOCKS.items()}


def _link(kind: str) -> str:
    page = next((known.page for known in KINDS if known.registry.kind == kind), None)
    article = "an" if kind[0] in "aeiou" else "a"
    return f"[{article} {kind}]({page})" if page else f"{article} {kind}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Component):
        return f"`{value.type_name()}`" if value.type_name() != document.AUTO else ""
    if isinstance(value, BaseModel) or value in ({}, (), [], ""):
        return ""
    shown = list(value) if isinstance(value, tuple) else value
    return "" if shown is None else f"`{emit.show(shown)}`"


def _text(cls: type) -> str:
    """Return the docstring of a class without the parts that are for its authors."""
    text = inspect.cleandoc(cls.__doc__ or "")
    return text.split("\n\nAttributes:")[0].split("\n\nClass attributes:")[0]


def _lower(text: str) -> str:
    return text[0].lower() + text[1:].rstrip(".")


def _joined(lines: list[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
