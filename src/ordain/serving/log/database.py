"""A log in PostgreSQL: two tables, filled from what a worker has written to its own disk first.

    ordain_predictions   one row a prediction, version and arm; inputs and outputs as JSON
    ordain_outcomes      one row an outcome

A file is deleted once its rows are in the database, and rows that are there already are passed
over, so that a kill at any moment neither loses nor doubles a row. A database that is away is tried
again; meanwhile the files wait.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from ordain.core.errors import MissingExtraError, StoreError
from ordain.data.locations import redact
from ordain.serving.log.rows import INPUT, META, OUTCOMES, OUTPUT, frame_of, outcomes_of
from ordain.serving.log.segment import SUFFIX, read_segment

if TYPE_CHECKING:
    import psycopg

TABLES = """
CREATE TABLE IF NOT EXISTS ordain_predictions (
    prediction_id text NOT NULL, request_id text, model text NOT NULL, version text NOT NULL,
    arm text NOT NULL, at timestamptz NOT NULL, latency_ms double precision, status text,
    caller text, flags text[], error_id text, input jsonb, output jsonb,
    PRIMARY KEY (prediction_id, version, arm));
CREATE INDEX IF NOT EXISTS ordain_predictions_by_time ON ordain_predictions (model, at);
CREATE TABLE IF NOT EXISTS ordain_outcomes (
    prediction_id text NOT NULL, at timestamptz NOT NULL, caller text, "values" jsonb NOT NULL,
    UNIQUE (prediction_id, at, caller, "values"));
