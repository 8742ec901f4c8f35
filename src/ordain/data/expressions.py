"""Expressions a user writes in SQL (DuckDB's dialect): filters, derived columns, samples.

An expression is about one row: it may use columns, constants, operators and scalar functions, so
that it means the same in a table of millions and for one row at prediction. Aggregates, windows,
subqueries and functions that answer differently each time are refused. The engine runs without
access to files, network, extensions or settings.

    where: tenure > 0 and contract <> 'none'
    columns: {monthly: total_charges / tenure}
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import polars as pl

from ordain.core.diagnostics import nearest
from ordain.core.errors import DataError, ExpressionError
from ordain.core.randomness import derive_seed
from ordain.data.arrowstream import ArrowStream
from ordain.data.rowhash import hash_columns, to_unit
from ordain.data.table import Table

_ROWS_A_BLOCK = 1 << 20
_VOLATILE = frozenset(
    {
        "random", "setseed", "uuid", "gen_random_uuid", "uuidv4", "uuidv7", "nextval", "currval",
        "now", "today", "current_date", "current_time", "current_timestamp", "get_current_time",
        "get_current_timestamp", "transaction_timestamp", "localtime", "localtimestamp",
        "current_localtime", "current_localtimestamp", "current_setting", "getvariable", "getenv",
        "current_user", "current_query", "current_database", "current_schema", "current_schemas",
        "version", "pg_sleep", "sleep_ms", "txid_current", "query", "query_table",
        "add_parquet_key", "write_log", "parse_duckdb_log_message", "in_search_path", "error",
        "nan_error",
    }
)  # fmt: skip
_REFUSED = {
    "SUBQUERY": "a subquery",
    "WINDOW": "a window function",
    "STAR": "`*`",
    "PARAMETER": "a parameter",
}
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
}

Rows = TypeVar("Rows", Table, pl.DataFrame)


def expression_columns(expression: str, schema: Mapping[str, pl.DataType]) -> tuple[str, ...]:
    """Return the columns an expression reads, in the order of the schema.

    Raises:
        DataError: the expression is not one valid expression about one row, or names a column that
            is not there; the message has the nearest name.
    """
    with _engine() as connection:
        return _columns_of(connection, expression, schema, key="expression")


def parsed(expression: str, *, key: str) -> dict[str, Any]:
    """Return the syntax tree of an expression, for who computes it otherwise.

    Raises:
        DataError: it is not one valid expression.
    """
    with _engine() as connection:
        tree: dict[str, Any] = _parse(connection, expression, key=key)
    return tree


def apply_expressions(
    rows: Rows,
    *,
    where: str | None = None,
    columns: Mapping[str, str] | None = None,
    sample: float | None = None,
    seed: int = 0,
    training: bool = True,
) -> Rows:
    """Return rows with derived columns, and without those that a filter or a sample leaves out.

    Derived columns come first, in the order written, each seeing those before it; then the filter,
    then the sample. Each reads only the columns it names, a million rows at a time. A comparison
    with a missing value is missing, and a row whose condition is missing is left out, as in SQL.

    Args:
        rows: a table (stays lazy) or a frame.
        where: condition a row must satisfy.
        columns: name to expression; a name that exists is replaced.
        sample: fraction of the rows if a float up to 1.0, else a number of rows. A row is drawn by
            its content and the seed, so that the order of the rows does not matter.
        seed: of the sample.
        training: False at prediction, where every row that came in must come out: only derived
            columns are added, and `satisfies` tells which rows the filter would leave out.

    Raises:
        DataError: an expression is wrong (with the engine's message and the nearest column), or
            no row is left.
    """
    table = rows if isinstance(rows, Table) else None
    frame = rows.frame if isinstance(rows, Table) else rows.lazy()
    n_before = n_rows = table.n_rows if table else _height(frame)
    for name, expression in (columns or {}).items():
        with _about(f"columns.{name}"):
            values = _evaluate(frame, expression, key=f"columns.{name}").alias(name)
        frame = _with_column(frame, values)
    notes: dict[str, Any] = {"derived_columns": list(columns)} if columns else {}
    if training and where is not None:
        with _about("where"):
            keep = _condition(frame, where)
            n_rows = int(keep.sum() or 0)
            _require_rows(n_rows, f"`where: {where}` leaves none of the {n_before} rows")
        frame = _keep_rows(frame, keep)
        notes["where"] = {"rows_left_out": n_before - n_rows}
    if training and sample is not None:
        with _about("sample"):
            keep = _draw(frame, n_rows, sample, seed=seed)
            n_before, n_rows = n_rows, int(keep.sum() or 0)
            _require_rows(n_rows, f"`sample: {sample}` leaves none of the {n_before} rows")
        frame = _keep_rows(frame, keep)
        notes["sample"] = {"rows_left_out": n_before - n_rows}
    if table is None:
        return frame.collect()
    report = replace(table.report, details={**table.report.details, **notes}, n_rows=n_rows)
    return replace(table, frame=frame, n_rows=n_rows, report=report)


def satisfies(rows: Table | pl.DataFrame, where: str, *, key: str = "where") -> pl.Series:
    """Return whether each row satisfies a condition [N]; a missing condition counts as no.

    At prediction it tells which rows lie outside what the model was trained for.

    Args:
        rows: to look at.
        where: the condition.
        key: place of the config that it stands at, for messages.

    Raises:
        DataError: the condition is wrong.
    """
    return _condition(rows.frame if isinstance(rows, Table) else rows.lazy(), where, key=key)


def _condition(frame: pl.LazyFrame, where: str, *, key: str = "where") -> pl.Series:
    values = _evaluate(frame, where, key=key)
    if values.dtype != pl.Boolean():
        raise DataError(
            f"`{key}: {where}` gives {values.dtype} and must be true or false for each row, "
            "such as `tenure > 0`"
        )
    return values.fill_null(value=False)


def _evaluate(frame: pl.LazyFrame, expression: str, *, key: str) -> pl.Series:
    """Return the value of an expression for each row [N]."""
    schema = frame.collect_schema()
    with _engine() as connection:
        names = _columns_of(connection, expression, schema, key=key)
        if not names:
            names = (schema.names()[0],)
        rows = frame.select(pl.col(name) for name in names).collect()
        parts = [
            _run(connection, rows.slice(start, _ROWS_A_BLOCK), expression, key=key)
            for start in range(0, max(rows.height, 1), _ROWS_A_BLOCK)
        ]
    values = pl.concat(parts) if len(parts) > 1 else parts[0]
    if isinstance(values.dtype, pl.Decimal) or values.dtype in (pl.Int128(), pl.UInt128()):
        return values.cast(pl.Float64)
    return values


def _run(connection: Any, rows: pl.DataFrame, expression: str, *, key: str) -> pl.Series:
    import duckdb

    connection.register("rows", ArrowStream(_plain_types(rows)))
    try:
        table = _with_nulls(rows)
        relation = connection.sql(f"SELECT ({expression}\n) AS value FROM {table}")  # noqa: S608
        values = pl.DataFrame(ArrowStream(relation)).to_series()
    except duckdb.Error as error:
        raise DataError(_explain(key, expression, error, rows.columns)) from error
    finally:
        connection.unregister("rows")
    if isinstance(values.dtype, pl.Struct) or len(values) != rows.height:
        raise DataError(f"`{key}: {expression}` must give one value for each row")
    return values


def _columns_of(
    connection: Any, expression: str, schema: Mapping[str, pl.DataType], *, key: str
) -> tuple[str, ...]:
    node = _parse(connection, expression, key=key)
    known = {name.lower(): name for name in schema}
    found: set[str] = set()
    for kind, value in _walk(node, frozenset()):
        if kind == "refused":
            raise DataError(
                f"`{key}: {expression}` uses {value}, and an expression is about one row: columns, "
                "constants, operators and scalar functions"
            )
        name = value if value in schema else known.get(value.lower())
        if name is None:
            raise DataError(_unknown(key, expression, value, list(schema)))
        found.add(name)
    return tuple(name for name in schema if name in found)


def _parse(connection: Any, expression: str, *, key: str) -> Any:
    """Return the syntax tree of exactly one expression."""
    import duckdb

    if not expression.strip():
        raise DataError(f"`{key}` is empty: write an expression, such as `tenure > 0`")
    text = f"SELECT ({expression}\n) AS value FROM rows"  # noqa: S608
    try:
        ((answer,),) = connection.execute("SELECT json_serialize_sql(?)", [text]).fetchall()
    except duckdb.Error as error:
        raise DataError(_explain(key, expression, error, [])) from error
    tree = json.loads(answer)
    if tree.get("error"):
        message = str(tree.get("error_message", "it is not valid SQL")).split("\n")[0]
        if int(tree.get("position") or 0) >= len(f"SELECT ({expression}".encode()):
            # What comes next is our own text, which would be foreign to whoever reads this.
            message = "syntax error at its end, where something is missing"
        raise DataError(f"`{key}: {expression}` is not a valid expression: {message}")
    statements = tree["statements"]
    node = statements[0]["node"]
    is_single = (
        len(statements) == 1
        and node["type"] == "SELECT_NODE"
        and len(node["select_list"]) == 1
        and node["select_list"][0].get("alias") == "value"
        and not node["cte_map"]["map"]
        and not node["modifiers"]
        and all(node.get(part) is None for part in ("where_clause", "having", "qualify", "sample"))
        and not node["group_expressions"]
        and node["from_table"].get("table_name") == "rows"
        and node["from_table"].get("type") == "BASE_TABLE"
    )
    if not is_single:
        raise DataError(f"`{key}: {expression}` must be one expression and is more than that")
    return node["select_list"][0]


def _walk(node: Any, bound: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield each column a syntax tree names, and each thing that no expression may use."""
    if isinstance(node, list):
        for item in node:
            yield from _walk(item, bound)
        return
    if not isinstance(node, dict):
        return
    kind = node.get("class")
    refused = _refused(node)
    if refused:
        yield "refused", refused
        return
    if kind == "COLUMN_REF":
        names = node["column_names"]
        if names[0] in bound:
            return
        # `rows.a` names the column a; `a.b` the field b of the column a.
        yield "column", names[1] if names[0] == "rows" and len(names) > 1 else names[0]
        return
    if kind == "LAMBDA":
        inside = bound | _parameters(node.get("lhs"))
        yield from _walk(node.get("expr"), inside)
        return
    for value in node.values():
        yield from _walk(value, bound)


def _refused(node: Mapping[str, Any]) -> str | None:
    kind = str(node.get("class"))
    if kind == "FUNCTION":
        name = str(node.get("function_name", "")).lower()
        return f"the function `{name}`" if name in _VOLATILE or name in _not_scalar() else None
    return _REFUSED.get(kind)


def _not_scalar() -> frozenset[str]:
    """Return the names of functions that are not scalar: aggregates, windows, tables."""
    if not _NOT_SCALAR:
        with _engine() as connection:
            rows = connection.execute(
                "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type IN "
                "('aggregate', 'window', 'table', 'table_macro', 'pragma') EXCEPT "
                "SELECT function_name FROM duckdb_functions() "
                "WHERE function_type IN ('scalar', 'macro')"
            ).fetchall()
        _NOT_SCALAR.update(str(row[0]).lower() for row in rows)
        _NOT_SCALAR.add("unnest")
    return frozenset(_NOT_SCALAR)


_NOT_SCALAR: set[str] = set()


def _parameters(node: Any) -> frozenset[str]:
    if isinstance(node, list):
        return frozenset().union(*map(_parameters, node))
    if isinstance(node, dict):
        if node.get("class") == "COLUMN_REF":
            return frozenset(node["column_names"])
        return frozenset().union(*map(_parameters, node.values()))
    return frozenset()


@contextmanager
def _engine() -> Iterator[Any]:
    import duckdb

    connection = duckdb.connect(":memory:", config=_SETTINGS)
    try:
        # Moments without a zone must not mean another one on another machine.
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET lock_configuration = true")
        yield connection
    finally:
        connection.close()


def _plain_types(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with categories as text, so that every block has the same types."""
    kinds = {pl.Categorical: pl.String, pl.Enum: pl.String, pl.Null: pl.Int32}
    casts = {n: kinds[k] for n, t in frame.schema.items() if (k := t.base_type()) in kinds}
    return frame.cast(casts) if casts else frame  # type: ignore[arg-type]


def _with_nulls(frame: pl.DataFrame) -> str:
    """Return the table to read from: a column of no type is NULL, which fits every function."""
    names = [name.replace('"', '""') for name, dtype in frame.schema.items() if dtype == pl.Null()]
    if not names:
        return "rows"
    nulls = ", ".join(f'NULL AS "{name}"' for name in names)
    return f"(SELECT * REPLACE ({nulls}) FROM rows) AS rows"  # noqa: S608


def _with_column(frame: pl.LazyFrame, values: pl.Series) -> pl.LazyFrame:
    others = [pl.col(name) for name in frame.collect_schema().names() if name != values.name]
    return pl.concat([frame.select(others), values.to_frame().lazy()], how="horizontal")


def _keep_rows(frame: pl.LazyFrame, keep: pl.Series) -> pl.LazyFrame:
    return frame.filter(keep)


def _draw(frame: pl.LazyFrame, n_rows: int, sample: float, *, seed: int) -> pl.Series:
    """Return which rows are drawn [N]: those with the smallest hashes of their content."""
    is_fraction = isinstance(sample, float)
    if isinstance(sample, bool) or sample <= 0 or (is_fraction and sample > 1):
        raise DataError(
            f"`sample: {sample}` must be a fraction above 0 and up to 1.0, or a number of rows"
        )
    names = frame.collect_schema().names()
    hashes = hash_columns(
        ((name, frame.select(name).collect().to_series()) for name in names),
        n_rows,
        seed=derive_seed(seed, "sample"),
    )
    if is_fraction:
        return pl.Series(to_unit(hashes) < sample)
    keep = np.zeros(n_rows, dtype=bool)
    keep[np.argsort(hashes, kind="stable")[: int(sample)]] = True
    return pl.Series(keep)


def _height(frame: pl.LazyFrame) -> int:
    return int(frame.select(pl.len()).collect().item())


@contextmanager
def _about(key: str) -> Iterator[None]:
    """Say which key of the config an error is about."""
    try:
        yield
    except DataError as error:
        raise ExpressionError(error.message, key=key) from error


def _require_rows(n_rows: int, message: str) -> None:
    if not n_rows:
        raise DataError(message)


def _unknown(key: str, expression: str, name: str, names: Sequence[str]) -> str:
    close = nearest(name, names)
    hint = f" Did you mean `{close}`?" if close else f" Columns: {', '.join(names[:20])}."
    return f"`{key}: {expression}` names the column `{name}`, which is not in the data.{hint}"


def _explain(key: str, expression: str, error: Exception, names: Sequence[str]) -> str:
    message = str(error).strip().split("\n\nLINE")[0].split("\nLINE")[0].strip()
    used = f"\n  Columns it reads: {', '.join(names)}." if names else ""
    return f"`{key}: {expression}` cannot be computed: {message}{used}"
