"""How good one output is, in plots and tables, and how learning went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ordain.evaluation import figures
from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.history import Panel, axis_of, panels_of
from ordain.evaluation.judgement import Judgement, OutputSummary
from ordain.evaluation.report.html import Html, join, tag
from ordain.evaluation.report.plots import Plots
from ordain.evaluation.report.tables import cell, drawn_table, facts, header, sortable
from ordain.evaluation.summary import RunSummary
from ordain.evaluation.table import Cell, DrawnTable, render_table

CALIBRATION = (
    "Ten groups of rows by claimed probability. On the dotted line a claim of 70% comes true in "
    "70% of the rows; below it the model is too sure. Bars are 95% intervals."
)
COST = (
    "What a row costs on average if rows are called positive from this probability on, by the "
    "prices declared. The upright line is the threshold in force, the level one what it costs to "
    "call no row positive. Where the curve is flat, the "
    "exact threshold hardly matters; a least far from the line says that another one is cheaper."
)
LEARNING = (
    "Training and validation that fall (or rise) together mean the model still learns; a "
    "validation curve that turns back while training goes on means it has begun to memorise."
)
LEARNING_ALONE = (
    "Measured while the model learned. Where a curve of validation rows turns back for good, it "
    "has begun to memorise; where it still moves at the end, more training may help."
)
SEARCHED = (
    "Each point is a model of its own, trained with this setting; the one that does best on "
    "validation rows was taken. Far better on training than on validation rows means that it "
    "memorises with this setting."
)
SET_PLOTS = (
    (
        "ROC curve",
        figures.roc_curves,
        (
            "Each point is a threshold: how many positives are found for how many false alarms."
            " Nearer to the upper left corner is better; the dotted line is guessing."
        ),
    ),
    (
        "Precision and recall",
        figures.precision_recall_curves,
        (
            "How many calls are right against how many positives are found. Read off what "
            "precision a wished recall costs; the dotted line is the share of positives."
        ),
    ),
    (
        "Gain",
        figures.gain_curves,
        (
            "If only so many rows can be followed up, the likeliest first, this share of all "
            "positives is among them. The dotted line is taking rows at random."
        ),
    ),
    (
        "Lift",
        figures.lift_curves,
        (
            "The same as how many times the positives that taking rows at random would find. "
            "It falls to 1 where all rows are taken."
        ),
    ),
)
"""Title, figure and words of the plots that lay all judged sets over each other."""

PLOTS = (
    (
        "Confusion matrix",
        figures.confusion_matrix,
        (
            "Rows are the truth, columns the prediction; a full diagonal is perfect, every "
            "other coloured cell is a kind of mistake."
        ),
    ),
    (
        "Metrics by threshold",
        figures.binary_threshold_vs_metric,
        (
            "What each metric would be if rows were called positive from this probability on. "
            "The dotted line is the threshold in force; what was asked for decides where it "
            "stands."
        ),
    ),
    (
        "Probabilities given",
        figures.score_distribution,
        (
            "The further the two classes lie apart, the easier they are to tell. Each class "
            "sums to 100%."
        ),
    ),
    (
        "Accuracy where the model is sure",
        figures.confidence_thresholding,
        (
            "If only the surest share of the rows were answered and the others left to a "
            "person, accuracy would be this high."
        ),
    ),
    (
        "F1 by size of the class",
        figures.frequency_vs_f1,
        "Classes low on the left are rare and badly known: more examples of them may help.",
    ),
    (
        "Prediction and truth",
        figures.prediction_vs_truth,
        (
            "Each point is a row of the set, at most 1,000 of them. On the dotted line the "
            "prediction is exact."
        ),
    ),
    (
        "Residuals",
        figures.residuals,
        (
            "How often the prediction is too low (left) or too high (right). The middle 99% of "
            "the rows are shown."
        ),
    ),
    (
        "Error by size of the prediction",
        figures.errors_by_size,
        "Ten groups of rows from small to large predictions; a mean error off zero is a bias.",
    ),
)
"""Title, figure and words of the plots of the deciding set; those without data are left out."""


def performance(summary: RunSummary, output_name: str, plots: Plots) -> Html:
    """Return plots and tables of one output."""
    output = summary.outputs[output_name]
    set_name = deciding_set(output.sets)
    judgement = output.sets[set_name]
    mended = summary.findings.calibrated.get(output_name)
    before = None if mended is None else mended.reliability_before
    # What the sections on decisions and errors say better is left to them.
    has_answered = bool(summary.findings.answered.get(output_name))
    errors = summary.findings.errors.get(output_name)
    drawn = _plots_of(output, judgement, plots, before=before, has_coverage=not has_answered)
    every = render_table(summary, output_name, metrics=list(judgement.metrics))
    others = [
        render_table(summary, output_name, set_name=name, metrics=list(judgement.metrics))
        for name in output.sets
        if name != set_name
    ]
    return join(
        [
            tag("div", *drawn, class_="plots"),
            _classes(judgement),
            None if errors and errors.mistakes else _mistakes(judgement),
            *(
                tag(
                    "details",
                    tag("summary", f"All metrics: {table.title}"),
                    tag("div", drawn_table(_transposed(table), has_own_row=False), class_="card"),
                )
                for table in (every, *others)
            ),
        ]
    )


def training(summary: RunSummary, plots: Plots) -> Html | None:
    """Return learning curves and what the model chose."""
    drawn = [
        plots.add(
            f"{'Settings tried' if panel.is_search else 'Learning curve'}: {panel.title}",
            figures.learning_curve(panel),
            how_to_read=_learning_in_words(panel),
        )
        for panel in panels_of(summary.history, axis=axis_of(summary.family))
    ]
    if not drawn and not summary.model:
        return None
    chosen = tag(
        "div", tag("h3", "What the model chose"), facts(_lifted(summary.model)), class_="card"
    )
    return join([tag("div", *drawn, class_="plots") if drawn else None,
                 chosen if summary.model else None])  # fmt: skip


def _lifted(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the model chose, that of a single output beside what is common to all."""
    found = dict(model)
    outputs = found.get("outputs")
    if isinstance(outputs, Mapping) and len(outputs) == 1:
        (own,) = outputs.values()
        if isinstance(own, Mapping):
            del found["outputs"]
            found |= {key: value for key, value in own.items() if key not in found}
    return found


