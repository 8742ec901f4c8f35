"""The one tree of exceptions.

    OrdainError
    ├── ConfigError        the document is wrong: mend the YAML            (exit 2)
    ├── UsageError         the call is wrong: mend the command or argument (exit 2)
    ├── DataError          the rows are wrong: mend the data or the source (exit 1)
    │   └── ExpressionError  SQL of the config cannot be computed on these rows
    ├── TrainingError      learning failed: mend the trainer's settings    (exit 1)
    ├── StoreError         a file cannot be written or read                (exit 1)
    │   └── BundleError    a bundle is damaged, foreign or of another format
    ├── MissingExtraError  an optional package is not installed            (exit 2)
    └── GateError          a declared condition is not met                 (exit 3)

A message says what is wrong, where, and what to do about it. The split follows what a caller
would do next, not where the fault was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from ordain.core.diagnostics import Diagnostic


class OrdainError(Exception):
    """Base of every error a caller can meet.

    Attributes:
        exit_code: what a command ends with.
        diagnostics: the faults as data; empty where the message says it all.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, diagnostics: Iterable[Diagnostic] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)

    @classmethod
    def of(cls, diagnostics: Sequence[Diagnostic]) -> Self:
        """Build one error from all the faults found, in the order given."""
        from ordain.core.diagnostics import format_diagnostics

        return cls(format_diagnostics(diagnostics), diagnostics=diagnostics)


class ConfigError(OrdainError):
    """The document is wrong; every fault stands in `diagnostics`."""

    exit_code = 2


class UsageError(OrdainError):
    """A command or an argument is wrong."""

    exit_code = 2


class DataError(OrdainError):
    """Rows cannot be read or do not fit what was declared."""


class ExpressionError(DataError):
    """SQL of the config cannot be computed on the rows.

    Attributes:
        key: of the config under `data`: ``where``, ``sample`` or ``columns.<name>``.
    """

    def __init__(
        self, message: str, *, key: str = "", diagnostics: Iterable[Diagnostic] = ()
    ) -> None:
        super().__init__(message, diagnostics=diagnostics)
        self.key = key


class TrainingError(OrdainError):
    """Learning failed: a loss that is not a number, no rows left, no memory."""


class StoreError(OrdainError):
    """A file cannot be written or read."""


class BundleError(StoreError):
    """A bundle is damaged, foreign, or of a format this version does not read."""


class MissingExtraError(OrdainError):
    """An optional package is needed and not installed."""

    exit_code = 2

    @classmethod
    def for_package(cls, package: str, *, extra: str, purpose: str) -> Self:
        """Name the package, what it is for, and the command that installs it."""
        return cls(
            f"{purpose} needs the package `{package}`, which is not installed.\n"
            f"  Fix: pip install 'ordain[{extra}]'"
        )


class GateError(OrdainError):
    """A condition the config declares is not met."""

    exit_code = 3
