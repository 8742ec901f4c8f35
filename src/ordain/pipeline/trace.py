"""Trace a row of some data through a model, and preview what a config does to rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ordain.config import Config
from ordain.core.errors import UsageError
from ordain.core.events import Events
from ordain.data.splitter import TRAIN
from ordain.pipeline.cache import Cache
from ordain.pipeline.inputs import Given, as_rows
from ordain.pipeline.known import rows_of_run
from ordain.pipeline.opening import open_config, split_rows
from ordain.pipeline.stages import Stages
from ordain.pipeline.variant import prepare
from ordain.store.explain import require_rows
from ordain.store.home import home as work_folder
from ordain.store.home import prepare_home
from ordain.store.loading import load
from ordain.store.model import Model
from ordain.store.trace import CellTrace, Trace, shown, trace_cells, trace_row

N_PREVIEWED = 5


def trace(
    bundle: str | Path | Model,
    data: Any = None,
    row: int | None = None,
    *,
    home: Path | str | None = None,
) -> Trace:
    """Return one row through every step of a model, with the values at each.

    Args:
        bundle: a bundle folder, a run, a registered version such as `churn@champion`, or a model.
        data: a reference or a data frame; by default the test rows of the run.
        row: the row, counted from 0: of the data given, else of the table that the run read, as
            `errors` and the report number it; by default the first.
        home: the work folder; `ORDAIN_HOME` or `.ordain` by default.

    Raises:
        UsageError: the row is not there; no rows.
        DataError: an input column is missing.
    """
    from ordain.data import open_source, read_table

    model = bundle if isinstance(bundle, Model) else load(bundle, home=home)
    if data is None:
        table, ids, _ = rows_of_run(model, [] if row is None else [row], home)
        row = int(ids[0]) if row is None else row
    else:
        table, row = read_table(open_source(as_rows(data))), row or 0
        require_rows([row], table.n_rows)
    model.require(table.schema.names())
    if model.depends_on_order:
        return trace_row(model, table.frame.collect(), row)
    return trace_row(model, table.frame.slice(row, 1).collect(), 0, row=row)


@dataclass(frozen=True, repr=False)
class Preview:
    """Training rows before and after each step, without a model.

    Attributes:
        rows: position of each row in the table, with the steps of its cells.
        n_train: training rows that the statistics were found on.
    """

    rows: tuple[tuple[int, tuple[CellTrace, ...]], ...]
    n_train: int

    @property
    def frame(self) -> pl.DataFrame:
        """row, column, type, step, value (as text), why."""
        told = [
            (row, cell.column, cell.type, step.name, shown(step.value), step.why)
            for row, cells in self.rows
            for cell in cells
            for step in cell.steps
        ]
        names = ["row", "column", "type", "step", "value", "why"]
        return pl.DataFrame(told, schema=names, orient="row")

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        rows = [Trace(row, cells).to_json() for row, cells in self.rows]
        return {
            "n_train": self.n_train,
            "rows": [{"row": row["row"], "columns": row["inputs"]} for row in rows],
        }

    def __repr__(self) -> str:
        return f"Preview({len(self.rows)} rows)"

    def _repr_html_(self) -> str:
        return str(self.frame._repr_html_())


def preview(
    config: Config | Path | str | dict[str, Any],
    data: Any = None,
    *,
    n_rows: int = N_PREVIEWED,
    home: Path | str | None = None,
) -> Preview:
    """Return the first training rows before and after each step, without training a model.

    What is read and encoded is kept in the cache, where a training finds it.

    Args:
        config: a `Config`, a file, YAML text, or a mapping.
        data: rows, as a reference or a data frame; else `data.source` of the config.
        n_rows: how many rows.
        home: the work folder; `ORDAIN_HOME` or `.ordain` by default.

    Raises:
        ConfigError: the config is wrong, in itself or for these rows.
        DataError: the rows cannot be read or used.
        UsageError: no rows are wanted.
    """
    if n_rows < 1:
        raise UsageError(f"{n_rows} rows cannot be shown\n  Fix: ask for at least one")
    loaded = config if isinstance(config, Config) else Config.load(config)
    folder = work_folder(home)
    prepare_home(folder)
    stages = Stages(Cache(folder / "cache"), Events())
    opened = open_config(stages, loaded, Given(data))
    document = opened.blueprint.document
    split, key = split_rows(stages, opened.blueprint)
    prepared = prepare(stages, opened.rows.table, split, split_key=key, document=document)
    ids = split.rows(TRAIN)[:n_rows]
    frame = opened.rows.table.rows(ids)
    return Preview(
        rows=tuple(
            (
                int(row),
                trace_cells(prepared.document, prepared.encodings, frame, place, with_outputs=True),
            )
            for place, row in enumerate(ids)
        ),
        n_train=split.sizes[TRAIN],
    )
