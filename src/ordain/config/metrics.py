"""Checks of `evaluation.metrics`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from typing import Any

from ordain.config.codes import fault
from ordain.config.document import AUTO
from ordain.config.draft import Draft
from ordain.config.explain import read_spec, unknown_component
from ordain.core.component import Registry
from ordain.core.diagnostics import Diagnostic
from ordain.core.errors import UsageError


def check_metrics(draft: Draft, metrics: Sequence[str | dict[str, Any]]) -> Iterator[Diagnostic]:
    """Yield the faults of metrics: unknown names, wrong keys, no output they fit."""
    registry = metric_registry()
    types = {output.type for output in draft.outputs or []}
    for index, metric in enumerate(metrics):
        path = ("evaluation", "metrics", index)
        name = metric if isinstance(metric, str) else str(metric.get("type"))
        try:
            cls = registry.get(name)
        except UsageError as error:
            yield unknown_component(
                "metric",
                path,
                draft.root,
                registry.names(),
                aliases=registry.aliases(),
                allowed=error.message if ":" in name else None,
            )
            continue
        keys = {} if isinstance(metric, str) else metric
        _, faults = read_spec(cls, {**keys, "type": cls.type_name()}, draft.root, path, draft.homes)
        yield from faults
        if types and AUTO not in types and not types & cls.types:
            fitting = [n for n in registry.names() if registry.get(n).types & types]
            yield fault(
                "E312",
                f"metric '{name}' fits no output",
                path,
                draft.root.mark_of(path),
                allowed=f"It is for {' and '.join(sorted(cls.types))} outputs; "
                f"yours may have: {', '.join(fitting)}.",
            )


def metric_registry() -> Registry[Any]:
    """Return the registry of metrics."""
    # Metrics live in a room above this one: they are looked up by name, as a plugin's are, so that
    # the imports of this room still go downward.
    registry: Registry[Any] = importlib.import_module("ordain.evaluation.metric").METRICS
    return registry
