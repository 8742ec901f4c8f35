"""Linear models: logistic regression for classes, ridge regression and its kin for numbers.

Numbers and vectors are weighed after centring and scaling, each category has a weight (a missing
or unseen one has none), and each n-gram of a text that training saw. Classes of a category share
one softmax. The strength of the ridge is chosen on the validation rows by walking from strong to
weak, each fit starting from the last; without validation rows a fifth of the training rows
judges, and the chosen strength is fitted again on all.

A number may be learned by another loss than squared error: `huber` and `mean_absolute_error` heed
outliers less, `quantile` learns a quantile, `poisson`, `gamma` and `tweedie` learn the logarithm of
the mean of counts and amounts (generalised linear models). The loss of the output says which,
or `distribution` for all numbers without one.

Rows are read block by block, so memory does not grow with them. A fit that was killed starts
again and reaches the same bytes.

Source: Hastie, Tibshirani and Friedman 2009, "The Elements of Statistical Learning", 3.4 and 4.4.

    model_type: linear
    trainer:
      regularization: auto
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ordain.core.component import Component, Spec
from ordain.core.randomness import generator
from ordain.features.feature import Form
from ordain.models.family import (
    FAMILIES,
    Dataset,
    Family,
    FitContext,
    Output,
    Problem,
)
from ordain.models.linear.design import Design, Layout, Scale
from ordain.models.linear.losses import LOSSES, Aim
from ordain.models.linear.model import FittedLinear, Weights
from ordain.models.linear.search import Found, Judged, Search, Settings
from ordain.models.neural.component import LOSSES as NUMBER_LOSSES
from ordain.models.targets import Target, check_domain, log_losses, n_classes, unit_options


class LinearTrainer(Spec):
    """How the weights are found."""

    regularization: Annotated[float, Field(gt=0)] | Literal["auto"] = "auto"
    """Strength C of the fit against the ridge: larger follows the data more; `auto` chooses."""
    max_iterations: Annotated[int, Field(ge=1)] = 100
    """Steps of L-BFGS for one strength at most."""
    tolerance: Annotated[float, Field(gt=0, lt=1)] | Literal["auto"] = "auto"
    """Relative change of the loss below which a step is small; three end the search. `auto`: 1e-3
    with text, whose n-grams fit noise long before the loss stands still, else 1e-5."""
    max_rows: Annotated[int, Field(ge=1)] | None = None
    """Training rows, and validation rows, at most; above it, rows are drawn at random and the run
    says so."""
    time_budget_seconds: Annotated[float, Field(gt=0)] | None = None
    """Wall time for all outputs together; what has been reached by then is kept."""
    distribution: Literal["normal", "poisson", "gamma", "tweedie"] = "normal"
    """Of numbers whose output has no `loss`: other than `normal`, the logarithm of the mean is
    learned, and the target must not be below 0 (`gamma`: must be above)."""


@FAMILIES.register
class Linear(Family):
    """Logistic and ridge regression, and generalised linear models."""

    type: Literal["linear"] = "linear"
    aliases: ClassVar[tuple[str, ...]] = ("logistic", "ridge")
    Trainer = LinearTrainer

    def form(self, type_name: str, encoder: Component | None) -> Form:  # noqa: ARG002
        """Return `linear`: numbers centred and scaled, text as TF-IDF bags."""
        return Form.LINEAR

    def losses(self, type_name: str) -> dict[str, frozenset[str] | None]:
        """Return log loss for classes, and the losses of numbers that are convex."""
        return {**LOSSES} if type_name == "number" else log_losses(type_name)

    def target_options(
        self, type_name: str, loss: Component | None, trainer: Spec
    ) -> dict[str, tuple[Any, str]]:
        """Return a number in its own unit where the logarithm of its mean is learned."""
        assert isinstance(trainer, LinearTrainer), "the config reads the trainer with this spec"
        return unit_options(_loss_of(type_name, loss, trainer))

    def fit(
        self,
        problem: Problem,
        train: Dataset,
        validation: Dataset | None,
        *,
        trainer: Spec,
        context: FitContext,
    ) -> FittedLinear:
        """Find the weights of each output.

        Raises:
            TrainingError: no rows, or a truth that is missing.
            DataError: a truth that the loss cannot judge.
        """
        from threadpoolctl import threadpool_limits

        assert isinstance(trainer, LinearTrainer), "the config reads the trainer with this spec"
        n_given, train = train.n_rows, _sample(train, trainer.max_rows, seed=context.seed)
        if validation is not None:
            validation = _sample(validation, trainer.max_rows, seed=context.seed)
        layout = Layout.of(problem.inputs, train.inputs)
        scale = Scale.of(layout, train.inputs, train.n_rows)
        settings = _settings(trainer, context, has_text=bool(layout.bags))
        n_threads = context.backend.threads or context.n_threads
        jobs = []
        with threadpool_limits(limits=n_threads, user_api="blas"):
            for output in problem.outputs:
                loss = _loss_of(output.type, output.loss, trainer)
                job = _Job(replace(output, loss=loss), layout, scale, settings, context)
                jobs.append(job.run(train, validation))
        facts: dict[str, Any] = {"family": self.type, "threads": n_threads, "n_rows": train.n_rows}
        facts["stop_reason"] = settings.stop_reason()
        if train.n_rows < n_given:
            facts["rows_left_out"] = n_given - train.n_rows
        names = [output.name for output in problem.outputs]
        return FittedLinear(
            problem,
            layout,
            scale.centre,
            [weights for weights, _, _ in jobs],
            links=[fact.pop("link") for _, _, fact in jobs],
            history=[record for _, history, _ in jobs for record in history],
            facts={**facts, "outputs": {n: f for n, (*_, f) in zip(names, jobs, strict=True)}},
        )

    def load(self, folder: Path, problem: Problem) -> FittedLinear:
        """Return what `FittedLinear.save` wrote."""
        return FittedLinear.load(folder, problem)


@dataclass(frozen=True)
class _Job:
    """Finds the weights of one output."""

    output: Output
    layout: Layout
    scale: Scale
    settings: Settings
    context: FitContext

    def run(
        self, train: Dataset, validation: Dataset | None
    ) -> tuple[Weights, list[dict[str, Any]], dict[str, Any]]:
        """Return the weights, the history and the facts."""
        target, classes = Target.of(self.output, train), n_classes(self.output)
        check_domain(self.output, target)
        constant = target.constant(classes)
        if constant is not None:
            weights = _constant(constant, self.layout, type_name=self.output.type)
            return weights, [], {"stop_reason": "constant_target", "link": "identity"}
        aim = Aim.of(self.output.loss, target) if classes == 0 else None
        search = Search(
            self.output.name,
            is_category=self.output.type == "category",
            classes=classes,
            aim=aim,
            n_dense=self.layout.n_dense,
            n_sparse=self.layout.n_sparse,
            settings=self.settings,
            events=self.context.events,
        )
        rows = Judged.of(self._design(train, search), target, aim=aim)
        judge = None
        if validation is not None and validation.n_rows:
            truth = Target.of(self.output, validation)
            check_domain(self.output, truth, what="validation")
            judge = Judged.of(self._design(validation, search), truth, aim=aim)
        found, judged_on = self._choose(search, rows, judge)
        found = search.settled(rows, found)
        facts = _facts(found, judged_on, search.dtype)
        facts["link"] = aim.link if aim else "identity"
        if self.output.loss is not None:
            facts["loss"] = self.output.loss.type
        return search.unscale(found, self.scale), search.history, facts

    def _choose(self, search: Search, rows: Judged, judge: Judged | None) -> tuple[Found, str]:
        if judge is not None or len(self.settings.strengths) == 1:
            return search.walk(rows, judge), "validation" if judge is not None else "nothing"
        # No row is copied: those that judge count nothing while learning, and the reverse.
        is_judge = (
            generator(self.context.seed, "linear", "holdout").random(len(rows.truth)) < _HELD_OUT
        )
        is_judge &= len(rows.truth) >= _FEWEST_TO_HOLD_OUT
        learns = rows.weighted((~is_judge).astype(np.float32))
        if not is_judge.any():
            return search.walk(rows, rows), "training rows, too few to hold any out"
        found = search.walk(learns, rows.weighted(is_judge.astype(np.float32)))
        return search.again(rows, found), "a fifth of the training rows, then fitted on all"

    def _design(self, rows: Dataset, search: Search) -> Design:
        return Design(self.layout, self.scale, rows.inputs, n_rows=rows.n_rows, dtype=search.dtype)


def _settings(trainer: LinearTrainer, context: FitContext, *, has_text: bool) -> Settings:
    chosen = trainer.regularization
    # A TF-IDF row has length 1 whatever its n-grams, so its weights must grow larger.
    auto = (5.0, 25.0, 125.0) if has_text else (0.01, 0.1, 1.0, 10.0, 100.0)
    tolerance = trainer.tolerance
    if tolerance == "auto":
        tolerance = 1e-3 if has_text else 1e-5
    budget = trainer.time_budget_seconds
    deadline = None if budget is None else time.monotonic() + budget

    def stop_reason() -> str | None:
        if context.stop.is_set():
            return "interrupted"
        return "time_budget" if deadline and time.monotonic() >= deadline else None

    return Settings(
        strengths=auto if chosen == "auto" else (chosen,),
        max_iterations=trainer.max_iterations,
        tolerance=tolerance,
        stop_reason=stop_reason,
    )


def _sample(rows: Dataset, max_rows: int | None, *, seed: int) -> Dataset:
    if max_rows is None or rows.n_rows <= max_rows:
        return rows
    chosen = np.sort(generator(seed, "linear", "rows").choice(rows.n_rows, max_rows, replace=False))
    return rows.take(chosen)


def _loss_of(type_name: str, loss: Component | None, trainer: LinearTrainer) -> Component | None:
    """Return the loss of an output; that of the trainer's distribution where none is written."""
    if type_name != "number" or loss is not None or trainer.distribution == "normal":
        return loss
    return NUMBER_LOSSES.build(trainer.distribution)


def _constant(scores: npt.NDArray[np.float64], layout: Layout, *, type_name: str) -> Weights:
    """Return weights that answer the same for every row."""
    intercept = scores
    if type_name == "binary":
        intercept = np.log(scores / (1 - scores))
    elif type_name == "category":
        intercept = np.log(scores)
    n = len(scores)
    sparse = np.zeros((layout.n_sparse, n), dtype=np.float32)
    return Weights(intercept, np.zeros((layout.n_dense, n)), sparse)


def _facts(found: Found, judged_on: str, dtype: type) -> dict[str, Any]:
    return {
        "regularization": found.strength,
        "judged_on": judged_on,
        "iterations": found.n_iterations,
        "is_converged": found.is_converged,
        "n_weights": len(found.weights),
        "precision": np.dtype(dtype).name,
        "losses": found.losses,
    }


_FEWEST_TO_HOLD_OUT = 50
_HELD_OUT = 0.2
