"""From encoded data to a model that has learned: build, plan, train, calibrate."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import torch

from ordain.core.errors import TrainingError
from ordain.core.hashing import digest_json
from ordain.core.randomness import derive_seed
from ordain.models.family import Dataset, FitContext, Problem
from ordain.models.neural.checkpoint import Checkpoints, Progress
from ordain.models.neural.cuts import count_cuts, tell_of_cuts
from ordain.models.neural.device import choose_device, choose_precision, threads
from ordain.models.neural.fitted import NeuralModel
from ordain.models.neural.frozen import Stage, replace_frozen
from ordain.models.neural.judging import Judge, Objective, score_rows, temperature
from ordain.models.neural.keeper import Job
from ordain.models.neural.loop import train
from ordain.models.neural.memory import (
    LOWER,
    NEED_ROWS,
    Need,
    available_bytes,
    counted_size,
    is_out_of_memory,
    measure_need,
)
from ordain.models.neural.network import Network, build_network
from ordain.models.neural.packing import Columns, Layout
from ordain.models.neural.plan import Plan, make_plan
from ordain.models.neural.rows import Rows
from ordain.models.neural.timing import Watch, time_facts
from ordain.models.neural.trainer import NeuralTrainer

_SAMPLE_ROWS = 10_000


def fit(
    problem: Problem,
    train_set: Dataset,
    validation_set: Dataset | None,
    *,
    trainer: NeuralTrainer,
    context: FitContext,
) -> NeuralModel:
    """Return the trained model.

    Raises:
        TrainingError: no rows, or a loss that is not a number.
    """
    if train_set.n_rows == 0:
        raise TrainingError(
            "there are no rows to learn from.\n  Fix: look at the split and `where`"
        )
    watch = Watch(time.monotonic, {})
    device = choose_device(context.backend)
    with _memory_errors():
        full = _built(problem, context, device=device)
    n_threads = context.backend.threads or context.n_threads
    cuts = count_cuts(
        Layout.of(problem), full, {"training": train_set, "validation": validation_set}
    )
    tell_of_cuts(cuts, context.events)
    watch.lap("setup")
    with threads(n_threads), torch.random.fork_rng(devices=[]):
        stage = replace_frozen(
            problem, train_set, validation_set, network=full, context=context, device=device
        )
    watch.lap("embedding" if stage.network is not full else "setup")
    plan = make_plan(
        trainer,
        n_rows=train_set.n_rows,
        network=stage.network,
        layout=stage.layout,
        context=context,
    )
    with threads(plan.threads), torch.random.fork_rng(devices=[]), _memory_errors():
        job = _job(stage, plan, trainer=trainer, context=context, device=device)
        need = _guard_memory(job)
        watch.lap("setup")
        progress = train(job)
        watch = Watch(time.monotonic, {**watch.seconds, **progress.spent})
        temperatures = _temperatures(job, problem)
        watch.lap("calibration")
    facts = _facts(job, progress, temperatures=temperatures, network=full)
    facts |= {"memory": asdict(need) if need else {}, "cut_texts": cuts}
    return NeuralModel(
        problem,
        full,
        temperatures=temperatures,
        history=progress.history,
        facts=facts | time_facts(watch.seconds),
    )


def _built(problem: Problem, context: FitContext, *, device: torch.device) -> Network:
    """Return the network, where its weights and what training keeps beside them fit.

    Raises:
        TrainingError: they do not.
    """
    layout, seed = Layout.of(problem), derive_seed(context.seed, "weights")
    size = counted_size(lambda: build_network(problem, layout, seed=seed), problem)
    room = available_bytes(torch.device("cpu"))
    if device.type == "cuda":
        room = min(filter(None, (room, available_bytes(device))), default=None)
    if size is not None and room is not None and size.needed > room:
        raise TrainingError(
            f"the network does not fit: its {size.n_parameters:,} weights need about "
            f"{size.needed / 2**30:,.1f} GiB with their gradients and the state of the optimiser, "
            f"and {room / 2**30:,.1f} GiB are free.\n"
            f"  Fix: lower {LOWER}; most weights are in {size.largest}"
        )
    return build_network(problem, layout, seed=seed)


def _job(
    stage: Stage,
    plan: Plan,
    *,
    trainer: NeuralTrainer,
    context: FitContext,
    device: torch.device,
) -> Job:
    problem, network = stage.problem, stage.network
    rows = Rows(
        _columns(stage.train),
        stage.layout,
        device,
        batch_size=plan.batch_size,
        seed=context.seed,
        is_shuffled=trainer.should_shuffle,
    )
    network.to(device)
    network.fit_(rows.sample(_SAMPLE_ROWS))
    validation = None
    if stage.validation is not None and stage.validation.n_rows:
        columns = _columns(stage.validation)
        validation = Rows(columns, stage.layout, device, batch_size=plan.eval_batch_size, seed=0)
    return Job(
        network=network,
        rows=rows,
        validation=validation,
        plan=plan,
        trainer=trainer,
        objective=Objective(problem.outputs).to(device),
        judge=Judge(problem.outputs, trainer.validation_field, trainer.validation_metric),
        precision=choose_precision(context.backend, device, is_mixed=trainer.use_mixed_precision),
        checkpoints=Checkpoints(
            context.folder, _key(problem, plan, trainer=trainer, context=context)
        ),
        context=context,
        seed=context.seed,
    )


def _guard_memory(job: Job) -> Need | None:
    """Have batches run in parts from the start where they would not fit, and say so."""
    sample = job.rows.longest(NEED_ROWS)

    def forward() -> torch.Tensor:
        with job.precision.autocast():
            scores = job.network.of_batch(sample)
        loss: torch.Tensor = job.objective(scores, sample)
        return loss

    available = available_bytes(job.rows.device)
    try:
        need = measure_need(
            job.network, forward, n_rows=sample.n_rows, with_best=job.validation is not None
        )
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return None  # the first step will say so, and how little would fit
    size = -(-job.rows.n_rows // job.rows.n_steps)
    job.n_parts = need.n_parts(size, available)
    if job.n_parts > 1 or not need.fits(available):
        job.context.events.warn("W412", _shortage(need, size, job.n_parts, available=available))
    return need


def _shortage(need: Need, batch_size: int, n_parts: int, *, available: int | None) -> str:
    wanted = (need.fixed + need.per_row * batch_size) / 2**20
    text = (
        f"a step needs about {wanted:,.0f} MiB and {(available or 0) / 2**20:,.0f} MiB are free; "
    )
    if n_parts == 1:
        return text + "the network itself may be too large. Fix: a smaller encoder"
    return text + f"each batch of {batch_size} rows is run in {n_parts} parts and added up"


@contextlib.contextmanager
def _memory_errors() -> Iterator[None]:
    """Turn a full memory outside of a step into an error that helps."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        free = available_bytes(torch.device("cpu"))
        told = "" if free is None else f": {free / 2**30:,.1f} GiB are free"
        raise TrainingError(
            f"there is not enough memory for this training{told}.\n"
            f"  Fix: lower {LOWER}, `trainer.eval_batch_size` or `max_sequence_length`"
        ) from error


