"""The `trainer` block of a neural model.

trainer:
  epochs: 20
  batch_size: auto
  learning_rate: auto
  learning_rate_scheduler: {type: cosine, warmup_fraction: 0.05}
  early_stop: 5
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from ordain.core.component import Spec
from ordain.models.neural.component import AnyOptimizer, AnySchedule

ValidationMetric = Literal[
    "auto",
    "loss",
    "log_loss",
    "accuracy",
    "roc_auc",
    "mean_squared_error",
    "root_mean_squared_error",
    "mean_absolute_error",
    "r2",
]


class GradientClipping(Spec):
    """Bounds of the gradient."""

    clipglobalnorm: float | None = Field(0.5, gt=0)
    """Largest length of all gradients together."""
    clipnorm: float | None = Field(None, gt=0)
    """Largest length of the gradient of each parameter."""
    clipvalue: float | None = Field(None, gt=0)
    """Largest size of each number of the gradient."""


def _ludwig_schedule(value: object) -> object:
    """Read Ludwig's ``{decay: cosine}`` as ``{type: cosine}``."""
    if isinstance(value, Mapping) and "type" not in value:
        keys = dict(value)
        decay = keys.pop("decay", None)
        return {"type": decay or "constant", **keys}
    return value


class NeuralTrainer(Spec):
    """How a neural model is trained; keys shared with Ludwig mean the same."""

    without_effect: ClassVar[frozenset[str]] = frozenset({"checkpoint_interval"})
    """Keys that change no result."""

    type: Literal["trainer"] = "trainer"
    """Ludwig's name of this kind of trainer."""
    epochs: int | Literal["auto"] | None = Field("auto")
    """Times all rows are seen; 'auto' is a rule on the number of rows and the encoders."""
    train_steps: int | None = Field(None, ge=1)
    """Steps in all; wins over `epochs`."""
    batch_size: int | Literal["auto"] = "auto"
    """Rows a step; 'auto' is a rule on the number of rows. A batch that does not fit into memory is
    run in parts that are added up."""
    max_batch_size: int = Field(1 << 16, ge=1)
    """Bound of an automatic `batch_size`."""
    eval_batch_size: int | Literal["auto"] | None = None
    """Rows of a block in validation; null or 'auto' is a rule on the encoders."""
    learning_rate: float | Literal["auto"] = "auto"
    """Size of a step; 'auto' takes that of the body, the encoders' own where they have one."""
    learning_rate_scheduler: Annotated[AnySchedule, BeforeValidator(_ludwig_schedule)] | None = None
    """How the rate falls; by default 'coslog4' for the default body, 'linear' for texts, else
    'constant'."""
    optimizer: AnyOptimizer | None = None
    """What moves the weights; by default 'adamw'."""
    regularization_type: Literal["l2", "l1", "l1_l2"] | None = "l2"
    """What `regularization_lambda` weighs: the squares of the weights, their sizes, or both."""
    regularization_lambda: float = Field(0.0, ge=0)
    """Factor of a penalty on the weights, added to the loss."""
    regularization_schedule: Literal["constant", "flat_cos"] = "flat_cos"
    """How dropout of the body and weight decay run: 'flat_cos' lowers them to 0 in the second
    half."""
    gradient_clipping: GradientClipping | None = None
    """Bounds of the gradient; none by default."""
    early_stop: int | Literal["auto"] = Field("auto")
    """Evaluations without a better metric before training ends; -1 never; 'auto' is never where
    the schedule runs to 0, else 5."""
    validation_field: str = "combined"
    """Output whose metric decides; 'combined' is all of them, by their weights."""
    validation_metric: ValidationMetric = "auto"
    """What decides; 'auto' is log-loss after temperature scaling for classes, squared error for
    numbers."""
    calibrate: bool = True
    """Whether the temperature of probabilities is set on the validation rows at the end."""
    evaluate_training_set: bool = False
    """Whether metrics are also computed on the training rows after each round."""
    should_shuffle: bool = True
    """Whether rows are put in a new order each epoch."""
    use_mixed_precision: bool = False
    """Whether forward and backward run in bfloat16, whatever the backend says."""
    checkpoint_interval: (
        Annotated[int, Field(ge=0)]
        | Annotated[str, Field(pattern=r"^[1-9]\d* (epochs?|steps?|seconds?)$")]
    ) = "20 seconds"
    """Epochs between checkpoints, or '500 steps', '30 seconds'; 0 writes none. When a checkpoint is
    written changes no result."""
    steps_per_checkpoint: int = Field(0, ge=0)
    """Steps between evaluations, each with a checkpoint; 0 evaluates after each epoch."""
    time_budget_seconds: float | None = Field(None, gt=0)
    """Seconds of training after which the best weights so far are taken."""

    @model_validator(mode="before")
    @classmethod
    def _read_minus_one(cls, value: Any) -> Any:
        """Read Ludwig's ``early_stop: -1`` and ``epochs: null`` as it does."""
        if isinstance(value, Mapping) and value.get("epochs", "auto") is None:
            return {**value, "epochs": "auto"}
        return value

    @model_validator(mode="after")
    def _check(self) -> NeuralTrainer:
        for name, least in (("epochs", 1), ("batch_size", 1), ("early_stop", -1)):
            value = getattr(self, name)
            if isinstance(value, int) and value < least:
                msg = f"`{name}` must be at least {least}, or 'auto'; it is {value}"
                raise ValueError(msg)
        if isinstance(self.learning_rate, float) and self.learning_rate <= 0:
            msg = f"`learning_rate` must be greater than 0, or 'auto'; it is {self.learning_rate}"
            raise ValueError(msg)
        return self
