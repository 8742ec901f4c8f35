"""The contract of an export format: write a model, then answer rows by what was written.

A format is one class in one module of `formats/`. `export` checks its answers before the export
takes its name.
"""

from __future__ import annotations

import importlib.util
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
from pydantic import Field

from ordain.core.component import Component, Registry
from ordain.core.errors import MissingExtraError
from ordain.store.export.origin import Origin
from ordain.store.model import Model


@dataclass(frozen=True)
class Written:
    """What a format has to say of an export.

    Attributes:
        notes: sentences for the user: what is outside, what is left out.
        facts: plain data, such as sizes.
    """

    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


class ExportFormat(Component):
    """A form that a bundle is exported to.

    `export` calls `write` once, through `write_from`, with a path where nothing stands and which is
    renamed afterwards, then `answers` with the golden rows and some made ones.

    Class attributes:
        families: model families that fit; empty for all.
        suffix: of the file it writes; empty where it writes a folder.
        takes_both: whether it writes a folder where the path has no suffix.
        packages: modules it needs beside Ordain's own, each with the extra that installs it.
    """

    families: ClassVar[frozenset[str]] = frozenset()
    suffix: ClassVar[str] = ""
    takes_both: ClassVar[bool] = False
    packages: ClassVar[Mapping[str, str]] = {}

    tolerance: float = Field(default=1e-4, gt=0, lt=1)
    """How far a number may be from the bundle's, as a share of 1 + its size."""

    @property
    def allowed(self) -> float:
        """How far a number may be from the bundle's, with all options in mind."""
        return self.tolerance

    @abstractmethod
    def write(self, model: Model, path: Path) -> Written:
        """Write the model; golden rows are checked afterwards.

        Raises:
            UsageError: a part of the model does not fit the format.
        """

    def write_from(self, model: Model, path: Path, origin: Origin) -> Written:
        """Write the model, where it counts which run it comes from; `export` calls this.

        Raises:
            UsageError: a part of the model does not fit the format.
        """
        del origin
        return self.write(model, path)

    @abstractmethod
    def answers(self, model: Model, path: Path, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the prediction columns of rows, by what was written alone.

        Args:
            model: for its names and encodings; its own answers must not be used.
            path: as it was written to.
            rows: of the input columns, without derived ones.
        """

    def require_packages(self) -> None:
        """Check that what the format needs is installed.

        Raises:
            MissingExtraError: it is not; names the extra.
        """
        for package, extra in self.packages.items():
            if importlib.util.find_spec(package) is None:
                raise MissingExtraError.for_package(
                    package, extra=extra, purpose=f"exporting to `{self.type}`"
                )


EXPORTS: Registry[ExportFormat] = Registry(
    "export format", ExportFormat, package="ordain.store.export.formats"
)
