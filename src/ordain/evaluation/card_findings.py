"""What the model card says of findings: decisions, slices, fairness, importance, limits.

Nothing that is timed stands here, so that equal runs give equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterator

from ordain.config.evaluation import FIGURES
from ordain.evaluation.gate_words import value_in_words
from ordain.evaluation.gates import GateResult
from ordain.evaluation.judgement import Interval
from ordain.evaluation.markdown import code, inline, prose, table
from ordain.evaluation.slices.judged import SliceJudgement
from ordain.evaluation.summary import RunSummary
from ordain.evaluation.verdict import format_value

MAX_SLICES = 30
MAX_INPUTS = 10


def conditions(summary: RunSummary) -> str:
    """Return the gates and limits with what was measured, those not met first, or no text.

    What is timed or weighed is left out: its result may differ between equal runs.
    """
    findings = summary.findings
    judged = [("gate", one) for one in findings.gates] + [("limit", one) for one in findings.limits]
    rows = [
        [
            "met" if one.passed else "**not met**",
            kind,
            prose(one.name),
            value_in_words(one),
            "-" if one.interval is None else _ends(one.interval.low, one.interval.high),
            format_value(one.margin),
        ]
        for kind, one in sorted(judged, key=lambda pair: pair[1].passed)
        if not is_figure(one)
    ]
    if not rows:
        return ""
    head = ["state", "kind", "condition", "value", "95% interval", "inside by"]
    failed = sum(not one.passed for one in findings.gates if not is_figure(one))
    verdict = f"**{failed} of {len(findings.gates)} gates are not met: not to ship as it is.**"
    words = (
        "A gate stops a model, a limit only ranks it. Conditions on time and size are judged anew "
        "with every run and stand in its report."
    )
    return "\n\n".join([*([verdict] if failed else []), table(head, rows, n_text=3), words])


def is_figure(one: GateResult) -> bool:
    """Return whether a condition is about what is measured of the bundle, not of rows."""
    return any(one.reason.startswith(f"`{name}` ") for name in FIGURES) and not one.output


def decisions(summary: RunSummary, name: str) -> Iterator[str]:
    """Yield a sentence on each thing that was settled about an output after training."""
    decided = summary.findings.decided.get(name)
    if decided is None:
        return
    calibration = decided.decision.calibration
    if calibration is not None:
        yield f"Probabilities of {code(name)} are calibrated ({calibration.method})."
    if decided.threshold is not None:
        value = format_value(decided.threshold.threshold)
        yield f"{code(name)} is called positive from a probability of {value} on."
    covered = summary.findings.covered.get(name)
    if covered is not None:
        what = "interval" if summary.outputs[name].type == "number" else "set of labels"
        yield (
            f"Each answer comes with a {what} made to hold the truth in {covered.level:.0%} of the "
            f"rows; on {covered.n_rows:,} rows it held in {covered.coverage:.1%} "
            f"({covered.low:.1%} to {covered.high:.1%})."
        )
    if decided.decision.answer_from is not None:
        least = format_value(decided.decision.answer_from)
        yield f"No answer is given for {code(name)} below a confidence of {least}."


def slices(summary: RunSummary) -> str:
    """Return a table of declared and found slices for each output, or no text."""
    parts = []
    for name, output in summary.outputs.items():
        declared = summary.findings.slices.get(name, ())
        judged = [*declared, *summary.findings.found_slices.get(name, ())]
        if judged:
            metric = next(iter(judged[0].metrics), output.headline)
            head = ["slice", "rows", f"`{metric}`", "95% interval", "against the rest"]
            rows = [_slice_row(one, metric) for one in judged[:MAX_SLICES]]
            more = len(judged) - len(rows)
            parts += [f"### {inline(name)}", table(head, rows)]
            parts += [f"And {more:,} more."] if more else []
    return "\n\n".join(parts)


def fairness(summary: RunSummary) -> str:
    """Return a table of gaps between the groups of protected columns, or no text."""
    rows = [
        [
            inline(one.column),
            inline(f"{one.figure.replace('_', ' ')} {one.label}".strip()),
            format_value(one.gap),
            _ends(one.gap_low, one.gap_high),
            format_value(one.ratio),
            "marked" if one.is_marked else "",
        ]
        for figures in summary.findings.fairness.values()
        for one in figures
        if one.gap is not None
    ]
    if not rows:
        return ""
    head = ["column", "figure", "gap", "95% interval", "ratio", ""]
    words = (
        "The gap is the greatest minus the least among groups of at least 20 rows. Marked are gaps "
        "beyond chance, for selection rates only where the ratio is below four fifths."
    )
    return "\n\n".join([table(head, rows), words])


def importance(summary: RunSummary) -> str:
    """Return the inputs that matter most for each output, or no text."""
    parts = []
    for name, one in summary.findings.importance.items():
        rows = [
            [code(item.input), format_value(item.increase), _ends(item.low, item.high)]
            for item in one.inputs[:MAX_INPUTS]
        ]
        if rows:
            head = ["input", f"{one.loss} grows by", "95% interval"]
            parts += [f"### {inline(name)}, by shuffling one input at a time", table(head, rows)]
    return "\n\n".join(parts)


def limits(summary: RunSummary) -> Iterator[str]:
    """Yield a sentence on each slice that is worse and on marked gaps and missed coverage."""
    for name, judged in summary.findings.slices.items():
        worse = [one.name for one in judged if one.verdict == "worse"]
        if worse:
            yield f"{code(name)} is worse than elsewhere where {', '.join(map(code, worse))}."
    for name, discovery in summary.findings.discovery.items():
        for one in discovery.found[:1]:
            yield (
                f"The worst rows found for {code(name)} are those where {code(one.name)}: their "
                f"{discovery.loss} is {one.lift:.1f} times that of the others."
            )
    for name, covered in summary.findings.covered.items():
        if covered.is_short:
            yield (
                f"What is given with an answer of {code(name)} holds the truth less often than "
                f"{covered.level:.0%}."
            )


def _slice_row(one: SliceJudgement, metric: str) -> list[str]:
    return [
        inline(one.name),
        f"{one.n_rows:,}",
        format_value(one.metrics.get(metric)),
        _between(one.interval),
        one.verdict,
    ]


def _between(interval: Interval | None) -> str:
    return "-" if interval is None else _ends(interval.low, interval.high)


def _ends(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "-"
    return f"{format_value(low)} to {format_value(high)}"
