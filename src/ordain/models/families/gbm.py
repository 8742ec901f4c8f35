"""Gradient-boosted trees (LightGBM): fast, strong on tables, little to tune.

A number may be learned by another loss than squared error, such as `quantile` or `poisson` (`loss`
of the output), and an input may be `monotone: increasing` or `decreasing`: all else equal, the
answer then never goes the other way.

Categories are split as categories, a missing number goes where it fits best, text comes as a
vector. Each output has its own booster. Validation rows say when to stop, and the best round is
kept. The same rows, seed and number of threads give the same bytes.

A key that is `auto` follows the number of training rows (see `ordain/models/gbm/recipe.py`); what
was chosen, and why, stands in the facts of the run. Boosting that was killed starts again from
its first round and reaches the same bytes; outputs that were finished are not grown again. It
does not go on from where it was, because that would be another model: LightGBM saves trees but not
the state of its random streams, so that with rows or columns drawn at random (the default) the
first tree after the break already splits on other columns (measured with LightGBM 4, raw scores of
the saved trees as `init_score`; without any drawing the bytes were the same).

Sources: Ke et al. 2017, "LightGBM"; keys are named as in Ludwig's `gbm` trainer.

    model_type: gbm
    trainer:
      learning_rate: 0.05
      num_leaves: 31
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from ordain.core.component import Component, Spec
from ordain.features.feature import Form
from ordain.models.family import (
    FAMILIES,
    UNFINISHED,
    Dataset,
    Family,
    FitContext,
    Output,
    Problem,
)
from ordain.models.gbm.checkpoint import Checkpoint
from ordain.models.gbm.matrix import Layout
from ordain.models.gbm.model import FittedGbm, Trees
from ordain.models.gbm.objective import NUMBER_LOSSES, constraints, objective
from ordain.models.gbm.recipe import Task, recipe
from ordain.models.gbm.training import Grown, Plan, Rows, bound_threads, grow
from ordain.models.targets import Target, check_domain, log_losses, n_classes, unit_options

Auto = Literal["auto"]
Fraction = Annotated[float, Field(gt=0, le=1)]
NotNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Settings = dict[str, Any]


class GbmTrainer(Spec):
    """How trees are grown; every key but the last four is LightGBM's own."""

    type: Literal["lightgbm_trainer"] = "lightgbm_trainer"
    """Ludwig's name of this trainer."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] | Auto = "auto"
    """Share of each tree's answer that is added; smaller is slower and often a little better."""
    num_boost_round: Positive | Auto = "auto"
    """Rounds of boosting at most; with validation rows, early stopping ends sooner."""
    early_stop: int | Auto = "auto"
    """Rounds without a better validation metric after which to stop; 0 or less never stops."""
    boosting_type: Literal["gbdt", "rf", "dart", "goss"] = "gbdt"
    """Plain boosting, random forest, boosting with dropped trees, or with sampled gradients."""
    num_leaves: Annotated[int, Field(ge=2, le=131_072)] | Auto = "auto"
    """Leaves of a tree at most."""
    max_depth: int = -1
    """Levels of a tree at most; 0 or less is no limit."""
    min_data_in_leaf: Annotated[int, Field(ge=0)] | Auto = "auto"
    """Rows of a leaf at least."""
    min_sum_hessian_in_leaf: NotNegative = 1e-3
    """Curvature of the loss in a leaf at least."""
    bagging_fraction: Fraction | Auto = "auto"
    """Share of the rows that a tree is grown on."""
    pos_bagging_fraction: Fraction = 1.0
    """Share of the positive rows that a tree is grown on; for a binary output."""
    neg_bagging_fraction: Fraction = 1.0
    """Share of the negative rows that a tree is grown on; for a binary output."""
    bagging_freq: Annotated[int, Field(ge=0)] | Auto = "auto"
    """Rounds after which rows are drawn anew; 0 uses all rows."""
    feature_fraction: Fraction | Auto = "auto"
    """Share of the columns that a tree may use."""
    feature_fraction_bynode: Fraction = 1.0
    """Share of the columns that a split may use."""
    extra_trees: bool = False
    """Whether a split tries one random threshold a column, not all."""
    max_delta_step: float = 0.0
    """Largest answer of a leaf; 0 or less is no limit."""
    lambda_l1: NotNegative = 0.0
    """Weight of the sum of absolute leaf answers."""
    lambda_l2: NotNegative | Auto = "auto"
    """Weight of the sum of squared leaf answers."""
    min_gain_to_split: NotNegative = 0.0
    """Gain that a split must bring."""
    drop_rate: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of earlier trees dropped in a round; for `dart`."""
    max_drop: int = 50
    """Trees dropped in a round at most, 0 or less is no limit; for `dart`."""
    skip_drop: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Probability that a round drops no tree; for `dart`."""
    xgboost_dart_mode: bool = False
    """Whether dropped trees are weighted as XGBoost does; for `dart`."""
    uniform_drop: bool = False
    """Whether every tree is dropped with the same probability; for `dart`."""
    top_rate: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Share of rows with large gradients that are kept; for `goss`."""
    other_rate: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the other rows that are drawn; for `goss`."""
    min_data_per_group: Positive = 100
    """Rows of a category at least, for a split of its own."""
    max_cat_threshold: Positive = 32
    """Groupings of categories that a split tries at most."""
    cat_l2: NotNegative = 10.0
    """As `lambda_l2`, in splits by category."""
    cat_smooth: NotNegative = 10.0
    """Rows' worth of doubt about a category's mean."""
    max_cat_to_onehot: Positive = 4
    """Columns with up to this many categories are split one category against the rest."""
    cegb_tradeoff: NotNegative = 1.0
    """Factor of every cost of computing."""
    cegb_penalty_split: NotNegative = 0.0
    """Cost of a split."""
    path_smooth: NotNegative = 0.0
    """Rows' worth of pull of a leaf towards its parent."""
    max_bin: Annotated[int, Field(ge=2, le=65_535)] | Auto = "auto"
    """Bins that a number is cut into at most."""
    validation_metric: Literal["loss", "roc_auc", "average_precision", "accuracy", "mae"] = "loss"
    """What early stopping watches; an output that lacks it is judged by its loss."""
    time_budget_seconds: Annotated[float, Field(gt=0)] | None = None
    """Wall time for all outputs together; what has been grown by then is kept."""
    interaction_constraints: tuple[tuple[str, ...], ...] | None = None
    """Groups of inputs that may stand in one branch together; an input in none stands alone."""
    monotone_method: Literal["basic", "intermediate", "advanced"] = "intermediate"
    """How `monotone` of an input is kept: later ones take longer and lose less."""
    boosting_rounds_per_checkpoint: Positive = 10
    """Rounds between two reports of progress."""

    @model_validator(mode="after")
    def _forest_draws_rows(self) -> GbmTrainer:
        if self.boosting_type == "rf" and (self.bagging_fraction == 1 or self.bagging_freq == 0):
            raise ValueError(
                "`boosting_type: rf` needs `bagging_fraction` below 1 "
                "and `bagging_freq` of 1 or more"
            )
        return self


