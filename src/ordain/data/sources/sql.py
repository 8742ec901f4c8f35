"""A database: SQLite and DuckDB files with what is always installed, others by SQLAlchemy or ADBC.

data:
  source: {source: "postgresql://reader:${PASSWORD}@db/shop", query: "select * from orders"}
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote, urlsplit

import polars as pl
from pydantic import Field, PrivateAttr, model_validator

from ordain.core.diagnostics import nearest
from ordain.core.errors import DataError, MissingExtraError, OrdainError
from ordain.core.hashing import digest_bytes
from ordain.data.arrowstream import ArrowStream
from ordain.data.batches import (
    ROWS_A_BATCH,
    check_names,
    frames_of_rows,
    gather,
    refuse_intervals,
)
from ordain.data.databases import listed, unknown_scheme
from ordain.data.fingerprint import digest_parts
from ordain.data.locations import redact, scheme_of
from ordain.data.source import SOURCES, Source
from ordain.data.spill import scratch_folder
from ordain.data.table import ReadReport

_DUCKDB_MEMORY = "1GB"
_CREATE = "CREATE TEMP TABLE ordain_rows AS SELECT * FROM ordain_query"
_COUNT = "SELECT count(*) FROM ordain_rows"
_SLICE = "SELECT * FROM ordain_rows WHERE rowid >= {start} AND rowid < {end}"
_NO_DATABASE = re.compile("(?i)not a (valid )?(duckdb )?database")
_NO_ENTRY = re.compile("(?i)authentication|access denied|permission denied|password|login failed")
_NO_SERVER = re.compile(
    "(?i)refused|timed? ?out|timeout|could not connect|can't connect|resolve|name or service"
    "|translate host|unreachable|no route"
)
_DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}


@SOURCES.register
class SqlSource(Source):
    """The rows of a table or of a query in a database."""

    type: Literal["sql"] = "sql"
    """A database."""
    url: str
    """Url of SQLAlchemy or ADBC, such as sqlite:///shop.db, duckdb:///shop.duckdb,
    postgresql://user:password@host/name or adbc+postgresql://..."""
    table: str | None = None
    """Table or view to read whole, with its schema as schema.table."""
    query: str | None = None
    """Query whose rows are read; its row order is kept."""
    connect_timeout_seconds: Annotated[int, Field(ge=1, le=600)] = 10
    """Time to wait for a server, in seconds."""
    _parts: list[pl.LazyFrame] | None = PrivateAttr(default=None)
    _n_rows: int = PrivateAttr(default=0)

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.table is None) == (self.query is None):
            raise ValueError(
                "a sql source needs exactly one of `table` and `query`\n"
                f"  Fix: table: NAME, or {redact(self.url)}::NAME in one text"
            )
        return self

    def fingerprint(self) -> str:
        """Return the digest of the rows; they are read for it, and kept for `scan`."""
        return digest_bytes(b"sql", digest_parts(self._rows()).encode())

    def scan(self) -> tuple[pl.LazyFrame, ReadReport]:
        """Return the rows of the table or query."""
        frame = pl.concat(self._rows())
        report = ReadReport(
            source=redact(self.url),
            format="sql",
            details={"table": self.table} if self.table else {"query": self.query},
            n_rows=self._n_rows,
        )
        return frame, report

    def clear(self) -> None:
        """Delete what was put aside; the rows are read again if they are asked for."""
        if self.is_spilled:
            self._parts = None
        super().clear()

    def _rows(self) -> list[pl.LazyFrame]:
        if self._parts is None:
            parts = gather(
                self._batches(), from_bytes=self._streamed_bytes, new_spill=self._new_spill
            )
            self._n_rows = sum(part.select(pl.len()).collect().item() for part in parts)
            if not self._n_rows:
                what = f"the table '{self.table}'" if self.table else f"the query '{self.query}'"
                raise DataError(f"{what} in {redact(self.url)} has no rows")
            self._parts = parts
        return self._parts

    def _batches(self) -> Iterator[pl.DataFrame]:
        """Return the rows as the database hands them over, one frame at least."""
        scheme = scheme_of(self.url)
        if scheme in ("sqlite", "duckdb"):
            path = self._database(scheme)
            return self._sqlite(path) if scheme == "sqlite" else self._duckdb(path)
        return self._adbc() if scheme.startswith("adbc+") else self._sqlalchemy(scheme)

    def _database(self, scheme: str) -> Path:
        """Return the file of ``sqlite:///relative.db`` or ``sqlite:////absolute.db``."""
        name = self.url.partition(":///")[2].partition("?")[0]
        if not name:
            raise DataError(f"'{self.url}' names no file: write {scheme}:///file.db")
        path = self._root / name
        if not path.is_file():
            files = [file.name for file in path.parent.glob("*")] if path.parent.is_dir() else []
            close = nearest(path.name, files)
            hint = f" Did you mean '{close}'?" if close else ""
            raise DataError(f"the database '{name}' is not there.{hint}")
        return path

    def _sqlite(self, path: Path) -> Iterator[pl.DataFrame]:
        uri = f"{path.resolve().as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(uri, uri=True)) as connection:
                names = connection.execute(
                    "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
                ).fetchall()
                cursor = connection.execute(self._statement([name for (name,) in names]))
                columns = [one[0] for one in cursor.description or ()]
                batches = iter(lambda: cursor.fetchmany(ROWS_A_BATCH), [])
                yield from frames_of_rows(columns, batches)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _duckdb(self, path: Path) -> Iterator[pl.DataFrame]:
        import duckdb

        try:
            with duckdb.connect(str(path), read_only=True) as connection:
                names = connection.execute(
                    "SELECT table_name FROM information_schema.tables"
                ).fetchall()
                statement = self._statement([name for (name,) in names])
                yield from self._duckdb_batches(connection, statement)
        except duckdb.Error as error:
            raise self._failure(error) from error

    def _duckdb_batches(self, connection: Any, statement: str) -> Iterator[pl.DataFrame]:
        """Yield slices of a table of DuckDB's own that holds the rows of the query.

        DuckDB hands out batches of Arrow only to pyarrow; a slice of a table needs none, and what
        DuckDB cannot hold in memory it puts on disk.
        """
        rows = connection.sql(statement)
        check_names(rows.columns)
        kinds = zip(rows.columns, rows.types, strict=True)
        refuse_intervals([name for name, kind in kinds if "INTERVAL" in str(kind)])
        with scratch_folder(self._scratch) as folder:
            place = str(folder).replace("'", "''")
            connection.execute(f"SET temp_directory = '{place}'")
            connection.execute(f"SET memory_limit = '{_DUCKDB_MEMORY}'")
            connection.execute("SET enable_progress_bar = false")
            rows.query("ordain_query", _CREATE)
            ((n_rows,),) = connection.execute(_COUNT).fetchall()
            for start in range(0, max(n_rows, 1), ROWS_A_BATCH):
                part = _SLICE.format(start=start, end=start + ROWS_A_BATCH)
                yield pl.DataFrame(ArrowStream(connection.sql(part)))

    def _adbc(self) -> Iterator[pl.DataFrame]:
        from ordain.data.adbc import Connection

        path = self._database("adbc+sqlite") if scheme_of(self.url) == "adbc+sqlite" else None
        timeout = self.connect_timeout_seconds
        try:
            with Connection(self.url, path=path, timeout_seconds=timeout) as connection:
                tables = connection.tables() if self.table else []
                yield from connection.batches(self._statement(tables))
        except OrdainError:
            raise
        except Exception as error:  # each ADBC driver has exceptions of its own
            raise self._failure(error) from error

    def _sqlalchemy(self, scheme: str) -> Iterator[pl.DataFrame]:
        try:
            import sqlalchemy
        except ImportError as error:
            raise MissingExtraError.for_package(
                "sqlalchemy", extra="sql", purpose=f"reading {redact(self.url)}"
            ) from error
        url = _DRIVERS.get(scheme, scheme) + self.url[len(scheme) :]
        arguments = {"connect_timeout": self.connect_timeout_seconds}
        try:
            engine = sqlalchemy.create_engine(
                url, connect_args=arguments if "postgresql" in url.partition("://")[0] else {}
            )
        except sqlalchemy.exc.NoSuchModuleError as error:
            raise DataError(unknown_scheme(scheme)) from error
        except sqlalchemy.exc.ArgumentError as error:
            raise self._failure(error) from error
        except ImportError as error:
            raise MissingExtraError(
                f"{redact(self.url)} needs the driver `{error.name}`, which is not installed.\n"
                f"  Fix: install it, or name another, such as {scheme}+driver://..."
            ) from error
        try:
            with engine.connect() as connection:
                names = sqlalchemy.inspect(connection).get_table_names() if self.table else []
                statement = sqlalchemy.text(_escape(self._statement(names)))
                # A cursor on the server: the driver holds no more than these rows.
                streamed = connection.execution_options(yield_per=ROWS_A_BATCH)
                result = streamed.execute(statement)
                yield from frames_of_rows(list(result.keys()), result.partitions())
        except sqlalchemy.exc.SQLAlchemyError as error:
            raise self._failure(error) from error
        finally:
            engine.dispose()

    def _statement(self, names: list[str]) -> str:
        """Return the query, or one that reads the table, after a look whether there is one."""
        if self.query is not None:
            return self.query.strip().rstrip(";")
        table = self.table or ""
        if "." not in table and names and table not in names:
            close = nearest(table, names)
            hint = f" Did you mean '{close}'?" if close else ""
            raise DataError(
                f"{redact(self.url)} has no table '{table}'.{hint}\n  {listed(names)}\n"
                f"  Fix: table: {close or min(names)}"
            )
        return f"SELECT * FROM {_quoted(table)}"  # noqa: S608

    def _failure(self, error: Exception) -> DataError:
        """Return the error of a database in its own words, without the password of the url."""
        text = str(getattr(error, "orig", None) or error).strip()
        for secret in _secrets(self.url):
            text = text.replace(secret, "***")
        first = "\n  ".join(line.strip() for line in text.splitlines()[:4] if line.strip())
        return DataError(
            f"{redact(self.url)} cannot be read:\n  {first}\n  Fix: {self._remedy(text)}"
        )

    def _remedy(self, text: str) -> str:
        """Return what mends a failure that a database tells of in its own words."""
        if _NO_DATABASE.search(text):
            return "name a file that is a database of this kind, or leave out the scheme"
        if _NO_ENTRY.search(text):
            return "check user, password and rights in the url"
        if _NO_SERVER.search(text):
            return "check host and port, and that the server is up and can be reached from here"
        if self.query is not None:
            return "mend the `query`; the database's own client shows what it answers"
        return "check `table`, with its schema as schema.table, and the url"


def _quoted(table: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in table.split("."))


def _escape(statement: str) -> str:
    """Keep colons of a user's query from being read as parameters."""
    return re.sub(r"(?<![:\\]):(?=[A-Za-z_])", r"\\:", statement)


def _secrets(url: str) -> list[str]:
    password = urlsplit(url).password
    return [password, unquote(password)] if password else []
