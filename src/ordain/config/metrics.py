"""Checks of `evaluation.metrics` and of the places that name a metric."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ordain.config.codes import fault
from ordain.config.document import AUTO
from ordain.config.draft import Draft
from ordain.config.explain import read_spec, unknown_component
from ordain.config.located import Path
from ordain.core.component import Registry, is_sealed
from ordain.core.diagnostics import Diagnostic, nearest
from ordain.core.errors import UsageError

if TYPE_CHECKING:
    from ordain.config.config import Config
    from ordain.config.document import OutputFeature

Written = str | dict[str, Any]


def check_metrics(draft: Draft, metrics: Sequence[Written]) -> Iterator[Diagnostic]:
    """Yield the faults of metrics.

    These are unknown names, wrong keys, two of one name, functions that cannot be called, and
    metrics that fit no output.
    """
    first: dict[str, int] = {}
    for index, metric in enumerate(metrics):
        path = ("evaluation", "metrics", index)
        read, faults = _read(draft, metric, path)
        yield from faults
        if read is None:
            continue
        yield from _misfit(draft, read, path)
        if read.label in first:
            yield fault(
                "E319",
                f"two metrics are called '{read.label}', the other is number "
                f"{first[read.label] + 1} of the list",
                path,
                draft.root.mark_of(path),
                fix="give one of them a `name` of its own, or remove it",
            )
        first.setdefault(read.label, index)
        if read.type == "call" and not is_sealed():
            yield from _uncallable(draft, read, path)


def check_metric_name(
    draft: Draft, name: str, path: Path, metrics: Sequence[Written] | None
) -> Iterator[Diagnostic]:
    """Yield the faults of a place that names a metric, such as `evaluation.optimize`.

    Args:
        draft: takes the places.
        name: the metric as tables call it, or its type.
        path: where it is named.
        metrics: `evaluation.metrics`.
    """
    chosen = [read for metric in metrics or () if (read := _quiet(metric)) is not None]
    named = next((metric for metric in chosen if metric.label == name), None)
    if named is None:
        named = _quiet(name)
    if named is not None:
        yield from _misfit(draft, named, path)
        return
    known = list(dict.fromkeys([*(metric.label for metric in chosen), *_fitting(draft)]))
    close = nearest(name, [*known, *metric_registry().aliases()])
    yield fault(
        "E204",
        f"unknown metric '{name}'",
        path,
        draft.root.mark_of(path),
        allowed=f"It may be: {', '.join(known)}.",
        fix=f"{path[-1]}: {close}" if close else None,
    )


def check_cost_labels(
    config: Config, output: OutputFeature, labels: Sequence[str]
) -> Iterator[Diagnostic]:
    """Yield the classes that a cost matrix names and the only output with classes does not have."""
    for index, metric in enumerate(config.document.evaluation.metrics or ()):
        matrix: Any = metric.get("cost_matrix") if isinstance(metric, dict) else None
        read = _quiet(metric) if isinstance(matrix, dict) else None
        for label in read.named_labels if read is not None else ():
            if label in labels:
                continue
            truth = next(key for key, row in matrix.items() if key == label or label in row)
            place: Path = ("evaluation", "metrics", index, "cost_matrix", truth)
            if truth != label:
                place = (*place, label)
            yield unknown_class(config, output, label, labels=labels, place=place)


def unknown_class(
    config: Config,
    output: OutputFeature,
    label: str,
    *,
    labels: Sequence[str],
    place: Path,
    value: Any = "...",
) -> Diagnostic:
    """Return the fault of a key that names a class the output does not have."""
    close = nearest(label, labels)
    return fault(
        "E410",
        f"`{output.column}` has no class '{label}'",
        place,
        config.tree.mark_of_key(place),
        allowed=f"Classes: {', '.join(labels)}.",
        fix=f"{close}: {value}" if close else None,
    )


def metric_registry() -> Registry[Any]:
    """Return the registry of metrics."""
    # Metrics live in a room above this one: they are looked up by name, as a plugin's are, so that
    # the imports of this room still go downward.
    registry: Registry[Any] = importlib.import_module("ordain.evaluation.metric").METRICS
    return registry


def typed(metric: Written) -> dict[str, Any]:
    """Return a metric as a mapping, its `type` written out where `name` or a key tells it."""
    if isinstance(metric, str):
        return {"type": metric}
    found: dict[str, Any] = importlib.import_module("ordain.evaluation.metric").typed(metric)
    return found


def types_by_key() -> dict[str, str]:
    """Return the type of metric that each telling key stands for."""
    found: dict[str, str] = importlib.import_module("ordain.evaluation.metric").TYPE_OF_KEY
    return found


def _read(draft: Draft, metric: Written, path: Path) -> tuple[Any, list[Diagnostic]]:
    """Return the metric, or None with its faults."""
    registry = metric_registry()
    keys = typed(metric)
    if keys.get("type") is None:
        return None, [_untyped(draft, keys, path)]
    name = str(keys["type"])
    try:
        cls = registry.get(name)
    except UsageError as error:
        unknown = unknown_component(
            "metric",
            path,
            draft.root,
            registry.names(),
            aliases=registry.aliases(),
            allowed=error.message if ":" in name else None,
        )
        if isinstance(metric, str) and unknown.fix is not None:
            unknown = replace(unknown, fix=unknown.fix.removeprefix("type: "))
        return None, [unknown]
    keys = {**keys, "type": cls.type_name()}
    return read_spec(cls, keys, draft.root, path, draft.homes)


def _quiet(metric: Written) -> Any:
    """Return the metric, None where it has faults: `check_metrics` tells them."""
    registry = metric_registry()
    try:
        return registry.build(metric)
    except (UsageError, ValueError):  # pydantic's error is a ValueError
        return None


def _untyped(draft: Draft, keys: dict[str, Any], path: Path) -> Diagnostic:
    """Return the fault of a metric whose type nothing tells."""
    names = _fitting(draft)
    given = keys.get("name")
    said = f"metric '{given}' has no `type`, and no metric has that name"
    return fault(
        "E209",
        said if isinstance(given, str) else "a metric has no `type`",
        path,
        draft.root.mark_of((*path, "name") if isinstance(given, str) else path),
        allowed=f"Its `type` may be: {', '.join(names)}.",
        fix=f"type: {(nearest(given, names) if isinstance(given, str) else None) or '...'}",
    )


def _fitting(draft: Draft) -> list[str]:
    """Return the types of metrics that fit the outputs; all where these are not known."""
    registry = metric_registry()
    types = {output.type for output in draft.outputs or []}
    is_open = not types or AUTO in types
    return [name for name in registry.names() if is_open or registry.get(name).types & types]


def _misfit(draft: Draft, metric: Any, path: Path) -> Iterator[Diagnostic]:
    types = {output.type for output in draft.outputs or []}
    if not types or AUTO in types or any(metric.fits(type_name) for type_name in types):
        return
    its = sorted(name for name in metric.types if metric.fits(name))
    yield fault(
        "E312",
        f"metric '{metric.label}' fits no output",
        path,
        draft.root.mark_of(path),
        allowed=f"It is for {' and '.join(its)} outputs; "
        f"yours may have: {', '.join(_fitting(draft))}.",
    )


def _uncallable(draft: Draft, metric: Any, path: Path) -> Iterator[Diagnostic]:
    try:
        metric.function()
    except UsageError as error:
        text, _, fix = error.message.partition("\n  Fix: ")
        yield fault(
            "E320",
            f"metric '{metric.label}': {text}",
            (*path, "call"),
            draft.root.mark_of((*path, "call")),
            fix=fix or None,
        )
