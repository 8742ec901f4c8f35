"""The contracts of the parts of a neural model. No torch is imported until something is built."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from ordain.core.component import Component, OneOf, Registry
from ordain.features.encoded import Kind, Shape
from ordain.features.feature import Form

if TYPE_CHECKING:
    from torch import nn


class Encoder(Component):
    """Turns the encoded columns of a group into one tensor.

    Columns of one kind whose encoders have equal specs are built as one group, so that forty
    numbers cost one matrix product and not forty.

    Class attributes:
        kinds: which encoded columns it reads.
        form: what it asks of a column of text.
    """

    kinds: ClassVar[frozenset[Kind]]
    form: ClassVar[Form] = Form.DENSE

    @abstractmethod
    def build(self, shapes: Sequence[Shape]) -> nn.Module:
        """Return a module for a group of columns.

        Its `forward` takes, for dense kinds, the columns laid side by side: float32
        [B, sum of widths] (scalar, vector) or int64 [B, F] (index); for tokens (one column a group)
        ids [B, T] and a mask [B, T] (True = keep); for bag ids, offsets and weights. It returns
        [B, D] or, for sequences that are not reduced, [B, T, D].
        """


class Combiner(Component):
    """Joins the tensors of all encoders."""

    @abstractmethod
    def build(self, widths: Sequence[int]) -> nn.Module:
        """Return a module: list of [B, D_i] -> [B, D]; it has an int attribute `width` = D."""


class Decoder(Component):
    """Turns the hidden state into raw scores of one output."""

    @abstractmethod
    def build(self, width: int, n_scores: int) -> nn.Module:
        """Return a module: [B, width] -> [B, n_scores] (1 for number and binary, C for category)."""


class Loss(Component):
    """Judges raw scores against the truth."""

    weight: float = 1.0
    """Share of this output's loss in the sum over outputs."""
    types: ClassVar[frozenset[str]]
    """Output types it can judge."""

    @abstractmethod
    def build(self, **facts: Any) -> nn.Module:
        """Return a module: (raw scores, truth, row weights or None) -> scalar."""


class Optimizer(Component):
    """Moves the weights."""

    @abstractmethod
    def build(self, groups: list[dict[str, Any]], *, learning_rate: float) -> Any:
        """Return a torch optimizer over parameter groups (each with its own factor of the rate)."""


class Schedule(Component):
    """Factor of the learning rate over the course of training."""

    @abstractmethod
    def factor(self, progress: float) -> float:
        """Return the factor at a fraction of training, 0 to 1."""


ENCODERS: Registry[Encoder] = Registry("encoder", Encoder, package="ordain.models.neural.encoders")
COMBINERS: Registry[Combiner] = Registry("combiner", Combiner, package="ordain.models.neural.combiners")
DECODERS: Registry[Decoder] = Registry("decoder", Decoder, package="ordain.models.neural.decoders")
LOSSES: Registry[Loss] = Registry("loss", Loss, package="ordain.models.neural.losses")
OPTIMIZERS: Registry[Optimizer] = Registry("optimizer", Optimizer, package="ordain.models.neural.optimizers")
SCHEDULES: Registry[Schedule] = Registry("schedule", Schedule, package="ordain.models.neural.schedules")

AnyEncoder = Annotated[Encoder, OneOf(lambda: ENCODERS)]
AnyCombiner = Annotated[Combiner, OneOf(lambda: COMBINERS)]
AnyDecoder = Annotated[Decoder, OneOf(lambda: DECODERS)]
AnyLoss = Annotated[Loss, OneOf(lambda: LOSSES)]
AnyOptimizer = Annotated[Optimizer, OneOf(lambda: OPTIMIZERS)]
AnySchedule = Annotated[Schedule, OneOf(lambda: SCHEDULES)]
