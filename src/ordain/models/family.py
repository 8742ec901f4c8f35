"""The contract of a model family: it learns outputs from inputs, both encoded.

`Problem` says what is learned, `Dataset` holds the arrays, `FitContext` is what the outside
offers while learning, `FittedModel` is the result.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypedDict

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ordain.core.component import Component, Registry, Spec
from ordain.core.events import Events
from ordain.features.encoded import EncodedColumn, RowValue, Shape
from ordain.features.feature import Form, Scores
from ordain.models.attribution import Attribution


@dataclass(frozen=True)
class Input:
    """An input column as a model sees it.

    Attributes:
        encoder: set for neural models only.
        monotone: which way a number of the output may go as this column grows, or None.
    """

    name: str
    type: str
    shape: Shape
    encoder: Component | None = None
    monotone: Literal["increasing", "decreasing"] | None = None


@dataclass(frozen=True)
class Output:
    """An output column as a model sees it.

    Attributes:
        labels: class names in the order of the encoded index; for binary, (negative, positive);
            empty for a number.
        loss: what is minimised, where the document says it; None is the family's own.
        decoder: set for neural models only.
        weight: of its loss among several outputs.
        class_weights: one weight a class in the order of `labels`, or empty.
        bounds: lowest and highest encoded value seen in training, for a number.
    """

    name: str
    type: str
    shape: Shape
    labels: tuple[str, ...] = ()
    loss: Component | None = None
    decoder: Component | None = None
    weight: float = 1.0
    class_weights: tuple[float, ...] = ()
    bounds: tuple[float, float] | None = None


@dataclass(frozen=True)
class Problem:
    """What is learned from what, in the order of the config."""

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    combiner: Component | None = None


UNFINISHED = frozenset({"interrupted", "time_budget"})
"""Reasons to stop that hang on the clock or a person: another run may end elsewhere."""


@dataclass(frozen=True)
class Dataset:
    """Encoded rows: every column has the same number of rows.

    Attributes:
        inputs, outputs: by column name.
        weights: of rows [N], float32, or None for equal weights.
        newest: position of the newest row, where the rows follow time.
    """

    inputs: Mapping[str, EncodedColumn]
    outputs: Mapping[str, EncodedColumn]
    n_rows: int
    weights: npt.NDArray[np.float32] | None = None
    newest: int | None = None

    def take(self, rows: npt.NDArray[np.int64]) -> Dataset:
        """Return the rows at these positions, in this order, as a copy."""
        return Dataset(
            inputs={name: column.take(rows) for name, column in self.inputs.items()},
            outputs={name: column.take(rows) for name, column in self.outputs.items()},
            n_rows=len(rows),
            weights=None if self.weights is None else self.weights[rows],
        )

    def release(self) -> None:
        """Let go of the memory that mapped columns hold; it is read again at their next use."""
        for column in (*self.inputs.values(), *self.outputs.values()):
            column.release()


class Backend(Spec):
    """Where and with how much a model is trained."""

    type: Literal["local"] = "local"
    """One machine."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """`auto` takes a GPU where PyTorch finds one."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Of forward and backward; weights stay float32. `auto`: bfloat16 on CUDA, else float32."""
    threads: Annotated[int, Field(ge=1, le=256)] | None = None
    """CPU threads; by default a fixed rule on the size of a step, see `trainer`."""


@dataclass
class FitContext:
    """What the outside offers while a model learns.

    Attributes:
        seed: of this run; derive a stream for each purpose with `ordain.core.randomness`.
        events: where to report progress and epochs.
        folder: of checkpoints; what is there when fitting starts is resumed from.
        backend: device, precision, threads.
        stop: set from outside (Ctrl-C): end cleanly with the best weights so far.
        cached: ``cached(key parts, build)`` gives the folder that `build(folder)` filled, now or in
            an earlier run with the same key parts.
        n_threads: bound for native libraries where `backend.threads` is not set.
    """

    seed: int
    events: Events
    folder: Path
    backend: Backend = field(default_factory=Backend)
    stop: threading.Event = field(default_factory=threading.Event)
    cached: Callable[[Sequence[Any], Callable[[Path], None]], Path] | None = None
    n_threads: int = 1


class Learned(TypedDict):
    """How much of something a model holds, and what to change where that is nothing."""

    count: int
    what: str
    fix: str


