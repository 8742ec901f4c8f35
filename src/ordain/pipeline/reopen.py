"""A run taken up again to look at it: its rows, its split, its encoded columns, its model.

All of it comes from the cache where it is still there; nothing is written but cache artefacts.
Models that learn again, from some of the rows or with a changed config, are no runs: they leave
no folder behind.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ordain.config import Config
from ordain.core.errors import DataError, UsageError
from ordain.core.events import Events, Listener
from ordain.core.randomness import generator
from ordain.data.splitter import TRAIN, VALIDATION
from ordain.data.table import Table
from ordain.evaluation.judgement import OutputSummary
from ordain.evaluation.subject import Subject, Target
from ordain.models.family import UNFINISHED, FittedModel
from ordain.pipeline.blueprint import MODEL, Blueprint
from ordain.pipeline.cache import Cache
from ordain.pipeline.clock import Clock
from ordain.pipeline.inputs import Given
from ordain.pipeline.judging import judge_training
from ordain.pipeline.opening import Opened, open_config, split_rows
from ordain.pipeline.splits import Split
from ordain.pipeline.stages import Stages
from ordain.pipeline.tables import TABLE_FILE
from ordain.pipeline.train import original
from ordain.pipeline.variant import Prepared, fit, learn, prepare, score
from ordain.store.home import home as work_folder
from ordain.store.judge import scored_values, true_values
from ordain.store.model import Model
from ordain.store.problem import labels_of
from ordain.store.runs import Run, Runs
from ordain.store.subject import background_of, make_subject

Rows = npt.NDArray[np.int64]


@dataclass
class Pace:
    """How long learning takes, from what has been learned: rows and seconds of each model."""

    known: list[tuple[int, float]] = field(default_factory=list)

    def add(self, seconds: float, n_rows: int) -> None:
        """Take note of one model."""
        self.known.append((n_rows, seconds))

    def seconds(self, n_rows: int) -> float:
        """Return the least that a model of so many rows will take; 0 where nothing is known."""
        # Not in proportion: what a family takes may hang on its weights rather than on the rows.
        fitting = [seconds for rows, seconds in self.known if rows <= n_rows]
        return sum(fitting[-3:]) / len(fitting[-3:]) if fitting else 0.0


@dataclass(frozen=True)
class Reopened:
    """A run with its rows.

    Attributes:
        is_same: whether rows and steps are those that the run was made with.
    """

    run: Run
    config: Config
    given: Given
    opened: Opened
    split: Split
    split_key: str
    is_same: bool

    @property
    def blueprint(self) -> Blueprint:
        """What the run does."""
        return self.opened.blueprint

    @property
    def table(self) -> Table:
        """All rows."""
        return self.opened.rows.table


def find_run(reference: str, home: Path | str | None = None) -> Run:
    """Return a run that has a bundle.

    Raises:
        UsageError: no such run, or it has none.
    """
    run = Runs(work_folder(home)).find(reference)
    if run.bundle.exists():
        return run
    state = run.status["state"]
    fix = {
        "interrupted": f"ordain train --resume {run.reference}",
        "running": "wait until it has finished",
    }.get(state, "train it again")
    raise UsageError(f"run {run.reference} has no bundle: it is {state}\n  Fix: {fix}")


def stages_of(
    home: Path | str | None, listeners: Sequence[Listener] = (), *, seconds: float | None = None
) -> Stages:
    """Return the stages over the work folder's cache, with so many seconds to spend."""
    folder = work_folder(home)
    return Stages(Cache(folder / "cache"), Events(*listeners), clock=Clock(limit=seconds))


def reopen(run: Run, stages: Stages, data: object = None) -> Reopened:
    """Return a run with its rows; `data` stands in for rows that have moved.

    Where they have changed since, the rows that the cache still keeps are taken.

    Raises:
        UsageError: the rows were a data frame and none is given.
        DataError: the rows cannot be read.
    """
    kept = _kept_rows(run, stages)
    try:
        config, given = original(run, data)
        again = reopen_config(run, stages, config, given)
        if again.is_same or kept is None or data is not None:
            return again
    except DataError:
        if kept is None:
            raise
        config, _ = original(run, str(kept))
    # The rows were sampled when they were read; what `where` and `columns` do holds twice over.
    if config.document.data.sample is not None:
        return reopen_config(run, stages, *original(run, data))
    return replace(reopen_config(run, stages, config, Given(str(kept))), is_same=True)


def reopen_config(run: Run, stages: Stages, config: Config, given: Given) -> Reopened:
    """Return a config with rows, as if it were a run's own."""
    opened = open_config(stages, config, given)
    split, key = split_rows(stages, opened.blueprint)
    lock = run.lock
    is_same = (
        lock.get("data", {}).get("fingerprint") == opened.rows.table.fingerprint
        and lock.get("split") == key
    )
    return Reopened(run, config, given, opened, split, key, is_same)


def _kept_rows(run: Run, stages: Stages) -> Path | None:
    """Return the file in which the cache keeps a run's rows as they were read."""
    key = str(run.lock.get("data", {}).get("fingerprint", ""))
    path = stages.cache.root / "read" / key / TABLE_FILE
    return path if key and path.exists() else None


def prepared_of(again: Reopened, stages: Stages) -> Prepared:
    """Return the encoded columns of the run's model."""
    return prepare(
        stages,
        again.table,
        again.split,
        split_key=again.split_key,
        document=again.blueprint.document,
    )


