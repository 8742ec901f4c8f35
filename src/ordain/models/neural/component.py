"""The contracts of the parts of a neural model. No torch is imported until something is built."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from ordain.core.component import Component, OneOf, Registry
from ordain.features.encoded import Kind, Shape
from ordain.features.feature import Form

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer

Task = Literal["classification", "regression"]
"""What the outputs are; several outputs of which one is a class count as `classification`."""


class Encoder(Component):
    """Turns the encoded columns of a group into one tensor.

    Columns of one kind whose encoders have equal specs are built as one group, so that forty
    numbers cost one matrix product and not forty. A ragged column (tokens, bag) is a group alone.

    Class attributes:
        kinds: which encoded columns it reads.
        form: what it asks of a column of text.

    The smallest working child:

        @ENCODERS.register
        class PassthroughEncoder(Encoder):
            '''Hands the numbers on.'''

            type: Literal["passthrough"] = "passthrough"
            kinds = frozenset({Kind.SCALAR, Kind.VECTOR})

            def build(self, shapes):
                return Passthrough(sum(shape.width for shape in shapes))
    """

    kinds: ClassVar[frozenset[Kind]]
    form: ClassVar[Form] = Form.DENSE

    @abstractmethod
    def build(self, shapes: Sequence[Shape]) -> nn.Module:
        """Return a module for a group of columns, with an int attribute `width` = D.

        Its `forward` takes, for dense kinds, the columns laid side by side: float32
        [B, sum of widths] (scalar, vector) or int64 [B, F] (index); for tokens ids int32 [B, T] and
        a mask [B, T] (True = keep); for bag ids int32 [total], offsets int32 [B] (starts of rows)
        and weights [total]. It returns [B, D] or, where sequences are not reduced, [B, T, D].

        A module with a method `fit_` is given the same tensors of up to 10,000 training rows once,
        before the first step, to set what depends on data (bins, scales).
        """

    def rebuild(self, shapes: Sequence[Shape], structure: Mapping[str, Any]) -> nn.Module:
        """Return the module of a saved model, whose weights are then read into it.

        `structure` is the attribute of that name (plain data) of the module that `build` gave, or
        empty where it has none.
        """
        del structure
        return self.build(shapes)

    @property
    def is_frozen(self) -> bool:
        """Whether the module has nothing to learn and is costly, so that its output is kept."""
        return False

    @property
    def is_pretrained(self) -> bool:
        """Whether learning starts from weights learned elsewhere, and so goes in small steps."""
        return False

    def text_options(self) -> dict[str, Any]:
        """Return options of the text feature that suit this encoder, such as its tokenizer.

        They stand in for what the user left out and never replace what was written.
        """
        return {}


class Combiner(Component):
    """Joins the tensors of all encoders."""

    @abstractmethod
    def build(self, widths: Sequence[int], *, task: Task = "classification") -> nn.Module:
        """Return a module: list of [B, D_i] -> [B, D].

        It has the attributes `width` (int, D), `rate` (float, the learning rate where that is
        chosen automatically) and `is_ntk` (bool, see `Decoder.build`).
        """


class Decoder(Component):
    """Turns the hidden state into raw scores of one output.

    Class attributes:
        types: output types it can give scores for; empty for any.
    """

    types: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def build(self, width: int, n_scores: int, *, is_ntk: bool = False) -> nn.Module:
        """Return a module: [B, width] -> [B, n_scores] (1 for number and binary, C for category).

        `is_ntk` says that the body before it is in the neural-tangent parametrisation.
        """


class Loss(Component):
    """Judges raw scores against the truth."""

    weight: float = 1.0
    """Share of this output's loss in the sum over outputs."""
    types: ClassVar[frozenset[str]]
    """Output types it can judge."""
    trains_networks: ClassVar[bool] = True
    """Whether it can be built for a neural model; others are for families that say so."""
    is_in_unit: ClassVar[bool] = False
    """Whether the target must be in its own unit, not scaled."""
    domain: ClassVar[Literal["any", "not_negative", "positive"]] = "any"
    """Which targets it can judge."""

    @abstractmethod
    def build(self, class_weights: Sequence[float] = ()) -> nn.Module:
        """Return a module: (raw scores [B, S], truth [B], row weights [B] or None) -> scalar.

        Truth is float32 for number and binary, int64 for category. The scalar is the mean over
        rows, weighted where there are weights.
        """


class Optimizer(Component):
    """Moves the weights."""

    @abstractmethod
    def build(self, groups: list[dict[str, Any]]) -> TorchOptimizer:
        """Return a torch optimizer over groups, each with `params`, `lr` and `weight_decay`."""

    @property
    def decay(self) -> float:
        """Weight decay of parameters that are decayed."""
        return 0.0


class Schedule(Component):
    """Factor of the learning rate over the course of training."""

    warmup_fraction: float = 0.0
    """Share of training over which the rate rises linearly from 0."""
    warmup_evaluations: int | None = None
    """Evaluations over which the rate rises linearly; Ludwig's way of saying `warmup_fraction`."""
    reduce_on_plateau: int = 0
    """How often the rate may be cut when the validation metric stops getting better."""
    reduce_on_plateau_patience: int = 10
    """Evaluations without a better metric before the rate is cut."""
    reduce_on_plateau_rate: float = 0.1
    """What a cut multiplies the rate by."""

    @abstractmethod
    def factor(self, progress: float) -> float:
        """Return the factor at a fraction of training, 0 to 1."""

    @property
    def is_annealed(self) -> bool:
        """Whether the rate is near 0 at the end, so that stopping early would waste the end."""
        return False


ENCODERS: Registry[Encoder] = Registry(
    "encoder",
    Encoder,
    package="ordain.models.neural.encoders",
)
COMBINERS: Registry[Combiner] = Registry(
    "combiner",
    Combiner,
    package="ordain.models.neural.combiners",
)
DECODERS: Registry[Decoder] = Registry(
    "decoder",
    Decoder,
    package="ordain.models.neural.decoders",
)
LOSSES: Registry[Loss] = Registry(
    "loss",
    Loss,
    package="ordain.models.neural.losses",
)
OPTIMIZERS: Registry[Optimizer] = Registry(
    "optimizer",
    Optimizer,
    package="ordain.models.neural.optimizers",
)
SCHEDULES: Registry[Schedule] = Registry(
    "schedule",
    Schedule,
    package="ordain.models.neural.schedules",
)

AnyEncoder = Annotated[Encoder, OneOf(lambda: ENCODERS)]
AnyCombiner = Annotated[Combiner, OneOf(lambda: COMBINERS)]
AnyDecoder = Annotated[Decoder, OneOf(lambda: DECODERS)]
AnyLoss = Annotated[Loss, OneOf(lambda: LOSSES)]
AnyOptimizer = Annotated[Optimizer, OneOf(lambda: OPTIMIZERS)]
AnySchedule = Annotated[Schedule, OneOf(lambda: SCHEDULES)]
