"""The loop that trains: draw, forward, loss, backward, clip, step; then validate, keep the best.

Everything that may change the result is in `Plan` and `NeuralTrainer`; the loop itself chooses
nothing. It can be killed between any two instructions and goes on from its last checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from ordain.core.errors import TrainingError
from ordain.core.randomness import derive_seed
from ordain.models.neural.blocks.dropout import set_dropout
from ordain.models.neural.blocks.parameter import pace_of
from ordain.models.neural.checkpoint import Progress, State
from ordain.models.neural.keeper import Job, Keeper
from ordain.models.neural.memory import is_out_of_memory
from ordain.models.neural.network import Network
from ordain.models.neural.packing import Batch
from ordain.models.neural.plan import Plan
from ordain.models.neural.timing import Watch


def train(job: Job) -> Progress:
    """Train the network in place, leave the best weights in it, and return what happened.

    Raises:
        TrainingError: the loss is not a number; names the step, the suspect and a remedy.
    """
    state = _begin(job)
    watch = Watch(job.clock, state.progress.spent)
    keeper = Keeper(job, state, watch)
    while not _is_over(job, state):
        _set_regularisation(job, state)
        for batch in job.rows.batches(state.progress.epoch, start=state.progress.step):
            watch.lap("input")
            _set_rate(job, state)
            state.losses[state.progress.step] = _take_step(job, state, batch)
            state.progress.advance()
            watch.lap("network")
            keeper.after_step()
            if _is_over(job, state):
                break
        else:
            state.progress.turn_epoch()
    keeper.finish()
    _take_best(state)
    return state.progress


def _begin(job: Job) -> State:
    """Return a fresh state, or that of the last checkpoint."""
    torch.manual_seed(derive_seed(job.seed, "steps"))
    state = State(
        network=job.network,
        optimizer=make_optimizer(job.network, job.plan),
        scaler=job.precision.scaler(),
        losses=torch.zeros(job.plan.steps_per_epoch, device=job.rows.device),
    )
    state.progress.n_parts = job.n_parts
    problem = job.checkpoints.restore(state)
    if state.progress.stop_reason == "interrupted":
        state.progress.stop_reason = None  # whoever stopped it has asked for it to go on
    if state.progress.total:
        job.context.events.emit(
            "note", message=f"training goes on from step {state.progress.total}"
        )
    elif problem:
        job.context.events.warn("W410", f"training starts anew: {problem}")
    job.network.train()
    return state


def make_optimizer(network: Network, plan: Plan) -> torch.optim.Optimizer:
    """Return the optimizer over groups of parameters of one pace."""
    groups: dict[tuple[float, bool], dict[str, Any]] = {}
    for parameter in network.parameters():
        if not parameter.requires_grad:
            continue
        pace = pace_of(parameter)
        own = pace.rate if pace.rate is not None and plan.is_own_rate else plan.rate
        rate = own * pace.factor
        group = groups.setdefault((rate, pace.is_decayed), {"params": [], "lr": rate, "rate": rate})
        group["params"].append(parameter)
    for (_, is_decayed), group in groups.items():
        group["decay"] = plan.optimizer.decay if is_decayed else 0.0
        group["weight_decay"] = group["decay"]
    return plan.optimizer.build(list(groups.values()))


def _set_regularisation(job: Job, state: State) -> None:
    """Set dropout and weight decay for an epoch: full in the first half, then to 0."""
    share = state.progress.epoch / max(1, job.plan.epochs)
    is_flat = job.trainer.regularization_schedule == "constant" or share < 0.5  # noqa: PLR2004
    factor = 1.0 if is_flat else 0.5 * (1 + math.cos(math.pi * (2 * share - 1)))
    set_dropout(job.network, factor)
    for group in state.optimizer.param_groups:
        group["weight_decay"] = group["decay"] * factor


def _set_rate(job: Job, state: State) -> None:
    """Set the learning rate of each group for the next step."""
    factor = rate_factor(job.plan, state.progress)
    for group in state.optimizer.param_groups:
        group["lr"] = group["rate"] * factor


def rate_factor(plan: Plan, progress: Progress) -> float:
    """Return what the learning rates are multiplied by: schedule, warm-up, cuts on a plateau."""
    share = (progress.total + 0.5) / plan.total_steps
    schedule = plan.schedule
    factor = schedule.factor(share)
    warmup = schedule.warmup_fraction
    if schedule.warmup_evaluations is not None:
        warmup = schedule.warmup_evaluations / plan.epochs
    if share < warmup:
        factor *= share / warmup
    if schedule.reduce_on_plateau:
        factor *= schedule.reduce_on_plateau_rate**progress.n_cuts
    return factor


def _take_step(job: Job, state: State, batch: Batch) -> Tensor:
    """Move the weights once and return the loss; on a full memory, split the batch and retry."""
    while True:
        try:
            loss = _learn(job, state, batch)
            break
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if state.progress.n_parts >= batch.n_rows:
                raise TrainingError(
                    "one row does not fit into the memory of the device.\n"
                    "  Fix: a smaller encoder, or a smaller `max_sequence_length`"
                ) from error
        # Out of the handler: the error holds on to the tensors of the step that failed.
        _split_further(job, state, batch)
    _move(job, state)
    return loss


def _split_further(job: Job, state: State, batch: Batch) -> None:
    """Run this batch and all to come in twice as many parts."""
    state.progress.n_parts *= 2
    state.optimizer.zero_grad(set_to_none=True)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    job.context.events.warn(
        "W411",
        f"step {state.progress.total}: memory is full; each batch of {batch.n_rows} rows is now "
        f"run in {state.progress.n_parts} parts and added up",
    )


def _learn(job: Job, state: State, batch: Batch) -> Tensor:
    """Return the loss of a batch, its gradient left in the weights."""
    state.optimizer.zero_grad(set_to_none=True)
    total: Tensor | None = None
    for part, share in _parts(batch, state.progress.n_parts):
        with job.precision.autocast():
            scores = job.network.of_batch(part)
        loss = job.objective(scores, part)
        if job.trainer.regularization_lambda:
            loss = loss + _penalty(job)
        loss = loss if share == 1.0 else loss * share
        state.scaler.scale(loss).backward() if state.scaler.is_enabled() else loss.backward()
        total = loss.detach() if total is None else total + loss.detach()
    assert total is not None, "a batch has at least one part"
    return total


def _move(job: Job, state: State) -> None:
    """Move the weights along their gradient."""
    _clip(job, state)
    if state.scaler.is_enabled():
        state.scaler.step(state.optimizer)
        state.scaler.update()
    else:
        state.optimizer.step()


def _parts(batch: Batch, n_parts: int) -> Iterator[tuple[Batch, float]]:
    if n_parts == 1:
        yield batch, 1.0
        return
    edges = [place * batch.n_rows // n_parts for place in range(n_parts + 1)]
    for low, high in pairwise(edges):
        if high > low:
            yield batch.rows(low, high), (high - low) / batch.n_rows


def _penalty(job: Job) -> Tensor:
    kind = job.trainer.regularization_type
    total = torch.zeros((), device=job.rows.device)
    for parameter in job.network.parameters():
        if parameter.requires_grad and pace_of(parameter).is_decayed:
            if kind in {"l1", "l1_l2"}:
                total = total + parameter.abs().sum()
            if kind in {"l2", "l1_l2"}:
                total = total + parameter.square().sum()
    return total * job.trainer.regularization_lambda


def _clip(job: Job, state: State) -> None:
    clipping = job.trainer.gradient_clipping
    if clipping is None:
        return
    if state.scaler.is_enabled():
        state.scaler.unscale_(state.optimizer)
    parameters = [p for p in job.network.parameters() if p.grad is not None]
    if clipping.clipglobalnorm is not None:
        torch.nn.utils.clip_grad_norm_(parameters, clipping.clipglobalnorm)
    if clipping.clipnorm is not None:
        for parameter in parameters:
            torch.nn.utils.clip_grad_norm_(parameter, clipping.clipnorm)
    if clipping.clipvalue is not None:
        torch.nn.utils.clip_grad_value_(parameters, clipping.clipvalue)


def _is_over(job: Job, state: State) -> bool:
    return state.progress.stop_reason is not None or state.progress.total >= job.plan.total_steps


def _take_best(state: State) -> None:
    if state.best:
        state.network.load_state_dict(state.best)
    state.network.eval()
