"""The guard of memory: what a training needs, what there is, and what a full memory looks like.

The need is counted, not guessed: a few of the longest rows go forward once while PyTorch tells
which tensors it keeps for the way back. Where the batch does not fit it is run in parts that are
added up, so that the size of a step, and with it what is learned, stays what it was.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ordain.models.family import Problem

NEED_ROWS = 16
"""Rows that the need is measured on."""
_BACKWARD = 2.5
"""Of kept activations, with their gradients and the work space of a step: the peak was 0.9 times
what is kept for an LSTM, 1.7 for attention, 2.0 to 2.6 for plain and convolutional layers."""
_COPIES = 4
"""Numbers held for each weight that learns: its gradient, two moments, the best so far."""
LOWER = "`output_size`, `num_fc_layers` or `embedding_size`"
"""Keys that decide how large a network is."""
_USABLE = 0.9
_SIGNS = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "std::bad_alloc",
    "could not create a memory",
    "Unable to allocate",
)
"""How PyTorch, its libraries and NumPy tell of a full memory."""


@dataclass(frozen=True)
class Need:
    """Bytes that a training asks for beyond what is there when it starts.

    Attributes:
        fixed: gradients, state of the optimiser, the best weights.
        per_row: of a batch, for rows as long as the longest.
    """

    fixed: int
    per_row: int

    def n_parts(self, batch_size: int, available: int | None) -> int:
        """Return the least power of two of parts in which a batch fits; 1 where nothing is known.

        Where not even one row fits, parts do not help, and the whole is left to be tried.
        """
        n_parts = 1
        if available is None or not self.fits(available):
            return n_parts
        room = _USABLE * available - self.fixed
        while n_parts < batch_size and self.per_row * -(-batch_size // n_parts) > room:
            n_parts *= 2
        return n_parts

    def fits(self, available: int | None) -> bool:
        """Return whether a batch of one row fits."""
        return available is None or self.fixed + self.per_row <= _USABLE * available


@dataclass(frozen=True)
class Size:
    """How large a network is.

    Attributes:
        needed: bytes of its weights, their gradients and the two moments of the optimiser.
        largest: the part of the network with the most weights, in words.
    """

    n_parameters: int
    needed: int
    largest: str


def counted_size(build: Callable[[], nn.Module], problem: Problem) -> Size | None:
    """Return the size of the network that a function builds, without room for its weights.

    None where it cannot be known before: weights that are read from a folder or a hub.
    """
    if any(getattr(i.encoder, "pretrained_model_name_or_path", None) for i in problem.inputs):
        return None
    try:
        with torch.device("meta"):
            network = build()
    except (NotImplementedError, RuntimeError):
        return None  # a module that computes with its weights as it is built
    return size_of(network)


def size_of(network: nn.Module) -> Size:
    """Return the size of a network, on whatever device it is."""
    learned = held = 0
    parts: dict[str, int] = {}
    for name, parameter in network.named_parameters():
        n_bytes = parameter.numel() * parameter.element_size()
        held += n_bytes
        learned += n_bytes * parameter.requires_grad
        part = name.partition(".")[0]
        parts[part] = parts.get(part, 0) + parameter.numel()
    largest = max(parts, key=lambda part: parts[part], default="")
    words = {"encoders": "the encoders", "heads": "the decoders"}
    return Size(sum(parts.values()), held + 3 * learned, words.get(largest, f"the {largest}"))


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory is full, on a device or on the host."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


def measure_need(
    network: nn.Module, forward: Callable[[], Tensor], *, n_rows: int, with_best: bool
) -> Need:
    """Return what training needs; weights, buffers and random numbers are left as they were.

    Args:
        network: as it is trained.
        forward: the loss of a few rows.
        n_rows: how many rows that is.
        with_best: whether the best weights are kept beside the last.
    """
    learned = sum(p.numel() * p.element_size() for p in network.parameters() if p.requires_grad)
    held = {p.untyped_storage().data_ptr() for p in (*network.parameters(), *network.buffers())}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in held:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    was_training = network.training
    devices = [p.device for p in network.parameters() if p.is_cuda][:1]
    with torch.random.fork_rng(devices=devices), torch.enable_grad():
        network.train()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = forward()
        del loss
    network.train(was_training)
    with torch.no_grad():
        for name, buffer in network.named_buffers():
            buffer.copy_(buffers[name])
    per_row = int(_BACKWARD * sum(kept.values()) / max(1, n_rows))
    return Need((_COPIES if with_best else _COPIES - 1) * learned, per_row)


def available_bytes(device: torch.device) -> int | None:
    """Return bytes that may still be taken on a device; None where nobody can say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type != "cpu":
        return None
    known = [found for found in (_free(), _of_group(), _of_process()) if found is not None]
    return min(known, default=None)


def _free() -> int | None:
    """Return what the machine could give without swapping."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        names = os.sysconf_names
        if "SC_AVPHYS_PAGES" not in names:
            return None
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    sizes = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(sizes["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in sizes else None


def _of_group() -> int | None:
    """Return what is left of the limit of the container."""
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        base = Path("/sys/fs/cgroup")
        try:
            text = (base / limit).read_text().strip()
            taken = int((base / used).read_text())
        except (OSError, ValueError):
            continue
        if text.isdigit():
            return max(0, int(text) - taken)
    return None


def _of_process() -> int | None:
    """Return what is left of the limit of this process's addresses."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return None
    return max(0, limit - pages * os.sysconf("SC_PAGE_SIZE"))
