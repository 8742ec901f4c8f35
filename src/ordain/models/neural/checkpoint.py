"""The state of a training on disk, from which it goes on to the same bytes.

A checkpoint is a folder `step-<n>` with `state.safetensors` (weights, best weights, optimizer,
random state, losses of the epoch so far) and `state.json` (where in which epoch, history, what is
best). It appears whole or not at all; two generations are kept.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ordain.core.errors import StoreError
from ordain.core.files import TEMPORARY_PREFIX, atomic_folder, read_json, write_json

_PREFIX = "step-"
_N_KEPT = 2
_FORMAT = 1


@dataclass
class Progress:
    """Where a training stands.

    Attributes:
        epoch, step: the next step is number `step` of epoch `epoch`.
        total: steps taken.
        since_best: evaluations since the best.
        best: what decides, of the best weights; None before the first evaluation.
        best_total: steps after which the weights were best.
        n_cuts: times the rate was cut on a plateau.
        n_parts: parts a batch is split into, for memory.
        seconds: of training, over all starts.
        spent: of them, by part; see `timing.PARTS`.
    """

    epoch: int = 0
    step: int = 0
    total: int = 0
    since_best: int = 0
    best: float | None = None
    best_total: int = 0
    n_cuts: int = 0
    n_parts: int = 1
    seconds: float = 0.0
    spent: dict[str, float] = field(default_factory=dict)
    stop_reason: str | None = None
    history: list[dict[str, Any]] = field(default_factory=list)

    def advance(self) -> None:
        """Count a step."""
        self.step += 1
        self.total += 1

    def turn_epoch(self) -> None:
        """Go to the start of the next epoch."""
        self.epoch += 1
        self.step = 0


@dataclass
class State:
    """All that a checkpoint holds, live.

    Attributes:
        losses: of the steps of this epoch so far, [steps of an epoch].
        best: copies of the best weights by name; empty before the first evaluation.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    losses: Tensor
    best: dict[str, Tensor] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)


class Checkpoints:
    """Writes and reads the checkpoints of one folder.

    Args:
        key: digest of everything that decides the result; checkpoints of another key are passed
            over.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder
        self._key = key

    def write(self, state: State) -> None:
        """Write the state, then drop all but the last two.

        Raises:
            StoreError: the disk is full or read-only.
        """
        from safetensors.torch import save_file

        tensors, plain = _optimizer_state(state.optimizer)
        tensors |= _prefixed("network", state.network.state_dict())
        tensors |= _prefixed("best", state.best)
        tensors["random"] = torch.get_rng_state()
        if state.losses.is_cuda:
            tensors["random_cuda"] = torch.cuda.get_rng_state(state.losses.device)
        tensors["losses"] = state.losses
        record = {
            "format": _FORMAT,
            "key": self._key,
            "progress": asdict(state.progress),
            "optimizer": plain,
            "scaler": state.scaler.state_dict(),
        }
        path = self._folder / f"{_PREFIX}{state.progress.total:010d}"
        # Only a damaged one can have this name; the one before it is still there.
        shutil.rmtree(path, ignore_errors=True)
        with atomic_folder(path) as folder:
            own = {
                name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()
            }
            save_file(own, folder / "state.safetensors")
            write_json(folder / "state.json", record, indent=None)
        for old in self._folders()[:-_N_KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def restore(self, state: State) -> str | None:
        """Set the state to the newest checkpoint that can be read; say why one was passed over."""
        from safetensors import SafetensorError

        unreadable = (SafetensorError, StoreError, OSError, KeyError, ValueError, RuntimeError)
        problem = None
        for folder in reversed(self._folders()):
            try:
                record = read_json(folder / "state.json")
                if record.get("format") != _FORMAT or record.get("key") != self._key:
                    problem = "the checkpoints there are of other data or settings"
                    continue
                self._load(folder, record, state)
            except unreadable as error:
                problem = f"{folder.name} cannot be read: {error}"
                continue
            return None
        self._clear()
        return problem

    def _load(self, folder: Path, record: dict[str, Any], state: State) -> None:
        from safetensors.torch import load_file

        tensors = load_file(folder / "state.safetensors")
        state.network.load_state_dict(_with_prefix("network", tensors))
        state.best = {
            name: value.to(state.losses.device)
            for name, value in _with_prefix("best", tensors).items()
        }
        _load_optimizer(state.optimizer, tensors, record["optimizer"])
        state.scaler.load_state_dict(record["scaler"])
        state.losses.copy_(tensors["losses"])
        state.progress = Progress(**record["progress"])
        torch.set_rng_state(tensors["random"])
        if "random_cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random_cuda"], state.losses.device)

    def _clear(self) -> None:
        """Drop what nothing can go on from, and what a killed process left half written."""
        for pattern in (f"{_PREFIX}*", f"{TEMPORARY_PREFIX}*"):
            for old in self._folder.glob(pattern):
                shutil.rmtree(old, ignore_errors=True)

    def _folders(self) -> list[Path]:
        return sorted(self._folder.glob(f"{_PREFIX}*"))


def _prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": value for name, value in tensors.items()}


def _with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    start = len(prefix) + 1
    return {name[start:]: v for name, v in tensors.items() if name.startswith(f"{prefix}/")}


def _optimizer_state(
    optimizer: torch.optim.Optimizer,
) -> tuple[dict[str, Tensor], dict[str, dict[str, Any]]]:
    """Return the state of each parameter: tensors by name, and what is no tensor."""
    tensors: dict[str, Tensor] = {}
    plain: dict[str, dict[str, Any]] = {}
    for place, entries in optimizer.state_dict()["state"].items():
        plain[str(place)] = {k: v for k, v in entries.items() if not isinstance(v, Tensor)}
        for name, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer/{place}/{name}"] = value
    return tensors, plain


def _load_optimizer(
    optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], plain: dict[str, dict[str, Any]]
) -> None:
    state: dict[int, dict[str, Any]] = {int(place): dict(own) for place, own in plain.items()}
    for name, value in _with_prefix("optimizer", tensors).items():
        place, _, key = name.partition("/")
        state[int(place)][key] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
