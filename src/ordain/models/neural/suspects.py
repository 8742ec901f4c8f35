"""Why a loss is not a number: the step, the column to suspect, and what to change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ordain.core.errors import TrainingError
from ordain.features.encoded import Kind

if TYPE_CHECKING:
    from ordain.models.neural.checkpoint import State
    from ordain.models.neural.keeper import Job

_EXTREME = 1e4
_SAMPLE_ROWS = 100_000


def explain_lost_loss(job: Job, *, state: State, step: int) -> TrainingError:
    """Return the error to raise."""
    rate = job.plan.rate
    what = f"the loss is not a finite number at step {step} of {job.plan.total_steps}"
    kept = _kept(state)
    suspect = _suspect_column(job)
    if suspect:
        return TrainingError(f"{what}.\n  Suspect: {suspect}{kept}")
    return TrainingError(
        f"{what}.\n  No input or output holds an extreme number; "
        f"{_largest_gradient(job)}the learning rate of {rate:g} is the likely cause.{kept}\n"
        f"  Fix: trainer.learning_rate: {rate / 10:g}, or trainer.gradient_clipping: "
        "{clipglobalnorm: 1.0}"
    )


def _kept(state: State) -> str:
    if not state.best:
        return ""
    return f"\n  The weights were best at step {state.progress.best_total}."


def _suspect_column(job: Job) -> str | None:
    """Return what to say of the column with the worst numbers, or None where all are tame."""
    batch = job.rows.sample(_SAMPLE_ROWS)
    found: list[tuple[float, str, str]] = []
    start = 0
    for column in job.rows.layout.inputs(Kind.SCALAR):
        values = batch.numbers[:, start : start + column.shape.width]
        start += column.shape.width
        # What is missing stays so only where it was declared to: everything else is filled.
        is_kept = bool(torch.isnan(values).any())
        remedy = "missing_value_strategy: fill_with_mean" if is_kept else "normalization: robust"
        found.append(_worst(values, f"input `{column.name}`", f"preprocessing.{remedy}"))
    for output, truth in zip(job.rows.layout.outputs, batch.truths, strict=True):
        remedy = "a loss such as huber, or preprocessing.normalization"
        found.append(_worst(truth, f"output `{output.name}`", remedy))
    size, where, remedy = max(found, default=(0.0, "", ""))
    if size < _EXTREME:
        return None
    kind = "numbers that are not finite" if size == float("inf") else f"a number of size {size:.3g}"
    return f"{where} holds {kind} after encoding.\n  Fix: {remedy}"


def _worst(values: Tensor, where: str, remedy: str) -> tuple[float, str, str]:
    values = values.float()
    if not bool(torch.isfinite(values).all()):
        return float("inf"), where, remedy
    return float(values.abs().max()) if values.numel() else 0.0, where, remedy


def _largest_gradient(job: Job) -> str:
    """Name the inputs whose encoder had the largest last gradient that is a number."""
    sizes = []
    for group, encoder in zip(job.rows.layout.groups, job.network.encoders, strict=True):
        gradients = [p.grad for p in encoder.parameters() if p.grad is not None]
        if gradients:
            size = max(float(g.abs().nan_to_num(posinf=3e38).max()) for g in gradients)
            sizes.append((size, group.name))
    if not sizes:
        return ""
    return f"the largest gradient is that of `{max(sizes)[1]}`; "
