"""A fold that learns in a process of its own.

The parent has split and encoded the rows; the child opens those artefacts, memory-mapped, fits
every variant, and leaves the scores of the test rows as arrays. It reads one line of JSON (what to
do) and writes lines of JSON (events, then how it ended). Its input stays open as long as the
parent lives: where it ends, the child ends too, so that a killed training leaves none behind.

A process and not a thread: the number of threads that libraries use belongs to a process, and it
decides the last bits. Started anew and not forked: a fork of a process with threads may hang.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np

from ordain.config.document import Document
from ordain.core import errors
from ordain.core.errors import OrdainError, TrainingError
from ordain.core.events import Event, Events
from ordain.core.files import write_json
from ordain.data.splitter import TEST, VALIDATION
from ordain.features.encoded import EncodedColumn
from ordain.features.feature import Scores
from ordain.models.family import FittedModel
from ordain.pipeline.cache import Cache
from ordain.pipeline.splits import open_split
from ordain.pipeline.stages import Encoded, Stages, open_encoding
from ordain.pipeline.variant import Prepared, choose_encoders, fit, score
from ordain.store.problem import build_problem

Learned = Mapping[str, Mapping[str, Mapping[str, Scores]]]
"""Raw scores by variant, set (test, and validation where there is one) and output."""
TOLD = frozenset({"progress", "epoch", "warning", "note"})
"""Kinds of events that a child passes on."""
KILLED = -9
LOOK_SECONDS = 0.2


@dataclass
class _Child:
    """A process at work on a fold."""

    number: int
    task: Mapping[str, Any]
    process: subprocess.Popen[str]
    errors: IO[str]
    listener: threading.Thread | None = None
    outcome: Mapping[str, Any] | None = None

    def end(self) -> None:
        """Wait for the end, and free what it held."""
        self.process.wait()
        if self.listener is not None:
            self.listener.join()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            if stream is not None:
                with contextlib.suppress(OSError):  # what it did not read is of no use now
                    stream.close()

    def last_words(self) -> str:
        """Return the last line it complained with."""
        self.errors.seek(0)
        return next(reversed(self.errors.read().strip().splitlines()), "no message")


class FoldProcesses:
    """The processes of one cross-validation.

    Args:
        stages: of the run: its cache, events and clock.
        documents: by variant, features settled.
        n_threads: that each fold learns with.
    """

    def __init__(
        self, stages: Stages, documents: Mapping[str, Document], *, n_threads: int
    ) -> None:
        self._stages, self._documents, self._n_threads = stages, documents, n_threads
        self._stop = stages.clock.deadline(stages.stop)
        self._children: dict[int, _Child] = {}
        self._told: queue.Queue[tuple[int, Mapping[str, Any] | None]] = queue.Queue()
        self._retried: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all processes at once; what they have not finished is lost."""
        for child in self._children.values():
            child.process.kill()
            child.end()
        self._children.clear()

    def start(
        self, number: int, prepared: Mapping[str, Prepared], split_key: str, checkpoints: Path
    ) -> None:
        """Start to learn a fold."""
        self._start(number, self.task(number, prepared, split_key, checkpoints))

    def task(
        self, number: int, prepared: Mapping[str, Prepared], split_key: str, checkpoints: Path
    ) -> dict[str, Any]:
        """Return what a process is told: artefacts by key, documents as plain data."""
        return {
            "cache": str(self._stages.cache.root),
            "number": number,
            "split": split_key,
            "checkpoints": str(checkpoints),
            "n_threads": self._n_threads,
            "left": self._stages.clock.left,
            "variants": {
                name: {
                    "document": _plain(self._documents[name]),
                    "encoded": {n: item.key for n, item in variant.encoded.items()},
                }
                for name, variant in prepared.items()
            },
        }

    def finished(self, *, at_most: int) -> Iterator[tuple[int, Learned]]:
        """Yield the folds that are done, until at most so many are at work.

        Stops early, with the children ended, where the run is to stop.

        Raises:
            OrdainError: a fold failed.
        """
        while len(self._children) > at_most:
            if self._stop.is_set():
                self.close()
                return
            try:
                number, told = self._told.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                continue
            child = self._children.get(number)
            if child is None:
                continue
            if told is None:
                yield from self._ended(child)
            elif told["kind"] == "ended":
                child.outcome = told
            else:
                self._pass_on(number, told)

    def _start(self, number: int, task: Mapping[str, Any]) -> None:
        complaints = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        process = subprocess.Popen(
            [sys.executable, "-m", "ordain.pipeline.fold_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # a Ctrl-C is the parent's to answer
        )
        child = _Child(number, task, process, complaints)
        self._children[number] = child
        child.listener = threading.Thread(target=self._listen, args=(child,), daemon=True)
        child.listener.start()

    def _listen(self, child: _Child) -> None:
        assert child.process.stdin is not None, "it was asked for"
        assert child.process.stdout is not None, "it was asked for"
        try:
            child.process.stdin.write(json.dumps(child.task) + "\n")
            child.process.stdin.flush()
        except OSError:
            pass  # it has ended; what it complained of is told with its end
        for line in child.process.stdout:
            self._told.put((child.number, json.loads(line)))
        self._told.put((child.number, None))

    def _ended(self, child: _Child) -> Iterator[tuple[int, Learned]]:
        del self._children[child.number]
        code, outcome = child.process.wait(), child.outcome
        last_words = child.last_words()
        child.end()
        if outcome is None:
            self._lost(child, code, last_words)
        elif outcome["error"] is not None:
            kind = getattr(errors, outcome["error"], TrainingError)
            raise kind(f"fold {child.number + 1}: {outcome['message']}")
        else:
            yield child.number, _take_scores(Path(outcome["scores"]))

    def _lost(self, child: _Child, code: int, last_words: str) -> None:
        """Try a fold once more, alone, where the system ended it for want of memory."""
        if code == KILLED and child.number not in self._retried:
            self._retried.add(child.number)
            self._stages.events.warn(
                "W608",
                f"fold {child.number + 1} was ended by the system, as when memory is short; "
                "it is learned again",
            )
            self._start(child.number, child.task)
            return
        raise TrainingError(
            f"fold {child.number + 1} ended with code {code}: {last_words}\n"
            "  Fix: fewer rows at once (`data.sample`), or fewer folds"
        )

    def _pass_on(self, number: int, told: Mapping[str, Any]) -> None:
        data = dict(told["data"])
        if told["kind"] == "progress":
            data["task"] = f"fold {number + 1}"
        self._stages.events.emit(told["kind"], **{**data, "fold": number})


def _plain(document: Document) -> dict[str, Any]:
    """Return a document without where its rows come from, which no fold reads."""
    from ordain.config.dumped import to_plain

    data = document.data.model_copy(
        update={"source": None, "training_set": None, "validation_set": None, "test_set": None}
    )
    return to_plain(document.model_copy(update={"data": data}))


def _keep_scores(folder: Path, learned: Learned) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    found = [
        (variant, name, output, scores)
        for variant, by_set in learned.items()
        for name, outputs in by_set.items()
        for output, scores in outputs.items()
    ]
    for place, (*_, scores) in enumerate(found):
        np.save(folder / f"{place}.npy", np.asarray(scores), allow_pickle=False)
    names = [[variant, name, output] for variant, name, output, _ in found]
    write_json(folder / "scores.json", names)


def _take_scores(folder: Path) -> Learned:
    names = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    learned: dict[str, dict[str, dict[str, Scores]]] = {}
    for place, (variant, name, output) in enumerate(names):
        scores = np.load(folder / f"{place}.npy", allow_pickle=False)
        learned.setdefault(variant, {}).setdefault(name, {})[output] = scores
    shutil.rmtree(folder, ignore_errors=True)
    return learned


def open_variant(cache: Cache, task: Mapping[str, Any], name: str) -> tuple[Document, Prepared]:
    """Return a variant's document and columns, as the parent prepared them."""
    from ordain.config import Config
    from ordain.config.bind import settle

    variant = task["variants"][name]
    document, _ = settle(Config.load(variant["document"], env={}).document)
    encoded = {}
    for feature, key in variant["encoded"].items():
        folder = cache.root / "encode" / key
        encoding = open_encoding(folder)
        column = EncodedColumn.load(folder / "encoded", encoding.shape.kind)
        encoded[feature] = Encoded(encoding, column, key)
    encodings = {feature: item.encoding for feature, item in encoded.items()}
    chosen, reasons = choose_encoders(document, encodings)
    split = open_split(cache.root / "split" / task["split"])
    return document, Prepared(chosen, encoded, split, build_problem(chosen, encodings), reasons)


def score_fold(prepared: Prepared, fitted: FittedModel) -> dict[str, Mapping[str, Scores]]:
    """Return the scores of the rows that judge a fold and of those that settle its decisions."""
    names = [name for name in (TEST, VALIDATION) if name in prepared.split.sizes]
    return {name: score(prepared, fitted, name) for name in names}


def learn_task(
    task: Mapping[str, Any], events: Events
) -> dict[str, dict[str, Mapping[str, Scores]]]:
    """Fit every variant of a task; return their scores."""
    stages = Stages(Cache(Path(task["cache"])), events)
    stages.clock.limit = task["left"]
    learned: dict[str, dict[str, Mapping[str, Scores]]] = {}
    for name in task["variants"]:
        document, prepared = open_variant(stages.cache, task, name)
        stages.scope = f"{document.name} / {name}, fold {task['number']}"
        fitted = fit(
            stages,
            prepared,
            document=document,
            checkpoints=Path(task["checkpoints"]) / name,
            variant=name,
            n_threads=task["n_threads"],
        )
        learned[name] = score_fold(prepared, fitted)
    return learned


def main() -> None:
    """Learn the fold that the first line of the input describes."""
    # Libraries write to descriptor 1 as they like; what is told goes past them.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    task = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def tell(event: Event) -> None:
        if event.kind in TOLD:
            out.write(json.dumps({"kind": event.kind, "data": event.data}, default=str) + "\n")

    ended: dict[str, Any] = {"kind": "ended", "error": None}
    try:
        learned = learn_task(task, Events(tell))
        folder = Path(task["checkpoints"]) / "scores"
        _keep_scores(folder, learned)
        ended["scores"] = str(folder)
    except OrdainError as error:
        ended |= {"error": type(error).__name__, "message": error.message}
    out.write(json.dumps(ended) + "\n")
    out.close()


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
