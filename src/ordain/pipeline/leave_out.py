"""Leave-one-out importance: what a model loses if it never had an input.

Permutation says what a model does with an input; this says what could be had without it, since
other inputs may say the same. Read, split and encoded once; only `fit` is repeated, and kept in
the cache.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ordain.config.document import Document
from ordain.core.errors import OrdainError, UsageError
from ordain.core.events import Listener
from ordain.evaluation.compare import compare_scores
from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.explain.explaining import require_outputs
from ordain.evaluation.explain.importance import permutation_importance
from ordain.evaluation.judgement import Difference, Record
from ordain.evaluation.metric import find_metric
from ordain.evaluation.subject import Target
from ordain.pipeline.blueprint import scope_of
from ordain.pipeline.known import Known, known_of, run_of
from ordain.pipeline.variant import Prepared, fit, prepare
from ordain.store.explain import MAX_ROWS
from ordain.store.judge import scored_values, true_values
from ordain.store.loading import load
from ordain.store.problem import labels_of
from ordain.store.subject import subject_of

N_INPUTS = 10


class LeftOut(Record):
    """What an output loses without one input."""

    output: str
    input: str
    difference: Difference | None
    """The model with the input against the one without, on the same rows; None where that could
    not be trained."""
    note: str = ""
    """Why it could not."""


@dataclass(frozen=True, repr=False)
class LeaveOneOut:
    """What leaving out each input costs, the dearest first.

    Attributes:
        items: by output and input.
        n_left: inputs that were not tried, the least important by permutation.
        set: of rows that judged.
    """

    items: tuple[LeftOut, ...]
    n_left: int
    set: str

    @property
    def frame(self) -> pl.DataFrame:
        """output, input, metric, with, without, gain, low, high, verdict, note."""
        return pl.DataFrame(
            [_row(item) for item in self.items],
            schema={
                "output": pl.String, "input": pl.String, "metric": pl.String,
                "with": pl.Float64, "without": pl.Float64, "gain": pl.Float64,
                "low": pl.Float64, "high": pl.Float64, "verdict": pl.String, "note": pl.String,
            },
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        items = [item.to_json() for item in self.items]
        return {"set": self.set, "n_left": self.n_left, "inputs": items}

    def __repr__(self) -> str:
        return f"LeaveOneOut({len(self.items)} inputs)"

    def _repr_html_(self) -> str:
        return str(self.frame._repr_html_())


def leave_one_out(
    run: str | Path,
    *,
    output: str | None = None,
    n_inputs: int = N_INPUTS,
    home: Path | str | None = None,
    listeners: tuple[Listener, ...] = (),
) -> LeaveOneOut:
    """Train a run's model again without each of its inputs, and return what that costs.

    Args:
        run: a run, or a bundle that stands in one.
        output: name of the output; all by default.
        n_inputs: inputs tried at most, the most important by permutation first.
        home: the work folder; `ORDAIN_HOME` or `.ordain` by default.
        listeners: told of progress.

    Raises:
        UsageError: the bundle stands in no run, or the model has one input only.
        DataError: the rows of the run are not there any more.
    """
    model = load(run)
    outputs = require_outputs([f.name for f in model.document.output_features], output)
    found = run_of(model)
    if found is None:
        raise UsageError(
            f"'{run}' is a bundle without its run, and trains nothing again\n  Fix: name the run"
        )
    if len(model.document.inputs) == 1:
        raise UsageError("the model has one input only: without it nothing is left to learn from")
    known = known_of(found, home=home, listeners=listeners)
    name = deciding_set(known.split.sizes)
    frame, ids = known.rows(name, MAX_ROWS)
    tables = permutation_importance(subject_of(model, frame, is_judged=False, row_ids=ids))
    order = _ordered([f.name for f in model.document.inputs], outputs, tables)
    whole = _prepared(known, known.blueprint.document)
    theirs = model.fitted.predict(whole.dataset(name).inputs)
    items: list[LeftOut] = []
    for done, left in enumerate(order[:n_inputs], start=1):
        items += _without(known, whole, left, name=name, scores=theirs, outputs=outputs)
        known.stages.events.emit(
            "progress", task="leave out", done=done, total=min(n_inputs, len(order)), unit="inputs"
        )
    items.sort(key=lambda item: (outputs.index(item.output), -_gain(item)))
    return LeaveOneOut(tuple(items), max(0, len(order) - n_inputs), name)


def _ordered(names: Sequence[str], outputs: Sequence[str], tables: Any) -> list[str]:
    """Return the inputs, the largest share of any output's importance first."""
    shares = dict.fromkeys(names, 0.0)
    for output in outputs:
        for one in tables[output].inputs if output in tables else ():
            shares[one.input] = max(shares[one.input], one.share)
    return sorted(names, key=lambda name: -shares[name])


