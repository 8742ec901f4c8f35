"""SQL: one SELECT that gives the prediction columns, in DuckDB and PostgreSQL.

    ordain export RUN --format sql --output churn.sql -o table=customers -o keep=id

Filling, scaling, labels, weights, trees, calibration and thresholds are written out. It is checked
by DuckDB as it is made.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import polars as pl
from pydantic import BeforeValidator, Field

from ordain.core.errors import UsageError
from ordain.core.files import write_text
from ordain.models.gbm.model import FittedGbm
from ordain.store.export.answers import answer
from ordain.store.export.cells import cell_of
from ordain.store.export.families import scores
from ordain.store.export.format import EXPORTS, ExportFormat, Written
from ordain.store.export.statements.select import SELECT, Select, quoted
from ordain.store.model import Model
from ordain.store.problem import build_problem

_PLACE = "_place"


def _names(value: object) -> object:
    return [one.strip() for one in value.split(",")] if isinstance(value, str) else value


@EXPORTS.register
class SqlFormat(ExportFormat):
    """A SELECT that equals `predict`, for `baseline`, `linear`, `naive_bayes` and small `gbm`."""

    type: Literal["sql"] = "sql"
    table: str = Field(default="rows", min_length=1)
    """Table or view that the rows come from; a dot parts schema and table."""
    keep: Annotated[tuple[str, ...], BeforeValidator(_names)] = ()
    """Columns of the table that stand before the predictions, such as a key."""
    dialect: Literal["shared", "duckdb"] = "shared"
    """`shared` runs in DuckDB and PostgreSQL; `duckdb` allows derived columns, which are written in
    its SQL."""
    max_leaves: int = Field(default=5_000, ge=1, le=200_000)
    """Most leaves of all trees of a `gbm`; above it the text is too long to be of use."""

    families = frozenset({"baseline", "linear", "naive_bayes", "gbm"})
    suffix = ".sql"
    packages = {"duckdb": "duckdb"}  # noqa: RUF012 - a class attribute

    def write(self, model: Model, path: Path) -> Written:
        """Write the statement."""
        self._check_size(model)
        table = ".".join(quoted(part) for part in self.table.split("."))
        text, left_out = _statement(model, table, keep=self.keep, dialect=self.dialect)
        # A line break in a name would end the comment.
        told = " ".join(f"{model.document.name}: predictions of {self.table}".split())
        head = f"-- {told}, written by Ordain.\n"
        write_text(path, head + text)
        notes = [f"`{name}` is left out: it is a list" for name in left_out]
        if not self.keep:
            notes.append("rows have no order in SQL: name a key that goes along, as -o keep=id")
        return Written(tuple(notes), {"left_out": left_out, "characters": len(text)})

    def answers(self, model: Model, path: Path, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the predictions of DuckDB, in the order of the rows."""
        del model
        import duckdb

        from ordain.data.arrowstream import ArrowStream

        # The steps hand every column on, so that the place of a row can be asked for at the end.
        steps, select, rest = path.read_text(encoding="utf-8").rpartition(SELECT)
        text = f"{steps}{select}{quoted(_PLACE)}, {rest}"
        with duckdb.connect() as connection:
            kept = {name: pl.lit(0).alias(name) for name in self.keep if name not in rows.columns}
            given = rows.with_columns(*kept.values()).with_row_index(_PLACE)
            connection.register("_given", ArrowStream(given))
            *schema, table = self.table.split(".")
            for name in schema:
                connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(name)}")
            place = ".".join(map(quoted, [*schema, table]))
            connection.execute(f"CREATE TABLE {place} AS SELECT * FROM _given")  # noqa: S608 - quoted
            found = pl.DataFrame(ArrowStream(connection.sql(text).arrow()))
        return found.sort(_PLACE).drop(_PLACE, *(n for n in self.keep if n in found.columns))

    def _check_size(self, model: Model) -> None:
        from ordain.store.export import trees

        if not isinstance(model.fitted, FittedGbm) or model.path is None:
            return
        texts = (model.path / "model").glob("*.txt")
        n_leaves = sum(trees.parse(one.read_text(encoding="utf-8")).n_leaves for one in texts)
        if n_leaves > self.max_leaves:
            raise UsageError(
                f"the trees have {n_leaves:,} leaves, more than the {self.max_leaves:,} that are "
                "written out in SQL\n"
                f"  Fix: -o max_leaves={n_leaves}, train fewer trees, or --format onnx"
            )


def _statement(
    model: Model, table: str, *, keep: tuple[str, ...], dialect: str
) -> tuple[str, list[str]]:
    derived = model.document.data.columns
    if derived and dialect == "shared":
        raise UsageError(
            f"the derived columns {', '.join(f'`{name}`' for name in derived)} are written in the "
            "SQL of DuckDB, which PostgreSQL may read otherwise\n"
            "  Fix: -o dialect=duckdb"
        )
    select = Select(table, _schema(model), derived=derived)
    assert model.path is not None, "an export begins with a bundle"
    try:
        cells = {
            feature.name: cell_of(select, feature, model.encodings[feature.name])
            for feature in model.document.inputs
        }
        problem = build_problem(model.document, model.encodings)
        family = model.document.model_type.type
        found = scores(select, family, model.path / "model", problem=problem, cells=cells)
        left_out = answer(select, model, found)
    except UsageError as error:
        raise UsageError(
            f"this model has no SELECT: {error.message}\n  Possible: --format onnx or runtime"
        ) from error
    return select.text(keep=keep), left_out


def _schema(model: Model) -> dict[str, pl.DataType]:
    """Return the types of the columns, derived ones included."""
    empty = pl.DataFrame(schema=model.input_schema)
    return dict(model.with_derived(empty).schema)
