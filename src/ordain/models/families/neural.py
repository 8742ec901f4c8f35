"""`neural`: encoders, a combiner and decoders, trained together by gradient.

model_type: neural        # `ecd` means the same
trainer: {epochs: 20}
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ordain.core.component import Component, Spec
from ordain.features.encoded import Kind, Shape
from ordain.features.feature import Form
from ordain.models.family import FAMILIES, Dataset, Family, FitContext, FittedModel, Output, Problem
from ordain.models.neural.component import LOSSES, Decoder, Encoder, Loss
from ordain.models.neural.trainer import NeuralTrainer

if TYPE_CHECKING:
    from ordain.models.neural.fitted import NeuralModel


@FAMILIES.register
class NeuralFamily(Family):
    """Neural networks over any mix of columns, with one head an output."""

    type: Literal["neural"] = "neural"
    aliases = ("ecd",)
    Trainer = NeuralTrainer
    has_encoders = True

    def form(self, type_name: str, encoder: Component | None) -> Form:
        """Return the encoder's form for a column of text, else `dense`."""
        if type_name in {"text", "sequence"} and isinstance(encoder, Encoder):
            return encoder.form
        return Form.DENSE

    def text_options(self, encoder: Component | None) -> dict[str, Any]:
        """Return the options that the encoder asks for; None is the bag of n-grams."""
        from ordain.models.neural.encoders.bag import BagEncoder

        chosen = BagEncoder() if encoder is None else encoder
        return chosen.text_options() if isinstance(chosen, Encoder) else {}

    def losses(self, type_name: str) -> dict[str, frozenset[str] | None]:
        """Return every loss of the type that a network can be trained by."""
        known = {name: LOSSES.get(name) for name in LOSSES.names()}
        return {
            name: None
            for name, loss in known.items()
            if type_name in loss.types and loss.trains_networks
        }

    def choose_encoder(self, type_name: str, shape: Shape) -> tuple[Encoder, str]:
        """Return the encoder of a column where none is written, and why."""
        from ordain.models.neural.choice import choose_encoder

        return choose_encoder(type_name, shape)

    def fit(
        self,
        problem: Problem,
        train: Dataset,
        validation: Dataset | None,
        *,
        trainer: Spec,
        context: FitContext,
    ) -> FittedModel:
        """Learn; see `Family.fit`.

        Raises:
            TrainingError: no rows, or a loss that is not a number.
        """
        from ordain.models.neural.fitting import fit

        assert isinstance(trainer, NeuralTrainer), "the block is read with `Trainer`"
        return fit(self.settle(problem), train, validation, trainer=trainer, context=context)

    def trials(
        self,
        problem: Problem,
        sample: Dataset,
        *,
        fitted: FittedModel,
        trainer: Spec,
        context: FitContext,
    ) -> dict[str, Any]:
        """Return what a fresh network does before and in its first steps; see `Family.trials`."""
        from ordain.models.neural.fitted import NeuralModel
        from ordain.models.neural.trials import run_trials

        assert isinstance(trainer, NeuralTrainer), "the block is read with `Trainer`"
        assert isinstance(fitted, NeuralModel), "it was fitted by this family"
        return run_trials(
            self.settle(problem), sample, network=fitted.network, trainer=trainer, context=context
        )

    def load(self, folder: Path, problem: Problem) -> NeuralModel:
        """Return what `FittedModel.save` wrote; see `Family.load`."""
        from ordain.models.neural.fitted import NeuralModel

        return NeuralModel.load(folder, self.settle(problem))

    def load_light(
        self, folder: Path, problem: Problem, *, check: Callable[[], None] | None = None
    ) -> FittedModel:
        """Return a network that needs no torch where it can be had; see `Family.load_light`."""
        from ordain.models.neural.light import LightModel

        def whole() -> FittedModel:
            if check is not None:
                check()
            loaded = self.load(folder, problem)
            if check is not None:
                check()
            return loaded

        found = LightModel.read(folder, problem, whole)
        return self.load(folder, problem) if found is None else found

    def settle(self, problem: Problem) -> Problem:
        """Return the problem with an encoder, combiner, decoder and loss everywhere."""
        from ordain.models.neural.combiners.concat import ConcatCombiner

        inputs = tuple(
            column
            if column.encoder is not None
            else replace(column, encoder=self.choose_encoder(column.type, column.shape)[0])
            for column in problem.inputs
        )
        outputs = tuple(
            replace(
                output,
                decoder=output.decoder or default_decoder(output),
                loss=output.loss or default_loss(output),
            )
            for output in problem.outputs
        )
        # A text alone is best judged by its n-grams or its pretrained vector directly.
        is_text = all(column.shape.kind in {Kind.BAG, Kind.TOKENS} for column in inputs)
        combiner = problem.combiner or ConcatCombiner(**({"hidden_layers": 0} if is_text else {}))
        return Problem(inputs, outputs, combiner)


def default_decoder(output: Output) -> Decoder:
    """Return `classifier` for a category, else `regressor`."""
    from ordain.models.neural.decoders.classifier import ClassifierDecoder
    from ordain.models.neural.decoders.regressor import RegressorDecoder

    return ClassifierDecoder() if output.shape.kind is Kind.INDEX else RegressorDecoder()


def default_loss(output: Output) -> Loss:
    """Return log-loss for classes, squared error for a number."""
    from ordain.models.neural.losses.classification import BinaryCrossEntropy, SoftmaxCrossEntropy
    from ordain.models.neural.losses.regression import MeanSquaredError

    if output.type == "number":
        return MeanSquaredError()
    return SoftmaxCrossEntropy() if output.shape.kind is Kind.INDEX else BinaryCrossEntropy()
