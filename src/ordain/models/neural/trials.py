"""Trials of a network: its loss before the first step, one batch by heart, what training moved.

Source: Karpathy 2019, "A recipe for training neural networks".
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ordain.core.randomness import derive_seed
from ordain.features.encoded import Kind
from ordain.models.family import Backend, Dataset, FitContext, Problem
from ordain.models.neural.blocks.dropout import set_dropout
from ordain.models.neural.component import Loss
from ordain.models.neural.device import threads
from ordain.models.neural.judging import Objective
from ordain.models.neural.loop import make_optimizer
from ordain.models.neural.network import Network, build_network, n_scores
from ordain.models.neural.packing import Batch, Columns, Layout, pack
from ordain.models.neural.plan import make_plan
from ordain.models.neural.trainer import NeuralTrainer

MOST_PARAMETERS = 8_000_000
"""Parameters up to which a network is tried; the steps of larger ones take too long."""
N_ROWS = 2_000
"""Rows that the loss before the first step is taken on, at most; sequences: an eighth."""
BATCH_ROWS = 64
N_STEPS = 150
MOST_SECONDS = 0.5
"""Time after which the steps on one batch are broken off; what was reached by then is told."""
NOTHING = 1e-3
"""Loss that a batch with one truth in all rows leaves to the best constant answer, at most."""
LEARNED = 0.1
"""Share of the loss of the best constant answer at which a batch counts as known by heart."""


def run_trials(
    problem: Problem,
    sample: Dataset,
    *,
    network: Network,
    trainer: NeuralTrainer,
    context: FitContext,
) -> dict[str, Any]:
    """Return the trials; see `Family.trials`.

    Args:
        problem: with an encoder, combiner, decoder and loss everywhere.
        sample: training rows.
        network: as training has left it.
        trainer: it was trained with.
        context: its seed.
    """
    layout = Layout.of(problem)
    reason = _reason_to_skip(layout, network, sample)
    if reason:
        return {"skipped": dict.fromkeys(("initial_loss", "overfit", "unmoved"), reason)}
    seed = derive_seed(context.seed, "weights")  # as in `fitting.fit`: the same first weights
    with threads(1), torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(context.seed, "trials"))
        fresh = build_network(problem, layout, seed=seed)
        found: dict[str, Any] = _moved(fresh, network)
        is_sequence = any(group.kind is Kind.TOKENS for group in layout.groups)
        places = np.arange(min(sample.n_rows, N_ROWS // (8 if is_sequence else 1)))
        batch = _pack(sample, places, layout)
        fresh.fit_(batch)
        set_dropout(fresh, 0.0)
        fresh.train()
        found["initial_loss"] = _initial_losses(fresh, problem, batch)
        found |= _overfit(fresh, problem, sample, layout=layout, trainer=trainer, context=context)
    return found


def _reason_to_skip(layout: Layout, network: Network, sample: Dataset) -> str:
    """Return why a network is not tried, empty where it is."""
    if sample.n_rows == 0:
        return "there are no training rows to try it on"
    if any(group.encoder.is_pretrained or group.encoder.is_frozen for group in layout.groups):
        return "it begins with weights that were learned elsewhere"
    count = sum(parameter.numel() for parameter in network.parameters())
    if count > MOST_PARAMETERS:
        return f"{count:,} parameters are too many for a short trial ({MOST_PARAMETERS:,} at most)"
    return ""


def _moved(fresh: Network, trained: Network) -> dict[str, Any]:
    """Return which tensors of weights are the same bytes before and after training."""
    first, last = dict(fresh.named_parameters()), dict(trained.named_parameters())
    learned = [name for name, tensor in first.items() if tensor.requires_grad and name in last]
    return {
        "n_tensors": len(learned),
        "unmoved": [name for name in learned if torch.equal(first[name], last[name].cpu())],
    }


def _initial_losses(network: Network, problem: Problem, batch: Batch) -> dict[str, Any]:
    with torch.no_grad():
        scores = network.of_batch(batch)
    found = {}
    for place, output in enumerate(problem.outputs):
        assert isinstance(output.loss, Loss), "the family has chosen a loss"
        alone = replace(batch, truths=(batch.truths[place],))
        objective = Objective((replace(output, weight=1.0),))
        truth, n = batch.truths[place], scores[place].shape[1]
        with torch.no_grad():
            loss = float(objective([scores[place]], alone))
            zeros = float(objective([torch.zeros(len(truth), n)], alone))
        constant, _ = _bounds(objective, alone, is_number=output.type == "number", n=n)
        found[output.name] = {
            "kind": output.loss.type,
            "loss": loss,
            "constant": constant,
            "equal_shares": constant if output.type == "number" else zeros,
        }
    return found


def _overfit(
    network: Network,
    problem: Problem,
    sample: Dataset,
    *,
    layout: Layout,
    trainer: NeuralTrainer,
    context: FitContext,
) -> dict[str, Any]:
    """Return how far the loss of one small batch falls in a few steps."""
    batch = _pack(sample, _batch_rows(sample, problem), layout)
    objective = Objective(problem.outputs)
    constant = floor = 0.0
    for place, output in enumerate(problem.outputs):
        alone = replace(batch, truths=(batch.truths[place],))
        high, low = _bounds(
            Objective((output,)), alone, is_number=output.type == "number", n=n_scores(output)
        )
        constant, floor = constant + high, floor + low
    if not constant - floor > NOTHING:
        return {"skipped": {"overfit": "the batch has one truth in all rows"}}
    context = replace(context, backend=Backend(device="cpu", threads=1))
    plan = make_plan(trainer, n_rows=sample.n_rows, network=network, layout=layout, context=context)
    optimizer = make_optimizer(network, plan)
    for group in optimizer.param_groups:
        group["weight_decay"] = 0.0
    goal = floor + LEARNED * (constant - floor)
    started, is_cut_short = time.monotonic(), False
    losses: list[float] = []
    while len(losses) < N_STEPS:
        optimizer.zero_grad(set_to_none=True)
        loss = objective(network.of_batch(batch), batch)
        losses.append(float(loss.detach()))
        is_cut_short = time.monotonic() - started > MOST_SECONDS
        if not np.isfinite(losses[-1]) or losses[-1] <= goal or is_cut_short:
            break
        loss.backward()
        optimizer.step()
    return {
        "overfit": {
            "rows": batch.n_rows,
            "steps": len(losses),
            "rate": plan.rate,
            "first": losses[0],
            # Large steps make the last loss jump: the least is what the network can reach.
            "last": losses[-1] if not np.isfinite(losses[-1]) else min(losses[-10:]),
            "constant": constant,
            "floor": floor,
            "is_cut_short": is_cut_short,
        }
    }


def _batch_rows(sample: Dataset, problem: Problem) -> npt.NDArray[np.int64]:
    """Return rows of unlike inputs, the classes of the first output in turn; the same each time."""
    dense = [column.values.reshape(len(column), -1) for column in sample.inputs.values()
             if column.offsets is None]  # fmt: skip
    places = np.arange(sample.n_rows)
    if dense and len(dense) == len(sample.inputs):
        cells = np.nan_to_num(np.concatenate(dense, axis=1).astype(np.float32))
        places = np.sort(np.unique(cells, axis=0, return_index=True)[1])
    output = problem.outputs[0]
    if output.type == "number":
        return places[
            np.linspace(0, len(places) - 1, min(BATCH_ROWS, len(places))).astype(np.int64)
        ]
    values = sample.outputs[output.name].values
    classes = values.reshape(len(values), -1)[places, 0]
    order = np.argsort(classes, kind="stable")
    _, starts, counts = np.unique(classes[order], return_index=True, return_counts=True)
    turns = np.empty(len(places), dtype=np.int64)
    turns[order] = np.arange(len(places)) - np.repeat(starts, counts)
    return np.sort(places[np.argsort(turns, kind="stable")[:BATCH_ROWS]])


def _bounds(objective: Objective, batch: Batch, *, is_number: bool, n: int) -> tuple[float, float]:
    """Return the least loss of an answer that is the same for all rows, and of a perfect one.

    Whatever the loss, one of these constants is close to its best: mean, quantiles, and, for losses
    that learn a logarithm, their logarithms; for classes the logarithm of their shares.
    """
    truth = batch.truths[0]
    with torch.no_grad():
        if not is_number:
            constant = float(objective([_shares(truth, n)], batch))
            return constant, 0.0
        levels = [truth.mean(), *torch.quantile(truth, torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9]))]
        levels += [level.log() for level in levels if level > 0]
        constants = [float(objective([torch.full((len(truth), 1), float(level))], batch))
                     for level in levels]  # fmt: skip
        perfect = [truth, truth.clamp_min(1e-6).log()]
        floors = [float(objective([one[:, None]], batch)) for one in perfect]
    return _least(constants), _least(floors)


def _shares(truth: Tensor, n: int) -> Tensor:
    """Return the scores of the classes' shares for every row [N, n]."""
    if n == 1:
        share = truth.mean().clamp(1e-6, 1 - 1e-6)
        return (share / (1 - share)).log().expand(len(truth), 1)
    counts = torch.bincount(truth.long(), minlength=n).float()
    return ((counts + 1e-6) / (len(truth) + n * 1e-6)).log().expand(len(truth), n)


def _least(values: list[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return min(finite) if finite else float("nan")


def _pack(sample: Dataset, places: npt.NDArray[np.int64], layout: Layout) -> Batch:
    rows = Columns(sample.inputs, sample.outputs, sample.weights, sample.n_rows).take(places)
    return pack(rows, layout)
