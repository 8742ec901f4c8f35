"""Predictions into a table of a database, which appears when its last row is in.

Rows go into a table of another name, each block in one transaction with the count of rows that are
in. A job that was killed goes on from that count: no row twice, none left out. At the end the table
takes its name in one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import polars as pl

from ordain.core.errors import MissingExtraError, StoreError, UsageError
from ordain.data.databases import split_table
from ordain.data.locations import redact, scheme_of
from ordain.pipeline.sinks import Sink, plain_lists

ROW = "row_id"
"""Column of a row's position in what was predicted, from 0: tables have no order of their own."""
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_CONNECT_SECONDS = 10


class TableSink(Sink):
    """A table that is not there yet.

    Args:
        reference: ``sqlite:///file.db::table``, ``postgresql://...::table``, or any other url
            that SQLAlchemy knows, with `schema.table` where there are schemas.
        job: digest of all that decides the rows.
        is_fresh: begin anew, whatever an earlier attempt has written.
    """

    def __init__(self, reference: str, *, job: str, is_fresh: bool = False) -> None:
        url, table = split_table(reference)
        if table is None:
            raise UsageError(
                f"{redact(url)} is a database: name a table in it\n  Fix: {redact(url)}::TABLE"
            )
        self._url, self._job, self._is_fresh = url, job, is_fresh
        schema, _, self._table = table.rpartition(".")
        self._schema = schema or None
        self._engine: Any = None
        self._target: Any = None

    def open(self) -> None:
        """Connect, and see how far an earlier attempt came."""
        sqlalchemy = _sqlalchemy(self._url)
        self._engine = _engine(sqlalchemy, self._url)
        with self._failures():
            self._refuse_taken(sqlalchemy)
            self._jobs = sqlalchemy.Table(
                f"{self._table}__job", sqlalchemy.MetaData(schema=self._schema),
                sqlalchemy.Column("job", sqlalchemy.Text, primary_key=True),
                sqlalchemy.Column("n_rows", sqlalchemy.BigInteger, nullable=False),
                sqlalchemy.Column("told", sqlalchemy.Text, nullable=False),
            )  # fmt: skip
            self._take_up(sqlalchemy)

    def close(self) -> None:
        """Close all connections."""
        if self._engine is not None:
            self._engine.dispose()

    def write(self, rows: pl.DataFrame, note: Mapping[str, Any]) -> None:
        """Write the next block, and how many rows are in, in one transaction."""
        import sqlalchemy

        places = pl.int_range(self.n_done, self.n_done + rows.height, dtype=pl.Int64, eager=True)
        block = plain_lists(rows).insert_column(0, places.alias(ROW))
        told = [*self.told, note]
        after = self.n_done + rows.height
        with self._failures(), self._engine.begin() as connection:
            if self._target is None:
                self._target = self._table_for(sqlalchemy, block)
                self._target.create(connection, checkfirst=True)
            step = (
                sqlalchemy.update(self._jobs)
                .where(self._jobs.c.job == self._job, self._jobs.c.n_rows == self.n_done)
                .values(n_rows=after, told=json.dumps(told))
            )
            if connection.execute(step).rowcount != 1:
                raise StoreError(
                    f"another process writes `{self._table}` of {redact(self._url)} at the same "
                    "time; this one stops and leaves its rows\n  Fix: wait for the other"
                )
            _insert(connection, self._target, block)
        self.n_done, self.told = after, told

    def finish(self) -> None:
        """Give the table its name and drop the count, in one transaction."""
        import sqlalchemy

        with self._failures(), self._engine.begin() as connection:
            quote = self._engine.dialect.identifier_preparer.quote
            place = f"{quote(self._schema)}." if self._schema else ""
            rename = f"ALTER TABLE {place}{quote(self._part_name)} RENAME TO {quote(self._table)}"
            connection.execute(sqlalchemy.text(rename.replace(":", r"\:")))
            self._jobs.drop(connection)

    @property
    def _part_name(self) -> str:
        return f"{self._table}__part"

    def _refuse_taken(self, sqlalchemy: Any) -> None:
        if sqlalchemy.inspect(self._engine).has_table(self._table, schema=self._schema):
            raise UsageError(
                f"{redact(self._url)} has a table '{self._table}' already\n"
                "  Fix: name another, or drop it first"
            )

    def _take_up(self, sqlalchemy: Any) -> None:
        """Find how far an earlier attempt at the same job came, or begin."""
        part = sqlalchemy.Table(self._part_name, sqlalchemy.MetaData(schema=self._schema))
        with self._engine.begin() as connection:
            self._jobs.create(connection, checkfirst=True)
            found = connection.execute(sqlalchemy.select(self._jobs)).first()
            has_part = sqlalchemy.inspect(connection).has_table(
                self._part_name, schema=self._schema
            )
            is_same = found is not None and found.job == self._job and not self._is_fresh
            if is_same and (has_part or found.n_rows == 0):
                self.n_done, self.told = int(found.n_rows), json.loads(found.told)
                if has_part:
                    self._target = sqlalchemy.Table(
                        self._part_name, sqlalchemy.MetaData(schema=self._schema),
                        autoload_with=connection,
                    )  # fmt: skip
                return
            if has_part:
                part.drop(connection)
            connection.execute(sqlalchemy.delete(self._jobs))
            connection.execute(self._jobs.insert().values(job=self._job, n_rows=0, told="[]"))

    def _table_for(self, sqlalchemy: Any, block: pl.DataFrame) -> Any:
        columns = [
            sqlalchemy.Column(name, _type(sqlalchemy, dtype), primary_key=name == ROW,
                              autoincrement=False)
            for name, dtype in block.schema.items()
        ]  # fmt: skip
        metadata = sqlalchemy.MetaData(schema=self._schema)
        return sqlalchemy.Table(self._part_name, metadata, *columns)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Turn a failure of the database into a `StoreError` without the password of its url."""
        import sqlalchemy

        try:
            yield
        except sqlalchemy.exc.SQLAlchemyError as error:
            text = str(getattr(error, "orig", None) or error).strip()
            password = urlsplit(self._url).password
            for secret in filter(None, (password, unquote(password or ""))):
                text = text.replace(secret, "***")
            first = "\n  ".join(line.strip() for line in text.splitlines()[:4] if line.strip())
            raise StoreError(
                f"{redact(self._url)} cannot be written:\n  {first}\n"
                "  Fix: check the url, the rights of its user and the room on its disk; the same "
                "command goes on where this one stopped"
            ) from error


def is_table(output: str) -> bool:
    """Return whether an output is a table of a database, and no file."""
    return bool(scheme_of(output)) and scheme_of(output) != "file"


def _sqlalchemy(url: str) -> Any:
    try:
        import sqlalchemy
    except ImportError as error:
        raise MissingExtraError.for_package(
            "sqlalchemy", extra="sql", purpose=f"writing to {redact(url)}"
        ) from error
    return sqlalchemy


def _engine(sqlalchemy: Any, url: str) -> Any:
    scheme = scheme_of(url)
    full = _DRIVERS.get(scheme, scheme) + url[len(scheme) :]
    is_postgresql = full.startswith("postgresql")
    arguments = {"connect_timeout": _CONNECT_SECONDS} if is_postgresql else {}
    try:
        return sqlalchemy.create_engine(full, connect_args=arguments)
    except sqlalchemy.exc.NoSuchModuleError as error:
        raise UsageError(
            f"predictions cannot be written to '{scheme}'\n"
            "  Possible: sqlite, duckdb, postgresql, and what SQLAlchemy knows"
        ) from error
    except sqlalchemy.exc.ArgumentError as error:
        raise UsageError(f"{redact(url)} is not a url of a database") from error
    except ImportError as error:
        raise MissingExtraError(
            f"{redact(url)} needs the driver `{error.name}`, which is not installed.\n"
            "  Fix: pip install 'ordain[sql]', or name another driver, as scheme+driver://..."
        ) from error


def _insert(connection: Any, table: Any, block: pl.DataFrame) -> None:
    if not block.height:
        return
    if connection.dialect.driver == "psycopg":
        _copy(connection, table, block)
    elif connection.dialect.driver == "pysqlite" and not _has_times(block):
        # What SQLAlchemy does for each row takes five times as long as SQLite itself.
        marks = ", ".join("?" * block.width)
        quote = connection.dialect.identifier_preparer.quote
        insert = f"INSERT INTO {quote(table.name)} VALUES ({marks})"  # noqa: S608 - quoted
        connection.exec_driver_sql(insert, block.rows())
    else:
        connection.execute(table.insert(), block.to_dicts())


def _has_times(block: pl.DataFrame) -> bool:
    return any(dtype.is_temporal() for dtype in block.dtypes)


def _copy(connection: Any, table: Any, block: pl.DataFrame) -> None:
    quote = connection.dialect.identifier_preparer.quote
    place = f"{quote(table.schema)}." if table.schema else ""
    names = ", ".join(quote(column.name) for column in table.columns)
    cursor = connection.connection.cursor()
    with cursor.copy(f"COPY {place}{quote(table.name)} ({names}) FROM STDIN (FORMAT csv)") as copy:
        copy.write(block.write_csv(include_header=False).encode())


def _type(sqlalchemy: Any, dtype: pl.DataType) -> Any:
    if dtype == pl.Boolean:
        return sqlalchemy.Boolean
    if dtype.is_integer():
        return sqlalchemy.BigInteger
    if dtype.is_float() or dtype.is_decimal():
        return sqlalchemy.Double
    if dtype == pl.Date:
        return sqlalchemy.Date
    if isinstance(dtype, pl.Datetime):
        return sqlalchemy.DateTime(timezone=dtype.time_zone is not None)
    return sqlalchemy.Text
