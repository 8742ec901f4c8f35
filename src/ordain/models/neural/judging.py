"""Losses in training, metrics on validation rows, and the temperature of probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ordain.core.errors import UsageError
from ordain.features.encoded import Kind
from ordain.models.family import Output
from ordain.models.neural.component import Loss
from ordain.models.neural.losses.classification import SoftmaxCrossEntropy
from ordain.models.neural.memory import is_out_of_memory
from ordain.models.neural.network import Network
from ordain.models.neural.packing import Batch
from ordain.models.neural.rows import Rows

_GOLDEN = (math.sqrt(5) - 1) / 2
_N_TRIES = 24
_LOG_HEATS = (math.log(0.25), math.log(20.0))


class Objective(nn.Module):
    """The weighted sum of the losses of all outputs; buffers follow the device."""

    def __init__(self, outputs: Sequence[Output]) -> None:
        super().__init__()
        self.losses = nn.ModuleList(_build_loss(output) for output in outputs)
        self._shares = [output.weight for output in outputs]

    def forward(self, scores: Sequence[Tensor], batch: Batch) -> Tensor:
        """Return the scalar."""
        total: Tensor | None = None
        for place, loss in enumerate(self.losses):
            value = loss(scores[place].float(), batch.truths[place], batch.weights)
            if self._shares[place] != 1.0:
                value = value * self._shares[place]
            total = value if total is None else total + value
        assert total is not None, "a problem has at least one output"
        return total


@dataclass(frozen=True)
class Judge:
    """Computes the metrics of validation rows and the one number that decides.

    Attributes:
        field: output that decides, or 'combined'.
        metric: of the trainer.
    """

    outputs: tuple[Output, ...]
    field: str
    metric: str

    def __post_init__(self) -> None:
        names = [output.name for output in self.outputs]
        if self.field != "combined" and self.field not in names:
            raise UsageError(
                f"`validation_field` must be 'combined' or an output: {', '.join(names)}; "
                f"it is '{self.field}'"
            )
        for output in self._deciding():
            possible = sorted({"auto", "loss", *_metrics_of(output)})
            if self.metric not in possible:
                raise UsageError(
                    f"`validation_metric` '{self.metric}' does not fit `{output.name}`. "
                    f"Possible: {', '.join(possible)}."
                )

    def metrics(self, scores: Sequence[Tensor], batch: Batch) -> dict[str, dict[str, float]]:
        """Return the metrics of each output on rows that were scored."""
        weights = None if batch.weights is None else batch.weights.double().cpu()
        return {
            output.name: {
                name: float(function(score, truth.cpu(), weights))
                for name, function in _metrics_of(output).items()
                if name != "roc_auc" or self.metric == name
            }
            for output, score, truth in zip(self.outputs, scores, batch.truths, strict=True)
        }

    def decide(self, metrics: Mapping[str, Mapping[str, float]]) -> float:
        """Return the number that decides: lower is better."""
        total = 0.0
        for output in self._deciding():
            name = _DECIDES.get((self.metric, output.type == "number"), self.metric)
            value = metrics[output.name][name]
            total += output.weight * (-value if name in {"accuracy", "roc_auc", "r2"} else value)
        return total

    def _deciding(self) -> list[Output]:
        return [o for o in self.outputs if self.field in {"combined", o.name}]


@torch.inference_mode()
def score_rows(
    network: Network, rows: Rows, *, block: int, autocast: Callable[[], object]
) -> list[Tensor]:
    """Return the raw scores [N, n_scores] of each output on the CPU, in float32.

    Where memory is full, blocks are halved, down to one row.
    """
    network.eval()
    while True:
        try:
            parts = []
            for batch in rows.blocks(block):
                with autocast():  # type: ignore[attr-defined]
                    parts.append([score.float().cpu() for score in network.of_batch(batch)])
            return [torch.cat(column) for column in zip(*parts, strict=True)]
        except (MemoryError, RuntimeError) as error:
            if block <= 1 or not is_out_of_memory(error):
                raise
            block //= 2


def temperature(output: Output, scores: Tensor, truth: Tensor, weights: Tensor | None) -> float:
    """Return what logits are divided by so that the log-loss of these rows is least; 1 for numbers.

    Golden-section search of its logarithm; the loss has one minimum. One row's worth of doubt is
    spread over the classes (Laplace's rule, as in arXiv 2501.19195): few rows that are all judged
    rightly would lead to certainty otherwise.
    """
    if output.type == "number":
        return 1.0
    logits, truth = _logits(scores), truth.cpu()
    low, high = _LOG_HEATS
    points = [high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)]
    values = [_doubtful_loss(logits / math.exp(p), truth, weights) for p in points]
    for _ in range(_N_TRIES):
        if values[0] <= values[1]:
            high = points[1]
            points, values = [high - _GOLDEN * (high - low), points[0]], [0.0, values[0]]
            values[0] = _doubtful_loss(logits / math.exp(points[0]), truth, weights)
        else:
            low = points[0]
            points, values = [points[1], low + _GOLDEN * (high - low)], [values[1], 0.0]
            values[1] = _doubtful_loss(logits / math.exp(points[1]), truth, weights)
    return math.exp((low + high) / 2)


Metric = Callable[[Tensor, Tensor, Tensor | None], float]


def _build_loss(output: Output) -> nn.Module:
    loss = output.loss
    assert isinstance(loss, Loss), "the family has chosen a loss"
    if output.type not in loss.types:
        raise UsageError(
            f"loss '{loss.type}' cannot judge `{output.name}` of type '{output.type}'. "
            f"It judges: {', '.join(sorted(loss.types))}."
        )
    weights: Sequence[float] = output.class_weights
    if isinstance(loss, SoftmaxCrossEntropy) and loss.class_weights is not None:
        weights = _class_weights(loss, output)
    return loss.build(weights)


def _class_weights(loss: SoftmaxCrossEntropy, output: Output) -> tuple[float, ...]:
    given = loss.class_weights
    if isinstance(given, Mapping):
        unknown = sorted(set(given) - set(output.labels))
        if unknown:
            raise UsageError(
                f"`class_weights` of `{output.name}` names '{unknown[0]}', which is no class. "
                f"Classes: {', '.join(output.labels[:20])}."
            )
        return tuple(given.get(label, 1.0) for label in output.labels)
    if given is None or len(given) != output.shape.cardinality:
        raise UsageError(
            f"`class_weights` of `{output.name}` must have {output.shape.cardinality} numbers, one "
            f"a class; it has {len(given or ())}"
        )
    return given


_DECIDES = {
    ("auto", True): "mean_squared_error",
    ("auto", False): "calibrated_log_loss",
    ("loss", True): "mean_squared_error",
    ("loss", False): "log_loss",
}
"""Metric meant by 'auto' and 'loss', for a number or not."""


def _metrics_of(output: Output) -> dict[str, Metric]:
    if output.shape.kind is Kind.INDEX or output.type == "binary":
        found: dict[str, Metric] = {
            "log_loss": lambda s, t, w: _log_loss(_logits(s), t, w),
            "calibrated_log_loss": lambda s, t, w: _calibrated(output, s, t, w),
            "accuracy": lambda s, t, w: _mean((_logits(s).argmax(1) == t.long()).double(), w),
        }
        if output.type == "binary":
            found["roc_auc"] = lambda s, t, _: _roc_auc(s[:, 0], t)
        return found
    return {
        "mean_squared_error": lambda s, t, w: _mean((s[:, 0] - t).double().square(), w),
        "root_mean_squared_error": lambda s, t, w: math.sqrt(
            _mean((s[:, 0] - t).double().square(), w)
        ),
        "mean_absolute_error": lambda s, t, w: _mean((s[:, 0] - t).double().abs(), w),
        "r2": _r2,
    }


def _logits(scores: Tensor) -> Tensor:
    """Return [N, C] from [N, C], or [N, 2] from the one logit of yes."""
    if scores.shape[1] > 1:
        return scores
    return torch.cat([torch.zeros_like(scores), scores], dim=1)


def _log_loss(logits: Tensor, truth: Tensor, weights: Tensor | None) -> float:
    losses = nn.functional.cross_entropy(logits, truth.long(), reduction="none")
    return _mean(losses.double(), weights)


def _calibrated(output: Output, scores: Tensor, truth: Tensor, weights: Tensor | None) -> float:
    heat = temperature(output, scores, truth, weights)
    return _log_loss(_logits(scores) / heat, truth, weights)


def _doubtful_loss(logits: Tensor, truth: Tensor, weights: Tensor | None) -> float:
    """Return the log-loss with one row's worth of the truth spread over all classes."""
    doubt = 1 / (len(truth) + 1)
    spread = -torch.log_softmax(logits.double(), dim=1).mean(dim=1)
    return (1 - doubt) * _log_loss(logits, truth, weights) + doubt * _mean(spread, weights)


def _mean(values: Tensor, weights: Tensor | None) -> float:
    if weights is None:
        return float(values.mean())
    return float((values * weights).sum() / weights.sum().clamp_min(1e-12))


def _r2(scores: Tensor, truth: Tensor, weights: Tensor | None) -> float:
    truth = truth.double()
    centre = _mean(truth, weights)
    spread = _mean((truth - centre).square(), weights)
    error = _mean((scores[:, 0].double() - truth).square(), weights)
    return 1.0 - error / spread if spread > 0 else 0.0


def _roc_auc(scores: Tensor, truth: Tensor) -> float:
    values, positive = scores.numpy(), truth.numpy() > 0.5  # noqa: PLR2004
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return 0.5
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]  # mean rank of ties
    total = float(ranks[positive].sum()) - n_positive * (n_positive + 1) / 2
    return total / (n_positive * n_negative)
