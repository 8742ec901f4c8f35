"""Losses of classes.

output_features:
  churn: {type: binary, loss: {type: binary_weighted_cross_entropy, positive_class_weight: 3}}
  topic: {type: category, loss: {type: softmax_cross_entropy, label_smoothing: 0.1}}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ordain.models.neural.component import LOSSES, Loss

if TYPE_CHECKING:
    from torch import nn


class ClassLoss(Loss):
    """Keys that losses of classes share."""

    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """Share of each label that is spread over all classes."""
    robust_lambda: float = Field(0.0, ge=0, le=1)
    """Share of the loss that does not depend on the label, against wrong labels: the loss is
    `(1 - robust_lambda) * loss + robust_lambda / n_classes`."""
    confidence_penalty: float = Field(0.0, ge=0)
    """Factor of a penalty on answers of low entropy (Pereyra et al. 2017, arXiv 1701.06548)."""


@LOSSES.register
class BinaryCrossEntropy(ClassLoss):
    """Log-loss of a yes/no column, with a weight for the positive class."""

    type: Literal["binary_weighted_cross_entropy"] = "binary_weighted_cross_entropy"
    types = frozenset({"binary"})
    positive_class_weight: float | None = Field(None, gt=0)
    """Weight of rows of the positive class; those of the negative class count 1."""

    def build(self, class_weights: Sequence[float] = ()) -> nn.Module:
        """Return the module; see `Loss.build`."""
        from ordain.models.neural.blocks.loss import BinaryEntropy

        if self.positive_class_weight is not None:
            class_weights = (1.0, self.positive_class_weight)
        return BinaryEntropy(
            class_weights,
            label_smoothing=self.label_smoothing,
            robust_lambda=self.robust_lambda,
            confidence_penalty=self.confidence_penalty,
        )


@LOSSES.register
class SoftmaxCrossEntropy(ClassLoss):
    """Log-loss of a category, with weights by class."""

    type: Literal["softmax_cross_entropy"] = "softmax_cross_entropy"
    types = frozenset({"category"})
    class_weights: Mapping[str, float] | tuple[float, ...] | None = None
    """Weight of each class, by label or in the order of the labels; a label left out counts 1."""

    def build(self, class_weights: Sequence[float] = ()) -> nn.Module:
        """Return the module; see `Loss.build`."""
        from ordain.models.neural.blocks.loss import SoftmaxEntropy

        return SoftmaxEntropy(
            class_weights,
            label_smoothing=self.label_smoothing,
            robust_lambda=self.robust_lambda,
            confidence_penalty=self.confidence_penalty,
        )


@LOSSES.register
class Focal(Loss):
    """Log-loss that counts well-judged rows less (Lin et al. 2017, arXiv 1708.02002)."""

    type: Literal["focal"] = "focal"
    types = frozenset({"binary", "category"})
    gamma: float = Field(2.0, ge=0)
    """How much less; 0 is plain log-loss."""

    def build(self, class_weights: Sequence[float] = ()) -> nn.Module:
        """Return the module; see `Loss.build`."""
        from ordain.models.neural.blocks.loss import FocalEntropy

        return FocalEntropy(class_weights, gamma=self.gamma)
