"""What a run found as data frames, with stable columns, empty ones included.

Every frame begins with `output` where it is about outputs. Numbers that do not exist are null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import polars as pl

from ordain.evaluation.summary import RunSummary
from ordain.evaluation.table import comparison_table

Row = dict[str, Any]
Columns = Mapping[str, Any]

TEXT, WHOLE, NUMBER, TRUTH = pl.String, pl.Int64, pl.Float64, pl.Boolean
BOUNDS = {"low": NUMBER, "high": NUMBER}


def frames_of(summary: RunSummary) -> dict[str, pl.DataFrame]:
    """Return all frames by name, in the order of `FRAMES`, after `comparison`."""
    found = {"comparison": comparison_table(summary)}
    for name, (columns, rows) in FRAMES.items():
        found[name] = pl.DataFrame(list(rows(summary)), schema=dict(columns), orient="row")
    return found


def _metrics(summary: RunSummary) -> Iterable[Row]:
    for output, judged in summary.outputs.items():
        models = {summary.family: judged.sets, **judged.baselines}
        for model, sets in models.items():
            for set_name, one in sets.items():
                for metric, value in one.metrics.items():
                    interval = one.intervals.get(metric)
                    yield {
                        "output": output,
                        "set": set_name,
                        "model": model,
                        "metric": metric,
                        "value": value,
                        "low": interval.low if interval else None,
                        "high": interval.high if interval else None,
                        "n_rows": one.n_rows,
                    }


def _differences(summary: RunSummary) -> Iterable[Row]:
    for output, judged in summary.outputs.items():
        for set_name, found in judged.differences.items():
            for one in found:
                yield {
                    "output": output,
                    "set": set_name,
                    "against": one.against,
                    "metric": one.metric,
                    "value": one.value,
                    "other": one.other,
                    "gain": one.gain,
                    "low": one.interval.low if one.interval else None,
                    "high": one.interval.high if one.interval else None,
                    "p_value": one.p_value,
                    "verdict": one.verdict,
                    "rows_better": one.flips.better if one.flips else None,
                    "rows_worse": one.flips.worse if one.flips else None,
                }


def _slices(summary: RunSummary) -> Iterable[Row]:
    for kind, by_output in (
        ("declared", summary.findings.slices),
        ("found", summary.findings.found_slices),
    ):
        for output, found in by_output.items():
            for one in found:
                for metric, value in one.metrics.items():
                    interval = one.intervals.get(metric)
                    yield {
                        "output": output,
                        "kind": kind,
                        "slice": one.name,
                        "where": one.where,
                        "n_rows": one.n_rows,
                        "share": one.share,
                        "metric": metric,
                        "value": value,
                        "low": interval.low if interval else None,
                        "high": interval.high if interval else None,
                        "loss": one.loss,
                        "loss_of_rest": one.loss_of_rest,
                        "p_value": one.p_value,
                        "verdict": one.verdict,
                    }


def _fairness(summary: RunSummary) -> Iterable[Row]:
    for output, found in summary.findings.fairness.items():
        for one in found:
            for group in one.groups:
                yield {
                    "output": output,
                    "column": one.column,
                    "label": one.label,
                    "figure": one.figure,
                    "group": group.group,
                    "value": group.value,
                    "low": group.low,
                    "high": group.high,
                    "n_rows": group.n_rows,
                    "gap": one.gap,
                    "ratio": one.ratio,
                    "is_marked": one.is_marked,
                }


def _importance(summary: RunSummary) -> Iterable[Row]:
    for output, table in summary.findings.importance.items():
        for one in table.inputs:
            yield {"output": output, **one.model_dump()}


def _dependence(summary: RunSummary) -> Iterable[Row]:
    for output, found in summary.findings.dependence.items():
        for one in found:
            for value, mean, share in zip(one.values, one.mean, one.shares, strict=True):
                is_number = one.is_ordered and not isinstance(value, str)
                yield {
                    "output": output,
                    "label": one.label,
                    "input": one.input,
                    "value": str(value),
                    "number": float(value) if is_number else None,
                    "mean": mean,
                    "share": share,
                }


def _interactions(summary: RunSummary) -> Iterable[Row]:
    for output, found in summary.findings.interactions.items():
        for one in found:
            first, second = one.inputs
            yield {"output": output, "first": first, "second": second, "strength": one.strength}


def _words(summary: RunSummary) -> Iterable[Row]:
    for output, found in summary.findings.words.items():
        for one in found.vocabulary:
            for word in (*one.for_it, *one.against):
                yield {
                    "output": output,
                    "label": one.label,
                    "input": one.input,
                    **word.model_dump(),
                }


def _worst_rows(summary: RunSummary) -> Iterable[Row]:
    for output, found in summary.findings.errors.items():
        for one in found.worst:
            yield {
                "output": output,
                "row": one.row,
                "loss": one.loss,
                "truth": str(one.truth),
                "prediction": str(one.prediction),
                "probability": one.probability,
                "is_suspect": one.is_suspect,
                "group": one.group,
            }


def _error_groups(summary: RunSummary) -> Iterable[Row]:
    for output, found in summary.findings.errors.items():
        for place, one in enumerate(found.groups):
            yield {"output": output, "group": place, **one.model_dump()}


def _mistakes(summary: RunSummary) -> Iterable[Row]:
    for output, found in summary.findings.errors.items():
        for one in found.mistakes:
            yield {"output": output, **one.model_dump()}


def _answered(summary: RunSummary) -> Iterable[Row]:
    for output, found in summary.findings.answered.items():
        for one in found:
            yield {"output": output, **one.model_dump()}


def _covered(summary: RunSummary) -> Iterable[Row]:
    for output, one in summary.findings.covered.items():
        yield {"output": output, **one.model_dump()}


def _checks(summary: RunSummary) -> Iterable[Row]:
    return (one.model_dump() for one in summary.findings.checks)


def _scenarios(summary: RunSummary) -> Iterable[Row]:
    report = summary.findings.scenarios
    for one in report.results if report else ():
        yield {"scenario": one.name, "passed": one.passed, "failures": "; ".join(one.failures)}


def _gates(summary: RunSummary) -> Iterable[Row]:
    kinds = (("gate", summary.findings.gates), ("limit", summary.findings.limits))
    for kind, found in kinds:
        for one in found:
            yield {"kind": kind, **one.model_dump(exclude={"interval"})}


FRAMES: dict[str, tuple[Columns, Callable[[RunSummary], Iterable[Row]]]] = {
    "metrics": (
        {"output": TEXT, "set": TEXT, "model": TEXT, "metric": TEXT, "value": NUMBER, **BOUNDS,
         "n_rows": WHOLE},
        _metrics,
    ),
    "differences": (
        {"output": TEXT, "set": TEXT, "against": TEXT, "metric": TEXT, "value": NUMBER,
         "other": NUMBER, "gain": NUMBER, **BOUNDS, "p_value": NUMBER, "verdict": TEXT,
         "rows_better": WHOLE, "rows_worse": WHOLE},
        _differences,
    ),
    "slices": (
        {"output": TEXT, "kind": TEXT, "slice": TEXT, "where": TEXT, "n_rows": WHOLE,
         "share": NUMBER, "metric": TEXT, "value": NUMBER, **BOUNDS, "loss": NUMBER,
         "loss_of_rest": NUMBER, "p_value": NUMBER, "verdict": TEXT},
        _slices,
    ),
    "fairness": (
        {"output": TEXT, "column": TEXT, "label": TEXT, "figure": TEXT, "group": TEXT,
         "value": NUMBER, **BOUNDS, "n_rows": WHOLE, "gap": NUMBER, "ratio": NUMBER,
         "is_marked": TRUTH},
        _fairness,
    ),
    "importance": (
        {"output": TEXT, "input": TEXT, "type": TEXT, "increase": NUMBER, **BOUNDS,
         "share": NUMBER},
        _importance,
    ),
    "dependence": (
        {"output": TEXT, "label": TEXT, "input": TEXT, "value": TEXT, "number": NUMBER,
         "mean": NUMBER, "share": NUMBER},
        _dependence,
    ),
    "interactions": (
        {"output": TEXT, "first": TEXT, "second": TEXT, "strength": NUMBER},
        _interactions,
    ),
    "words": (
        {"output": TEXT, "label": TEXT, "input": TEXT, "word": TEXT, "value": NUMBER,
         "n_rows": WHOLE},
        _words,
    ),
    "worst_rows": (
        {"output": TEXT, "row": WHOLE, "loss": NUMBER, "truth": TEXT, "prediction": TEXT,
         "probability": NUMBER, "is_suspect": TRUTH, "group": WHOLE},
        _worst_rows,
    ),
    "error_groups": (
        {"output": TEXT, "group": WHOLE, "shared": TEXT, "where": TEXT, "n_rows": WHOLE,
         "share": NUMBER, "share_of_all": NUMBER, "lift": NUMBER, "mean_loss": NUMBER},
        _error_groups,
    ),
    "mistakes": (
        {"output": TEXT, "truth": TEXT, "prediction": TEXT, "n_rows": WHOLE, "share": NUMBER,
         "overlap": NUMBER},
        _mistakes,
    ),
    "abstention": (
        {"output": TEXT, "share": NUMBER, "confidence": NUMBER, "accuracy": NUMBER, **BOUNDS,
         "n_rows": WHOLE},
        _answered,
    ),
    "coverage": (
        {"output": TEXT, "level": NUMBER, "coverage": NUMBER, **BOUNDS, "size": NUMBER,
         "n_rows": WHOLE, "least": NUMBER, "most": NUMBER},
        _covered,
    ),
    "checks": (
        {"name": TEXT, "question": TEXT, "state": TEXT, "reason": TEXT, "fix": TEXT,
         "output": TEXT, "seconds": NUMBER},
        _checks,
    ),
    "scenarios": ({"scenario": TEXT, "passed": TRUTH, "failures": TEXT}, _scenarios),
    "gates": (
        {"kind": TEXT, "name": TEXT, "passed": TRUTH, "output": TEXT, "value": NUMBER,
         "at_least": NUMBER, "at_most": NUMBER, "margin": NUMBER, "n_rows": WHOLE,
         "is_sure": TRUTH, "reason": TEXT},
        _gates,
    ),
}  # fmt: skip
"""Columns and rows of each frame."""