class FittedModel(ABC):
    """A model that has learned.

    Attributes:
        history: one mapping an epoch or boosting round, with the losses and metrics; may be empty.
        facts: what was chosen or found while learning (batch size, best step, threads, device,
            number of parameters, stop reason ...), plain JSON; facts that decide the result's bytes
            stand here so that the lock can hold them.
        engine: package that computes the scores, for who operates a server.
    """

    engine: ClassVar[str] = "numpy"
    history: list[dict[str, Any]]
    facts: dict[str, Any]

    @abstractmethod
    def predict(self, inputs: Mapping[str, EncodedColumn]) -> dict[str, Scores]:
        """Return the scores of every output for rows of any number; see `Scores`."""

    @abstractmethod
    def row_predictor(self) -> Callable[[Sequence[RowValue]], dict[str, Any]]:
        """Return a fast function from one row's cells, in the order of the inputs, to its scores.

        A score is a float, or a sequence of C floats for a category; within 1e-6 of `predict`.
        """

    def rows_predictor(
        self,
    ) -> Callable[[Sequence[Sequence[RowValue]]], list[dict[str, Any]]] | None:
        """Return a function for the cells of a few rows; None where one by one is as fast.

        A score is what `row_predictor` gives for the row, within 1e-6.
        """
        return None

    def attribute(
        self,
        inputs: Mapping[str, EncodedColumn],
        output: str,
        *,
        background: Mapping[str, EncodedColumn],
    ) -> Attribution | None:
        """Return what each input adds to an output's score; None where the family has no way.

        The rows are independent. Sampled Shapley values stand in where it is None.

        Args:
            inputs: N rows to explain.
            output: name of the output.
            background: a few rows whose mean stands for knowing nothing; families whose own
                method has another base leave it alone.
        """
        del inputs, output, background
        return None

    def inside(self, inputs: Mapping[str, EncodedColumn]) -> dict[str, npt.NDArray[np.float64]]:
        """Return numbers [N] a model comes by on the way to its scores, by name, for people."""
        del inputs
        return {}

    def learned(self) -> dict[str, Learned]:
        """Return how much each output's model holds, by output; empty where it cannot be counted.

        A count of 0 means that nothing was learned.
        """
        return {}

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the weights: files that hold data only, the same bytes for the same weights."""


class Family(Component):
    """What `model_type` names.

    Class attributes:
        Trainer: the spec that the `trainer` block is read with.
        has_encoders: whether input features may have an `encoder` (neural models).
        outputs: column types it can predict.
        has_monotone: whether inputs may have `monotone`.
    """

    Trainer: ClassVar[type[Spec]]
    has_encoders: ClassVar[bool] = False
    outputs: ClassVar[frozenset[str]] = frozenset({"number", "binary", "category"})
    has_monotone: ClassVar[bool] = False

    @abstractmethod
    def form(self, type_name: str, encoder: Component | None) -> Form:
        """Return what this family asks of an input column of a feature type."""

    def takes(self, type_name: str) -> bool:  # noqa: ARG002
        """Return whether input columns of a feature type are of use; others are not encoded."""
        return True

    def losses(self, type_name: str) -> Mapping[str, frozenset[str] | None]:  # noqa: ARG002
        """Return the losses it can minimise for an output of a column type, by type name.

        Each comes with the keys of the loss that are followed, None for all; a document that says
        anything else is refused.
        """
        return {}

    def target_options(
        self,
        type_name: str,  # noqa: ARG002
        loss: Component | None,  # noqa: ARG002
        trainer: Spec,  # noqa: ARG002
    ) -> dict[str, tuple[Any, str]]:
        """Return options of an output that a loss or the trainer asks for, each with the reason.

        They stand in for what the user left out and never replace what was written.
        """
        return {}

    def note(self, trainer: Spec) -> str:  # noqa: ARG002
        """Return what must be known of a bundle before it is made; empty where there is nothing."""
        return ""

    def choose_encoder(self, type_name: str, shape: Shape) -> tuple[Component, str]:
        """Return the encoder of an input that was left to the family, and why.

        Called where `has_encoders`; the choice rests on the fitted shape alone.
        """
        raise NotImplementedError(f"`{self.type}` has no encoders for `{type_name}` ({shape.kind})")

    def text_options(self, encoder: Component | None) -> dict[str, Any]:
        """Return options of a text column that suit its encoder, None where the family chooses it.

        They stand in for what the user left out and never replace what was written.
        """
        del encoder
        return {}

    @abstractmethod
    def fit(
        self,
        problem: Problem,
        train: Dataset,
        validation: Dataset | None,
        *,
        trainer: Spec,
        context: FitContext,
    ) -> FittedModel:
        """Learn; `validation` (None if there is none) decides when to stop and what to keep.

        Raises:
            TrainingError: a loss that is not a number, no rows, not enough memory; the message
                says at which step, from which column, and what to change.
        """

    def trials(
        self,
        problem: Problem,
        sample: Dataset,
        *,
        fitted: FittedModel,
        trainer: Spec,
        context: FitContext,
    ) -> Mapping[str, Any]:
        """Return what cheap trials of learning itself gave, plain data; empty where it has none.

        Sanity checks read, each where it is there: ``initial_loss`` by output (``kind``, ``loss``
        of the freshly built model, ``constant`` for the best constant answer, ``equal_shares`` for
        all classes alike); ``overfit`` of one small batch (``rows``, ``steps``, ``rate``, losses
        ``first`` and ``last``, ``constant``, ``floor`` of a perfect answer, ``is_cut_short``);
        ``unmoved`` of ``n_tensors``, names of tensors that learning did not change; ``learned`` by
        output, as `FittedModel.learned` counts it; ``skipped``, why a trial was not made.

        Args:
            problem: as it was learned.
            sample: some training rows.
            fitted: what was learned.
            trainer: the block it was learned with.
            context: its seed and backend; nothing is written.
        """
        del problem, sample, trainer, context
        learned = fitted.learned()
        return {"learned": learned} if learned else {}

    @abstractmethod
    def load(self, folder: Path, problem: Problem) -> FittedModel:
        """Return what `FittedModel.save` wrote.

        Raises:
            BundleError: a file is missing or does not fit the problem.
        """

    def load_light(
        self, folder: Path, problem: Problem, *, check: Callable[[], None] | None = None
    ) -> FittedModel:
        """Return what `load` does, or what predicts alike and loads less until more is asked of it.

        Args:
            folder: as of `load`.
            problem: as of `load`.
            check: called before and after what is read later; it raises where `folder` holds
                something else by then.

        Raises:
            BundleError: as `load`.
        """
        del check
        return self.load(folder, problem)


FAMILIES: Registry[Family] = Registry("model family", Family, package="ordain.models.families")
