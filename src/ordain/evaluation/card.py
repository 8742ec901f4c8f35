"""The model card: Markdown with a head that model hubs read; the README of a bundle.

Equal runs give equal bytes: no time, no run identifier, no path stands in it. What only a person
can say (what the model is for, who must not use it) is asked for in so many words unless the
config says it.
Source: Mitchell et al. 2019, "Model Cards for Model Reporting"; the front matter follows the
metadata of model hubs (`library_name`, `tags`, `metrics`, `model-index`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.judgement import OutputSummary
from ordain.evaluation.summary import RunSummary
from ordain.evaluation.table import render_table

TASKS = {
    "binary": "tabular-classification",
    "category": "tabular-classification",
    "number": "tabular-regression",
}
MUCH_MISSING = 0.2


def model_card(
    summary: RunSummary, *, description: str = "", example: Mapping[str, Any] | None = None
) -> str:
    """Return the card of a run.

    Args:
        summary: of the run.
        description: what the model is for, from the config; if empty the card says that nobody
            has said so yet.
        example: one input row for the code that predicts; None leaves `...` there.
    """
    parts = [
        _front_matter(summary),
        f"# {_inline(summary.name)}",
        _about(summary),
        "## Intended use",
        description.strip() or _unsaid(),
        "## How good it is",
        *(_performance(summary, name) for name in summary.outputs),
        "## Data",
        _data(summary),
        "## Known limits",
        _limits(summary),
        "## How to use it",
        _usage(summary, example or {}),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(summary: RunSummary) -> str:
    kinds = [output.type for output in summary.outputs.values()]
    text_only = bool(summary.inputs) and set(summary.inputs.values()) == {"text"}
    task = TASKS.get(kinds[0]) if kinds else None
    if text_only and task == "tabular-classification":
        task = "text-classification"
    tags = ["ordain", summary.family, *dict.fromkeys(kinds)]
    metrics = dict.fromkeys(name for o in summary.outputs.values() for name in [o.headline])
    lines = ["---", "library_name: ordain"]
    lines += [f"pipeline_tag: {task}"] if task else []
    lines += ["tags:", *(f"  - {_scalar(tag)}" for tag in tags)]
    lines += ["metrics:", *(f"  - {_scalar(name)}" for name in metrics)] if metrics else []
    lines += _model_index(summary, task)
    return "\n".join([*lines, "---"])


def _model_index(summary: RunSummary, task: str | None) -> list[str]:
    results = []
    for name, output in summary.outputs.items():
        set_name = deciding_set(output.sets)
        values = [
            f"          - {{type: {_scalar(metric)}, value: {value!r}}}"
            for metric, value in output.sets[set_name].metrics.items()
            if value is not None
        ]
        if values:
            results += [
                f"      - task: {{type: {task or output.type}, name: {_scalar(name)}}}",
                (
                    f"        dataset: {{type: tabular, name: {_scalar(summary.name)}, "
                    f"split: {_scalar(set_name)}}}"
                ),
                "        metrics:",
                *values,
            ]
    head = ["model-index:", f"  - name: {_scalar(summary.name)}", "    results:"]
    return [*head, *results] if results else []


def _about(summary: RunSummary) -> str:
    outputs = ", ".join(f"{_code(name)} ({o.type})" for name, o in summary.outputs.items())
    inputs = ", ".join(f"{_code(name)} ({kind})" for name, kind in summary.inputs.items())
    lines = [f"Predicts {outputs} with the model family `{summary.family}`."]
    if inputs:
        lines.append(f"It reads {len(summary.inputs)} columns: {inputs}.")
    return "\n\n".join(lines)


def _unsaid() -> str:
    return (
        "*Not said yet.* Before others use this model, write here who is to use it, for which "
        "decision, and what it must not be used for."
    )


def _performance(summary: RunSummary, name: str) -> str:
    output = summary.outputs[name]
    drawn = render_table(summary, name)
    head = [f"`{column}`" if place else column for place, column in enumerate(drawn.header)]
    rows = [
        [f"**{cell.text}**" if cell.is_best and place else _inline(cell.text)
         for place, cell in enumerate(row)]
        for row in drawn.rows
    ]  # fmt: skip
    title = f"### {_inline(drawn.title)}"
    return "\n\n".join(
        [title, _table(head, rows), _prose(output.verdict), _by_class(output)]
    ).rstrip()


def _by_class(output: OutputSummary) -> str:
    classes = output.sets[deciding_set(output.sets)].per_class
    if output.type != "category" or not classes:
        return ""
    known = [row for row in classes if row["f1"] is not None and row["rows"] > 0]
    worst = sorted(known, key=lambda row: (row["f1"], row["label"]))[:3]
    found = ", ".join(f"{_code(row['label'])} (f1 {row['f1']:.3f})" for row in worst)
    return f"Weakest classes: {found}."


def _data(summary: RunSummary) -> str:
    sizes = summary.split.get("sizes")
    lines = []
    if isinstance(sizes, Mapping) and sizes:
        parts = ", ".join(f"{name} {int(size):,}" for name, size in sizes.items())
        kind = summary.split.get("type")
        lines.append(f"Rows: {parts}" + (f" (split: `{kind}`)." if kind else "."))
    for problem in summary.read.get("problems") or ():
        words = str(problem.get("kind", "")).replace("_", " ")
        lines.append(f"While reading: {problem.get('count', 0):,} {_inline(words)}.")
    return "\n\n".join(lines) or "No facts about the data were kept."


def _limits(summary: RunSummary) -> str:
    lines = [f"- {_prose(text)}" for text in summary.all_warnings]
    lines += [
        f"- Column {_code(name)} is missing in {share:.0%} of the training rows."
        for name, share in _missing_shares(summary)
        if share >= MUCH_MISSING
    ]
    lines += [
        f"- For {_code(name)} the model is not shown to be better than {_code(one.against)}."
        for name, output in summary.outputs.items()
        for one in output.differences.get(deciding_set(output.sets), ())
        if one.verdict != "better"
    ]
    return "\n".join(lines) or "None were found by the automatic checks."


def _missing_shares(summary: RunSummary) -> list[tuple[str, float]]:
    found = []
    for name, facts in summary.features.items():
        n_missing, n_rows = facts.get("n_missing"), facts.get("n_rows")
        if isinstance(n_missing, int) and isinstance(n_rows, int) and n_rows > 0:
            found.append((name, n_missing / n_rows))
    return found


def _usage(summary: RunSummary, example: Mapping[str, Any]) -> str:
    row = {name: example.get(name, ...) for name in summary.inputs}
    cells = ", ".join(
        f"{name!r}: {'...' if value is ... else repr(value)}" for name, value in row.items()
    )
    python = [
        "import ordain",
        "",
        'model = ordain.load("path/to/this/folder")',
        "model.predict(frame)       # Polars, pandas or Arrow, with the input columns",
        f"model.predict_row({{{cells}}})",
    ]
    shell = "ordain predict path/to/this/folder --dataset new.csv --output predictions.parquet"
    return "\n".join(["```python", *python, "```", "", "```", shell, "```"])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    align = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, align, *rows))


def _inline(text: str) -> str:
    """Return text in which no character starts Markdown or HTML, on one line."""
    text = _plain(" ".join(str(text).split()))
    for character in "\\`*_[]|#":
        text = text.replace(character, f"\\{character}")
    return text


def _prose(text: str) -> str:
    """Return our own words on one line: what stands between back-quotes stays code."""
    parts = " ".join(text.split()).split("`")
    if len(parts) % 2 == 0:
        return _inline(text)
    return "`".join(part if place % 2 else _plain(part) for place, part in enumerate(parts))


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _code(text: str) -> str:
    """Return text set as code: fenced by more back-quotes than it holds."""
    text = " ".join(str(text).split()).replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _scalar(text: str) -> str:
    """Return a YAML scalar: plain where that is safe, else a JSON string, which YAML reads."""
    is_plain = text.replace("-", "").replace("_", "").isalnum() and text[:1].isalpha()
    words = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
    return text if is_plain and text.isascii() and text.lower() not in words else json.dumps(text)
