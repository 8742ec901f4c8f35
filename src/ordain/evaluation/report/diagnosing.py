"""What holds the model back: where the error comes from, what was found, and what to try."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ordain.evaluation.diagnosis import figures as drawing
from ordain.evaluation.diagnosis.gaps import ErrorSplit, Gap
from ordain.evaluation.diagnosis.patch import Finding, Patch
from ordain.evaluation.diagnosis.record import Diagnosis, OutputDiagnosis
from ordain.evaluation.report.html import Html, code_words, join, tag
from ordain.evaluation.report.plots import Plots
from ordain.evaluation.report.ranges import Scale, bar_cell, ends
from ordain.evaluation.report.tables import badge, cell, header, sortable
from ordain.evaluation.summary import RunSummary
from ordain.evaluation.verdict import format_value

N_INPUTS = 12
N_LEFT_OUT = 3
PARTS = {
    "irreducible": "What no model can know: noise in the labels, or what people get wrong too.",
    "avoidable bias": "What the model misses even on rows it learned from: it fits too little.",
    "variance": "What it knows of the rows it learned from and not of others: it memorises.",
    "shift": "What the rows that judge differ in from those that decide when to stop.",
    "overfitted validation": "What choosing by validation rows has flattered.",
}
SPLIT = (
    "The way from a perfect {metric} to its value on the rows that judge, step by step: from the "
    "best that can be, to the rows the model learned from, to those it has not seen. The widest "
    "bar that is beyond chance is the one to work on; a bar to the left of the line is a gain."
)
GROWTH = (
    "Each point is a model that learned from so many rows. Where the points still rise or fall at "
    "the right end, more rows help; the forecast follows the law they keep to, with its interval."
)
DAMAGE = (
    "How much worse the answers are if the rows come in damaged: noise, missing columns, typos, "
    "values never seen. The longer the bar, the more the model leans on what was damaged."
)
STALENESS = (
    "Models that learned from older windows of time, judged on the newest rows: the steeper the "
    "fall to the right, the sooner the model must be trained again."
)
DEAR = (
    "what more rows would bring, what damaged rows and missing columns cost, how the model ages, "
    "and what each change below brings"
)
WORDS = {"where": SPLIT, "learning": GROWTH, "damaged": DAMAGE, "age": STALENESS}
"""How to read a figure, by the first word of its title."""


def diagnosing(summary: RunSummary, plots: Plots) -> Html | None:
    """Return the diagnosis of every output; None where nobody has looked."""
    found = summary.diagnosis
    if found is None or not found.outputs:
        return None
    parts: list[Html | None] = [tag("p", *_source(found, summary.run), class_="hint")]
    for name, one in found.outputs.items():
        parts.append(tag("h3", name) if len(found.outputs) > 1 else None)
        parts += _of_output(one, found, plots)
    return join(parts)


def _source(found: Diagnosis, run: str) -> list[Html | str]:
    """Return what the section rests on, and the command for what it leaves out."""
    run = run or found.run
    if found.is_first_look:
        return [
            "A first look, from what training knows already. ",
            tag("code", f"ordain diagnose {run}"),
            f" measures the rest: {DEAR}. Then ",
            tag("code", f"ordain report {run}"),
            " draws it here.",
        ]
    told = [f"As `ordain diagnose` measured it in {found.seconds:,.0f} s."]
    told += [f"Note: {note}." for note in found.notes]
    if found.left_out:
        few = ", ".join(found.left_out[:N_LEFT_OUT])
        more = len(found.left_out) - N_LEFT_OUT
        rest = f" and {more} more" if more > 0 else ""
        told.append(f"Left out for want of time: {few}{rest}; give more with `--budget`.")
    return [code_words(" ".join(told))]


def _of_output(one: OutputDiagnosis, found: Diagnosis, plots: Plots) -> Iterator[Html | None]:
    yield _split(one.split) if one.split.gaps else _no_split(one.split)
    drawn = [
        plots.add(_titled(title), figure, how_to_read=WORDS[title.split(" ", maxsplit=1)[0]])
        for title, figure in drawing.figures_of(
            one.output,
            split=one.split.model_copy(update={"gaps": ()}),  # the table says it with more
            growth=one.growth,
            robustness=one.robustness,
            staleness=one.staleness,
        )
    ]
    yield tag("div", *drawn, class_="plots") if drawn else None
    yield _upkeep(one) if one.upkeep else None
    yield _findings(one.findings, found)


def _titled(text: str) -> str:
    return text[:1].upper() + text[1:]


def _no_split(split: ErrorSplit) -> Html | None:
    if not split.note:
        return None
    words = f"Where the error comes from cannot be told: {split.note}."
    return tag("div", tag("p", words), class_="card")


def _split(split: ErrorSplit) -> Html:
    edges = [end for gap in split.gaps if gap.interval
             for end in (gap.interval.low, gap.interval.high)]  # fmt: skip
    scale = Scale.of([0.0, *(gap.size for gap in split.gaps), *edges], mark=0.0)
    head = [
        header("part"),
        header("from"),
        header("to"),
        header("worse by"),
        header("size", is_number=True, about="How much worse the metric is at the end of the way."),
        header("95% interval", is_number=True),
        header("beyond chance"),
    ]
    rows = (_gap_row(gap, split, scale) for gap in split.gaps)
    values = ", ".join(f"{name} {format_value(value)}" for name, value in split.values.items())
    first = f" Work on the {split.largest} first." if split.largest else ""
    caption = f"Where {split.metric} is lost ({values}).{first}"
    words = tag("p", SPLIT.format(metric=split.metric), class_="hint")
    return tag("div", sortable(head, rows, caption=caption), words, class_="card")


def _gap_row(gap: Gap, split: ErrorSplit, scale: Scale) -> Html:
    low, high = (gap.interval.low, gap.interval.high) if gap.interval else (None, None)
    # Without a ceiling nobody knows how much of the bias is beyond chance, or can be avoided.
    said = gap.note or ("yes" if gap.is_real else "no" if gap.interval else "-")
    part = "bias" if gap.note else gap.part
    start = split.values.get(gap.before)
    if start is None and split.ceiling is not None and gap.before == split.ceiling.source:
        start = split.ceiling.value
    return tag(
        "tr",
        tag("td", part, title=PARTS[gap.part], data_value=part, class_="name"),
        cell(_with_value(gap.before, start)),
        cell(_with_value(gap.after, split.values.get(gap.after))),
        bar_cell(scale, gap.size, low, high),
        cell(gap.size, is_number=True),
        tag("td", ends(low, high), class_="number soft", data_value=gap.size),
        tag("td", said, data_value=said, class_="name soft" if gap.note else None),
        class_="own" if gap.part == split.largest else None,
    )  # fmt: skip


def _with_value(name: str, value: float | None) -> str:
    return name if value is None else f"{name} ({format_value(value)})"


def _upkeep(one: OutputDiagnosis) -> Html:
    head = [
        header("input"),
        header("microseconds a row", is_number=True, about="To encode it."),
        header("bytes a row", is_number=True),
        header("share of importance", is_number=True),
        header("useless"),
    ]
    rows = (
        tag(
            "tr",
            cell(cost.input),
            cell(cost.microseconds, is_number=True),
            tag("td", f"{cost.n_bytes:,.4g}", class_="number", data_value=cost.n_bytes),
            tag("td", f"{cost.share:.1%}", class_="number", data_value=cost.share),
            cell("yes" if cost.is_useless else ""),
        )
        for cost in one.upkeep[:N_INPUTS]
    )
    caption = "What inputs cost and bring, the least worth first."
    return tag("div", sortable(head, rows, caption=caption), class_="card")


def _findings(findings: tuple[Finding, ...], found: Diagnosis) -> Html | None:
    if not findings:
        return None
    items = (_finding(finding, found) for finding in findings)
    title = "What was found, and what to try"
    return tag("div", tag("h3", title), tag("ul", *items, class_="plain findings"), class_="card")


def _finding(finding: Finding, found: Diagnosis) -> Html:
    patches = (_patch(patch, found.diffs, found.patches) for patch in finding.patches)
    return tag(
        "li",
        badge("problem" if finding.is_problem else "fact"),
        " ",
        code_words(_titled(finding.text)),
        "" if finding.text.endswith(".") else ".",
        *patches,
    )


def _patch(patch: Patch, diffs: Mapping[str, str], files: Mapping[str, str]) -> Html:
    """Return a change to try: what it is expected to do, what it did, and its diff."""
    effect: list[Html | str] = []
    if patch.effect:
        effect = [" ", tag("strong", _titled(patch.effect.sentence), ".")]
    elif patch.unmeasured:
        effect = [f" Not measured: {patch.unmeasured}."]
    lines = diffs.get(patch.name, "").splitlines()
    shown = [line for line in lines if not line.startswith(("---", "+++"))]
    apply = None
    if patch.name in files:
        apply = tag("p", tag("code", f"ordain apply-patch CONFIG {files[patch.name]}"),
                    class_="hint")  # fmt: skip
    return tag(
        "div",
        tag("p", "Try ", tag("strong", code_words(patch.title)), f": {patch.expected}.", *effect),
        tag("details", tag("summary", "The change"), _diff(shown), apply) if shown else None,
        class_="try",
    )


def _diff(lines: list[str]) -> Html:
    kinds = {"+": "added", "-": "removed", "@": "soft"}
    return tag(
        "pre", *(tag("span", line, "\n", class_=kinds.get(line[:1])) for line in lines)
    )  # fmt: skip
