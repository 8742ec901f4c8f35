"""A network as a program of PyTorch's own, beside the encoder that feeds it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from ordain.core.files import read_json, write_json
from ordain.store.export.format import ExportFormat, Written
from ordain.store.export.halves import write_encoder
from ordain.store.export.interface import Given
from ordain.store.model import Model

if TYPE_CHECKING:
    from torch import nn

    from ordain.models.neural.fitted import NeuralModel
    from ordain.store.export.network import Tensors


class ProgramFormat(ExportFormat):
    """Writes a folder of two halves: a program that takes tensors, and what makes them of rows.

    Class attributes:
        file: the program's name in the folder.
        what: the program, as an error names it.
    """

    families: ClassVar[frozenset[str]] = frozenset({"neural"})
    packages: ClassVar[Mapping[str, str]] = {"torch": "torch"}
    file: ClassVar[str]
    what: ClassVar[str]

    @abstractmethod
    def compile(self, module: nn.Module, tensors: Tensors) -> Any:
        """Return the program of a module, for any number of rows."""

    @abstractmethod
    def save(self, program: Any, path: Path) -> None:
        """Write a program."""

    @abstractmethod
    def call(self, path: Path) -> Any:
        """Return what a written program is called by: tensors in, scores of each output out."""

    def check(self, fitted: NeuralModel) -> None:
        """Refuse a network that the program would answer otherwise; none by default.

        Raises:
            UsageError: it has a layer that has no place in the program.
        """
        del fitted

    def write(self, model: Model, path: Path) -> Written:
        """Write program, interface and encoder."""
        from ordain.store.export.network import ScoresOf, exported, network_of, tensors_of

        fitted = network_of(model)
        self.check(fitted)
        tensors = tensors_of(fitted)
        program = exported(
            fitted, lambda: self.compile(ScoresOf(fitted).eval(), tensors), what=self.what
        )
        path.mkdir()
        self.save(program, path / self.file)
        interface = {
            "file": self.file,
            "inputs": [one.to_json() for one in tensors.given],
            "outputs": [
                {"name": output.name, "type": output.type, "labels": list(output.labels)}
                for output in fitted.problem.outputs
            ],
        }
        write_json(path / "interface.json", interface)
        outside = {feature.column: "the program takes tensors" for feature in model.document.inputs}
        write_encoder(model, path, file=self.file, outside=outside)
        return Written(("it is fed encoded rows, which `encoder/` makes, and gives scores",))

    def answers(self, model: Model, path: Path, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the predictions by the program that was written; decisions are Ordain's."""
        from ordain.store.export.network import scores_by

        given = [Given.from_json(one) for one in read_json(path / "interface.json")["inputs"]]
        scores = scores_by(model, self.call(path / self.file), given, model.with_derived(rows))
        return model.decode(model.decided(scores))
