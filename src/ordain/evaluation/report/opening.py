"""The first screen: verdict, the few numbers to see first, the comparison, warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.judgement import Difference, OutputSummary
from ordain.evaluation.report.html import Html, code_words, tag
from ordain.evaluation.report.standing import beside
from ordain.evaluation.report.tables import drawn_table
from ordain.evaluation.summary import RunSummary
from ordain.evaluation.table import render_table
from ordain.evaluation.verdict import format_value

OUTCOMES = {
    "better": ("better", "Better than every baseline"),
    "worse": ("worse", "Worse than a baseline"),
    "cannot tell": ("unsure", "Not shown to be better than a baseline"),
}

GAIN = " The interval says how far the gain may move on other rows of the same kind."


def verdict_card(summary: RunSummary, output_name: str) -> Html:
    """Return the verdict on one output, beside the baselines and people."""
    output, is_only = summary.outputs[output_name], len(summary.outputs) == 1
    set_name = deciding_set(output.sets)
    kind, word = _outcome(output.differences.get(set_name, ()), output.headline)
    failed = sum(not gate.passed for gate in summary.findings.gates)
    if failed:
        kind = "worse"
        what = f"Not to ship: {failed} {'gate' if failed == 1 else 'gates'} not met"
        word = f"{what}. {word}"
    return tag(
        "div",
        tag("div", word if is_only else f"{output_name}: {word}", class_="word"),
        tag("p", code_words(output.verdict), class_="sentence"),
        tag(
            "p",
            code_words(
                f"Judged by `{output.headline}`, since {output.headline_reason}."
                + (GAIN if output.differences.get(set_name) else "")
            ),
            class_="hint",
        ),
        beside(summary, output_name),
        class_=f"card verdict {kind}",
    )


def tiles(summary: RunSummary) -> Html:
    """Return the few numbers to see first."""
    found = [_headline_tile(name, output) for name, output in summary.outputs.items()]
    sizes = summary.split.get("sizes")
    if isinstance(sizes, Mapping) and sizes:
        total = sum(int(size) for size in sizes.values())
        parts = ", ".join(f"{name} {int(size):,}" for name, size in sizes.items())
        found.append(_tile("rows", f"{total:,}", parts))
    if summary.inputs:
        kinds: dict[str, int] = {}
        for kind in summary.inputs.values():
            kinds[kind] = kinds.get(kind, 0) + 1
        parts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        found.append(_tile("input features", f"{len(summary.inputs)}", parts))
    if summary.seconds:
        # Elsewhere the rows times rounds a second say nothing that a person can compare.
        speed = summary.rows_per_second if summary.family == "neural" else None
        note = f"{speed:,.0f} rows/s in training" if speed else ""
        found.append(_tile("seconds in all", f"{sum(summary.seconds.values()):,.1f}", note))
    return tag("div", *found, class_="tiles")


def comparison(summary: RunSummary, output_name: str) -> Html:
    """Return the table of this model beside its baselines."""
    drawn = render_table(summary, output_name)
    return tag(
        "div",
        drawn_table(drawn, caption=f"{drawn.title}; the best of each column is marked."),
        class_="card",
    )


def warnings_card(summary: RunSummary) -> Html | None:
    """Return what a person must know before trusting the model."""
    found = summary.all_warnings
    if not found:
        return None
    word = "1 warning" if len(found) == 1 else f"{len(found)} warnings"
    items = (tag("li", code_words(text)) for text in found)
    return tag("div", tag("h3", word), tag("ul", *items, class_="warnings"), class_="card caution")


def _outcome(differences: Sequence[Difference], headline: str) -> tuple[str, str]:
    verdicts = {difference.verdict for difference in differences}
    for verdict in ("worse", "cannot tell", "better"):
        if verdict in verdicts:
            kind, words = OUTCOMES[verdict]
            return kind, f"{words} by {headline}"
    return "", "Not compared"


def _headline_tile(name: str, output: OutputSummary) -> Html:
    judgement = output.sets[deciding_set(output.sets)]
    interval = judgement.interval
    note = ""
    if interval is not None:
        low, high = format_value(interval.low), format_value(interval.high)
        note = f"{interval.level * 100:g}% interval {low} to {high}"
    value = format_value(judgement.metrics.get(output.headline))
    return _tile(f"{output.headline} of {name}", value, note)


def _tile(name: str, value: str, more: str) -> Html:
    return tag(
        "div",
        tag("div", name, class_="name"),
        tag("div", value, class_="value"),
        tag("div", more, class_="more") if more else None,
        class_="tile",
    )
