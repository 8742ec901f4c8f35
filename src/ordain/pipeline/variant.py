"""One family learning one split: settle its features, encode them, fit, score the sets.

The model a config declares is a variant; so is each of its baselines. They share every encoded
column whose options come out equal.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.config.document import Document
from ordain.core.errors import TrainingError
from ordain.core.files import read_json, write_json
from ordain.core.randomness import generator
from ordain.data.splitter import TRAIN, VALIDATION
from ordain.data.table import Table
from ordain.features.encoded import EncodedColumn, Kind
from ordain.features.feature import Encoding, Scores
from ordain.models.family import UNFINISHED, Dataset, FitContext, FittedModel, Output, Problem
from ordain.pipeline.cache import Request
from ordain.pipeline.requests import available_cores, fit_request
from ordain.pipeline.splits import Split
from ordain.pipeline.stages import Encoded, Stages
from ordain.store.problem import build_problem

LARGE_ROWS = 4_000_000


@dataclass(frozen=True)
class Prepared:
    """A variant's columns, encoded.

    Attributes:
        document: with features settled for the family, and encoders chosen.
        encoded: by feature name.
        reasons: why a value was chosen, by dotted path of the config.
    """

    document: Document
    encoded: Mapping[str, Encoded]
    split: Split
    problem: Problem
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def encodings(self) -> dict[str, Encoding]:
        """Fitted encoding of each feature."""
        return {name: encoded.encoding for name, encoded in self.encoded.items()}

    def dataset(self, name: str, *, limit: int | None = None) -> Dataset:
        """Return the encoded rows of a set; at most the first `limit` where that is given."""
        start, stop = self.split.bounds(name)
        if limit is not None:
            stop = min(stop, start + limit)
        columns = {n: encoded.column.rows(start, stop) for n, encoded in self.encoded.items()}
        return Dataset(
            inputs={i.name: columns[i.name] for i in self.problem.inputs},
            outputs={o.name: columns[o.name] for o in self.problem.outputs},
            n_rows=stop - start,
            newest=self.split.newest if name == TRAIN and limit is None else None,
        )

    def sample(self, name: str, places: npt.NDArray[np.int64]) -> Dataset:
        """Return the encoded rows of a set at these places, as a copy.

        One column after the other is let go of: no more of the set is in memory than that.
        """
        data = self.dataset(name)

        def taken(columns: Mapping[str, EncodedColumn]) -> dict[str, EncodedColumn]:
            found = {}
            for key, column in columns.items():
                found[key] = column.take(places)
                column.release()
            return found

        return Dataset(taken(data.inputs), taken(data.outputs), len(places))

    def truth(self, table: Table, name: str, *, limit: int | None = None) -> dict[str, pl.Series]:
        """Return the output columns of a set's rows as they were read."""
        rows = self.split.rows(name)[:limit]
        outputs = self.document.output_features
        return {feature.name: table.column(feature.column)[rows] for feature in outputs}


class _UnfinishedError(Exception):
    """Carries a model that stopped early for a reason outside the config past the cache."""

    def __init__(self, fitted: FittedModel) -> None:
        super().__init__()
        self.fitted = fitted


def prepare(
    stages: Stages, table: Table, split: Split, *, split_key: str, document: Document
) -> Prepared:
    """Return the encoded columns of a document whose features are settled."""
    features = {feature.name: feature for feature in document.features}

    def encode(name: str) -> Encoded:
        feature = features[name]
        return stages.encode(
            table,
            split,
            split_key=split_key,
            column=feature.column,
            feature=feature.preprocessing,
            seed=document.seed,
        )

    # Polars lets go of the interpreter while it works, so columns are encoded side by side; not
    # where a column is so large that two at once would count in memory.
    n_workers = 1 if table.n_rows > LARGE_ROWS else min(4, available_cores())
    with stages.timed("encode"), ThreadPoolExecutor(n_workers) as pool:
        encoded: dict[str, Encoded] = {}
        for done, (name, item) in enumerate(
            zip(features, pool.map(encode, features), strict=True), start=1
        ):
            encoded[name] = item
            stages.events.emit(
                "progress", task="encode", done=done, total=len(features), unit="columns"
            )
    encodings = {name: item.encoding for name, item in encoded.items()}
    document, reasons = choose_encoders(document, encodings)
    problem = build_problem(document, encodings)
    return Prepared(document, encoded, split, problem, reasons)


def choose_encoders(
    document: Document, encodings: Mapping[str, Encoding]
) -> tuple[Document, dict[str, str]]:
    """Return the document with every `encoder: auto` replaced by the family's choice."""
    if not document.model_type.has_encoders:
        return document, {}
    features, reasons = [], {}
    for feature in document.inputs:
        if feature.encoder is None:
            encoder, reason = document.model_type.choose_encoder(
                feature.type, encodings[feature.name].shape
            )
            reasons[f"input_features.{feature.name}.encoder"] = reason
            feature = feature.model_copy(update={"encoder": encoder})  # noqa: PLW2901
        features.append(feature)
    return document.model_copy(update={"input_features": tuple(features)}), reasons


