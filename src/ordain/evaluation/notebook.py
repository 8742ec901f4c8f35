"""How a run and an output show themselves in a notebook: the verdict and the comparison."""

from __future__ import annotations

from ordain.evaluation.judgement import OutputSummary
from ordain.evaluation.next_steps import next_steps
from ordain.evaluation.report.html import Html, code_words, tag
from ordain.evaluation.summary import RunSummary
from ordain.evaluation.table import render_table

NUMBER = "text-align:right"
N_STEPS = 3


def summary_html(summary: RunSummary) -> str:
    """Return verdict, comparison, conditions that are not met and next steps of a run."""
    parts: list[Html | None] = [tag("p", tag("strong", summary.name), f" ({summary.family})")]
    for name, output in summary.outputs.items():
        parts += [tag("p", code_words(output.verdict)), _table(summary, name)]
    findings = summary.findings
    bad = [one.reason for one in (*findings.gates, *findings.limits) if not one.passed]
    bad += [one.reason for one in findings.checks if one.state == "failed"]
    parts += [tag("p", "\u2717 ", code_words(reason)) for reason in bad]
    steps = next_steps(summary)[:N_STEPS]
    if steps:
        items = (tag("li", code_words(text)) for text in steps)
        parts += [tag("p", "What to do next:"), tag("ol", *items)]
    return str(tag("div", *parts))


def output_html(output: OutputSummary) -> str:
    """Return verdict and comparison of one output."""
    summary = RunSummary(name="", family="this model", outputs={"output": output})
    return str(tag("div", tag("p", code_words(output.verdict)), _table(summary, "output")))


def _table(summary: RunSummary, output_name: str) -> Html:
    drawn = render_table(summary, output_name)
    head = (tag("th", name, title=about or None)
            for name, about in zip(drawn.header, drawn.about, strict=True))  # fmt: skip
    rows = (
        tag(
            "tr",
            *(
                tag("td", tag("strong", one.text) if one.is_best and place else one.text,
                    title=one.note or None, style=NUMBER if place else None)
                for place, one in enumerate(row)
            ),
        )
        for row in drawn.rows
    )  # fmt: skip
    return tag("table", tag("thead", tag("tr", *head)), tag("tbody", *rows))
