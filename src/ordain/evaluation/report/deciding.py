"""What was settled after training: calibration, threshold, intervals or sets, abstention."""

from __future__ import annotations

from collections.abc import Iterator

from ordain.evaluation import figures, findings_figures
from ordain.evaluation.decision.abstain import Answered
from ordain.evaluation.decision.decision import Decided
from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.findings import Calibrated
from ordain.evaluation.report.html import Html, code_words, join, tag
from ordain.evaluation.report.plots import Plots
from ordain.evaluation.report.ranges import Scale, rail_cell
from ordain.evaluation.report.tables import cell, header, sortable
from ordain.evaluation.summary import RunSummary
from ordain.evaluation.verdict import format_value

ABSTENTION = (
    "If only the surest rows are answered and the others left to a person, this share of the "
    "answers is right."
)
IN_FORCE = " The dotted line is what is in force."
SEARCH = (
    "What was tried on the validation rows: the metric that was to be made large or small by the "
    "threshold, beside what has to hold. The dotted line is the threshold that was chosen; a flat "
    "curve around it means that the exact one hardly matters."
)


def deciding(summary: RunSummary, plots: Plots) -> Html | None:
    """Return what was settled for each output, and what it does on rows it was not settled on."""
    parts = [part for name in summary.outputs for part in _of_output(summary, name, plots)]
    if not any(parts):
        return None
    words = (
        "Settled on validation rows, stored with the model, and obeyed wherever it answers. The "
        "numbers are of rows on which nothing was settled."
    )
    return join([tag("p", words, class_="hint"), *parts])


def _of_output(summary: RunSummary, name: str, plots: Plots) -> Iterator[Html | None]:
    findings = summary.findings
    decided = findings.decided.get(name)
    answered = findings.answered.get(name, ())
    if len(summary.outputs) > 1 and (decided or answered or name in findings.covered):
        yield tag("h3", name)
    yield _settled(decided) if decided else None
    yield _search(summary, name, plots)
    yield _calibrated(findings.calibrated[name]) if name in findings.calibrated else None
    yield _covered(summary, name)
    if name in findings.abstained:
        yield _abstained(findings.abstained[name], findings.set)
    if len(answered) > 1:
        confidence = decided.decision.answer_from if decided else None
        figure = findings_figures.abstention(answered, confidence=confidence)
        words = ABSTENTION + ("" if confidence is None else IN_FORCE)
        yield tag(
            "div",
            plots.add(f"Answering only what is sure: {name}", figure, how_to_read=words),
            _answered(answered, confidence),
            class_="plots",
        )


def _search(summary: RunSummary, name: str, plots: Plots) -> Html | None:
    """Return how the threshold was chosen, where no other plot of the page shows it."""
    decided, output = summary.findings.decided.get(name), summary.outputs[name]
    choice = None if decided is None else decided.threshold
    if choice is None:
        return None
    curves = output.sets[deciding_set(output.sets)].curves
    is_shown = choice.metric in {**curves.get("costs", {}), **curves.get("thresholds", {})}
    if is_shown and "bound" not in choice.tried:
        return None
    figure = figures.threshold_search(choice)
    drawn = plots.add(f"Choosing the threshold: {name}", figure, how_to_read=SEARCH)
    return tag("div", drawn, class_="plots") if drawn else None


def _settled(decided: Decided) -> Html | None:
    found: list[tuple[str, str, str]] = []
    if decided.calibration is not None:
        chosen = decided.calibration.calibration
        found.append(
            ("calibration", chosen.method if chosen else "none", decided.calibration.reason)
        )
    if decided.threshold is not None:
        one = decided.threshold
        values = ""
        if one.value is not None:
            values = f" ({format_value(one.value)}; before {format_value(one.value_before)})"
        found.append(("threshold", format_value(one.threshold), one.reason + values))
    if decided.abstain is not None:
        least = format_value(decided.abstain.confidence)
        found.append(("no answer", f"below a confidence of {least}", decided.abstain.reason))
    if not found:
        return None
    rows = (
        tag("tr", cell(what), cell(how), tag("td", code_words(why))) for what, how, why in found
    )
    head = [header("what"), header("settled as"), header("why")]
    return tag("div", sortable(head, rows), class_="card")


