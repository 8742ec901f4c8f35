"""What a trainer's `auto` means for these rows and this network: fixed rules, no timing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ordain.features.encoded import Kind
from ordain.models.family import FitContext
from ordain.models.neural.component import Optimizer, Schedule
from ordain.models.neural.network import Network
from ordain.models.neural.optimizers.adam import AdamW
from ordain.models.neural.packing import Layout
from ordain.models.neural.schedules.decay import Constant, CosLog, Linear
from ordain.models.neural.trainer import NeuralTrainer

_PATIENCE = 5


@dataclass(frozen=True)
class Plan:
    """Every choice of a training, made before it starts.

    Attributes:
        rate: learning rate of parameters that have none of their own.
        is_own_rate: whether parameters with a rate of their own use it.
        early_stop: evaluations without a better metric; -1 never.
        reasons: of each automatic choice, by key of the trainer.
    """

    n_rows: int
    batch_size: int
    steps_per_epoch: int
    epochs: int
    total_steps: int
    rate: float
    is_own_rate: bool
    optimizer: Optimizer
    schedule: Schedule
    early_stop: int
    eval_batch_size: int
    threads: int
    reasons: Mapping[str, str] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """Return the choices as plain data."""
        return {
            "batch_size": self.batch_size,
            "epochs": self.epochs,
            "steps_per_epoch": self.steps_per_epoch,
            "learning_rate": self.rate,
            "optimizer": self.optimizer.model_dump(),
            "learning_rate_scheduler": self.schedule.model_dump(),
            "early_stop": self.early_stop,
            "eval_batch_size": self.eval_batch_size,
            "threads": self.threads,
            "reasons": dict(self.reasons),
        }


def make_plan(
    trainer: NeuralTrainer, *, n_rows: int, network: Network, layout: Layout, context: FitContext
) -> Plan:
    """Return the plan of a training."""
    reasons: dict[str, str] = {}
    kinds = _Kinds.of(layout)
    batch_size = _batch_size(trainer, n_rows, kinds, reasons)
    steps = max(1, round(n_rows / batch_size))
    epochs = _epochs(trainer, n_rows, kinds=kinds, steps=steps, reasons=reasons)
    total = trainer.train_steps or epochs * steps
    is_ntk = bool(network.combiner.is_ntk)
    schedule = trainer.learning_rate_scheduler or _schedule(is_ntk, kinds, reasons)
    optimizer = trainer.optimizer or _optimizer(is_ntk, reasons)
    early_stop = trainer.early_stop
    if early_stop == "auto":
        early_stop = -1 if schedule.is_annealed else _PATIENCE
        why = "runs to 0, and its end counts most" if schedule.is_annealed else "does not fall to 0"
        reasons["early_stop"] = f"{early_stop}: schedule '{schedule.type}' {why}"
    rate = trainer.learning_rate
    is_own_rate = rate == "auto"
    if rate == "auto":
        rate = float(network.combiner.rate)  # type: ignore[arg-type]
        reasons["learning_rate"] = f"{rate}: that of the combiner's body"
    eval_batch = trainer.eval_batch_size
    if not isinstance(eval_batch, int):
        eval_batch = 256 if kinds.is_sequence else 8192
    return Plan(
        n_rows=n_rows,
        batch_size=batch_size,
        steps_per_epoch=steps,
        epochs=-(-total // steps),
        total_steps=total,
        rate=rate,
        is_own_rate=is_own_rate,
        optimizer=optimizer,
        schedule=schedule,
        early_stop=early_stop,
        eval_batch_size=eval_batch,
        threads=_threads(network, batch_size, context=context, kinds=kinds),
        reasons=reasons,
    )


@dataclass(frozen=True)
class _Kinds:
    is_sequence: bool
    is_bag: bool
    is_pretrained: bool

    @classmethod
    def of(cls, layout: Layout) -> _Kinds:
        kinds = {group.kind for group in layout.groups}
        return cls(
            is_sequence=Kind.TOKENS in kinds,
            is_bag=Kind.BAG in kinds,
            is_pretrained=any(g.encoder.is_pretrained for g in layout.groups),
        )


def _batch_size(trainer: NeuralTrainer, n_rows: int, kinds: _Kinds, reasons: dict[str, str]) -> int:
    if isinstance(trainer.batch_size, int):
        return min(trainer.batch_size, n_rows)
    if kinds.is_pretrained:
        size, why = 32, "pretrained weights are moved in many small steps"
    elif kinds.is_sequence:
        size, why = 64, "sequences"
    else:
        size = next((s for limit, s in _BATCH_BY_ROWS if n_rows < limit), 4096)
        why = f"{n_rows} rows"
    size = min(size, trainer.max_batch_size, n_rows)
    reasons["batch_size"] = f"{size}: {why}"
    return size


_BATCH_BY_ROWS = ((1_500, 64), (4_000, 128), (100_000, 256), (400_000, 512), (2_000_000, 1024))


def _epochs(
    trainer: NeuralTrainer, n_rows: int, *, kinds: _Kinds, steps: int, reasons: dict[str, str]
) -> int:
    if isinstance(trainer.epochs, int):
        return trainer.epochs
    if trainer.train_steps:
        return -(-trainer.train_steps // steps)
    if kinds.is_pretrained:
        epochs, why = 3, "pretrained weights"
    elif kinds.is_sequence:
        epochs = int(min(12, max(3, 40_000 // max(1, n_rows))))
        why = f"sequences from scratch, {n_rows} rows"
    elif kinds.is_bag:
        epochs = int(min(15, max(3, 80_000 // max(1, n_rows))))
        why = f"bags of n-grams, {n_rows} rows"
    else:
        epochs = int(min(48, max(3, 700_000 // max(1, n_rows))))
        why = f"{n_rows} rows, {steps} steps an epoch"
    reasons["epochs"] = f"{epochs}: {why}"
    return epochs


def _schedule(is_ntk: bool, kinds: _Kinds, reasons: dict[str, str]) -> Schedule:  # noqa: FBT001
    if kinds.is_pretrained or kinds.is_sequence:
        reasons["learning_rate_scheduler"] = "linear after a warm-up: sequences"
        return Linear(warmup_fraction=0.1)
    if kinds.is_bag:
        reasons["learning_rate_scheduler"] = "linear: bags of n-grams"
        return Linear()
    if is_ntk:
        reasons["learning_rate_scheduler"] = "coslog4: the default body"
        return CosLog()
    reasons["learning_rate_scheduler"] = "constant: plain layers, as in Ludwig"
    return Constant()


def _optimizer(is_ntk: bool, reasons: dict[str, str]) -> Optimizer:  # noqa: FBT001
    if is_ntk:
        reasons["optimizer"] = "adamw with betas 0.9, 0.95 and decay 0.02: the default body"
        return AdamW(betas=(0.9, 0.95), weight_decay=0.02)
    reasons["optimizer"] = "adamw"
    return AdamW()


_THREADS_BY_WORK = ((5e8, 1), (5e9, 2), (5e10, 4))


def _threads(network: Network, batch_size: int, *, context: FitContext, kinds: _Kinds) -> int:
    """Return CPU threads: few for small steps, where contended threads collapse."""
    if context.backend.threads is not None:
        return context.backend.threads
    # A bag's table is looked up and not multiplied.
    n_weights = sum(p.numel() for p in network.combiner.parameters())
    n_weights += 0 if kinds.is_bag else sum(p.numel() for p in network.encoders.parameters())
    work = 6.0 * n_weights * batch_size * (32 if kinds.is_sequence else 1)
    wanted = next((n for limit, n in _THREADS_BY_WORK if work < limit), 8)
    return max(1, min(wanted, context.n_threads, os.cpu_count() or 1))
