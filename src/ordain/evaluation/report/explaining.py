"""Why it says what it says: how much each input matters, and how the answer moves with it."""

from __future__ import annotations

from collections.abc import Sequence

from ordain.evaluation import findings_figures
from ordain.evaluation.explain.dependence import Interaction
from ordain.evaluation.explain.importance import ImportanceTable
from ordain.evaluation.report.html import Html, join, tag
from ordain.evaluation.report.plots import Plots
from ordain.evaluation.report.ranges import Scale, bar_cell, ends
from ordain.evaluation.report.tables import cell, header, sortable
from ordain.evaluation.report.wording import wording
from ordain.evaluation.summary import RunSummary

HOW_TO_READ = (
    "How much the {loss} grows when the cells of an input are shuffled among {rows:,} rows, so "
    "that it says nothing any more; the whisker is the 95% interval. An input whose interval "
    "holds zero may be left out without loss. Inputs that say the same share their importance."
)
LINE = (
    "The thick line is the mean answer if every row had this value, the faint ones are single "
    "rows. Faint lines that cross mean that the input acts differently from row to row."
)
BARS = "The mean answer if every row had this value; hovering shows how many rows do."
TOGETHER = (
    "The mean answer as both inputs of the pair that acts together most are moved, a line for each "
    "value of the one named above the plot. Lines that run alike mean that each acts by itself; "
    "lines that part or cross mean that what one does depends on the other."
)
STRENGTH = (
    "How much of what a pair does together the two do not do alone (H statistic): 0% is none of "
    "it, 100% all. A weak effect can have a high share: look at the plot before acting on it."
)


def explaining(summary: RunSummary, plots: Plots) -> Html | None:
    """Return importance, dependence, interactions and words for every output."""
    findings = summary.findings
    parts: list[Html | None] = []
    for name in summary.outputs:
        table = findings.importance.get(name)
        own = [
            _importance(table) if table is not None and table.inputs else None,
            _dependences(summary, name, plots),
            _interactions(findings.interactions.get(name, ()), name, plots),
            wording(findings.words[name]) if name in findings.words else None,
        ]
        title = tag("h3", name) if len(summary.outputs) > 1 and any(own) else None
        parts += [title, *own]
    return join(parts) if any(parts) else None


def _dependences(summary: RunSummary, name: str, plots: Plots) -> Html | None:
    drawn = [
        plots.add(
            f"{name} by {one.input}",
            findings_figures.dependence(one),
            how_to_read=LINE if one.is_ordered else BARS,
        )
        for one in summary.findings.dependence.get(name, ())
    ]
    return tag("div", *drawn, class_="plots") if drawn else None


def _interactions(found: Sequence[Interaction], name: str, plots: Plots) -> Html | None:
    """Return how far pairs of inputs act together, and the strongest pair as a figure."""
    if not found:
        return None
    scale = Scale.of([0.0, *(one.strength for one in found)])
    head = [header("pair"), header("acts together"), header("strength", is_number=True)]
    rows = (
        tag(
            "tr",
            cell(" and ".join(one.inputs)),
            bar_cell(scale, one.strength),
            tag("td", f"{one.strength:.1%}", class_="number", data_value=one.strength),
        )
        for one in found
    )
    strongest = found[0]
    drawn = None
    if strongest.mean:
        title = f"{name} by {' and '.join(strongest.inputs)}"
        drawn = plots.add(title, findings_figures.interaction(strongest), how_to_read=TOGETHER)
    table = tag("div", sortable(head, rows, caption="Pairs of the most important inputs."),
                tag("p", STRENGTH, class_="hint"), class_="card")  # fmt: skip
    return tag("div", drawn, table, class_="plots")


def _importance(table: ImportanceTable) -> Html:
    edges = [end for one in table.inputs for end in (one.low, one.high)]
    scale = Scale.of([0.0, *(one.increase for one in table.inputs), *edges])
    head = [
        header("input"),
        header("type"),
        header("importance"),
        header(f"{table.loss} grows by", is_number=True),
        header("interval", is_number=True),
        header("share", is_number=True, about="Of the importance of all inputs."),
    ]
    rows = (
        tag(
            "tr",
            cell(one.input),
            cell(one.type),
            bar_cell(scale, one.increase, one.low, one.high),
            cell(one.increase, is_number=True),
            tag("td", ends(one.low, one.high), class_="number soft", data_value=one.increase),
            tag("td", f"{one.share:.1%}", class_="number", data_value=one.share),
        )
        for one in table.inputs
    )
    words = HOW_TO_READ.format(loss=table.loss, rows=table.n_rows)
    caption = f"With all inputs as they are the {table.loss} is {table.base:.4g}."
    return tag("div", sortable(head, rows, caption=caption), tag("p", words, class_="hint"),
               class_="card")  # fmt: skip
