"""TorchScript: the network as a traced module, beside the encoder that feeds it.

    ordain export RUN --format torchscript --output churn

For C++ and mobile programs that load TorchScript. PyTorch calls it deprecated: prefer
`torch_export` where there is a choice.

Source: https://pytorch.org/docs/stable/jit.html
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Literal

import polars as pl

from ordain.store.export.format import EXPORTS, ExportFormat, Written
from ordain.store.export.formats.torch_export import answers_of, write_halves
from ordain.store.model import Model

FILE = "model.pt"


@EXPORTS.register
class TorchScriptFormat(ExportFormat):
    """A traced module with any number of rows, and the encoder."""

    type: Literal["torchscript"] = "torchscript"

    families = frozenset({"neural"})
    packages = {"torch": "torch"}  # noqa: RUF012 - a class attribute

    def write(self, model: Model, path: Path) -> Written:
        """Write module, interface and encoder."""
        import torch

        from ordain.store.export.network import ScoresOf, exported, network_of, tensors_of

        fitted = network_of(model)
        tensors = tensors_of(fitted)

        def export() -> Any:
            module = ScoresOf(fitted).eval()
            return torch.jit.trace(module, tensors.example, check_trace=False)  # type: ignore[no-untyped-call]

        module = exported(fitted, export, what="a TorchScript module")
        path.mkdir()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is deprecated stands in the page
            torch.jit.save(module, str(path / FILE))
        return write_halves(model, path, file=FILE)

    def answers(self, model: Model, path: Path, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the predictions by the module that was written."""
        import torch

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = torch.jit.load(str(path / FILE))  # type: ignore[no-untyped-call]
            return answers_of(model, module, path, rows)