def _calibrated(found: Calibrated) -> Html:
    head = [header("metric"), header("before", is_number=True), header("after", is_number=True)]
    rows = (
        tag("tr", cell(metric), cell(value, is_number=True),
            cell(found.after.get(metric), is_number=True))
        for metric, value in found.before.items()
    )  # fmt: skip
    return tag("div", sortable(head, rows, caption="What calibration does."),
               class_="card")  # fmt: skip


def _covered(summary: RunSummary, name: str) -> Html | None:
    one = summary.findings.covered.get(name)
    if one is None:
        return None
    is_number = summary.outputs[name].type == "number"
    what, size = ("interval", "mean width") if is_number else ("set of labels", "mean labels")
    scale = Scale.of([one.low, one.high, one.coverage], mark=one.level)
    is_held = one.is_held
    head = [
        header("declared", is_number=True),
        header("held", is_number=True),
        header("the line is what was declared"),
        header("interval", is_number=True),
        header(size, is_number=True),
        header("rows", is_number=True),
    ]
    row = tag(
        "tr",
        tag("td", f"{one.level:.1%}", class_="number"),
        tag("td", f"{one.coverage:.1%}", class_="number"),
        rail_cell(scale, one.coverage, one.low, one.high, kind="good" if is_held else "bad"),
        tag("td", f"{one.low:.1%} to {one.high:.1%}", class_="number soft"),
        cell(one.size, is_number=True),
        cell(one.n_rows, is_number=True),
    )
    words = (
        f"Each answer comes with an {what}" if is_number else f"Each answer comes with a {what}"
    ) + f" that is to hold the truth in {one.level:.0%} of the rows; this is how often it does."
    caption = f"Conformal {'intervals' if is_number else 'label sets'} of {name}"
    return tag("div", sortable(head, [row], caption=caption), tag("p", words, class_="hint"),
               class_="card")  # fmt: skip


def _abstained(one: Answered, set_name: str) -> Html:
    """Return what abstaining as it was settled does on the rows that judge."""
    head = [
        header("rows answered", is_number=True),
        header("share", is_number=True),
        header("right", is_number=True),
        header("95% interval", is_number=True),
    ]
    row = tag(
        "tr",
        cell(one.n_rows, is_number=True),
        tag("td", f"{one.share:.1%}", class_="number"),
        tag("td", f"{one.accuracy:.1%}", class_="number"),
        tag("td", f"{one.low:.1%} to {one.high:.1%}", class_="number soft"),
    )
    where = f"the {set_name} rows" if set_name else "the rows that judge"
    caption = f"No answer below the confidence that was settled: what that does on {where}."
    return tag("div", sortable(head, [row], caption=caption), class_="card")


def _answered(rows: tuple[Answered, ...], confidence: float | None) -> Html:
    scale = Scale.of([end for one in rows for end in (one.low, one.high)])
    head = [
        header("if I answer only above", is_number=True),
        header("rows answered", is_number=True),
        header("right", is_number=True),
        header("95% interval"),
    ]
    body = (
        tag(
            "tr",
            tag("td", f"{one.confidence:.3f}", class_="number", data_value=one.confidence),
            tag("td", f"{one.share:.0%}", class_="number", data_value=one.share),
            tag(
                "td",
                f"{one.accuracy:.1%}",
                class_="number",
                data_value=one.accuracy,
                title=f"{one.low:.1%} to {one.high:.1%}",
            ),
            rail_cell(scale, one.accuracy, one.low, one.high),
        )
        for one in rows
    )
    caption = "Accuracy if only the surest rows are answered."
    if confidence is not None:
        caption += f" In force: above {confidence:.3f}."
    return tag("div", sortable(head, body, caption=caption), class_="card")
