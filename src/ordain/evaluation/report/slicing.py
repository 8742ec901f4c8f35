"""Slices: those that were declared, those that were found, and fairness between groups."""

from __future__ import annotations

from collections.abc import Sequence

from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.report.html import Html, join, tag
from ordain.evaluation.report.ranges import Scale, between, ends, rail, rail_cell
from ordain.evaluation.report.tables import badge, cell, header, sortable
from ordain.evaluation.slices.discovery import Discovery
from ordain.evaluation.slices.fairness import FairnessFigure, GroupFigure
from ordain.evaluation.slices.judged import SliceJudgement
from ordain.evaluation.summary import RunSummary
from ordain.evaluation.verdict import format_value

N_MORE = 2
FIGURES = {
    "selection_rate": "Share of the group that is predicted as it (demographic parity).",
    "true_positive_rate": "Of those that are it, the share that is found (equal opportunity).",
    "false_positive_rate": "Of those that are not, the share that is called it all the same.",
    "precision": "Of those that are called it, the share that is.",
    "mean_error": "Mean of prediction minus truth: above zero the group is overrated.",
    "mean_absolute_error": "Mean size of the error.",
}
"""What each figure of fairness says."""


def slices(summary: RunSummary) -> Html | None:
    """Return the tables of declared and of found slices for every output."""
    parts: list[Html | None] = []
    for name in summary.outputs:
        declared = summary.findings.slices.get(name)
        discovery = summary.findings.discovery.get(name)
        title = tag("h3", name) if len(summary.outputs) > 1 and (declared or discovery) else None
        parts += [
            title,
            _declared(summary, name, declared) if declared else None,
            _found(summary, name, discovery) if discovery else None,
        ]
    if not any(parts):
        return None
    hint = (
        "Each slice is judged by its own rows. The bar is its interval, the line the value of all "
        "rows. 'Worse' and 'better' are said against all other rows, only beyond chance, corrected "
        "for the number of slices: a slice of a few rows raises no alarm."
    )
    return join([tag("p", hint, class_="hint"), *parts])


def fairness(summary: RunSummary) -> Html | None:
    """Return for every protected column the gaps between its groups, and the groups."""
    cards = []
    for name, figures in summary.findings.fairness.items():
        for column in dict.fromkeys(one.column for one in figures):
            own = [one for one in figures if one.column == column]
            title = column if len(summary.outputs) == 1 else f"{column}, for {name}"
            cards.append(_column_card(title, own))
    if not cards:
        return None
    hint = (
        "How rates and errors differ between groups. The gap is the greatest minus the least, "
        "among groups of at least 20 rows; where its interval holds zero it may be chance. Which "
        "gap is acceptable is no question of statistics: marked are gaps beyond chance, and for "
        "the selection rate only where the ratio is below four fifths."
    )
    return join([tag("p", hint, class_="hint"), *cards])


def _declared(summary: RunSummary, name: str, found: Sequence[SliceJudgement]) -> Html:
    return tag("div", _table(summary, name, found, "Declared slices"), class_="card")


def _found(summary: RunSummary, name: str, discovery: Discovery) -> Html:
    tried = f"{discovery.n_tried:,} slices of {discovery.n_rows:,} rows were looked at"
    if not discovery.found:
        words = f"{tried}: none is worse than the other rows beyond chance."
        return tag("div", tag("h3", "Found slices"), tag("p", words, class_="hint"), class_="card")
    head = [
        header("slice"),
        header("rows", is_number=True),
        header("share", is_number=True),
        header(discovery.loss, is_number=True),
        header("of the rest", is_number=True),
        header("times", is_number=True, about="Loss of the slice over that of the other rows."),
        header("p", is_number=True, about="Of so great a difference by chance, after the search."),
    ]
    rows = (
        tag(
            "tr",
            tag("td", tag("code", one.where) if one.where else one.name, data_value=one.name),
            cell(one.n_rows, is_number=True),
            _percent(one.share),
            cell(one.loss, is_number=True),
            cell(one.loss_of_rest, is_number=True),
            tag("td", f"{one.lift:.2f}", class_="number", data_value=one.lift),
            tag("td", f"{one.p_value:.1g}", class_="number", data_value=one.p_value),
        )
        for one in discovery.found
    )
    caption = (
        f"Found slices: {tried}; these are worse than all other rows, the worst first. "
        "Conditions in code can be pasted into SQL."
    )
    judged = summary.findings.found_slices.get(name, ())
    return tag(
        "div",
        sortable(head, rows, caption=caption),
        tag("details", tag("summary", "The same by all metrics"),
            _table(summary, name, judged, "")) if judged else None,
        class_="card",
    )  # fmt: skip


