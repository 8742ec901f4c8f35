"""What a training is made of, and what happens between its steps: looks, rounds, checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from ordain.models.family import FitContext
from ordain.models.neural.checkpoint import Checkpoints, State
from ordain.models.neural.device import Precision
from ordain.models.neural.judging import Judge, Objective, score_rows
from ordain.models.neural.network import Network
from ordain.models.neural.plan import Plan
from ordain.models.neural.rows import Rows
from ordain.models.neural.suspects import explain_lost_loss
from ordain.models.neural.timing import Watch
from ordain.models.neural.trainer import NeuralTrainer

_PULSE_STEPS = 100
"""Steps between looks at the loss and reports of progress: a look at the loss waits for the
device."""


@dataclass
class Job:
    """All that a training needs; the loop reads it and changes the network.

    Attributes:
        n_parts: parts that each batch is run in from the first step on, for memory.
    """

    network: Network
    rows: Rows
    validation: Rows | None
    plan: Plan
    trainer: NeuralTrainer
    objective: Objective
    judge: Judge
    precision: Precision
    checkpoints: Checkpoints
    context: FitContext
    seed: int
    n_parts: int = 1
    clock: Callable[[], float] = field(default=time.monotonic)


class Keeper:
    """Looks after a training between its steps; it changes no weight that is being learned."""

    def __init__(self, job: Job, state: State, watch: Watch) -> None:
        self._job = job
        self._state = state
        self._watch = watch
        self._started = watch.last - state.progress.seconds
        self._last_write = self._round_started = watch.last
        self._n_checked = state.progress.step
        number, _, unit = str(job.trainer.checkpoint_interval).partition(" ")
        self._every, self._unit = int(number), (unit or "epochs").rstrip("s")

    def after_step(self) -> None:
        """Evaluate where a round is over; look at signal, clock and, now and then, the loss."""
        # The round comes first: a checkpoint at its last step must hold its evaluation.
        if self._is_round_over():
            self._end_round()
        self._look_around()
        if self._state.progress.total % _PULSE_STEPS == 0:
            self._check_losses()
            self._say_progress()
            self._watch.lap("report")
        self._write_if_due("step")
        self._write_if_due("second")

    def finish(self) -> None:
        """Say why training ended, and leave a checkpoint from which nothing is left to do."""
        progress = self._state.progress
        if progress.stop_reason is None:
            progress.stop_reason = "completed"
        self._say_progress()
        self._watch.lap("report")
        if self._every:
            self._write()

    def _is_round_over(self) -> bool:
        progress, every = self._state.progress, self._job.trainer.steps_per_checkpoint
        if progress.total >= self._job.plan.total_steps:
            return True
        if every:
            return progress.total % every == 0
        return progress.step == self._job.plan.steps_per_epoch

    def _end_round(self) -> None:
        job, progress = self._job, self._state.progress
        self._check_losses()
        record = self._evaluate()
        progress.history.append(record)
        job.context.events.emit("epoch", **record)
        self._watch.lap("report")
        if job.validation is not None:
            self._judge(record["metrics"])
            self._watch.lap("judging")
        if job.trainer.steps_per_checkpoint:
            self._write()
        else:
            self._write_if_due("epoch")
        job.network.train()

    def _evaluate(self) -> dict[str, Any]:
        job, progress = self._job, self._state.progress
        seconds, self._round_started = self._watch.last - self._round_started, self._watch.last
        record: dict[str, Any] = {
            "epoch": progress.epoch + progress.step / job.plan.steps_per_epoch,
            "step": progress.total,
            "losses": {"train": float(self._state.losses[: progress.step].mean())},
            "metrics": {},
            "seconds": round(seconds, 4),
            "learning_rate": max(group["lr"] for group in self._state.optimizer.param_groups),
        }
        if job.trainer.evaluate_training_set:
            record["train_metrics"] = self._metrics(job.rows)
        if job.validation is not None:
            record["metrics"] = self._metrics(job.validation)
        return record

    def _metrics(self, rows: Rows) -> dict[str, dict[str, float]]:
        job = self._job
        block = job.plan.eval_batch_size
        scores = score_rows(job.network, rows, block=block, autocast=job.precision.autocast)
        self._watch.lap("validation")
        metrics = job.judge.metrics(scores, rows.truths())
        self._watch.lap("judging")
        return metrics

    def _judge(self, metrics: dict[str, dict[str, float]]) -> None:
        """Keep the weights where they are the best so far; a tie goes to the later."""
        job, state, progress = self._job, self._state, self._state.progress
        value = job.judge.decide(metrics)
        if progress.best is None or value <= progress.best:
            progress.best, progress.best_total, progress.since_best = value, progress.total, 0
            with torch.no_grad():
                for name, tensor in state.network.state_dict().items():
                    if name in state.best:
                        state.best[name].copy_(tensor)
                    else:
                        state.best[name] = tensor.detach().clone()
            return
        progress.since_best += 1
        schedule = job.plan.schedule
        is_stale = progress.since_best % schedule.reduce_on_plateau_patience == 0
        if is_stale and progress.n_cuts < schedule.reduce_on_plateau:
            progress.n_cuts += 1
        if 0 <= job.plan.early_stop <= progress.since_best:
            progress.stop_reason = "early_stop"

    def _look_around(self) -> None:
        """Look at the stop signal and the clock."""
        job, progress = self._job, self._state.progress
        progress.seconds = self._watch.last - self._started
        if progress.stop_reason is not None or progress.total >= job.plan.total_steps:
            return  # it is over for a reason that does not depend on the clock
        budget = job.trainer.time_budget_seconds
        if job.context.stop.is_set():
            progress.stop_reason = "interrupted"
        elif budget is not None and progress.seconds >= budget:
            progress.stop_reason = "time_budget"

    def _say_progress(self) -> None:
        done, total = self._state.progress.total, self._job.plan.total_steps
        self._job.context.events.emit("progress", task="train", done=done, total=total, unit="step")

    def _check_losses(self) -> None:
        """Raise where a loss since the last look is not a number; wait for the device."""
        step = self._state.progress.step
        first = self._n_checked if self._n_checked < step else 0
        recent = self._state.losses[first:step]
        is_finite = bool(torch.isfinite(recent).all())
        # A device that works by itself has moved the weights only now.
        self._watch.lap("network")
        if not is_finite:
            lost = int((~torch.isfinite(recent)).nonzero()[0])
            total = self._state.progress.total - (step - first) + lost + 1
            raise explain_lost_loss(self._job, state=self._state, step=total)
        self._n_checked = step

    def _write_if_due(self, unit: str) -> None:
        if unit == self._unit and self._every and self._is_due():
            self._write()

    def _is_due(self) -> bool:
        progress = self._state.progress
        if self._unit == "second":
            return self._watch.last - self._last_write >= self._every
        if self._unit == "step":
            return progress.total % self._every == 0
        is_end = progress.step == self._job.plan.steps_per_epoch
        return is_end and (progress.epoch + 1) % self._every == 0

    def _write(self) -> None:
        self._job.checkpoints.write(self._state)
        self._last_write = self._watch.lap("checkpoint")