def _columns(data: Dataset) -> Columns:
    return Columns(data.inputs, data.outputs, data.weights, data.n_rows)


def _key(problem: Problem, plan: Plan, *, trainer: NeuralTrainer, context: FitContext) -> str:
    """Return the digest of what decides the weights, the rows themselves apart."""
    parts = [
        [[i.name, i.shape.model_dump(), i.encoder] for i in problem.inputs],
        [
            [o.name, o.shape.model_dump(), o.loss, o.decoder, o.weight, list(o.class_weights)]
            for o in problem.outputs
        ],
        problem.combiner,
        trainer.model_dump(exclude={"time_budget_seconds", "checkpoint_interval"}),
        plan.facts(),
        context.seed,
        context.backend.model_dump(),
        torch.__version__,
    ]
    return digest_json(parts)


def _temperatures(job: Job, problem: Problem) -> dict[str, float]:
    """Return the temperature of each output, from the validation rows; 1 where there are none."""
    if job.validation is None or not job.trainer.calibrate:
        return {output.name: 1.0 for output in problem.outputs}
    scores = score_rows(
        job.network,
        job.validation,
        block=job.plan.eval_batch_size,
        autocast=job.precision.autocast,
    )
    truths = job.validation.truths()
    weights = None if truths.weights is None else truths.weights.double().cpu()
    return {
        output.name: temperature(output, score, truth, weights)
        for output, score, truth in zip(problem.outputs, scores, truths.truths, strict=True)
    }


def _facts(
    job: Job, progress: Progress, *, temperatures: dict[str, float], network: Network
) -> dict[str, Any]:
    return {
        **job.plan.facts(),
        "device": str(job.rows.device),
        "precision": job.precision.name,
        "n_parameters": sum(p.numel() for p in network.parameters()),
        "n_trainable_parameters": sum(p.numel() for p in network.parameters() if p.requires_grad),
        "steps": progress.total,
        "best_step": progress.best_total or progress.total,
        "stop_reason": progress.stop_reason,
        "batch_parts": progress.n_parts,
        "temperatures": temperatures,
    }
