"""Where the model stands, on the first screen: conditions, checks, worst slices, next steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ordain.evaluation.checks.check import BROKE_OFF, CheckResult
from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.gate_words import value_in_words
from ordain.evaluation.gates import GateResult
from ordain.evaluation.judgement import OutputSummary
from ordain.evaluation.next_steps import next_steps
from ordain.evaluation.report.html import Html, code_words, join, tag
from ordain.evaluation.report.ranges import Scale, between, ends, rail_cell
from ordain.evaluation.report.tables import badge, cell, header, sortable
from ordain.evaluation.slices.judged import SliceJudgement
from ordain.evaluation.summary import RunSummary
from ordain.evaluation.table import comparison_rows

N_WORST = 5
N_TOLD = 6


def beside(summary: RunSummary, output_name: str) -> Html | None:
    """Return the headline metric of this model, every baseline and people, with intervals."""
    output = summary.outputs[output_name]
    set_name = deciding_set(output.sets)
    models = comparison_rows(output, set_name, own=summary.family)
    found = [
        (name, one.metrics.get(output.headline), one.intervals.get(output.headline) or one.interval)
        for name, one in models
    ]
    human = summary.human.get(output.headline)
    if human is not None:
        found.append(("people", human, None))
    if len(found) < 2:  # noqa: PLR2004 - nothing stands beside it
        return None
    edges = [end for _, _, one in found if one is not None for end in (one.low, one.high)]
    scale = Scale.of([*(value for _, value, _ in found), *edges])
    rows = (
        tag(
            "tr",
            cell(name),
            cell(value, is_number=True),
            rail_cell(
                scale,
                value,
                None if interval is None else interval.low,
                None if interval is None else interval.high,
                kind="own" if place == 0 else "",
            ),
            tag("td", between(interval) if interval else "", class_="number soft"),
            class_="own" if place == 0 else None,
        )
        for place, (name, value, interval) in enumerate(found)
    )
    way = "more" if output.is_higher_better.get(output.headline, True) else "less"
    head = [
        header("model"),
        header(output.headline, is_number=True, about=output.about.get(output.headline, "")),
        header(f"{way} is better"),
        header("95% interval", is_number=True),
    ]
    return sortable(head, rows, kind="beside")


def standing(summary: RunSummary) -> Html:
    """Return the cards of the first screen; those without content are left out."""
    left = [card for card in (_conditions(summary), _checks(summary)) if card]
    right = [card for card in (_worst_slices(summary),) if card]
    columns = [tag("div", *side, class_="side") for side in (left, right) if side]
    return join([tag("div", *columns, class_="two standing") if columns else None, _next(summary)])


def conditions_table(results: Sequence[GateResult]) -> Html:
    """Return conditions with what was measured and by how much they are met or missed."""
    head = [
        header("state"),
        header("condition"),
        header("value", is_number=True),
        header("by", is_number=True, about="How far inside of the bound; below zero it is missed."),
    ]
    rows = (
        tag(
            "tr",
            tag("td", badge("passed" if one.passed else "failed"), data_value=int(one.passed)),
            tag("td", code_words(one.name), title=one.reason.replace("`", ""), data_value=one.name),
            tag("td", _value(one), class_="number", data_value=_sortable(one.value),
                title=_reach(one)),
            cell(one.margin, is_number=True),
        )
        for one in results
    )  # fmt: skip
    return sortable(head, rows)


def _conditions(summary: RunSummary) -> Html | None:
    findings = summary.findings
    if not findings.gates and not findings.limits:
        return None
    results = sorted((*findings.gates, *findings.limits), key=lambda one: one.passed)
    n_failed = sum(not one.passed for one in results)
    may_ship = "met, as are the limits" if findings.limits else "met"
    if n_failed == 0:
        title, kind = f"Every gate is {may_ship}", "good"
    else:
        names = [
            f"{sum(not one.passed for one in part)} of {len(part)} {word}"
            for word, part in (("gates", findings.gates), ("limits", findings.limits))
            if any(not one.passed for one in part)
        ]
        title, kind = f"Not met: {' and '.join(names)}", "bad"
    return tag("div", tag("h3", title), conditions_table(results), class_=f"card edge {kind}")


def _checks(summary: RunSummary) -> Html | None:
    checks = summary.findings.checks
    if not checks:
        return None
    counts = Counter(one.state for one in checks)
    bad = [one for one in checks if one.state == "failed"]
    warned = [one for one in checks if one.state == "warned"]
    kind = "bad" if bad else "warn" if warned else "good"
    shown = [*bad, *warned][:N_TOLD]
    rest = f"{counts['passed']} passed, {counts['does not apply']} do not apply."
    if any(one.reason.startswith(BROKE_OFF) for one in checks):
        rest += " Some broke off; see below."
    title = "No sanity check failed"
    if bad:
        title = f"{len(bad)} of {len(checks)} sanity checks failed"
    elif warned:
        title = f"{len(warned)} of {len(checks)} sanity checks warn"
    return tag(
        "div",
        tag("h3", title),
        tag("ul", *map(_told, shown), class_="plain") if shown else None,
        tag("p", rest, " ", tag("a", "All checks", href="#checks"), class_="hint"),
        class_=f"card edge {kind}",
    )


def _told(check: CheckResult) -> Html:
    return tag(
        "li",
        badge(check.state),
        " ",
        code_words(check.reason),
        tag("div", "Try ", tag("code", check.fix, class_="clip"), class_="hint fix")
        if check.fix
        else None,
    )


def _worst_slices(summary: RunSummary) -> Html | None:
    if not summary.findings.slices and not summary.findings.discovery:
        return None
    tables = [
        _worst_of(name, output, summary)
        for name, output in summary.outputs.items()
        if name in summary.findings.slices or name in summary.findings.discovery
    ]
    known = [table for table in tables if table is not None]
    if not known:
        words = "No slice is worse than the other rows beyond chance."
        return tag("div", tag("h3", "No bad slice"), tag("p", words, class_="hint"),
                   class_="card edge good")  # fmt: skip
    hint = tag("p", "The line marks all rows. ", tag("a", "All slices", href="#slices"),
               class_="hint")  # fmt: skip
    return tag("div", tag("h3", "Where it does worst"), *known, hint, class_="card edge warn")


def _worst_of(name: str, output: OutputSummary, summary: RunSummary) -> Html | None:
    worst = list(worst_slices(summary, name))[:N_WORST]
    if not worst:
        return None
    metric = output.headline
    overall = output.sets[deciding_set(output.sets)].metrics.get(metric)
    edges = [end for s in worst if s.interval for end in (s.interval.low, s.interval.high)]
    scale = Scale.of([*(s.metrics.get(metric) for s in worst), *edges], mark=overall)
    head = [
        header("slice" if len(summary.outputs) == 1 else f"slice, {name}"),
        header("rows", is_number=True),
        header(metric, is_number=True),
        header(""),
    ]
    rows = (
        tag(
            "tr",
            tag("td", tag("span", s.name, class_="clip"), data_value=s.name),
            cell(s.n_rows, is_number=True),
            cell(s.metrics.get(metric), is_number=True),
            rail_cell(
                scale,
                s.metrics.get(metric),
                s.interval.low if s.interval else None,
                s.interval.high if s.interval else None,
                kind="bad",
            ),
        )
        for s in worst
    )
    return sortable(head, rows)


def worst_slices(summary: RunSummary, name: str) -> Iterator[SliceJudgement]:
    """Yield slices that are worse than the rest, found ones too, the greatest loss first.

    A found slice counts although the deciding metric may not tell: the search has tested it.
    """
    findings = summary.findings
    declared = [one for one in findings.slices.get(name, ()) if one.verdict == "worse"]
    found = [one for one in findings.found_slices.get(name, ()) if one.verdict != "better"]
    seen = set()
    for one in sorted([*declared, *found], key=lambda s: -(s.loss or 0.0)):
        if one.name not in seen:
            seen.add(one.name)
            yield one


def _next(summary: RunSummary) -> Html | None:
    steps = next_steps(summary)
    if not steps:
        return None
    items = (tag("li", code_words(text)) for text in steps)
    return tag("div", tag("h3", "What to do next"), tag("ol", *items), class_="card edge todo")


def _value(one: GateResult) -> str:
    return value_in_words(one)


def _reach(one: GateResult) -> str | None:
    return (
        None
        if one.interval is None
        else f"95% interval {ends(one.interval.low, one.interval.high)}"
    )


def _sortable(value: float | None) -> float | str:
    return "" if value is None else value
