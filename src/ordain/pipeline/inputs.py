"""Where the rows of a run come from: one source, or one for each set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ordain.config import Config
from ordain.config.document import Document
from ordain.core.diagnostics import Diagnostic, Place
from ordain.core.errors import ConfigError, DataError, ExpressionError, UsageError
from ordain.data.locations import HIDDEN, redact
from ordain.data.source import Source
from ordain.data.splitter import TEST, TRAIN, VALIDATION
from ordain.data.table import Table
from ordain.pipeline.stages import Stages

_KEYS = {
    "data": ("source", "data"),
    TRAIN: ("training_set", "training_set"),
    VALIDATION: ("validation_set", "validation_set"),
    TEST: ("test_set", "test_set"),
}
"""Of each table: the key of `data` in a config, and the attribute of `Given`."""


@dataclass(frozen=True)
class Given:
    """What the caller gave beside the config; references or data frames."""

    data: Any = None
    training_set: Any = None
    validation_set: Any = None
    test_set: Any = None

    def to_json(self) -> dict[str, str]:
        """Return the references that can be written down; a frame is `<frame>`."""
        named = {
            "data": self.data,
            "training_set": self.training_set,
            "validation_set": self.validation_set,
            "test_set": self.test_set,
        }
        return {
            name: _absolute(value) if isinstance(value, str | Path) else "<frame>"
            for name, value in named.items()
            if value is not None
        }


@dataclass(frozen=True)
class Rows:
    """The table of a run, and the set of each row where separate files were given.

    `training` is the training file alone: types are inferred from it, for nothing may be learned
    from a test file.
    """

    table: Table
    sets: pl.Series | None = None
    training: Table | None = None

    @property
    def profiled(self) -> Table:
        """The table whose columns are looked at."""
        return self.training or self.table


def read_rows(stages: Stages, config: Config, given: Given) -> Rows:
    """Return the rows a config and its caller declare.

    Raises:
        UsageError: no rows were declared, or one whole table and separate sets at once.
        ConfigError: an expression cannot be computed on the rows, or leaves none.
        DataError: a source cannot be read.
    """
    document = config.document
    expressions = expressions_of(document)
    sources = open_sources(config, given)
    tables: dict[str, Table] = {}
    for name, source in sources.items():
        try:
            with _placed(config, given, name):
                tables[name] = stages.read(source, expressions, seed=document.seed)
        except ExpressionError as error:
            raise ConfigError.of([misworded(config, error)]) from error
    if "data" in tables:
        return Rows(tables["data"])
    from ordain.data import combine_sets

    table, sets = combine_sets(tables)
    return Rows(table, sets, tables[TRAIN])


def unread_rows(
    error: DataError, *, place: Place | None = None, path: tuple[str, ...] = ("data", "source")
) -> Diagnostic:
    """Return the fault of rows that cannot be read, where the config names them."""
    message, _, fix = error.message.partition("\n  Fix: ")
    first, *rest = message.split("\n")
    return Diagnostic(
        "E400",
        first,
        place,
        path,
        fix="\n".join(line.strip() for line in fix.split("\n")) or None,
        notes=tuple(line.strip() for line in rest),
    )


def place_in(config: Config, path: tuple[str, ...]) -> Place | None:
    """Return where a key of the config stands; None for one that was not written in a file."""
    mark = config.tree.mark_of(path)
    return mark.place() if mark else None


@contextmanager
def _placed(config: Config, given: Given, name: str) -> Iterator[None]:
    """Give the error of rows that the config names the place where it does."""
    key, own = _KEYS[name]
    declared = getattr(config.document.data, key) is not None and getattr(given, own) is None
    place = place_in(config, ("data", key)) if declared else None
    try:
        yield
    except DataError as error:
        if place is None or error.diagnostics or isinstance(error, ExpressionError):
            raise
        raise type(error).of([unread_rows(error, place=place, path=("data", key))]) from error


def misworded(config: Config, error: ExpressionError) -> Diagnostic:
    """Return the fault of an expression, where it stands in the config."""
    path = ("data", *error.key.split(".", 1))
    mark = config.tree.mark_of(path)
    return Diagnostic("E416", error.message, mark.place() if mark else None, path)


def open_sources(config: Config, given: Given) -> dict[str, Source]:
    """Return the sources by set name, or the whole table's under ``data``.

    A path given by the caller is relative to the working folder, one in the config to its file.
    """
    from ordain.data import open_source

    declared = config.document.data
    whole = given.data if given.data is not None else declared.source
    sets = {
        TRAIN: given.training_set if given.training_set is not None else declared.training_set,
        VALIDATION: given.validation_set
        if given.validation_set is not None
        else declared.validation_set,
        TEST: given.test_set if given.test_set is not None else declared.test_set,
    }
    chosen = {name: reference for name, reference in sets.items() if reference is not None}
    if given.data is not None and given.training_set is None:
        chosen = {}
    if chosen and TRAIN not in chosen:
        raise UsageError(
            f"a {' and a '.join(chosen)} set is given without a training set\n"
            "  Fix: give `--training-set FILE` too, or all rows at once with `--dataset FILE`"
        )
    if given.data is not None and given.training_set is not None:
        raise UsageError(
            "give either all rows (`--dataset`) or separate sets (`--training-set`), not both"
        )
    if not chosen and whole is None:
        raise UsageError(
            "no data is declared\n"
            "  Fix: write `data: {source: FILE}` in the config, or give `--dataset FILE`"
        )
    references: Mapping[str, Any] = chosen or {"data": whole}
    for reference in references.values():
        if isinstance(reference, str) and f"{HIDDEN}@" in reference:
            raise UsageError(
                f"the password of '{reference}' was not kept with the run\n"
                "  Fix: give the rows again with --dataset, or read the url from `${VARIABLE}`"
            )
    opened: dict[str, Source] = {}
    for name, reference in references.items():
        with _placed(config, given, name):
            opened[name] = (
                open_source(as_rows(reference))
                if _is_given(reference, given)
                else open_source(reference, root=config.folder)
            )
    return opened


def as_rows(given: Any) -> Any:
    """Return what a caller gave as rows; columns by name, or a list of mappings, as a frame.

    A mapping with a `type` that is text is a source with its options.

    Raises:
        DataError: columns of unlike length, or values that no column can hold.
    """
    is_source = isinstance(given, Mapping) and isinstance(given.get("type"), str)
    if is_source or not isinstance(given, Mapping | list):
        return given
    if isinstance(given, list) and not all(isinstance(row, Mapping) for row in given):
        return given
    from ordain.store.frames import to_polars

    return to_polars(given)[0]


def expressions_of(document: Document) -> dict[str, Any]:
    """Return the SQL that shapes the table."""
    sample: Any = document.data.sample
    if document.preprocessing.sample_size is not None:
        sample = document.preprocessing.sample_size
    elif document.preprocessing.sample_ratio != 1.0:
        sample = document.preprocessing.sample_ratio
    return {
        "where": document.data.where,
        "columns": dict(document.data.columns) or None,
        "sample": sample,
    }


def _absolute(reference: str | Path) -> str:
    """Return a reference that means the same from another working folder, without its password."""
    path = Path(reference)
    return str(path.resolve()) if path.exists() else redact(str(reference))


def _is_given(reference: Any, given: Given) -> bool:
    return any(
        reference is value
        for value in (given.data, given.training_set, given.validation_set, given.test_set)
    )
