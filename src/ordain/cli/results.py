"""A model beside its baselines, as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ordain.cli.console import number, print_table, seconds

Table = tuple[str, list[str], list[list[Any]], list[int]]
SHORTEST_SHOWN = 0.005
"""Seconds a stage must have taken to be listed."""


def print_scores(
    metrics: Mapping[str, Any], baselines: Mapping[str, Any], cross_validation: Mapping[str, Any]
) -> None:
    """Print a model beside its baselines, its scores on other named sets, and over folds."""
    for title, columns, rows, best in comparison(metrics, baselines):
        print_table(columns, rows, title=title, bold=best)
    for title, columns, rows in (*other_sets(metrics), *folds(cross_validation)):
        print_table(columns, rows, title=title)


def comparison(
    metrics: Mapping[str, Any], baselines: Mapping[str, Any], *, title: str | None = None
) -> Iterator[Table]:
    """Yield for each output: a title, columns, rows, and the row of the model.

    A metric without a value in any row is left out.

    Args:
        metrics: by set, output and metric; of the test set, else of the first.
        baselines: the same by name.
        title: what the rows are called; the name of the set where None.
    """
    shown = _shown(metrics)
    if shown is None:
        return
    for output, values in metrics[shown].items():
        models = {"this model": values}
        for name, judged in baselines.items():
            models[name] = judged.get(shown, {}).get(output, {})
        columns = _lead(values)
        known = [name for name in columns if any(m.get(name) is not None for m in models.values())]
        columns = known or columns[:1]
        rows = [
            [name, *(found.get(column) for column in columns)] for name, found in models.items()
        ]
        where = title or f"the {shown} set"
        yield f"{output} on {where}", ["", *columns], rows, [0]


def other_sets(metrics: Mapping[str, Any]) -> Iterator[tuple[str, list[str], list[list[Any]]]]:
    """Yield for each output the scores on the named sets that `comparison` does not show."""
    shown = _shown(metrics)
    others = [name for name in metrics if name not in {shown, "train", "validation", "test"}]
    outputs = metrics[shown] if shown is not None and others else {}
    for output, values in outputs.items():
        judged = {name: metrics[name].get(output, {}) for name in others}
        columns = [
            name
            for name in _lead(values)
            if any(found.get(name) is not None for found in judged.values())
        ]
        rows = [[name, *(found.get(c) for c in columns)] for name, found in judged.items()]
        yield f"{output} on the other sets", ["", *columns], rows


def _shown(metrics: Mapping[str, Any]) -> str | None:
    return "test" if "test" in metrics else next(iter(metrics), None)


def _lead(values: Mapping[str, Any]) -> list[str]:
    """Return the metrics that a table has room for."""
    from ordain.evaluation.metric import LEAD

    lead = next(
        (names for names in LEAD.values() if names[0] in values and names[1] in values),
        tuple(values),
    )
    return [name for name in lead if name in values] or list(values)[:6]


def folds(cross_validation: Mapping[str, Any]) -> Iterator[tuple[str, list[str], list[list[Any]]]]:
    """Yield for each output: a title, columns, and a row a metric that has a value."""
    for output, metrics in cross_validation.items():
        n_folds = max(len(spread["folds"]) for spread in metrics.values())
        rows = [
            [name, spread["mean"], spread["sd"], _between(spread.get("interval"))]
            for name, spread in metrics.items()
            if spread["mean"] is not None
        ]
        title = f"{output} over {n_folds} trained folds"
        yield title, ["", "mean", "sd", "95% interval of the mean"], rows


def _between(interval: Sequence[float] | None) -> str:
    return f"{number(interval[0])} to {number(interval[1])}" if interval else "-"


def came_to(account: Mapping[str, Any]) -> str:
    """Return what a run cost and the energy it took, where they are known; else no text."""
    parts = []
    if (cost := account.get("cost")) is not None:
        parts.append(f"{number(cost)} for {seconds(account['seconds'])}")
    if (joules := account.get("energy_joules")) is not None:
        parts.append(f"{number(joules)} J of the processor packages, whoever used them")
    return ", ".join(parts)


def time_spent(by_stage: Mapping[str, float]) -> str:
    """Return the wall time of each stage that took any, on one line."""
    shown = [
        f"{name} {seconds(value)}" for name, value in by_stage.items() if value >= SHORTEST_SHOWN
    ]
    return ", ".join(shown) or "none"
