"""Device, number format and threads of a training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from ordain.core.errors import UsageError
from ordain.models.family import Backend


@dataclass(frozen=True)
class Precision:
    """How forward and backward are run.

    Attributes:
        dtype: of matrix products; float32 leaves everything as it is.
    """

    device: torch.device
    dtype: torch.dtype = torch.float32

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context that forward runs in."""
        if self.dtype is torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)

    def scaler(self) -> torch.amp.GradScaler:
        """Return the scaler of gradients; it does something for float16 only."""
        return torch.amp.GradScaler(self.device.type, enabled=self.dtype is torch.float16)

    @property
    def name(self) -> str:
        """Such as 'bfloat16'."""
        return str(self.dtype).removeprefix("torch.")


def choose_device(backend: Backend) -> torch.device:
    """Return the device that the backend names.

    Raises:
        UsageError: PyTorch does not find it.
    """
    has_mps = torch.backends.mps.is_available()
    if backend.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if backend.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("`backend.device` is 'cuda' and PyTorch finds no GPU.\n  Fix: device: cpu")
    if backend.device == "mps" and not has_mps:
        raise UsageError("`backend.device` is 'mps' and PyTorch finds none.\n  Fix: device: cpu")
    return torch.device(backend.device)


def choose_precision(
    backend: Backend, device: torch.device, *, is_mixed: bool = False
) -> Precision:
    """Return the number format: where nothing is said, bfloat16 on a GPU that has it, or float32.

    Args:
        backend: what the user asks for.
        device: where it runs.
        is_mixed: whether bfloat16 is asked for by the trainer.
    """
    name = backend.precision
    if name == "auto":
        name = "bfloat16" if is_mixed or _has_fast_bfloat16(device) else "float32"
    return Precision(device, getattr(torch, name))


def _has_fast_bfloat16(device: torch.device) -> bool:
    """Return whether a GPU multiplies bfloat16 itself; older ones only imitate it, slowly."""
    if device.type != "cuda" or not torch.cuda.is_available():
        return False
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


@contextlib.contextmanager
def threads(n_threads: int) -> Iterator[None]:
    """Run a block with a number of CPU threads, then set back what was before."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