def _table(summary: RunSummary, name: str, found: Sequence[SliceJudgement], caption: str) -> Html:
    output = summary.outputs[name]
    metric = next(iter(found[0].metrics), output.headline)
    more = [one for one in found[0].metrics if one != metric][:N_MORE]
    overall = output.sets[deciding_set(output.sets)].metrics.get(metric)
    edges = [end for s in found if s.interval for end in (s.interval.low, s.interval.high)]
    scale = Scale.of([*(s.metrics.get(metric) for s in found), *edges], mark=overall)
    head = [
        header("slice"),
        header("rows", is_number=True),
        header("share", is_number=True),
        header(metric, is_number=True),
        header("all rows: the line"),
        header("95% interval", is_number=True),
        header("other rows", is_number=True),
        header("verdict"),
        *(header(one, is_number=True, about=output.about.get(one, "")) for one in more),
    ]
    rows = (_slice_row(one, metric, more, scale) for one in found)
    return sortable(head, rows, caption=caption)


def _slice_row(one: SliceJudgement, metric: str, more: Sequence[str], scale: Scale) -> Html:
    low, high = (one.interval.low, one.interval.high) if one.interval else (None, None)
    kind = {"worse": "bad", "better": "good"}.get(one.verdict, "")
    value = one.metrics.get(metric)
    note = f"no value: {one.undefined[metric]}" if metric in one.undefined else None
    shown = "" if value is None else value
    return tag(
        "tr",
        tag("td", one.name, title=one.where or None, data_value=one.name, class_="name"),
        cell(one.n_rows, is_number=True),
        _percent(one.share),
        tag("td", format_value(value), class_="number", title=note, data_value=shown),
        rail_cell(scale, value, low, high, kind=kind),
        tag("td", between(one.interval), class_="number soft", data_value=shown),
        cell(one.rest, is_number=True),
        tag("td", badge(one.verdict), data_value=one.verdict,
            title=None if one.p_value is None else f"p = {one.p_value:.2g}"),
        *(cell(one.metrics.get(name), is_number=True) for name in more),
    )  # fmt: skip


def _column_card(title: str, figures: Sequence[FairnessFigure]) -> Html:
    labels = list(dict.fromkeys(one.label for one in figures))
    scale = Scale.of([0.0, *(one.gap_high for one in figures)])
    head = [
        header("figure"),
        *([header("class")] if len(labels) > 1 else []),
        header("least in"),
        header("greatest in"),
        header("gap", is_number=True),
        header(""),
        header("95% interval", is_number=True),
        header("ratio", is_number=True, about="The least over the greatest."),
        header("95% interval of the ratio", is_number=True),
        header("marked"),
    ]
    rows = (_gap_row(one, scale, has_label=len(labels) > 1) for one in figures)
    what = f" of predicting '{labels[0]}'" if len(labels) == 1 and labels[0] else ""
    groups = [_groups(label, [one for one in figures if one.label == label]) for label in labels]
    return tag(
        "div",
        tag("h3", title),
        sortable(head, rows, caption=f"Gaps{what} between the groups of this column."),
        tag("details", tag("summary", "Every group"), *groups, open=len(labels) == 1),
        class_="card",
    )


def _gap_row(one: FairnessFigure, scale: Scale, *, has_label: bool) -> Html:
    kind = "bad" if one.is_marked else ""
    return tag(
        "tr",
        tag(
            "td",
            one.figure.replace("_", " "),
            title=FIGURES.get(one.figure),
            data_value=one.figure,
            class_="word",
        ),
        cell(one.label) if has_label else None,
        cell(one.least),
        cell(one.greatest),
        cell(one.gap, is_number=True),
        rail_cell(scale, one.gap, one.gap_low, one.gap_high, kind=kind),
        tag("td", ends(one.gap_low, one.gap_high), class_="number soft"),
        cell(one.ratio, is_number=True),
        tag(
            "td",
            "" if one.ratio_low is None else ends(one.ratio_low, one.ratio_high),
            class_="number soft",
        ),
        tag("td", badge("marked") if one.is_marked else "", data_value=int(one.is_marked)),
    )


def _groups(label: str, figures: Sequence[FairnessFigure]) -> Html:
    names = list(dict.fromkeys(group.group for one in figures for group in one.groups))
    by_name = [{group.group: group for group in one.groups} for one in figures]
    scales = [
        Scale.of([end for group in one.groups for end in (group.low, group.high, group.value)])
        for one in figures
    ]
    head = [
        header("group"),
        *(header(one.figure.replace("_", " "), is_number=True, about=FIGURES.get(one.figure, ""))
          for one in figures),
    ]  # fmt: skip
    rows = (
        tag("tr", cell(name), *(_group_cell(found.get(name), scale)
                                for found, scale in zip(by_name, scales, strict=True)))
        for name in names
    )  # fmt: skip
    return sortable(head, rows, caption=f"class '{label}'" if label else "")


def _group_cell(group: GroupFigure | None, scale: Scale) -> Html:
    if group is None or group.value is None:
        return tag("td", "-", class_="number", data_value="")
    note = f"{ends(group.low, group.high)}, {group.n_rows:,} rows"
    return tag(
        "td",
        format_value(group.value),
        rail(scale, group.value, group.low, group.high),
        class_="number stacked",
        title=note,
        data_value=group.value,
    )


def _percent(share: float) -> Html:
    return tag("td", f"{share:.1%}", class_="number", data_value=share)