def fitted_of(
    again: Reopened, prepared: Prepared, stages: Stages, *, seed: int | None = None
) -> FittedModel | None:
    """Return the model, from the cache where it is there; None where the time was up before.

    Args:
        again: the config with its rows.
        prepared: its encoded columns.
        stages: with the clock that says how much time there is.
        seed: of learning; by default the document's.
    """
    document = again.blueprint.document
    if seed is not None:
        document = document.model_copy(update={"seed": seed})
        own = prepared.document.model_copy(update={"seed": seed})
        prepared = replace(prepared, document=own)
    with tempfile.TemporaryDirectory(prefix="ordain-again-") as folder:
        fitted = fit(
            stages,
            prepared,
            document=document,
            checkpoints=Path(folder),
            variant=MODEL,
        )
    return None if _is_cut_short(fitted, stages) else fitted


def judged_again(
    again: Reopened, stages: Stages, *, seed: int | None = None
) -> Mapping[str, OutputSummary] | None:
    """Return the judgement of a config's model; None where the time was up.

    Args:
        again: the config with its rows, as they were drawn and split.
        stages: with the clock that says how much time there is.
        seed: of learning alone; the rows stay those of the config's own seed.
    """
    prepared = prepared_of(again, stages)
    fitted = fitted_of(again, prepared, stages, seed=seed)
    if fitted is None:
        return None
    return judge_training(again.blueprint, {MODEL: prepared}, {MODEL: fitted}).outputs


def part_of(prepared: Prepared, train: Rows, validation: Rows | None = None) -> Prepared:
    """Return a variant that learns from some of its rows; its encodings stay what they are.

    Args:
        prepared: the variant.
        train: positions within its training rows.
        validation: positions within its validation rows; None keeps all.
    """
    split = prepared.split
    kept = {TRAIN: train} if validation is None else {TRAIN: train, VALIDATION: validation}
    places, sizes = [], {}
    for name in split.sizes:
        start, stop = split.bounds(name)
        chosen = kept.get(name)
        rows = np.arange(start, stop) if chosen is None else start + np.asarray(chosen)
        places.append(rows)
        sizes[name] = len(rows)
    order = np.concatenate(places).astype(np.int64)
    return replace(
        prepared,
        split=replace(split, order=np.asarray(split.order)[order], sizes=sizes, newest=None),
        encoded={
            name: replace(one, column=one.column.take(order))
            for name, one in prepared.encoded.items()
        },
    )


def learn_again(
    stages: Stages,
    prepared: Prepared,
    *,
    pace: Pace,
    seed: int | None = None,
    reserve: float = 0.0,
) -> FittedModel | None:
    """Return a model of a variant, which is kept nowhere; None where there was no time for it.

    Args:
        stages: with the clock that says how much time there is.
        prepared: the rows.
        pace: what is known of how long learning takes.
        seed: of this model; by default the document's.
        reserve: seconds of the budget that are left for others.
    """
    n_rows = prepared.split.sizes[TRAIN]
    left = stages.clock.left
    if stages.stop.is_set() or (left is not None and left - reserve < pace.seconds(n_rows)):
        return None
    if seed is not None:
        prepared = replace(prepared, document=prepared.document.model_copy(update={"seed": seed}))
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="ordain-again-") as folder:
        fitted = learn(stages, prepared, checkpoints=Path(folder))
    if _is_cut_short(fitted, stages):
        return None
    pace.add(time.perf_counter() - started, n_rows)
    return fitted


def target_of(
    prepared: Prepared, fitted: FittedModel, table: Table, name: str, output: str
) -> Target:
    """Return truth and raw scores of one output on a set's rows."""
    feature = next(f for f in prepared.document.output_features if f.name == output)
    encoding = prepared.encodings[output]
    return Target(
        name=output,
        column=feature.column,
        type=feature.type,
        labels=labels_of(encoding),
        truth=true_values(feature, encoding, prepared.truth(table, name)[output]),
        scores=scored_values(feature, encoding, score(prepared, fitted, name)[output]),
        threshold=getattr(encoding, "threshold", 0.5),
    )


def subject_on(again: Reopened, model: Model, name: str, *, n_rows: int) -> Subject:
    """Return a run's model with at most so many rows of a set, drawn evenly."""
    rows = np.asarray(again.split.rows(name))
    document = model.document
    if len(rows) > n_rows:
        random = generator(document.seed, "evaluation", name)
        rows = rows[np.sort(random.choice(len(rows), n_rows, replace=False))]
    frame = again.table.rows(rows)
    return make_subject(
        document,
        model.encodings,
        model.fitted,
        frame=frame,
        encoded=model.encoded(frame),
        name=name,
        decisions=model.decisions,
        background=background_of(model),
        row_ids=rows,
    )


def raw_subject(again: Reopened, prepared: Prepared, fitted: FittedModel, name: str) -> Subject:
    """Return a variant's model, nothing decided, with the rows of a set as they were read."""
    document, rows = prepared.document, np.asarray(again.split.rows(name))
    frame = again.table.rows(rows)
    encoded = {
        feature.name: feature.preprocessing.encode(
            frame[feature.column], prepared.encodings[feature.name], frame
        )
        for feature in document.inputs
    }
    return make_subject(
        document, prepared.encodings, fitted, frame=frame, encoded=encoded, name=name, row_ids=rows
    )


def _is_cut_short(fitted: FittedModel, stages: Stages) -> bool:
    """Return whether a model ended for want of time here, and not by its own config."""
    if fitted.facts.get("stop_reason") not in UNFINISHED:
        return False
    left = stages.clock.left
    return stages.stop.is_set() or (left is not None and left <= 0)
