"""A run: from a config and rows to a judged bundle.

read ─► profile ─► bind ─► split ─► encode ─► fit ─► judge ─► bundle ─► report
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ordain.config import Config
from ordain.config.emit import dump as to_yaml
from ordain.core.errors import OrdainError, UsageError
from ordain.core.events import Event, EventLog, Events, Listener
from ordain.core.files import read_json, try_lock, write_json, write_text
from ordain.data.locations import redact
from ordain.models.family import FittedModel
from ordain.pipeline.blueprint import MODEL, Blueprint, scope_of
from ordain.pipeline.cache import Cache
from ordain.pipeline.cautions import (
    warn_of_budget,
    warn_of_few_rows,
    warn_of_split,
    warn_of_training_rows,
)
from ordain.pipeline.clock import Energy, seconds_of
from ordain.pipeline.finish import finish
from ordain.pipeline.folds import cross_validate
from ordain.pipeline.inputs import Given
from ordain.pipeline.opening import Opened, open_config, split_rows
from ordain.pipeline.result import Result, gates_of
from ordain.pipeline.splits import Split
from ordain.pipeline.stages import Stages
from ordain.pipeline.variant import Prepared, fit, prepare
from ordain.store.home import home as work_folder
from ordain.store.home import prepare_home
from ordain.store.lock import environment_lock
from ordain.store.runs import FAILED, FINISHED, INTERRUPTED, Run, Runs


@dataclass(frozen=True)
class Options:
    """How a training is run; none of it changes the result.

    Attributes:
        home: the work folder.
        force: train again even if an earlier run is the answer.
        listeners: told of every event.
        handle_interrupt: end cleanly at Ctrl-C, with the best weights so far.
        run: the run to go on with, of which the checkpoints are resumed.
    """

    home: Path
    force: bool = False
    listeners: tuple[Listener, ...] = ()
    handle_interrupt: bool = False
    run: Run | None = None


class Early:
    """A listener that keeps what happens before the run has a folder."""

    def __init__(self) -> None:
        self._events: list[Event] | None = []

    def __call__(self, event: Event) -> None:
        """Keep an event, until there is a log."""
        if self._events is not None:
            self._events.append(event)

    def hand_over(self, log: Listener) -> None:
        """Give what was kept to a log, which hears of all that follows by itself."""
        kept, self._events = self._events or [], None
        for event in kept:
            if event.kind != "run_started":
                log(event)


class Warnings:
    """A listener that keeps the warnings."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def __call__(self, event: Event) -> None:
        """Keep the message of a warning, once."""
        if event.kind == "warning" and event.data["message"] not in self.messages:
            self.messages.append(event.data["message"])


def train(
    config: Config | Path | str | Mapping[str, Any],
    data: Any = None,
    *,
    training_set: Any = None,
    validation_set: Any = None,
    test_set: Any = None,
    home: Path | str | None = None,
    force: bool = False,
    listeners: tuple[Listener, ...] = (),
) -> Result:
    """Train what a config declares and return the judged result.

    Args:
        config: a `Config`, a file, YAML text, or a mapping.
        data: rows, as a reference or a data frame; else `data.source` of the config.
        training_set: rows to train on, instead of `data`; a validation set is cut from them where
            none is given.
        validation_set: rows that decide when to stop and what to keep.
        test_set: rows that judge; never touched in training.
        home: the work folder; `ORDAIN_HOME` or `.ordain` by default.
        force: train again even if an earlier run with the same key is there.
        listeners: told of every event.

    Raises:
        ConfigError: the config is wrong, in itself or for these rows.
        DataError: the rows cannot be read or used.
        TrainingError: learning failed.
        StoreError: the work folder cannot be written.
    """
    loaded = config if isinstance(config, Config) else Config.load(config)
    given = Given(data, training_set, validation_set, test_set)
    options = Options(home=work_folder(home), force=force, listeners=listeners)
    return execute(loaded, given, options)


def resume(
    reference: str,
    *,
    home: Path | str | None = None,
    data: Any = None,
    listeners: tuple[Listener, ...] = (),
    handle_interrupt: bool = False,
) -> Result:
    """Go on with a run that was killed or interrupted, from its last checkpoint.

    The result is, byte for byte, that of a run that was never broken.

    Raises:
        UsageError: no such run, or its rows were a data frame that is not given again.
        DataError: the rows are not those the run began with.
    """
    folder = work_folder(home)
    run = Runs(folder).find(reference)
    if run.status["state"] == FINISHED and run.bundle.exists():
        raise UsageError(
            f"run {run.reference} is finished; there is nothing to resume\n"
            f"  Possible: ordain runs show {run.reference}, or ordain train CONFIG --force"
        )
    config, given = original(run, data)
    options = Options(
        home=folder, force=True, listeners=listeners, handle_interrupt=handle_interrupt, run=run
    )
    return execute(config, given, options)