@FAMILIES.register
class Gbm(Family):
    """Gradient-boosted trees by LightGBM."""

    type: Literal["gbm"] = "gbm"
    version: ClassVar[int] = 2
    aliases: ClassVar[tuple[str, ...]] = ("lightgbm",)
    Trainer = GbmTrainer
    has_monotone = True

    def losses(self, type_name: str) -> dict[str, frozenset[str] | None]:
        """Return log loss for classes, and the losses of numbers that LightGBM has."""
        if type_name != "number":
            return log_losses(type_name)
        return {name: frozenset(keys) for name, (_, keys) in NUMBER_LOSSES.items()}

    def target_options(
        self, type_name: str, loss: Component | None, trainer: Spec
    ) -> dict[str, tuple[Any, str]]:
        """Return a number in its own unit where its loss needs it."""
        del type_name, trainer
        return unit_options(loss)

    def form(self, type_name: str, encoder: Component | None) -> Form:  # noqa: ARG002
        """Return `trees`: numbers as they are, categories as indices, text as a vector."""
        return Form.TREES

    def fit(
        self,
        problem: Problem,
        train: Dataset,
        validation: Dataset | None,
        *,
        trainer: Spec,
        context: FitContext,
    ) -> FittedGbm:
        """Grow a booster for each output.

        Raises:
            TrainingError: no rows, a truth that is missing, an input that trees cannot read, or
                settings that LightGBM refuses.
            DataError: a truth that the loss cannot judge.
        """
        assert isinstance(trainer, GbmTrainer), "the config reads the trainer with `Gbm.Trainer`"
        layout = Layout.of(problem.inputs)
        bounds = constraints(problem.inputs, layout, trainer.interaction_constraints)
        if "monotone_constraints" in bounds:
            bounds["monotone_constraints_method"] = trainer.monotone_method
        job = _Job(layout, trainer, context, bounds, deadline=_deadline(trainer))
        grown = [
            job.run(output, index, train=train, validation=validation)
            for index, output in enumerate(problem.outputs)
        ]
        names = [output.name for output in problem.outputs]
        return FittedGbm(
            layout,
            [trees for trees, _, _ in grown],
            history=[record for _, history, _ in grown for record in history],
            facts={
                "family": self.type,
                "stop_reason": _overall([fact["stop_reason"] for *_, fact in grown]),
                "outputs": {n: f for n, (*_, f) in zip(names, grown, strict=True)},
            },
            n_threads=job.n_threads,
        )

    def load(self, folder: Path, problem: Problem) -> FittedGbm:
        """Return what `FittedGbm.save` wrote."""
        return FittedGbm.load(folder, problem)


