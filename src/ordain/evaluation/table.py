"""This model beside its baselines: as a data frame, and as cells ready to be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.judgement import Judgement, OutputSummary
from ordain.evaluation.metric import LEAD
from ordain.evaluation.summary import RunSummary
from ordain.evaluation.verdict import format_value


@dataclass(frozen=True)
class Cell:
    """One value of a drawn table.

    Attributes:
        text: as people read it.
        value: to sort by; None where there is none.
        is_best: whether no model has a better one.
        note: what a reader may want to know, such as why there is no value.
        low: lower end of the interval of the value; None where there is none.
        high: upper end of it.
    """

    text: str
    value: float | str | None = None
    is_best: bool = False
    note: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class DrawnTable:
    """A table ready for a terminal or a page: the first column is text, the others numbers.

    Attributes:
        title: what it shows.
        header: names of the columns.
        about: one sentence on each column, or an empty text.
        rows: cells, as many a row as there are columns; the first row is this model.
        verdict: in plain words.
    """

    title: str
    header: tuple[str, ...]
    about: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    verdict: str = ""


def comparison_table(summary: RunSummary) -> pl.DataFrame:
    """Return a row for each output, set and model, this model first.

    Columns: `output`, `set`, `model`, `is_baseline`, `rows`, then every metric (null where it is
    undefined or does not fit the output).
    """
    rows: list[dict[str, object]] = []
    names: dict[str, None] = {}
    for output_name, output in summary.outputs.items():
        for set_name in output.sets:
            for model, judgement in comparison_rows(output, set_name, own=summary.family):
                names.update(dict.fromkeys(judgement.metrics))
                rows.append(
                    {
                        "output": output_name,
                        "set": set_name,
                        "model": model,
                        "is_baseline": judgement is not output.sets[set_name],
                        "rows": judgement.n_rows,
                        **judgement.metrics,
                    }
                )
    schema: dict[str, pl.DataType] = {
        "output": pl.String(),
        "set": pl.String(),
        "model": pl.String(),
        "is_baseline": pl.Boolean(),
        "rows": pl.Int64(),
        **{name: pl.Float64() for name in names},
    }
    return pl.DataFrame(rows, schema=schema)


def render_table(
    summary: RunSummary,
    output_name: str,
    *,
    set_name: str | None = None,
    metrics: Sequence[str] | None = None,
) -> DrawnTable:
    """Return the comparison for one output on one set.

    Args:
        summary: of the run.
        output_name: of the output column.
        set_name: by default the set that the verdict is drawn from.
        metrics: names of the columns; by default those that say most for the type of output.
    """
    output = summary.outputs[output_name]
    chosen_set = set_name or deciding_set(output.sets)
    names = list(metrics) if metrics is not None else lead_metrics(output, chosen_set)
    models = comparison_rows(output, chosen_set, own=summary.family)
    best = {name: _best(output, name, [judged for _, judged in models]) for name in names}
    return DrawnTable(
        title=f"{output_name} on {chosen_set}, {_rows(output.sets[chosen_set].n_rows)}",
        header=("model", *names),
        about=("", *(output.about.get(name, "") for name in names)),
        rows=tuple(
            (
                Cell(model, model),
                *(_cell(judgement, name, best=best[name]) for name in names),
            )
            for model, judgement in models
        ),
        verdict=output.verdict if chosen_set == deciding_set(output.sets) else "",
    )


def comparison_rows(
    output: OutputSummary, set_name: str, *, own: str
) -> list[tuple[str, Judgement]]:
    """Return this model, called `own`, and the baselines judged on a set."""
    baselines = [
        (name, sets[set_name]) for name, sets in output.baselines.items() if set_name in sets
    ]
    return [(own, output.sets[set_name]), *baselines]


def lead_metrics(output: OutputSummary, set_name: str) -> list[str]:
    """Return the metrics to show first, the headline before all; all where a user chose few.

    A metric without a value for any model is left out, unless it is the headline.
    """
    computed = list(output.sets[set_name].metrics)
    judged = [
        output.sets[set_name],
        *(by[set_name] for by in output.baselines.values() if set_name in by),
    ]
    known = [name for name in computed if any(one.metrics.get(name) is not None for one in judged)]
    lead = [name for name in LEAD.get(output.type, ()) if name in known]
    shown = lead if len(lead) > 2 else known[:8]  # noqa: PLR2004 - a user's own choice
    return [output.headline, *(name for name in shown if name != output.headline)]


def _best(output: OutputSummary, name: str, judged: Sequence[Judgement]) -> float | None:
    values = [value for one in judged if (value := one.metrics.get(name)) is not None]
    if len(judged) < 2 or not values:  # noqa: PLR2004 - one model is not the best of anything
        return None
    return max(values) if output.is_higher_better.get(name, True) else min(values)


def _cell(judgement: Judgement, name: str, *, best: float | None) -> Cell:
    value = judgement.metrics.get(name)
    note = ""
    if value is None:
        note = f"no value: {judgement.undefined.get(name, 'not computed')}"
    interval = None if value is None else judgement.intervals.get(name)
    if interval is not None:
        low, high = format_value(interval.low), format_value(interval.high)
        note = f"{interval.level * 100:g}% interval {low} to {high}"
    # Equal as shown is equal to a reader: a tie in the fifth digit marks both.
    is_best = None not in (value, best) and format_value(value) == format_value(best)
    ends = (None, None) if interval is None else (interval.low, interval.high)
    return Cell(format_value(value), value, is_best, note, *ends)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