def original(run: Run, data: Any = None) -> tuple[Config, Given]:
    """Return the config and rows a run started from; `data` stands in for rows that moved.

    Raises:
        UsageError: the rows were a data frame and none is given.
    """
    inputs = read_json(run.folder / "inputs.json")
    config = Config.load(run.folder / "written.yaml")
    config = replace(config, folder=Path(inputs["folder"]))
    if data is not None:
        return config, Given(data)
    if "<frame>" in inputs["given"].values():
        raise UsageError(
            f"run {run.reference} was given a data frame, which is not kept\n"
            "  Fix: give the same rows again with --dataset, or as `data`"
        )
    return config, Given(**inputs["given"])


def execute(config: Config, given: Given, options: Options) -> Result:
    """Run a loaded config; `train` and the command line both end here."""
    warnings, early = Warnings(), Early()
    events = Events(warnings, early, *options.listeners)
    prepare_home(options.home)
    stages = Stages(Cache(options.home / "cache"), events)
    opened = open_config(stages, config, given)
    stages.clock.limit = opened.blueprint.document.budget.limit_seconds
    runs = Runs(options.home)
    if not options.force and (known := runs.finished(opened.blueprint.key)) is not None:
        return reuse(known, stages)
    run = options.run or runs.create(opened.blueprint.document.name, key=opened.blueprint.key)
    check_same_key(run, opened.blueprint)
    stages.clock.earlier = seconds_of(run.folder / "events.jsonl")
    with (
        claimed(run),
        EventLog(run.folder / "events.jsonl") as log,
        recorded(run),
        interruptible(stages.stop, options),
    ):
        runs.clear_leftovers(run)
        events.listen(log)
        events.emit(
            "run_started", run=run.reference, model=opened.blueprint.document.model_type.type
        )
        early.hand_over(log)
        keep_inputs(run, opened, given)
        return carry_out(run, opened, stages, warnings=warnings.messages, force=options.force)


def carry_out(
    run: Run, opened: Opened, stages: Stages, *, warnings: list[str], force: bool
) -> Result:
    """Split, encode, fit and judge into a run folder."""
    blueprint = opened.blueprint
    energy = Energy()
    split, split_key = split_rows(stages, blueprint)
    report = stages.report_split(
        opened.rows.table,
        split,
        blueprint.document.preprocessing.split,
        key=split_key,
        inputs=[feature.column for feature in blueprint.document.inputs],
        target=blueprint.document.output_features[0].column,
    )
    split = replace(split, report={**split.report, **report})
    warn_of_split(
        report,
        stages.events,
        target=blueprint.document.output_features[0].column,
        by=blueprint.document.preprocessing.split.columns(),
    )
    prepared, fitted = _fit_all(run, opened, stages, split=split, split_key=split_key, force=force)
    warn_of_training_rows(prepared[MODEL], stages.events)
    warn_of_few_rows(split.sizes, stages.events)
    stages.scope = blueprint.document.name
    folds = cross_validate(
        blueprint,
        stages,
        checkpoints=run.folder / "checkpoints",
        seconds_each=seconds_of_fit(stages, blueprint),
        device=str(fitted[MODEL].facts.get("device", "cpu")),
    )
    result = finish(
        run,
        opened.blueprint,
        stages,
        prepared=prepared,
        fitted=fitted,
        folds=folds,
        warnings=warnings,
        energy=energy,
    )
    if not stages.stop.is_set():
        shutil.rmtree(run.folder / "checkpoints", ignore_errors=True)
    stages.events.emit("run_finished", run=run.reference, verdict=result.verdict)
    return result


def reuse(run: Run, stages: Stages) -> Result:
    """Return the result of an earlier run that is the answer already."""
    status, metrics = run.status, run.metrics
    return Result(
        run=run,
        metrics=metrics["metrics"],
        baselines=metrics["baselines"],
        seconds={name: round(value, 4) for name, value in stages.seconds.items()},
        rows_per_second=status.get("rows_per_second"),
        warnings=tuple(status.get("warnings", ())),
        is_reused=True,
        gates=gates_of(run),
        verdict=status.get("verdict", ""),
        facts=status.get("facts", {}),
        account=status.get("account", {}),
    )


