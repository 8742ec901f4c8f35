"""The model card: Markdown with a head that model hubs read; the README of a bundle.

Equal runs give equal bytes: no time, no run identifier, no path stands in it. What only a person
can say (what the model is for, who must not use it) is asked for in so many words unless the
config says it.
Source: Mitchell et al. 2019, "Model Cards for Model Reporting"; the front matter follows the
metadata of model hubs (`library_name`, `tags`, `metrics`, `model-index`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ordain.evaluation import card_findings as found
from ordain.evaluation.card_data import data_card, source_name
from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.judgement import OutputSummary
from ordain.evaluation.markdown import code, inline, prose, scalar, table
from ordain.evaluation.summary import RunSummary
from ordain.evaluation.table import render_table
from ordain.evaluation.verdict import format_value

TASKS = {
    "binary": "tabular-classification",
    "category": "tabular-classification",
    "number": "tabular-regression",
}
MUCH_MISSING = 0.2
INTERVALS = "In brackets: the 95% interval of this model's value."


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
        f"# {inline(summary.name)}",
        _about(summary),
        "## Intended use",
        description.strip() or _project(summary) or _unsaid(),
        "## How good it is",
        *(_performance(summary, name) for name in summary.outputs),
        *_section("## Gates", found.conditions(summary)),
        *_section("## How it decides", _decisions(summary)),
        *_section("## For whom it is better or worse", found.slices(summary)),
        *_section("## Fairness", found.fairness(summary)),
        *_section("## What it looks at", found.importance(summary)),
        "## Data",
        data_card(summary),
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
    lines += ["tags:", *(f"  - {scalar(tag)}" for tag in tags)]
    lines += ["metrics:", *(f"  - {scalar(name)}" for name in metrics)] if metrics else []
    lines += _model_index(summary, task)
    return "\n".join([*lines, "---"])


def _model_index(summary: RunSummary, task: str | None) -> list[str]:
    results = []
    data = source_name(summary) or summary.name
    for name, output in summary.outputs.items():
        set_name = deciding_set(output.sets)
        values = [
            f"          - {{type: {scalar(metric)}, value: {value!r}}}"
            for metric, value in output.sets[set_name].metrics.items()
            if value is not None
        ]
        if values:
            results += [
                f"      - task: {{type: {task or output.type}, name: {scalar(name)}}}",
                (
                    f"        dataset: {{type: tabular, name: {scalar(data)}, "
                    f"split: {scalar(set_name)}}}"
                ),
                "        metrics:",
                *values,
            ]
    head = ["model-index:", f"  - name: {scalar(summary.name)}", "    results:"]
    return [*head, *results] if results else []


def _about(summary: RunSummary) -> str:
    outputs = ", ".join(f"{code(name)} ({o.type})" for name, o in summary.outputs.items())
    inputs = ", ".join(f"{code(name)} ({kind})" for name, kind in summary.inputs.items())
    lines = [f"Predicts {outputs} with the model family `{summary.family}`."]
    if inputs:
        lines.append(f"It reads {len(summary.inputs)} columns: {inputs}.")
    return "\n\n".join(lines)


def _project(summary: RunSummary) -> str:
    """Return what the config says of the project; no text where it says nothing."""
    goal, owner = summary.project.get("goal", ""), summary.project.get("owner", "")
    lines = [inline(goal)] if goal else []
    lines += [f"Owner: {inline(owner)}."] if owner else []
    return "\n\n".join([*lines, *([] if goal or not owner else [_unsaid()])])


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
        [f"**{cell.text}**" if cell.is_best and place else inline(cell.text)
         for place, cell in enumerate(row)]
        for row in drawn.rows
    ]  # fmt: skip
    for place, column in enumerate(drawn.header[1:], start=1):
        interval = output.sets[deciding_set(output.sets)].intervals.get(column)
        if interval is not None:
            low, high = format_value(interval.low), format_value(interval.high)
            rows[0][place] += f" ({low} to {high})"
    human = summary.human.get(output.headline)
    if human is not None:
        blank = ["-"] * (len(drawn.header) - 2)
        rows.append(["people", format_value(human), *blank])
    title = f"### {inline(drawn.title)}"
    return "\n\n".join(
        [title, table(head, rows), INTERVALS, prose(output.verdict), _by_class(output)]
    ).rstrip()


def _section(title: str, content: str) -> tuple[str, ...]:
    return (title, content) if content else ()


def _decisions(summary: RunSummary) -> str:
    lines = [line for name in summary.outputs for line in found.decisions(summary, name)]
    return "\n".join(f"- {line}" for line in lines)


def _by_class(output: OutputSummary) -> str:
    classes = output.sets[deciding_set(output.sets)].per_class
    if output.type != "category" or not classes:
        return ""
    known = [row for row in classes if row["f1"] is not None and row["rows"] > 0]
    worst = sorted(known, key=lambda row: (row["f1"], row["label"]))[:3]
    found = ", ".join(f"{code(row['label'])} (f1 {row['f1']:.3f})" for row in worst)
    return f"Weakest classes: {found}."


def _limits(summary: RunSummary) -> str:
    lines = [
        f"- A gate is not met: {prose(one.reason)}."
        for one in summary.findings.gates
        if not one.passed and not found.is_figure(one)
    ]
    lines += [f"- {prose(text)}" for text in summary.all_warnings]
    lines += [
        f"- A sanity check {'failed' if one.state == 'failed' else 'warns'}: {prose(one.reason)}"
        for one in summary.findings.checks
        if one.state in {"failed", "warned"}
    ]
    lines += [f"- {prose(text)}" for text in found.limits(summary)]
    lines += [
        f"- Column {code(name)} is missing in {share:.0%} of the training rows."
        for name, share in _missing_shares(summary)
        if share >= MUCH_MISSING
    ]
    lines += [
        f"- For {code(name)} the model is not shown to be better than {code(one.against)}."
        for name, output in summary.outputs.items()
        for one in output.differences.get(deciding_set(output.sets), ())
        if one.verdict != "better"
    ]
    return "\n".join(dict.fromkeys(lines)) or "None were found by the automatic checks."


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
