"""What a judgement found, as tables: intervals, slices, fairness, coverage, gates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ordain.cli.console import number, print_table

if TYPE_CHECKING:
    from ordain.evaluation.findings import Findings
    from ordain.evaluation.gates import GateResult
    from ordain.evaluation.judgement import Interval, Judgement
    from ordain.evaluation.scenarios import ScenarioReport
    from ordain.evaluation.summary import RunSummary

GATE_EXIT = 3
"""Exit code where a gate is not met."""
Table = tuple[str, list[str], list[list[Any]]]
N_METRICS = 4
N_SCENARIOS = 10
"""Scenarios that do not hold, of which so many are shown."""


def show_findings(findings: Findings, judgements: Mapping[str, Judgement]) -> None:
    """Print what was found on given rows."""
    for title, columns, rows in (
        *_intervals(judgements),
        *_slices(findings),
        *_fairness(findings),
        *_coverage(findings),
        *_abstention(findings),
    ):
        print_table(columns, rows, title=title)


def show_gates(gates: Sequence[GateResult], *, title: str = "gates") -> None:
    """Print every gate: met or not, its value with interval, and by how much."""
    from ordain.evaluation.gate_words import value_in_words

    rows = [
        ["met" if one.passed else "NOT MET", one.name, value_in_words(one), between(one.interval),
         one.margin]
        for one in gates
    ]  # fmt: skip
    if rows:
        print_table(["", "condition", "value", "interval", "margin"], rows, title=title)


def show_scenarios(report: ScenarioReport | None) -> None:
    """Print the scenarios that do not hold, with the reason."""
    failed = [] if report is None else [one for one in report.results if not one.passed]
    if report is None or not failed:
        return
    rows = [[one.name, "; ".join(one.failures)] for one in failed[:N_SCENARIOS]]
    more = f", the first {N_SCENARIOS}" if len(failed) > N_SCENARIOS else ""
    title = f"{len(failed)} of {report.n_rows} scenarios of {report.file} do not hold{more}"
    print_table(["scenario", "what does not hold"], rows, title=title)


def write_summaries(summary: RunSummary, *, junit: Path | None, markdown: Path | None) -> None:
    """Write a judgement for CI and for a pull request, where files are named.

    Raises:
        StoreError: a file cannot be written.
    """
    from ordain.core.files import write_text
    from ordain.evaluation.junit import junit_xml
    from ordain.evaluation.pull_request import markdown_summary

    if junit is not None:
        write_text(junit, junit_xml(summary, summary.findings))
    if markdown is not None:
        write_text(markdown, markdown_summary(summary, summary.findings))


def gate_lines(gates: Sequence[GateResult]) -> list[str]:
    """Return a line for each gate that is not met, with the reason."""
    return [f"gate not met: {one.name}: {one.reason}" for one in gates if not one.passed]


def between(interval: Interval | None) -> str:
    """Return an interval as words; a hyphen for none."""
    return f"{number(interval.low)} to {number(interval.high)}" if interval else "-"


def _intervals(judgements: Mapping[str, Judgement]) -> Iterator[Table]:
    for name, judged in judgements.items():
        rows = [
            [metric, value, between(judged.intervals.get(metric))]
            for metric, value in judged.metrics.items()
            if value is not None
        ]
        if rows:
            yield f"{name} on {judged.n_rows:,} rows", ["", "value", "95% interval"], rows


def _slices(findings: Findings) -> Iterator[Table]:
    for kind, by_output in (("slices", findings.slices), ("found", findings.found_slices)):
        for name, slices in by_output.items():
            metrics = list(dict.fromkeys(m for one in slices for m in one.metrics))[:N_METRICS]
            rows = [
                [one.name, one.n_rows, *(one.metrics.get(m) for m in metrics),
                 between(one.interval), one.verdict]
                for one in slices
            ]  # fmt: skip
            columns = ["slice", "rows", *metrics, f"interval of {metrics[0]}", "against the rest"]
            yield f"{name} by slice" + (", worst found" if kind == "found" else ""), columns, rows


def _fairness(findings: Findings) -> Iterator[Table]:
    for name, figures in findings.fairness.items():
        rows = [
            [one.column, one.figure, one.gap, f"{one.least} to {one.greatest}", one.ratio,
             "look" if one.is_marked else ""]
            for one in figures
            if one.gap is not None
        ]  # fmt: skip
        if rows:
            yield f"{name}: fairness", ["column", "figure", "gap", "from", "ratio", ""], rows


def _coverage(findings: Findings) -> Iterator[Table]:
    rows = [
        [name, one.level, one.coverage, f"{number(one.low)} to {number(one.high)}", one.size]
        for name, one in findings.covered.items()
    ]
    if rows:
        yield "coverage", ["output", "promised", "held", "interval", "mean size"], rows


def _abstention(findings: Findings) -> Iterator[Table]:
    rows = [
        [name, one.share, one.confidence, one.accuracy, f"{number(one.low)} to {number(one.high)}"]
        for name, one in findings.abstained.items()
    ]
    if rows:
        columns = ["output", "answered", "from a confidence of", "right", "interval"]
        yield "answered where sure enough", columns, rows