@dataclass(frozen=True)
class _Job:
    """Grows the trees of one output after another."""

    layout: Layout
    trainer: GbmTrainer
    context: FitContext
    bounds: Settings
    deadline: float | None

    @property
    def n_threads(self) -> int:
        return self.context.backend.threads or self.context.n_threads

    def run(
        self, output: Output, index: int, *, train: Dataset, validation: Dataset | None
    ) -> tuple[Trees, list[dict[str, Any]], dict[str, Any]]:
        """Return the trees, their history and the facts."""
        target, classes = Target.of(output, train), n_classes(output)
        is_category = output.type == "category"
        check_domain(output, target)
        constant = target.constant(classes)
        if constant is not None:
            trees = Trees(output.name, is_category, constant=tuple(constant.tolist()))
            return trees, [], {"stop_reason": "constant_target", "rounds": 0}
        judge = None if validation is None or validation.n_rows == 0 else validation
        task = Task(train.n_rows, classes, has_validation=judge is not None)
        settings, reasons = _settle(self.trainer, task)
        params = self._params(settings, task, output)
        store = Checkpoint(
            self.context.folder / f"gbm-{index}.json", [output.name, params, settings]
        )
        grown = store.load() or grow(
            self.layout,
            Rows(train.inputs, target.truth, target.weights),
            None if judge is None else _judge(output, judge),
            plan=self._plan(output, settings, params),
            context=self.context,
        )
        store.save(grown)
        facts = _facts(grown, settings=settings, params=params, reasons=reasons, task=task)
        return Trees(output.name, is_category, text=grown.text), grown.history, facts

    def _plan(self, output: Output, settings: Settings, params: Settings) -> Plan:
        return Plan(
            output=output.name,
            params=params,
            n_rounds=int(settings["num_boost_round"]),
            patience=max(0, int(settings["early_stop"])),
            report_every=self.trainer.boosting_rounds_per_checkpoint,
            deadline=self.deadline,
        )

    def _params(self, settings: Settings, task: Task, output: Output) -> Settings:
        """Return LightGBM's parameters: ours under its names, and those that make it repeat."""
        params = {key: value for key, value in settings.items() if key not in _OURS}
        params["boosting"] = params.pop("boosting_type")
        if settings["pos_bagging_fraction"] == settings["neg_bagging_fraction"] == 1:
            del params["pos_bagging_fraction"], params["neg_bagging_fraction"]
        cells = task.n_rows * self.layout.n_columns
        n_threads = bound_threads(self.n_threads, n_cells=cells)
        aim = objective(
            output.loss,
            task.n_classes,
            watched=self.trainer.validation_metric,
            is_category=output.type == "category",
        )
        return params | self.bounds | aim | {
            "categorical_feature": ",".join(map(str, self.layout.categorical)),
            "is_provide_training_metric": True,
            "deterministic": True,
            # Bins row by row are a second copy of the data, worth its memory while it is small.
            "force_row_wise" if cells <= _ROW_WISE_CELLS else "force_col_wise": True,
            "num_threads": n_threads,
            "verbosity": -1,
        }  # fmt: skip


def _overall(reasons: list[str]) -> str:
    """Return the reason of the whole: that of an output that was cut short, if there is one."""
    return next((reason for reason in reasons if reason in UNFINISHED), reasons[-1])


def _deadline(trainer: GbmTrainer) -> float | None:
    budget = trainer.time_budget_seconds
    return None if budget is None else time.monotonic() + budget


def _judge(output: Output, validation: Dataset) -> Rows:
    target = Target.of(output, validation)
    check_domain(output, target, what="validation")
    return Rows(validation.inputs, target.truth, target.weights)


def _settle(trainer: GbmTrainer, task: Task) -> tuple[Settings, dict[str, str]]:
    """Return all settings with `auto` replaced, and the reason for each that was."""
    known = recipe(task)
    if trainer.boosting_type == "goss":
        why = "`goss` draws rows by their gradients"
        known |= {"bagging_fraction": (1.0, why), "bagging_freq": (0, why)}
    settings, reasons = trainer.model_dump(), {}
    for key, value in settings.items():
        if value == "auto":
            settings[key], reasons[key] = known[key]
    return settings, reasons


def _facts(
    grown: Grown, *, settings: Settings, params: Settings, reasons: dict[str, str], task: Task
) -> dict[str, Any]:
    return {
        "settings": settings,
        "reasons": reasons,
        "objective": params["objective"],
        "metric": params["metric"],
        "rounds": grown.n_rounds,
        "stop_reason": grown.stop_reason,
        "n_rows": task.n_rows,
        "threads": params["num_threads"],
        "is_row_wise": "force_row_wise" in params,
        "resume": "an output that was not finished is grown again from its first round",
    }


_OURS = frozenset(
    {"type", "num_boost_round", "early_stop", "validation_metric", "time_budget_seconds",
     "boosting_rounds_per_checkpoint", "interaction_constraints", "monotone_method"}
)  # fmt: skip
_ROW_WISE_CELLS = 20_000_000
