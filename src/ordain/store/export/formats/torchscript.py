"""TorchScript: the network as a traced module, beside the encoder that feeds it.

    ordain export RUN --format torchscript --output churn

For C++ and mobile programs that load TorchScript. PyTorch calls it deprecated: prefer
`torch_export` where there is a choice.

Source: https://pytorch.org/docs/stable/jit.html
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import polars as pl

from ordain.store.export.format import EXPORTS, Written
from ordain.store.export.program import ProgramFormat
from ordain.store.model import Model

if TYPE_CHECKING:
    from torch import nn

    from ordain.store.export.network import Tensors


@EXPORTS.register
class TorchScriptFormat(ProgramFormat):
    """A traced module with any number of rows, and the encoder."""

    type: Literal["torchscript"] = "torchscript"

    file: ClassVar[str] = "model.pt"
    what: ClassVar[str] = "a TorchScript module"

    def compile(self, module: nn.Module, tensors: Tensors) -> Any:
        """Return the traced module."""
        import torch

        return torch.jit.trace(module, tensors.example, check_trace=False)  # type: ignore[no-untyped-call]

    def save(self, program: Any, path: Path) -> None:
        """Write the module."""
        import torch

        torch.jit.save(program, str(path))

    def call(self, path: Path) -> Any:
        """Return the module."""
        import torch

        return torch.jit.load(str(path))  # type: ignore[no-untyped-call]

    def write(self, model: Model, path: Path) -> Written:
        """Write module, interface and encoder."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is deprecated stands in the page
            return super().write(model, path)

    def answers(self, model: Model, path: Path, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the predictions by the module that was written."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return super().answers(model, path, rows)
