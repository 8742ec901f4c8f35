"""What to do next: the findings that ask for something, the most pressing first.

Each sentence rests on a number that stands elsewhere in the report; nothing is advised that no
finding speaks for.
"""

from __future__ import annotations

from collections.abc import Iterator

from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.summary import RunSummary
from ordain.evaluation.verdict import format_value

MAX_STEPS = 7
MAX_FIX = 120
SIMPLER = "simpler_model"
"""The check that compares with baselines; where it speaks nothing is said twice."""
DIFFERENCE_CHECKS = ("drift", "domain")
"""Checks that show that sets of rows are not alike."""
SUSPECT_SHARE = 0.01
OVERLAP = 0.3
GAP = 3.0
"""Half widths of the interval from which on training is called far ahead of the judged set."""


def next_steps(summary: RunSummary) -> list[str]:
    """Return at most seven sentences; words between back-quotes are names or code."""
    found: list[str] = []
    for steps in STEPS:
        found += [text for text in steps(summary) if text not in found]
    return found[:MAX_STEPS]


def _checks(summary: RunSummary) -> Iterator[str]:
    ranked = sorted(summary.findings.checks, key=lambda one: one.state != "failed")
    for check in ranked:
        if check.state not in {"failed", "warned"}:
            continue
        # What comes after the first clause says why it matters, which the check itself tells.
        reason = check.reason.split("; ")[0]
        if not check.fix:
            if check.state == "failed":
                yield f"{_sentence(reason)} See the checks."
        elif len(check.fix) > MAX_FIX or "`" in check.fix:
            yield f"{_sentence(reason)} What to change stands beside the check."
        else:
            yield f"Try `{check.fix}`: {reason}."


def _conditions(summary: RunSummary) -> Iterator[str]:
    for gate in (*summary.findings.gates, *summary.findings.limits):
        if not gate.passed:
            yield f"Mend what is not met before this model ships: {gate.reason}."


def _baselines(summary: RunSummary) -> Iterator[str]:
    said = {one.output for one in summary.findings.checks
            if one.name == SIMPLER and one.state in {"failed", "warned"}}  # fmt: skip
    for name, output in summary.outputs.items():
        known = [one for one in output.differences.get(deciding_set(output.sets), ())
                 if one.gain is not None]  # fmt: skip
        if not known or name in said or (said == {""}):
            continue
        best = min(known, key=lambda one: one.gain or 0.0)
        if best.verdict == "worse":
            yield f"Use `{best.against}` for `{name}`: it is better by `{best.metric}`."
        elif best.verdict == "cannot tell":
            yield (
                f"`{best.against}` may do as well for `{name}`: more test rows would tell, "
                "or take the simpler one."
            )


def _memory(summary: RunSummary) -> Iterator[str]:
    for name, output in summary.outputs.items():
        own = output.sets[deciding_set(output.sets)]
        train = output.sets.get("train")
        value, interval = own.metrics.get(output.headline), own.interval
        learned = None if train is None else train.metrics.get(output.headline)
        if value is None or interval is None or learned is None or own is train:
            continue
        gap = learned - value if output.is_higher_better[output.headline] else value - learned
        if gap > GAP * (interval.high - interval.low) / 2:
            yield (
                f"`{name}` is {format_value(learned)} by `{output.headline}` on rows it learned "
                f"from and {format_value(value)} on others: more data, a smaller model or more "
                "regularisation may help."
            )


def _slices(summary: RunSummary) -> Iterator[str]:
    for name, discovery in summary.findings.discovery.items():
        if discovery.found:
            worst = discovery.found[0]
            yield (
                f"Look at the {worst.n_rows:,} rows where `{worst.where or worst.name}`: the "
                f"{discovery.loss} of `{name}` is {worst.lift:.1f} times that of the others."
            )
    for name, slices in summary.findings.slices.items():
        bad = sorted((s for s in slices if s.verdict == "worse"), key=lambda s: -(s.loss or 0.0))
        if bad:
            yield (
                f"`{name}` is worse than elsewhere where `{bad[0].name}` ({bad[0].n_rows:,} rows): "
                "more rows or inputs that tell these apart may help."
            )


def _labels(summary: RunSummary) -> Iterator[str]:
    for name, errors in summary.findings.errors.items():
        if errors.n_rows and errors.n_suspect >= SUSPECT_SHARE * errors.n_rows:
            if errors.worst and errors.worst[0].probability is None:
                yield (
                    f"Check the {errors.n_suspect:,} rows whose `{name}` is far from what is "
                    f"predicted, of {errors.n_rows:,}: the worst rows list them first."
                )
                continue
            yield (
                f"Check labels of `{name}` by hand: {errors.n_suspect:,} of {errors.n_rows:,} look "
                "wrong; the worst rows list them first."
            )


def _coverage(summary: RunSummary) -> Iterator[str]:
    for name, covered in summary.findings.covered.items():
        if covered.is_short:
            differing = [
                one.name
                for one in summary.findings.checks
                if one.name in DIFFERENCE_CHECKS and one.state in {"failed", "warned"}
            ]
            why = (
                f"the check `{differing[0]}` finds that rows differ"
                if differing
                else "more than chance; why is not known"
            )
            yield (
                f"Intervals of `{name}` hold the truth in {covered.coverage:.1%} of the rows, not "
                f"{covered.level:.0%}: {why}."
            )


def _pairs(summary: RunSummary) -> Iterator[str]:
    for name, errors in summary.findings.errors.items():
        pair = next((one for one in errors.mistakes if one.overlap >= OVERLAP), None)
        output = summary.outputs.get(name)
        if pair is not None and output is not None and len(output.labels) > 2:  # noqa: PLR2004
            yield (
                f"`{pair.truth}` and `{pair.prediction}` are hard to tell apart for `{name}`: join "
                "them, or add an input or examples that part them."
            )


def _scenarios(summary: RunSummary) -> Iterator[str]:
    report = summary.findings.scenarios
    failed = [one.name for one in report.results if not one.passed] if report else []
    if report and failed:
        count = f"{len(failed)} of {report.n_rows} scenarios"
        yield f"Look at what must hold and does not: {count}, `{failed[0]}` first."


def _gaps(summary: RunSummary) -> Iterator[str]:
    for name, figures in summary.findings.fairness.items():
        marked = [one for one in figures if one.is_marked and one.gap is not None]
        if marked:
            widest = max(marked, key=lambda one: one.gap or 0.0)
            yield (
                f"Judge whether the gaps of `{name}` between groups of `{widest.column}` can be "
                f"borne: the {widest.figure.replace('_', ' ')} differs by "
                f"{format_value(widest.gap)} from `{widest.least}` to `{widest.greatest}`."
            )


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", ":")) else ".")


STEPS = (
    _checks,
    _conditions,
    _scenarios,
    _baselines,
    _memory,
    _slices,
    _gaps,
    _labels,
    _coverage,
    _pairs,
)
"""What may ask for something, the most pressing first."""
