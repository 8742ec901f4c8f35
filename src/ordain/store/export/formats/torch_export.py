"""torch.export: the network as a `.pt2` program, beside the encoder that feeds it.

    ordain export RUN --format torch_export --output churn

PyTorch's own form for other runtimes (AOTInductor, ExecuTorch). It takes tensors, so that the
folder holds two halves.

Source: https://pytorch.org/docs/stable/export.html
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ordain.store.export.format import EXPORTS
from ordain.store.export.program import ProgramFormat

if TYPE_CHECKING:
    from torch import nn

    from ordain.models.neural.fitted import NeuralModel
    from ordain.store.export.network import Tensors


@EXPORTS.register
class TorchExportFormat(ProgramFormat):
    """A program of `torch.export` with any number of rows, and the encoder."""

    type: Literal["torch_export"] = "torch_export"

    file: ClassVar[str] = "model.pt2"
    what: ClassVar[str] = "a program of torch.export"

    def check(self, fitted: NeuralModel) -> None:
        """Refuse layers whose steps are written out for one length of text."""
        from ordain.store.export.recurrent import refuse_recurrence

        refuse_recurrence(fitted.network, what=self.what)

    def compile(self, module: nn.Module, tensors: Tensors) -> Any:
        """Return the exported program."""
        import torch

        return torch.export.export(module, tensors.example, dynamic_shapes=tensors.shapes)

    def save(self, program: Any, path: Path) -> None:
        """Write the program."""
        import torch

        torch.export.save(program, path)

    def call(self, path: Path) -> Any:
        """Return the program's module."""
        import torch

        return torch.export.load(path).module()
