"""The previous version of a model as a baseline: how the last run of the name does on these rows.

    evaluation: {baselines: [prior, linear, previous]}
    evaluation: {gates: [{baseline: previous, not_worse: true}]}

It is asked for by name, never compared with silently: what a run says would otherwise depend on
which runs came before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.config.document import Document
from ordain.core.errors import BundleError, DataError
from ordain.core.events import Events
from ordain.data.table import Table
from ordain.pipeline.splits import Split
from ordain.store.judge import scored_values
from ordain.store.loading import load
from ordain.store.model import Model
from ordain.store.problem import labels_of
from ordain.store.runs import FINISHED, Run, Runs

PREVIOUS = "previous"

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Previous:
    """The last finished run of the name, opened."""

    run: Run
    model: Model

    def scores(
        self, document: Document, table: Table, split: Split, name: str, *, limit: int | None
    ) -> dict[str, Array] | None:
        """Return its scores of a set's rows by output, as metrics read them.

        None where it cannot answer: another output, or an input that is no longer there.
        """
        rows = table.rows(np.asarray(split.rows(name))[:limit])
        try:
            raw = self.model.scores(self.model.with_derived(rows))
        except DataError:
            return None
        own = {feature.name: feature for feature in self.model.document.output_features}
        found = {}
        for feature in document.output_features:
            theirs = own.get(feature.name)
            if theirs is None or theirs.type != feature.type:
                return None
            found[feature.name] = scored_values(
                theirs, self.model.encodings[feature.name], raw[feature.name]
            )
        return found


def find_previous(document: Document, run: Run, events: Events) -> Previous | None:
    """Return the newest finished run of the same name, or None, which is told.

    A warning says where it may have learned from the rows that judge it here.
    """
    runs = Runs(run.folder.parent.parent.parent)
    for other in runs.all():
        same = other.name == run.name and other.reference != run.reference
        if not same or other.status["state"] != FINISHED or not other.bundle.exists():
            continue
        try:
            model = load(other.bundle)
        except BundleError as error:
            events.warn("W615", f"the baseline `{PREVIOUS}` was left out: {error.message}")
            return None
        if _has_other_rows(run.lock, other.lock):
            events.warn(
                "W614",
                f"the baseline `{PREVIOUS}` ({other.reference}) was trained on another split or "
                "other data: it may have learned from the rows that judge it here",
            )
        return Previous(other, model)
    events.warn(
        "W615",
        f"the baseline `{PREVIOUS}` was left out: no finished run is named '{document.name}' yet",
    )
    return None


def reordered(scores: Array, theirs: tuple[str, ...], ours: tuple[str, ...]) -> Array | None:
    """Return scores of classes in the order of other labels; None if a label is missing."""
    if scores.ndim == 1 and theirs == ours:
        return scores
    if scores.ndim == 1:
        return 1.0 - scores if theirs == ours[::-1] else None
    if not set(ours) <= set(theirs):
        return None
    return np.ascontiguousarray(scores[:, [theirs.index(label) for label in ours]])


def in_our_order(
    found: Mapping[str, Array], previous: Previous, encodings: Mapping[str, Any]
) -> dict[str, Array] | None:
    """Return the scores with classes in this model's order; None where one is missing."""
    ordered = {}
    for name, scores in found.items():
        ours = labels_of(encodings[name])
        theirs = labels_of(previous.model.encodings[name])
        values = reordered(scores, theirs, ours) if ours else scores
        if values is None:
            return None
        ordered[name] = values
    return ordered


def thresholds_in(previous: Previous, encodings: Mapping[str, Any]) -> dict[str, float]:
    """Return its own thresholds of binary outputs, for scores as `in_our_order` gives them."""
    found = {}
    for name, ours in encodings.items():
        theirs = previous.model.encodings.get(name)
        threshold = getattr(theirs, "threshold", None)
        if theirs is None or threshold is None or getattr(ours, "threshold", None) is None:
            continue
        is_turned = labels_of(theirs) == labels_of(ours)[::-1]
        found[name] = float(1.0 - threshold if is_turned else threshold)
    return found


def _has_other_rows(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    def identity(lock: Mapping[str, Any]) -> tuple[Any, Any]:
        return lock.get("data", {}).get("fingerprint"), lock.get("split")

    return identity(ours) != identity(theirs)
