"""Every figure of a run by name, as plotly JSON or as plotly's own object.

`figure(summary, "roc")` is what `Result.figure` gives; `plotly` is imported only there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ordain.core.diagnostics import nearest
from ordain.core.errors import UsageError
from ordain.evaluation import figures, findings_figures
from ordain.evaluation.drawing import Figure
from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.explain.figures import importance_bars
from ordain.evaluation.history import axis_of
from ordain.evaluation.judgement import Judgement
from ordain.evaluation.summary import RunSummary


def figure(summary: RunSummary, name: str, *, output: str | None = None, **which: str) -> Any:
    """Return a figure as `plotly.graph_objects.Figure`.

    Args:
        summary: of the run.
        name: one of `GALLERY`.
        output: name of the output; the first one that has the figure by default.
        which: `input` for `dependence`, `column` for `fairness`, `quantity` for `learning`,
            `metric` for `cost`, `pair` for `interaction`; the first one by default.

    Raises:
        UsageError: there is no such figure, or the run has nothing to draw there.
    """
    import plotly.graph_objects as go

    found = draw(summary, name, output=output, **which)
    return go.Figure(data=found["data"], layout={"template": "plotly_white", **found["layout"]})


def draw(summary: RunSummary, name: str, *, output: str | None = None, **which: str) -> Figure:
    """Return a figure as plotly JSON; see `figure`."""
    if name not in GALLERY:
        raise _unknown("figure", name, list(GALLERY))
    if output is not None and output not in summary.outputs:
        raise _unknown("output", output, list(summary.outputs))
    maker = GALLERY[name]
    for one in [output] if output is not None else list(summary.outputs):
        drawn = maker(summary, one, **which)
        if drawn is not None:
            return drawn
    raise UsageError(
        f"the run has nothing to draw as '{name}'\n  Possible: {', '.join(names_of(summary))}"
    )


def names_of(summary: RunSummary) -> list[str]:
    """Return the names of the figures that the run has something for."""
    return [
        name
        for name, maker in GALLERY.items()
        if any(maker(summary, output) is not None for output in summary.outputs)
    ]


def _judged(make: Callable[[Judgement], Figure | None]) -> Callable[..., Figure | None]:
    return lambda summary, output: make(_own(summary, output))


def _laid_over(make: Callable[[Any], Figure | None]) -> Callable[..., Figure | None]:
    return lambda summary, output: make(summary.outputs[output].sets)


def _own(summary: RunSummary, output: str) -> Judgement:
    sets = summary.outputs[output].sets
    return sets[deciding_set(sets)]


def _calibration(summary: RunSummary, output: str) -> Figure | None:
    mended = summary.findings.calibrated.get(output)
    before = None if mended is None else mended.reliability_before
    return figures.calibration(_own(summary, output), before)


def _learning(summary: RunSummary, _: str, *, quantity: str = "") -> Figure | None:
    curves = figures.learning_curves(summary.history, axis=axis_of(summary.family))
    chosen: Figure | None = _chosen("quantity", quantity, dict(curves))
    return chosen


def _baselines(summary: RunSummary, output: str) -> Figure | None:
    judged = summary.outputs[output]
    return figures.compare_performance(judged, deciding_set(judged.sets), own=summary.family)


def _cost(summary: RunSummary, output: str, *, metric: str = "") -> Figure | None:
    sets = summary.outputs[output].sets
    first = deciding_set(sets)
    ordered = {first: sets[first], **sets}
    chosen: Figure | None = _chosen("metric", metric, dict(figures.cost_by_threshold(ordered)))
    return chosen


def _slices(summary: RunSummary, output: str) -> Figure | None:
    findings = summary.findings
    found = (*findings.slices.get(output, ()), *findings.found_slices.get(output, ()))
    metric = summary.outputs[output].headline
    overall = _own(summary, output).metrics.get(metric)
    return findings_figures.slice_points(found, metric, overall=overall)


def _fairness(summary: RunSummary, output: str, *, column: str = "") -> Figure | None:
    found = summary.findings.fairness.get(output, ())
    by_column = {name: [one for one in found if one.column == name]
                 for name in dict.fromkeys(one.column for one in found)}  # fmt: skip
    chosen = _chosen("column", column, by_column)
    return None if chosen is None else findings_figures.fairness_points(chosen)


def _importance(summary: RunSummary, output: str) -> Figure | None:
    table = summary.findings.importance.get(output)
    return None if table is None or not table.inputs else importance_bars(table)


def _dependence(summary: RunSummary, output: str, **which: str) -> Figure | None:
    found = {one.input: one for one in summary.findings.dependence.get(output, ())}
    chosen = _chosen("input", which.get("input", ""), found)
    return None if chosen is None else findings_figures.dependence(chosen)


def _interaction(summary: RunSummary, output: str, *, pair: str = "") -> Figure | None:
    known = [one for one in summary.findings.interactions.get(output, ()) if one.mean]
    chosen = _chosen("pair", pair, {" and ".join(one.inputs): one for one in known})
    return None if chosen is None else findings_figures.interaction(chosen)


def _abstention(summary: RunSummary, output: str) -> Figure | None:
    decided = summary.findings.decided.get(output)
    confidence = None if decided is None else decided.decision.answer_from
    rows = summary.findings.answered.get(output, ())
    return findings_figures.abstention(rows, confidence=confidence)


def _chosen(kind: str, wanted: str, found: dict[str, Any]) -> Any:
    if not found:
        return None
    if wanted and wanted not in found:
        raise _unknown(kind, wanted, list(found))
    return found[wanted] if wanted else next(iter(found.values()))


def _unknown(kind: str, name: str, known: list[str]) -> UsageError:
    close = nearest(name, known)
    hint = f"; nearest: '{close}'" if close else ""
    return UsageError(f"there is no {kind} '{name}'{hint}\n  Possible: {', '.join(known)}")


GALLERY: dict[str, Callable[..., Figure | None]] = {
    "baselines": _baselines,
    "learning": _learning,
    "roc": _laid_over(figures.roc_curves),
    "precision_recall": _laid_over(figures.precision_recall_curves),
    "gain": _laid_over(figures.gain_curves),
    "lift": _laid_over(figures.lift_curves),
    "calibration": _calibration,
    "threshold": _judged(figures.binary_threshold_vs_metric),
    "cost": _cost,
    "scores": _judged(figures.score_distribution),
    "confusion": _judged(figures.confusion_matrix),
    "classes": _judged(figures.frequency_vs_f1),
    "abstention": _abstention,
    "residuals": _judged(figures.residuals),
    "prediction_vs_truth": _judged(figures.prediction_vs_truth),
    "errors_by_size": _judged(figures.errors_by_size),
    "slices": _slices,
    "fairness": _fairness,
    "importance": _importance,
    "dependence": _dependence,
    "interaction": _interaction,
}
"""Makers of figures by name: from a summary and an output; None where there is nothing to draw."""