CREATE INDEX IF NOT EXISTS ordain_outcomes_by_time ON ordain_outcomes (at);
"""
_INSERT = (
    f"INSERT INTO ordain_predictions ({', '.join(META)}, input, output) VALUES "  # noqa: S608 - constant names
    f"({', '.join(['%s'] * (len(META) + 2))}) ON CONFLICT DO NOTHING"
)
_INSERT_OUTCOME = (
    'INSERT INTO ordain_outcomes (prediction_id, at, caller, "values") '
    "VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_COLUMNS = ", ".join(
    f"extract(epoch FROM {name})::float8 AS {name}" if name == "at" else name for name in META
)
_CONNECT_SECONDS = 5
_MADE: set[str] = set()


def ship(path: Path, url: str, *, is_outcomes: bool) -> None:
    """Put the rows of a file into the database, all or none.

    Raises:
        StoreError: the database is away, or refuses them.
    """
    if path.suffix == SUFFIX:
        payload = read_segment(path).payload
        frame = (outcomes_of if is_outcomes else frame_of)(payload)
    else:
        frame = pl.read_parquet(path)
    rows = list(_outcome_rows(frame) if is_outcomes else _prediction_rows(frame))
    with _connected(url) as connection:
        if url not in _MADE:
            # Two that make a table at once may both fail: they take turns.
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('ordain log'))")
            connection.execute(TABLES)
        with connection.cursor() as cursor:
            cursor.executemany(_INSERT_OUTCOME if is_outcomes else _INSERT, rows)
    _MADE.add(url)


def forget(url: str, *, before: float) -> int:
    """Delete predictions and outcomes that are older than a moment; return how many rows.

    Raises:
        StoreError: the database is away, or refuses it.
    """
    moment = dt.datetime.fromtimestamp(max(0.0, before), dt.UTC)
    n_rows = 0
    with _connected(url) as connection:
        for table in ("ordain_predictions", "ordain_outcomes"):
            known = connection.execute("SELECT to_regclass(%s)", [table]).fetchone()
            if known is not None and known[0] is not None:
                query = f"DELETE FROM {table} WHERE at < %s"  # noqa: S608 - constant names
                n_rows += connection.execute(query.encode(), [moment]).rowcount
    return n_rows


def fetch_predictions(
    url: str,
    model: str,
    *,
    since: float = 0.0,
    until: float | None = None,
    with_inputs: bool = True,
) -> pl.DataFrame:
    """Return the predictions of a model as `read_predictions` does.

    Raises:
        StoreError: the database is away.
    """
    inputs = "input" if with_inputs else "'{}'::jsonb"
    query = (
        f"SELECT {_COLUMNS}, {inputs}, output FROM ordain_predictions "  # noqa: S608 - constant names
        "WHERE model = %s AND at >= %s AND at <= %s ORDER BY at"
    )
    rows = _fetch(url, query, [model, *_stretch(since, until)])
    return frame_of(_lines(rows, [*META, "input", "output"]))


def fetch_prediction(url: str, prediction_id: str) -> pl.DataFrame:
    """Return the rows of one prediction as `find_prediction` does.

    Raises:
        StoreError: the database is away.
    """
    query = (
        f"SELECT {_COLUMNS}, input, output FROM ordain_predictions "  # noqa: S608 - constant names
        "WHERE prediction_id = %s ORDER BY at"
    )
    rows = _fetch(url, query, [prediction_id])
    return frame_of(_lines(rows, [*META, "input", "output"]))


def fetch_outcomes(url: str, *, since: float = 0.0) -> pl.DataFrame:
    """Return the outcomes since a moment as `read_outcomes` does.

    Raises:
        StoreError: the database is away.
    """
    query = (
        'SELECT prediction_id, extract(epoch FROM at)::float8, caller, "values"::text '
        "FROM ordain_outcomes WHERE at >= %s AND at <= %s ORDER BY at"
    )
    return outcomes_of(_lines(_fetch(url, query, _stretch(since, None)), list(OUTCOMES)))


def fetch_models(url: str) -> list[str]:
    """Return the names of the models that have a log, sorted.

    Raises:
        StoreError: the database is away.
    """
    rows = _fetch(url, "SELECT DISTINCT model FROM ordain_predictions ORDER BY model", [])
    return [str(row[0]) for row in rows]


def _stretch(since: float, until: float | None) -> list[dt.datetime]:
    """Return the bounds, a little wider than asked: whoever reads cuts them to the microsecond."""
    latest = dt.datetime.max.replace(tzinfo=dt.UTC) - dt.timedelta(days=2)
    end = latest if until is None else dt.datetime.fromtimestamp(until + 1e-3, dt.UTC)
    return [dt.datetime.fromtimestamp(max(0.0, since - 1e-3), dt.UTC), end]


def _prediction_rows(frame: pl.DataFrame) -> Iterator[tuple[Any, ...]]:
    packed = frame.select(*META, *(_packed(frame, prefix) for prefix in (INPUT, OUTPUT)))
    return packed.iter_rows()


def _packed(frame: pl.DataFrame, prefix: str) -> pl.Expr:
    names = [name for name in frame.columns if name.startswith(prefix)]
    if not names:
        return pl.lit("{}").alias(prefix)
    struct = pl.struct(pl.col(name).alias(name.removeprefix(prefix)) for name in names)
    # PostgreSQL's texts cannot hold the character 0: one such row must not stop the others.
    text = struct.struct.json_encode().str.replace_all("\\u0000", "\\ufffd", literal=True)
    return text.alias(prefix)


def _outcome_rows(frame: pl.DataFrame) -> Iterator[tuple[Any, ...]]:
    return frame.select(list(OUTCOMES)).iter_rows()


def _lines(rows: Sequence[tuple[Any, ...]], names: Sequence[str]) -> bytes:
    return b"".join(msgspec.json.encode(dict(zip(names, row, strict=True))) + b"\n" for row in rows)


def _fetch(url: str, query: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with _connected(url) as connection:
        known = connection.execute("SELECT to_regclass('ordain_predictions')").fetchone()
        if known is None or known[0] is None:
            return []
        found: list[tuple[Any, ...]] = connection.execute(query.encode(), values).fetchall()
        return found


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Give a connection whose work counts as a whole where the block ends well."""
    try:
        import psycopg
    except ModuleNotFoundError as error:
        raise MissingExtraError.for_package(
            "psycopg", extra="sql", purpose="a log in PostgreSQL"
        ) from error
    try:
        with psycopg.connect(url, connect_timeout=_CONNECT_SECONDS) as connection:
            yield connection
    except psycopg.Error as error:
        text = " ".join(str(error).split())
        raise StoreError(
            f"{redact(url)} cannot be used for the log: {text}\n"
            "  Fix: see that the database runs, and that `log.sink` or --sink names it"
        ) from error
