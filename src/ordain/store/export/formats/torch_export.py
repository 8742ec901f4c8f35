"""torch.export: the network as a `.pt2` program, beside the encoder that feeds it.

    ordain export RUN --format torch_export --output churn

PyTorch's own form for other runtimes (AOTInductor, ExecuTorch). It takes tensors, so that the
folder holds two halves.

Source: https://pytorch.org/docs/stable/export.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import polars as pl

from ordain.core.files import read_json, write_json
from ordain.store.export.format import EXPORTS, ExportFormat, Written
from ordain.store.export.halves import write_encoder
from ordain.store.export.interface import Given
from ordain.store.model import Model

FILE = "model.pt2"


@EXPORTS.register
class TorchExportFormat(ExportFormat):
    """A program of `torch.export` with any number of rows, and the encoder."""

    type: Literal["torch_export"] = "torch_export"

    families = frozenset({"neural"})
    packages = {"torch": "torch"}  # noqa: RUF012 - a class attribute

    def write(self, model: Model, path: Path) -> Written:
        """Write program, interface and encoder."""
        import torch

        from ordain.store.export.network import ScoresOf, exported, network_of, tensors_of

        fitted = network_of(model)
        tensors = tensors_of(fitted)

        def export() -> Any:
            module = ScoresOf(fitted).eval()
            return torch.export.export(module, tensors.example, dynamic_shapes=tensors.shapes)

        program = exported(fitted, export, what="a program of torch.export")
        path.mkdir()
        torch.export.save(program, path / FILE)
        return write_halves(model, path, file=FILE)

    def answers(self, model: Model, path: Path, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the predictions by the program that was written."""
        import torch

        module = torch.export.load(path / FILE).module()
        return answers_of(model, module, path, rows)


def write_halves(model: Model, path: Path, *, file: str) -> Written:
    """Write what a file of tensors is fed, and the encoder, beside it."""
    from ordain.store.export.network import network_of, tensors_of

    fitted = network_of(model)
    tensors = tensors_of(fitted)
    interface = {
        "file": file,
        "inputs": [one.to_json() for one in tensors.given],
        "outputs": [
            {"name": output.name, "type": output.type, "labels": list(output.labels)}
            for output in fitted.problem.outputs
        ],
    }
    write_json(path / "interface.json", interface)
    why = "the program takes tensors"
    outside = {feature.column: why for feature in model.document.inputs}
    write_encoder(model, path, file=file, outside=outside)
    return Written(("it is fed encoded rows, which `encoder/` makes, and gives scores",))


def answers_of(model: Model, module: Any, path: Path, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the predictions by a module that gives scores; decisions are Ordain's."""
    from ordain.store.export.network import scores_by

    given = [Given.from_json(one) for one in read_json(path / "interface.json")["inputs"]]
    return model.decode(model.decided(scores_by(model, module, given, model.with_derived(rows))))