def _prepared(known: Known, document: Document) -> Prepared:
    return prepare(
        known.stages,
        known.blueprint.rows.table,
        known.split,
        split_key=known.split_key,
        document=document,
    )


def _without(
    known: Known,
    whole: Prepared,
    left: str,
    *,
    name: str,
    scores: Any,
    outputs: Sequence[str],
) -> list[LeftOut]:
    document = _document_without(known.blueprint.document, left)
    known.stages.scope = scope_of(document.name, f"without {left}")
    try:
        prepared = _prepared(known, document)
        with tempfile.TemporaryDirectory(prefix="ordain-") as folder:
            fitted = fit(
                known.stages, prepared, document=document, checkpoints=Path(folder), variant=left
            )
    except OrdainError as error:
        why = error.message.partition("\n")[0]
        return [LeftOut(output=one, input=left, difference=None, note=why) for one in outputs]
    ours = fitted.predict(prepared.dataset(name).inputs)
    truth = whole.truth(known.blueprint.rows.table, name)
    found = []
    for feature in document.output_features:
        if feature.name in outputs:
            encoding = whole.encodings[feature.name]
            target = Target(
                name=feature.name,
                column=feature.column,
                type=feature.type,
                labels=labels_of(encoding),
                truth=true_values(feature, encoding, truth[feature.name]),
                scores=scored_values(feature, encoding, scores[feature.name]),
                baselines={left: scored_values(feature, encoding, ours[feature.name])},
            )
            found.append(LeftOut(
                output=feature.name, input=left, difference=_difference(target, left, document)
            ))  # fmt: skip
    return found


def _document_without(document: Document, left: str) -> Document:
    """Return a document without an input, also where the trainer names it among others."""
    kept = tuple(feature for feature in document.inputs if feature.name != left)
    update: dict[str, Any] = {"input_features": kept}
    groups = getattr(document.trainer, "interaction_constraints", None)
    if groups:
        fewer = (tuple(name for name in group if name != left) for group in groups)
        constraints = {"interaction_constraints": tuple(group for group in fewer if group)}
        update["trainer"] = document.trainer.model_copy(update=constraints)
    return document.model_copy(update=update)


def _difference(target: Target, left: str, document: Document) -> Difference:
    wanted, declared = document.evaluation.optimize, document.evaluation.metrics
    return compare_scores(
        target.type,
        target.truth,
        target.scores,
        target.baselines[left],
        against=f"without {left}",
        metric=None if wanted is None else find_metric(wanted, declared),
        labels=target.labels,
    )


def _gain(item: LeftOut) -> float:
    gain = None if item.difference is None else item.difference.gain
    return float("-inf") if gain is None else gain


def _row(item: LeftOut) -> dict[str, Any]:
    found = item.difference
    bounds = None if found is None else found.interval
    return {
        "output": item.output,
        "input": item.input,
        "metric": None if found is None else found.metric,
        "with": None if found is None else found.value,
        "without": None if found is None else found.other,
        "gain": None if found is None else found.gain,
        "low": None if bounds is None else bounds.low,
        "high": None if bounds is None else bounds.high,
        "verdict": None if found is None else found.verdict,
        "note": item.note,
    }