def check_same_key(run: Run, blueprint: Blueprint) -> None:
    """Refuse to go on with a run whose config or rows are no longer the same."""
    key = run.status.get("key")
    if key != blueprint.key:
        raise UsageError(
            f"run {run.reference} cannot be resumed: its config, rows or versions have changed\n"
            "  Fix: train anew with: ordain train CONFIG"
        )


def keep_inputs(run: Run, opened: Opened, given: Given) -> None:
    """Write what the run starts from."""
    written = opened.config.to_dict(filled=False)
    # A name taken from the file's name would be lost with the file.
    written = {"name": opened.config.document.name, **written}
    write_text(run.folder / "written.yaml", to_yaml(_without_passwords(written)))
    folder = opened.config.folder.resolve()
    write_json(run.folder / "inputs.json", {"folder": str(folder), "given": given.to_json()})
    write_json(run.folder / "lock.json", lock_of(opened))


def _without_passwords(plain: Any) -> Any:
    if isinstance(plain, Mapping):
        return {key: _without_passwords(value) for key, value in plain.items()}
    if isinstance(plain, list):
        return [_without_passwords(value) for value in plain]
    return redact(plain) if isinstance(plain, str) and "@" in plain else plain


def lock_of(opened: Opened) -> dict[str, Any]:
    """Return all that decides the run's bytes."""
    blueprint = opened.blueprint
    return {
        "key": blueprint.key,
        "data": {
            "fingerprint": opened.rows.table.fingerprint,
            "rows": opened.rows.table.n_rows,
            "columns": {name: str(dtype) for name, dtype in opened.rows.table.schema.items()},
        },
        "split": blueprint.split.key,
        "fit": {name: request.key for name, request in blueprint.fit.items()},
        "seed": blueprint.document.seed,
        **environment_lock(opened.config.folder),
    }


@contextlib.contextmanager
def claimed(run: Run) -> Iterator[None]:
    """Hold a run while the block works on it.

    Raises:
        UsageError: another process is at work on it.
    """
    with try_lock(run.folder / "lock") as is_free:
        if not is_free:
            raise UsageError(
                f"run {run.reference} is being trained by another process\n"
                "  Possible: wait for it, or train anew with: ordain train CONFIG --force"
            )
        run.claim()
        yield


@contextlib.contextmanager
def recorded(run: Run) -> Iterator[None]:
    """Write into the status how the block ended."""
    try:
        yield
    except OrdainError as error:
        run.update(state=FAILED, error=error.message)
        raise
    except KeyboardInterrupt:
        run.update(state=INTERRUPTED)
        raise
    except Exception as error:
        run.update(state=FAILED, error=f"{type(error).__name__}: {error}")
        raise


@contextlib.contextmanager
def interruptible(stop: threading.Event, options: Options) -> Iterator[None]:
    """Let the first Ctrl-C end the fit cleanly; the second is an ordinary interrupt."""
    if not options.handle_interrupt or threading.current_thread() is not threading.main_thread():
        yield
        return

    def first(number: int, frame: Any) -> None:
        del number, frame
        stop.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _fit_all(
    run: Run, opened: Opened, stages: Stages, *, split: Split, split_key: str, force: bool
) -> tuple[dict[str, Prepared], dict[str, FittedModel]]:
    prepared: dict[str, Prepared] = {}
    fitted: dict[str, FittedModel] = {}
    stop = stages.clock.deadline(stages.stop)
    left_out: list[str] = []
    for name, document in opened.blueprint.documents.items():
        if stages.stop.is_set() and name != MODEL:
            break
        if stop.is_over and name != MODEL and document.model_type.type != "baseline":
            left_out.append(name)
            continue
        stages.scope = scope_of(document.name, name)
        prepared[name] = prepare(
            stages, opened.rows.table, split, split_key=split_key, document=document
        )
        with stages.timed("baselines") if name != MODEL else contextlib.nullcontext():
            fitted[name] = fit(
                stages,
                prepared[name],
                document=document,
                checkpoints=run.folder / "checkpoints" / name,
                variant=name,
                force=force and name == MODEL,
            )
    warn_of_budget(fitted[MODEL], left_out, opened.blueprint.document.budget, stages.events)
    return prepared, fitted


def seconds_of_fit(stages: Stages, blueprint: Blueprint) -> float | None:
    """Return how long learning took, now or when the cached model was made."""
    if (seconds := stages.learning.get(MODEL)) is not None:
        return seconds
    return stages.cache.seconds(blueprint.fit[MODEL])
