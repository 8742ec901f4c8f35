"""Nearest neighbours: the answer of the training rows that are most like the row asked about.

Numbers are compared in standard deviations, categories by whether they are equal, text by the
cosine of its terms (`ordain/models/neighbours/points.py` has the whole table). Every row is
compared with every kept row, exactly, in blocks of bounded memory.

The model **is** training rows: its bundle holds up to `max_rows` of them, encoded, with their
truths. Do not hand it to anyone who may not see the data. Which rows an answer rests on can be
asked of a fitted model: `nearest`.

Source: Cover and Hart 1967, "Nearest neighbor pattern classification". What we do differently:
class shares are pulled towards those of all training rows as if there were `smoothing` votes more,
so that no class that fails to stand among five neighbours is called impossible.

    model_type: knn
    trainer:
      k: auto
      weights: distance
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ordain.core.component import Component, Spec
from ordain.core.randomness import generator
from ordain.features.feature import Form
from ordain.models.family import FAMILIES, Dataset, Family, FitContext, Output, Problem
from ordain.models.neighbours.model import FittedKnn, Kept, Vote
from ordain.models.neighbours.points import Space
from ordain.models.neighbours.search import Neighbours, Search
from ordain.models.neighbours.voting import CANDIDATES, Truths, losses_by_k
from ordain.models.targets import Target


class KnnTrainer(Spec):
    """How many neighbours answer, and how."""

    k: Annotated[int, Field(ge=1, le=10_000)] | Literal["auto"] = "auto"
    """Neighbours that answer; `auto` takes the number with the lowest loss on validation rows, or
    on training rows that are each judged by the others where there are none."""
    weights: Literal["uniform", "distance"] = "uniform"
    """Whether neighbours count the same, or by the inverse of their distance."""
    smoothing: Annotated[float, Field(ge=0)] = 1.0
    """Votes' worth of pull of class shares towards those of all training rows."""
    max_rows: Annotated[int, Field(ge=1)] = 100_000
    """Training rows that are kept at most; above it, rows are drawn at random and the run says
    so."""
    judge_rows: Annotated[int, Field(ge=1)] = 2_000
    """Rows that `k: auto` is judged on at most, evenly spaced."""


@FAMILIES.register
class Knn(Family):
    """Nearest neighbours over numbers, categories and text; keeps training rows."""

    type: Literal["knn"] = "knn"
    aliases = ("nearest_neighbors", "nearest_neighbours")
    Trainer = KnnTrainer

    def note(self, trainer: Spec) -> str:
        """Return that training rows are kept."""
        assert isinstance(trainer, KnnTrainer), "the config reads the trainer with this spec"
        return (
            f"The bundle will hold up to {trainer.max_rows:,} training rows, encoded, with their "
            "truths (`trainer.max_rows`)."
        )

    def form(self, type_name: str, encoder: Component | None) -> Form:  # noqa: ARG002
        """Return `linear`: numbers filled and scaled, text as TF-IDF."""
        return Form.LINEAR

    def fit(
        self,
        problem: Problem,
        train: Dataset,
        validation: Dataset | None,
        *,
        trainer: Spec,
        context: FitContext,
    ) -> FittedKnn:
        """Keep the rows and choose the number of neighbours of each output.

        Raises:
            TrainingError: no rows, a truth that is missing, or an input that has no distance.
        """
        assert isinstance(trainer, KnnTrainer), "the config reads the trainer with this spec"
        n_given = train.n_rows
        rows = _drawn(n_given, trainer.max_rows, seed=context.seed)
        train = train if len(rows) == n_given else train.take(rows)
        targets = [Target.of(output, train) for output in problem.outputs]
        space = Space.of(problem.inputs, train.inputs)
        kept = Kept(space, space.points(train.inputs, train.n_rows), rows)
        judge = _judge(kept, train, validation, trainer=trainer) if trainer.k == "auto" else None
        votes, history, facts = [], [], {}
        for output, target in zip(problem.outputs, targets, strict=True):
            truths = Truths.of(output, target)
            k, losses = _choose(output, truths, judge, trainer=trainer, n_kept=train.n_rows)
            votes.append(Vote(truths, k))
            facts[output.name] = {"k": k, "losses": {str(n): loss for n, loss in losses.items()}}
            history += _report(output, losses, context)
        return FittedKnn(
            problem,
            kept,
            votes,
            weighting=trainer.weights,
            smoothing=trainer.smoothing,
            history=history,
            facts={
                "family": self.type,
                "n_rows": train.n_rows,
                "rows_left_out": n_given - train.n_rows,
                "judged_on": judge.what if judge else "nothing",
                "keeps": f"{train.n_rows:,} training rows, encoded, with their truths",
                "outputs": facts,
            },
        )

    def load(self, folder: Path, problem: Problem) -> FittedKnn:
        """Return what `FittedKnn.save` wrote."""
        return FittedKnn.load(folder, problem)


@dataclass(frozen=True)
class _Judge:
    """Rows that say how many neighbours are best, with as many neighbours as can be asked."""

    rows: Dataset
    found: Neighbours
    what: str


def _judge(
    kept: Kept, train: Dataset, validation: Dataset | None, *, trainer: KnnTrainer
) -> _Judge | None:
    search, widest = Search(kept.points), max(CANDIDATES)
    if validation is not None and validation.n_rows:
        chosen = _spaced(validation.n_rows, trainer.judge_rows)
        rows = validation.take(chosen)
        found = search.nearest(kept.space.points(rows.inputs, rows.n_rows), widest)
        return _Judge(rows, found, f"{rows.n_rows:,} validation rows")
    if train.n_rows <= 1:
        return None
    chosen = _spaced(train.n_rows, trainer.judge_rows)
    rows = train.take(chosen)
    found = search.nearest(kept.space.points(rows.inputs, rows.n_rows), widest + 1)
    what = f"{rows.n_rows:,} training rows, each judged by the others"
    return _Judge(rows, found.without(chosen), what)


def _choose(
    output: Output, truths: Truths, judge: _Judge | None, *, trainer: KnnTrainer, n_kept: int
) -> tuple[int, dict[int, float]]:
    """Return the number of neighbours, and the losses of those tried."""
    if trainer.k != "auto":
        return min(trainer.k, n_kept), {}
    if judge is None:
        return 1, {}
    losses = losses_by_k(
        truths,
        judge.found,
        Target.of(output, judge.rows),
        weighting=trainer.weights,
        smoothing=trainer.smoothing,
    )
    return min(losses, key=lambda k: losses[k]), losses


def _report(output: Output, losses: dict[int, float], context: FitContext) -> list[dict[str, Any]]:
    history = []
    for epoch, (k, loss) in enumerate(losses.items(), start=1):
        record = {"output": output.name, "epoch": epoch, "k": k, "losses": {"validation": loss}}
        history.append(record)
        context.events.emit(
            "progress", task="train", done=epoch, total=len(losses), unit="numbers of neighbours"
        )
        context.events.emit("epoch", **record, step=k, metrics={})
    return history


def _drawn(n_rows: int, max_rows: int, *, seed: int) -> npt.NDArray[np.int64]:
    if n_rows <= max_rows:
        return np.arange(n_rows, dtype=np.int64)
    chosen = generator(seed, "knn", "rows").choice(n_rows, max_rows, replace=False)
    return np.sort(chosen).astype(np.int64)


def _spaced(n_rows: int, most: int) -> npt.NDArray[np.int64]:
    return np.linspace(0, n_rows - 1, min(n_rows, most)).astype(np.int64)