def fit(
    stages: Stages,
    prepared: Prepared,
    *,
    document: Document,
    checkpoints: Path,
    variant: str,
    force: bool = False,
    n_threads: int | None = None,
) -> FittedModel:
    """Return the fitted model, from the cache where nothing that decides it has changed.

    Args:
        stages: cache and events.
        prepared: encoded columns.
        document: as declared, before encoders were chosen; it names the artefact.
        checkpoints: what is there is resumed from.
        variant: name under which the time of learning is kept.
        force: learn again even if the cache has it.
        n_threads: bound for learning; all cores where None.
    """
    keys = {name: item.key for name, item in prepared.encoded.items()}
    request = fit_request(document, keys, n_threads=n_threads)
    fresh: list[FittedModel] = []

    def build(folder: Path) -> None:
        started = time.perf_counter()
        fitted = learn(stages, prepared, checkpoints=checkpoints, n_threads=n_threads)
        stages.learning[variant] = time.perf_counter() - started
        if fitted.facts.get("stop_reason") in UNFINISHED:
            raise _UnfinishedError(fitted)
        fitted.save(folder / "model")
        write_json(
            folder / "fit.json",
            {
                "history": fitted.history,
                "facts": fitted.facts,
            },
            indent=None,
        )
        fresh.append(fitted)

    if force and (known := stages.cache.find(request)) is not None:
        stages.cache.remove(known)
    with stages.timed("train"):
        try:
            artefact = stages.obtain(request, build)
        except _UnfinishedError as unfinished:
            return unfinished.fitted
        if fresh:
            return fresh[0]
        return open_fitted(prepared, artefact.folder)


def open_fitted(prepared: Prepared, folder: Path) -> FittedModel:
    """Return the model that a fit artefact holds, with its history and facts."""
    fitted = prepared.document.model_type.load(folder / "model", prepared.problem)
    known = read_json(folder / "fit.json")
    fitted.history, fitted.facts = known["history"], known["facts"]
    return fitted


def learn(
    stages: Stages, prepared: Prepared, *, checkpoints: Path, n_threads: int | None = None
) -> FittedModel:
    """Fit the family on the training rows, until the run's budget is spent at most."""
    document = prepared.document
    stop = stages.clock.deadline(stages.stop)
    train = _balanced(prepared, document)
    validation = _usable(prepared.dataset(VALIDATION))
    context = FitContext(
        seed=document.seed,
        events=stages.events,
        folder=checkpoints,
        backend=document.backend,
        stop=stop,
        cached=lambda parts, build: (
            stages.obtain(Request("embed", "", {"parts": list(parts)}), build).folder
        ),
        n_threads=document.backend.threads or n_threads or available_cores(),
    )
    if train.n_rows == 0:
        raise TrainingError("no training rows are left\n  Fix: change `preprocessing.split`")
    fitted = document.model_type.fit(
        _weighted(prepared, train),
        train,
        validation if validation.n_rows else None,
        trainer=document.trainer,
        context=context,
    )
    if fitted.facts.get("stop_reason") == "interrupted" and not stages.stop.is_set():
        fitted.facts["stop_reason"] = "time_budget"
    return fitted


def score(
    prepared: Prepared, fitted: FittedModel, name: str, *, limit: int | None = None
) -> dict[str, Scores]:
    """Return the scores of a set's rows."""
    data = prepared.dataset(name, limit=limit)
    scores = fitted.predict(data.inputs)
    data.release()
    return scores


def _usable(data: Dataset) -> Dataset:
    """Return the rows whose truth occurred in training; validation may hold another class."""
    usable = np.ones(data.n_rows, dtype=np.bool_)
    for column in data.outputs.values():
        values = column.values[:, 0] if column.values.ndim > 1 else column.values
        usable &= ~np.isnan(values) if column.kind == Kind.SCALAR else values >= 0
    return data if usable.all() else data.take(np.flatnonzero(usable))


def _weighted(prepared: Prepared, train: Dataset) -> Problem:
    """Return the problem with `class_weights: balanced` worked out from the training rows."""
    wanted = {f.name for f in prepared.document.output_features if f.class_weights == "balanced"}
    outputs = tuple(
        replace(output, class_weights=_balanced_weights(train.outputs[output.name], output))
        if output.name in wanted
        else output
        for output in prepared.problem.outputs
    )
    return replace(prepared.problem, outputs=outputs)


def _balanced_weights(column: EncodedColumn, output: Output) -> tuple[float, ...]:
    counts = np.bincount(_classes(column, output), minlength=len(output.labels))
    weights = counts.sum() / (len(counts) * np.maximum(counts, 1))
    return tuple(float(weight) for weight in weights)


def _balanced(prepared: Prepared, document: Document) -> Dataset:
    train = prepared.dataset(TRAIN)
    over = document.preprocessing.oversample_minority
    under = document.preprocessing.undersample_majority
    if over is None and under is None:
        return train
    output = next(o for o in prepared.problem.outputs if o.type in {"binary", "category"})
    rows = balanced_rows(
        _classes(train.outputs[output.name], output), over=over, under=under, seed=document.seed
    )
    return train.take(rows)


def _classes(column: EncodedColumn, output: Output) -> npt.NDArray[np.int64]:
    values = column.values[:, 0] if output.type == "binary" else column.values
    return np.asarray(values, dtype=np.int64)


def balanced_rows(
    classes: npt.NDArray[np.int64], *, over: float | None, under: float | None, seed: int
) -> npt.NDArray[np.int64]:
    """Return row positions with the classes balanced, in ascending order.

    Every class but the commonest is repeated until it has the share `over` of the commonest; every
    class but the rarest is thinned until the rarest has the share `under` of it.
    """
    random = generator(seed, "balance")
    labels, counts = np.unique(classes, return_counts=True)
    chosen: list[npt.NDArray[np.int64]] = []
    for label, count in zip(labels, counts, strict=True):
        rows = np.flatnonzero(classes == label)
        if under is not None:
            wanted = min(count, int(counts.min() / under))
            rows = np.sort(random.choice(rows, size=wanted, replace=False))
        if over is not None and count < (wanted := int(counts.max() * over)):
            rows = np.concatenate([rows, random.choice(rows, size=wanted - count, replace=True)])
        chosen.append(rows)
    return np.sort(np.concatenate(chosen))
