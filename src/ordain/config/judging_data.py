"""Checks of `evaluation` against the data: slices, protected columns, the file of scenarios.

A slice that is wrong SQL is found here, before the model is trained and not after.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from ordain.config.codes import fault
from ordain.config.config import Config
from ordain.config.document import AUTO, Document
from ordain.config.doubts import Doubts
from ordain.config.draft import Draft
from ordain.config.evaluation import Slice
from ordain.config.judging import CLASS_TYPES, HOME, check_judging
from ordain.config.located import Node, Path
from ordain.core.diagnostics import Diagnostic, nearest
from ordain.core.errors import DataError
from ordain.data.profile import ColumnProfile

Profiles = Mapping[str, ColumnProfile]


def check_judging_data(
    config: Config, document: Document, profiles: Profiles, doubts: Doubts
) -> Iterator[Diagnostic]:
    """Yield what does not fit the columns of the data.

    Args:
        config: as it was written.
        document: with the types of features known.
        profiles: of the columns of the data.
        doubts: places that have faults already.
    """
    block = config.document.evaluation
    found = [*_columns(config, profiles, doubts), *_scenarios(config, document, profiles)]
    if any(output.type == AUTO for output in config.document.output_features):
        # What could not be told before the types were inferred.
        draft = Draft(config.tree, outputs=list(document.output_features))
        found += check_judging(draft, block)
    yield from (one for one in found if not doubts.touch(one.path))


def _columns(config: Config, profiles: Profiles, doubts: Doubts) -> Iterator[Diagnostic]:
    block = config.document.evaluation
    to_be = doubts.columns_to_be()
    known = [*profiles, *sorted(to_be)]
    for index, column in enumerate(block.protected):
        if column not in known:
            path = (*HOME, "protected", index)
            yield _no_column(config.tree, path, column, known, what="protected column")
    frame = pl.DataFrame(schema={name: profile.dtype for name, profile in profiles.items()})
    for index, one in enumerate(block.slices):
        place: Path = (*HOME, "slices", index)
        if not isinstance(one, Slice):
            continue
        if one.column is not None and one.column not in known:
            yield _no_column(config.tree, (*place, "column"), one.column, known, what="column")
        elif one.where is not None and not to_be:
            yield from _wrong_condition(config.tree, (*place, "where"), one.where, frame)


def _scenarios(config: Config, document: Document, profiles: Profiles) -> Iterator[Diagnostic]:
    """Yield what is wrong with the file of scenarios: it cannot be read, or has other columns."""
    reference = config.document.evaluation.scenarios
    if reference is None or not document.output_features:
        return
    from ordain.data import open_source, read_table

    path = (*HOME, "scenarios")
    try:
        source = open_source(str(config.folder / reference))
        columns = read_table(source).schema.names()
        # Scenarios live in a room above this one, as metrics do; see `config/metrics.py`.
        scenarios = importlib.import_module("ordain.evaluation.scenarios")
        scenarios.read_expectations(
            columns,
            outputs={
                output.name: _labels(output.type, profiles[output.column], output.name, columns)
                for output in document.output_features
            },
            inputs=_inputs(document, profiles),
            file=reference,
        )
    except DataError as error:
        message, _, rest = error.message.partition("\n")
        lines = [line.strip() for line in rest.splitlines() if line.strip()]
        fix = next((line[5:] for line in lines if line.startswith("Fix: ")), None)
        yield fault(
            "E414",
            message.removeprefix("`evaluation.scenarios`: "),
            path,
            config.tree.mark_of(path),
            fix=fix,
            notes=tuple(line for line in lines if not line.startswith("Fix: ")),
        )


def _labels(
    type_name: str, profile: ColumnProfile, output: str, columns: Sequence[str]
) -> tuple[str, ...]:
    """Return the classes of an output; of very many, those that are named as well."""
    if type_name not in CLASS_TYPES:
        return ()
    labels = tuple(label for label, _ in profile.top)
    if profile.n_distinct <= len(labels):
        return labels
    start = f"expect:{output}:"
    named = (column.removeprefix(start) for column in columns if column.startswith(start))
    return (*labels, *(re.sub(r"\s*[<>]=?\s*$", "", name) for name in named))


def _inputs(document: Document, profiles: Profiles) -> list[str]:
    """Return the columns that rows to predict must have: what derived columns read, not they."""
    needed = {feature.column for feature in document.inputs}
    needed.update(name for f in document.inputs for name in f.preprocessing.reads)
    derived = document.data.columns
    if derived:
        from ordain.data import expression_columns

        schema = {name: profile.dtype for name, profile in profiles.items()}
        for expression in derived.values():
            needed.update(expression_columns(expression, schema))
    return [name for name in profiles if name in needed and name not in derived]


def _no_column(
    tree: Node, path: Path, column: str, known: Sequence[str], *, what: str
) -> Diagnostic:
    close = nearest(column, known)
    return fault(
        "E412",
        f"the {what} '{column}' is not in the data",
        path,
        tree.mark_of(path),
        allowed=f"Columns: {', '.join(known[:20])}{' ...' if len(known) > 20 else ''}.",  # noqa: PLR2004
        fix=close,
    )


def _wrong_condition(
    tree: Node, path: Path, where: str, frame: pl.DataFrame
) -> Iterator[Diagnostic]:
    from ordain.data.expressions import satisfies

    try:
        satisfies(frame, where, key="where")
    except DataError as error:
        message, _, rest = error.message.partition("\n")
        start = f"`where: {where}` "
        is_said = message.startswith(start)
        yield fault(
            "E413",
            f"the condition {message.removeprefix(start)}" if is_said else message,
            path,
            tree.mark_of(path),
            notes=tuple(line.strip() for line in rest.splitlines() if line.strip()),
        )
