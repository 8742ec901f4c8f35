"""A run in a few lines of GitHub-flavoured Markdown: the comment on a pull request.

    ordain train churn.yaml --markdown summary.md

Verdict, gates, metrics with intervals beside the baselines, worst slices, scenarios and checks
that failed; what is long is folded away.
"""

from __future__ import annotations

from collections.abc import Iterator

from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.findings import Findings
from ordain.evaluation.judgement import Interval, Judgement, OutputSummary
from ordain.evaluation.markdown import code, inline, table
from ordain.evaluation.metric import LEAD
from ordain.evaluation.slices.judged import SliceJudgement
from ordain.evaluation.summary import RunSummary
from ordain.evaluation.verdict import format_value

N_METRICS = 6
N_SLICES = 5
N_SCENARIOS = 10
MOST_LETTERS = 60_000
"""A comment on GitHub holds 65,536."""

NOBODY = "@\u2060"
"""An at sign that calls nobody: nothing that can be seen follows it."""


def markdown_summary(summary: RunSummary, findings: Findings) -> str:
    """Return a run as Markdown for a pull request.

    Args:
        summary: of the run.
        findings: with gates and limits judged.
    """
    parts = [_head(summary, findings), *_conditions(findings)]
    for name, output in summary.outputs.items():
        parts.append(_metrics(name, output))
        parts += _slices(name, output, findings)
    parts += [*_scenarios(findings), *_checks(findings), *_warnings(summary)]
    text = "\n\n".join(parts) + "\n"
    if len(text) <= MOST_LETTERS:
        return text
    return text[:MOST_LETTERS].rsplit("\n", 1)[0] + "\n\nShortened; the report has the rest.\n"


def _head(summary: RunSummary, findings: Findings) -> str:
    failed = sum(not gate.passed for gate in findings.gates)
    state = f"{failed} of {len(findings.gates)} gates not met" if failed else "all gates met"
    title = f"### {_name(summary.name)}"
    title += f": {state}" if findings.gates else ""
    lines = [
        f"{f'**{_name(name)}** ' if len(summary.outputs) > 1 else ''}{_words(output.verdict)}"
        for name, output in summary.outputs.items()
    ]
    told = [f"model `{summary.family}`", *([f"run `{summary.run}`"] if summary.run else [])]
    return "\n\n".join([title, *lines, ", ".join(told)])


def _conditions(findings: Findings) -> Iterator[str]:
    for title, results, word in (
        ("Gate", findings.gates, "**not met**"),
        ("Limit", findings.limits, "does not hold"),
    ):
        if results:
            rows = [
                [_words(one.name), "met" if one.passed else word, _words(one.reason)]
                for one in results
            ]
            yield table([title, "", "Why"], rows, n_text=3)


def _metrics(name: str, output: OutputSummary) -> str:
    """Return the table of one output: its metrics, beside those of the baselines."""
    set_name = deciding_set(output.sets)
    ours = output.sets[set_name]
    known = list(output.is_higher_better)
    lead = [metric for metric in LEAD.get(output.type, ()) if metric in known]
    shown = list(dict.fromkeys([output.headline, *lead, *known]))[:N_METRICS]
    others = {other: sets[set_name] for other, sets in output.baselines.items() if set_name in sets}
    head = [f"`{name}` on `{set_name}`", "this model", *(f"`{other}`" for other in others)]
    rows = [
        [
            f"{_name(metric)} {'↑' if output.is_higher_better[metric] else '↓'}",
            _with_interval(ours, metric),
            *(format_value(other.metrics.get(metric)) for other in others.values()),
        ]
        for metric in shown
    ]
    return f"{table(head, rows)}\n\n{ours.n_rows:,} rows; 95% intervals in brackets."


def _with_interval(judged: Judgement, metric: str) -> str:
    value = format_value(judged.metrics.get(metric))
    return f"**{value}**{_between(judged.intervals.get(metric))}"


def _between(interval: Interval | None) -> str:
    if interval is None:
        return ""
    return f" ({format_value(interval.low)} to {format_value(interval.high)})"


def _slices(name: str, output: OutputSummary, findings: Findings) -> Iterator[str]:
    """Yield the worst slices, those declared and those found."""
    judged = [*findings.slices.get(name, ()), *findings.found_slices.get(name, ())]
    worse = [one for one in judged if one.verdict == "worse"]
    worse.sort(key=lambda one: -_excess(one))
    if not worse:
        return
    metric = output.headline
    head = [
        f"Worst slices of `{name}`",
        "rows",
        _name(metric),
        "of the rest",
        "loss",
        "of the rest",
    ]
    rows = [
        [
            _name(one.name),
            f"{one.n_rows:,} ({one.share:.1%})",
            f"{format_value(one.metrics.get(metric))}{_between(one.intervals.get(metric))}",
            format_value(one.rest),
            format_value(one.loss),
            format_value(one.loss_of_rest),
        ]
        for one in worse[:N_SLICES]
    ]
    more = len(worse) - len(rows)
    yield table(head, rows) + (f"\n\nand {more} more" if more else "")


def _excess(one: SliceJudgement) -> float:
    """Return how much of all loss would be saved were the slice as good as the rest."""
    return ((one.loss or 0.0) - (one.loss_of_rest or 0.0)) * one.n_rows


def _scenarios(findings: Findings) -> Iterator[str]:
    report = findings.scenarios
    if report is None:
        return
    failed = [one for one in report.results if not one.passed]
    text = f"{report.n_rows - len(failed)} of {report.n_rows} scenarios hold."
    if failed:
        lines = [
            f"- **{_name(one.name)}**: {_words('; '.join(one.failures))}"
            for one in failed[:N_SCENARIOS]
        ]
        lines += [f"- and {len(failed) - N_SCENARIOS} more"] if len(failed) > N_SCENARIOS else []
        text += "\n\n" + "\n".join(lines)
    yield text


def _checks(findings: Findings) -> Iterator[str]:
    told = [one for one in findings.checks if one.state in {"failed", "warned"}]
    told.sort(key=lambda one: one.state != "failed")
    if told:
        rows = [[one.name, one.state, _words(one.reason), _words(one.fix)] for one in told]
        yield table(["Check", "", "Why", "Fix"], rows, n_text=4)


def _warnings(summary: RunSummary) -> Iterator[str]:
    warnings = summary.all_warnings
    if warnings:
        count = "1 warning" if len(warnings) == 1 else f"{len(warnings)} warnings"
        lines = "\n".join(f"- {_words(text)}" for text in warnings)
        yield f"<details><summary>{count}</summary>\n\n{lines}\n\n</details>"


def _words(text: str) -> str:
    """Return text of any origin that becomes no markup and calls nobody; code stays code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return _name(text)
    return "".join(
        code(part) if place % 2 else _name(part) for place, part in enumerate(parts) if part
    )


def _name(text: str) -> str:
    ends = [" " if text[place : place + 1 or None].isspace() else "" for place in (0, -1)]
    return f"{ends[0]}{inline(text)}{ends[1] if text.strip() else ''}".replace("@", NOBODY)