def _learning_in_words(panel: Panel) -> str:
    if panel.is_search:
        return SEARCHED
    return LEARNING if {"train", "validation"} <= panel.sets else LEARNING_ALONE


def _plots_of(
    output: OutputSummary,
    judgement: Judgement,
    plots: Plots,
    *,
    before: Mapping[str, Any] | None,
    has_coverage: bool,
) -> list[Html | None]:
    by_set = dict(sorted(output.sets.items(), key=lambda item: item[1] is not judgement))
    drawn = [
        plots.add(title, curve(by_set), how_to_read=words) for title, curve, words in SET_PLOTS
    ]
    drawn.append(
        plots.add("Calibration", figures.calibration(judgement, before), how_to_read=CALIBRATION)
    )
    for title, figure, words in PLOTS:
        if has_coverage or figure is not figures.confidence_thresholding:
            drawn.append(plots.add(title, figure(judgement), how_to_read=words))
        if figure is figures.binary_threshold_vs_metric:
            drawn += [
                plots.add(f"Cost by threshold: {label}", cost, how_to_read=COST)
                for label, cost in figures.cost_by_threshold(by_set)
            ]
    return drawn


def _transposed(table: DrawnTable) -> DrawnTable:
    """Return metrics as rows: with many of them a wide table cannot be read."""
    rows = [
        (Cell(name, name, note=about), *(row[place] for row in table.rows))
        for place, (name, about) in enumerate(zip(table.header, table.about, strict=True))
        if place > 0
    ]
    names = ("metric", *(row[0].text for row in table.rows))
    return DrawnTable(table.title, names, ("",) * len(names), tuple(rows))


def _classes(judgement: Judgement) -> Html | None:
    if not judgement.per_class:
        return None
    columns = {
        "label": "class",
        "rows": "rows",
        "precision": "precision",
        "recall": "recall",
        "f1": "f1",
        "taken_for": "most taken for",
        "taken_for_share": "share",
    }
    return _records(
        judgement.per_class,
        columns,
        text={"label", "taken_for"},
        caption="By class: a click on a heading sorts. The last columns say what the class is most "
        "often taken for, and in which share of its rows.",
    )


def _mistakes(judgement: Judgement) -> Html | None:
    top = judgement.confusion.get("top")
    if not top:
        return None
    columns = {name: name for name in ("truth", "predicted", "rows", "share")}
    caption = "The most frequent mistakes; share is of the rows of the true class."
    return _records(top, columns, text={"truth", "predicted"}, caption=caption)


def _records(
    records: Sequence[Mapping[str, Any]],
    columns: Mapping[str, str],
    *,
    text: set[str],
    caption: str,
) -> Html:
    head = (header(title, is_number=name not in text) for name, title in columns.items())
    rows = (
        tag("tr", *(cell(record[name], is_number=name not in text) for name in columns))
        for record in records
    )
    return tag("div", sortable(head, rows, caption=caption), class_="card")
