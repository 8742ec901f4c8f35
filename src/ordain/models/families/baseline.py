"""What any model must beat: the prior, one rule, and what was last.

`prior` answers the share of each class, or the mean. `per_group` answers the same within the
groups of the one column that tells most: a category's ids, a binary's values, or ten bins of a
number with an equal number of rows, and a group of its own for what is missing. A group's answer
is pulled towards the prior as if it had a few more rows. The column is chosen on the validation
rows; without any, each training row is judged by the others of its group. `last` answers what was
true of the newest training row (the last one, where no `datetime` split says which is newest);
of classes half is left to the prior.

    model_type: baseline
    trainer: {strategy: per_group}
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from ordain.core.component import Component, Spec
from ordain.features.encoded import EncodedColumn
from ordain.features.feature import Form
from ordain.models.baseline.groups import Grouping, Scorer, Table, candidates
from ordain.models.baseline.model import FittedBaseline
from ordain.models.families.linear import Linear, LinearTrainer
from ordain.models.family import FAMILIES, Dataset, Family, FitContext, Output, Problem
from ordain.models.targets import Target


class BaselineTrainer(Spec):
    """Which rule answers."""

    strategy: Literal["prior", "per_group", "last"] = "prior"
    """`prior`: one answer for all rows; `per_group`: one a group of the column that tells most;
    `last`: what was true of the newest training row."""
    smoothing: Annotated[float, Field(ge=0)] = 10.0
    """Rows' worth of pull of a group's answer towards the prior."""
    max_bins: Annotated[int, Field(ge=2, le=1_000)] = 10
    """Groups that a number is cut into at most."""
    max_rows: Annotated[int, Field(ge=1)] = 1_000_000
    """Rows looked at at most, evenly spaced; the run says how many were left out."""


@FAMILIES.register
class Baseline(Family):
    """The prior, or one rule."""

    type: Literal["baseline"] = "baseline"
    Trainer = BaselineTrainer

    def form(self, type_name: str, encoder: Component | None) -> Form:  # noqa: ARG002
        """Return `linear`, so that nothing is encoded for a baseline alone."""
        return Form.LINEAR

    def fit(
        self,
        problem: Problem,
        train: Dataset,
        validation: Dataset | None,
        *,
        trainer: Spec,
        context: FitContext,  # noqa: ARG002
    ) -> FittedBaseline:
        """Count.

        Raises:
            TrainingError: no rows, or a truth that is missing.
        """
        assert isinstance(trainer, BaselineTrainer), "the config reads the trainer with this spec"
        if trainer.strategy == "last" and train.n_rows:
            newest = train.n_rows - 1 if train.newest is None else train.newest
            last = train.take(np.array([newest], dtype=np.int64))
        n_given, train = train.n_rows, _thin(train, trainer.max_rows)
        validation = _thin(validation, trainer.max_rows) if validation is not None else None
        groupings = []
        if trainer.strategy == "per_group":
            groupings = candidates(problem.inputs, train, max_bins=trainer.max_bins)
        tables, facts = [], {}
        for output in problem.outputs:
            table, fact = _best(
                output, groupings, train, validation=validation, smoothing=trainer.smoothing
            )
            if trainer.strategy == "last":
                table, fact = _last(output, last, prior=table), {"column": None}
            tables.append(table)
            facts[output.name] = fact
        return FittedBaseline(
            problem,
            tables,
            history=[],
            facts={
                "family": self.type,
                "strategy": trainer.strategy,
                "n_rows": train.n_rows,
                "rows_left_out": n_given - train.n_rows,
                "outputs": facts,
            },
        )

    def load(self, folder: Path, problem: Problem) -> FittedBaseline:
        """Return what `FittedBaseline.save` wrote."""
        return FittedBaseline.load(folder, problem)


class Automatic(NamedTuple):
    """A baseline that is trained beside every model."""

    name: str
    family: Family
    trainer: Spec


def baseline_suite(output_types: tuple[str, ...], *, is_in_time: bool = False) -> list[Automatic]:
    """Return what every model is compared with: the prior, one rule, a linear model.

    Where the past trains and the future tests, what was last stands among them.

    The linear model looks at 50,000 rows at most; leave it out where the model itself is linear.

    Args:
        output_types: of the outputs; all of them can be answered by all baselines.
        is_in_time: whether the sets follow time.
    """
    del output_types
    last = Automatic("last", Baseline(), BaselineTrainer(strategy="last"))
    return [
        Automatic("prior", Baseline(), BaselineTrainer()),
        Automatic("per_group", Baseline(), BaselineTrainer(strategy="per_group")),
        *([last] if is_in_time else []),
        Automatic("linear", Linear(), LinearTrainer(max_rows=50_000)),
    ]


def _best(
    output: Output,
    groupings: list[Grouping],
    train: Dataset,
    *,
    validation: Dataset | None,
    smoothing: float,
) -> tuple[Table, dict[str, Any]]:
    """Return the table of the column that tells most, and the loss of the best columns."""
    target = Target.of(output, train)
    scorer = Scorer.of(output, target)
    judge = None
    if validation is not None and validation.n_rows:
        judge = Target.of(output, validation)
    losses: dict[str, float] = {}
    tables: dict[str, Table] = {}
    for grouping in groupings:
        table = scorer.table(grouping, grouping.of(train.inputs), smoothing=smoothing)
        if judge is None:
            loss = scorer.loss_left_out(grouping.of(train.inputs), table, smoothing=smoothing)
        else:
            assert validation is not None, "its target was read"
            loss = scorer.loss(table.scores[grouping.of(validation.inputs)], judge)
        losses[grouping.name], tables[grouping.name] = loss, table
    if not losses:
        return Table(None, scorer.prior[None, :]), {"column": None}
    order = sorted(losses, key=lambda name: losses[name])
    return tables[order[0]], {"column": order[0], "losses": {n: losses[n] for n in order[:5]}}


def _last(output: Output, last: Dataset, *, prior: Table) -> Table:
    """Return the truth of one row for all rows; of classes half of it and half of the prior."""
    truth = float(Target.of(output, last).truth[0])
    if output.type == "number":
        return Table(None, np.array([[truth]]))
    own = (
        np.array([truth]) if output.type == "binary" else np.eye(prior.scores.shape[1])[int(truth)]
    )
    return Table(None, (own[None, :] + prior.scores) / 2)


def _thin(rows: Dataset, max_rows: int) -> Dataset:
    if rows.n_rows <= max_rows:
        return rows
    chosen = np.linspace(0, rows.n_rows - 1, max_rows).astype(np.int64)

    def take(columns: Mapping[str, EncodedColumn]) -> dict[str, EncodedColumn]:
        return {name: column.take(chosen) for name, column in columns.items()}

    weights = None if rows.weights is None else rows.weights[chosen]
    return Dataset(take(rows.inputs), take(rows.outputs), max_rows, weights)
