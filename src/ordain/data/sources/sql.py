"""A database: SQLite and DuckDB files with what is always installed, others by SQLAlchemy or ADBC.

data:
  source: {source: "postgresql://reader:${PASSWORD}@db/shop", query: "select * from orders"}
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
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
from ordain.data.fingerprint import digest_frame
from ordain.data.locations import redact, scheme_of
from ordain.data.nested import flatten
from ordain.data.source import SOURCES, Source
from ordain.data.stack import stack_frames
from ordain.data.table import ReadReport

_ROWS_A_BATCH = 50_000
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
    _frame: pl.DataFrame | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.table is None) == (self.query is None):
            raise ValueError("a sql source needs exactly one of `table` and `query`")
        return self

    def fingerprint(self) -> str:
        """Return the digest of the rows; they are read for it, and kept for `scan`."""
        return digest_bytes(b"sql", digest_frame(self._rows()).encode())

    def scan(self) -> tuple[pl.LazyFrame, ReadReport]:
        """Return the rows of the table or query."""
        frame = self._rows()
        report = ReadReport(
            source=redact(self.url),
            format="sql",
            details={"table": self.table} if self.table else {"query": self.query},
            n_rows=frame.height,
        )
        return frame.lazy(), report

    def _rows(self) -> pl.DataFrame:
        if self._frame is None:
            frame = _plain(self._fetch())
            if not frame.height:
                what = f"the table '{self.table}'" if self.table else f"the query '{self.query}'"
                raise DataError(f"{what} in {redact(self.url)} has no rows")
            self._frame = frame
        return self._frame

    def _fetch(self) -> pl.DataFrame:
        scheme = scheme_of(self.url)
        if scheme in ("sqlite", "duckdb"):
            path = self._database(scheme)
            return self._sqlite(path) if scheme == "sqlite" else self._duckdb(path)
        if scheme.startswith("adbc+"):
            return self._adbc()
        return self._sqlalchemy(scheme)

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

    def _sqlite(self, path: Path) -> pl.DataFrame:
        try:
            with closing(
                sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
            ) as connection:
                names = connection.execute(
                    "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
                ).fetchall()
                cursor = connection.execute(self._statement([name for (name,) in names]))
                columns = [one[0] for one in cursor.description or ()]
                return _from_batches(columns, iter(lambda: cursor.fetchmany(_ROWS_A_BATCH), []))
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _duckdb(self, path: Path) -> pl.DataFrame:
        import duckdb

        try:
            with duckdb.connect(str(path), read_only=True) as connection:
                names = connection.execute(
                    "SELECT table_name FROM information_schema.tables"
                ).fetchall()
                statement = self._statement([name for (name,) in names])
                return pl.DataFrame(ArrowStream(connection.sql(statement)))
        except duckdb.Error as error:
            raise self._failure(error) from error

    def _adbc(self) -> pl.DataFrame:
        from ordain.data.adbc import Connection

        path = self._database("adbc+sqlite") if scheme_of(self.url) == "adbc+sqlite" else None
        timeout = self.connect_timeout_seconds
        try:
            with Connection(self.url, path=path, timeout_seconds=timeout) as connection:
                return connection.read(self._statement(connection.tables() if self.table else []))
        except OrdainError:
            raise
        except Exception as error:  # each ADBC driver has exceptions of its own
            raise self._failure(error) from error

    def _sqlalchemy(self, scheme: str) -> pl.DataFrame:
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
            raise DataError(f"'{scheme}' is not a kind of database that is known") from error
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
                result = connection.execution_options(stream_results=True).execute(statement)
                return _from_batches(list(result.keys()), result.partitions(_ROWS_A_BATCH))
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
            hint = (
                f" Did you mean '{close}'?"
                if close
                else f" Tables: {', '.join(sorted(names)[:20])}."
            )
            raise DataError(f"{redact(self.url)} has no table '{table}'.{hint}")
        return f"SELECT * FROM {_quoted(table)}"  # noqa: S608

    def _failure(self, error: Exception) -> DataError:
        """Return the error of a database in its own words, without the password of the url."""
        text = str(getattr(error, "orig", None) or error).strip()
        for secret in _secrets(self.url):
            text = text.replace(secret, "***")
        first = "\n  ".join(line.strip() for line in text.splitlines()[:4] if line.strip())
        return DataError(f"{redact(self.url)} cannot be read:\n  {first}")


def _from_batches(names: list[str], batches: Iterable[Any]) -> pl.DataFrame:
    """Return rows as a frame whose types hold the values of every batch."""
    if len(set(names)) < len(names):
        double = sorted({name for name in names if names.count(name) > 1})
        raise DataError(
            f"the query gives several columns named {', '.join(f'`{name}`' for name in double)}: "
            "name each apart with AS"
        )
    frames = [
        pl.DataFrame(
            {
                name: _series(name, values)
                for name, values in zip(names, zip(*rows, strict=True), strict=True)
            }
        )
        for rows in ([tuple(row) for row in batch] for batch in batches)
        if rows
    ]
    if not frames:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    stacked = stack_frames({f"batch {i}": frame.lazy() for i, frame in enumerate(frames)})
    return stacked.frame.collect()


def _series(name: str, values: Iterable[Any]) -> pl.Series:
    """Return one column; values of unlike kinds, which SQLite allows, become numbers or text."""
    column = list(values)
    try:
        return pl.Series(name, column, strict=True)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        present = [value for value in column if value is not None]
        if all(isinstance(value, int | float) for value in present):
            return pl.Series(name, column, dtype=pl.Float64, strict=False)
        texts = [None if value is None else str(value) for value in column]
        return pl.Series(name, texts, dtype=pl.String)


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with decimals as numbers and nested values spread or as text."""
    frame = flatten(frame).frame
    decimals = [n for n, t in frame.schema.items() if isinstance(t, pl.Decimal)]
    objects = [n for n, t in frame.schema.items() if t == pl.Object()]
    return frame.with_columns(
        *(pl.col(name).cast(pl.Float64) for name in decimals),
        *(pl.Series(n, [None if v is None else str(v) for v in frame[n]]) for n in objects),
    )


def _quoted(table: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in table.split("."))


def _escape(statement: str) -> str:
    """Keep colons of a user's query from being read as parameters."""
    return re.sub(r"(?<![:\\]):(?=[A-Za-z_])", r"\\:", statement)


def _secrets(url: str) -> list[str]:
    password = urlsplit(url).password
    return [password, unquote(password)] if password else []
