"""A database read through its ADBC driver, whose rows are Arrow from the server on."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import polars as pl

from ordain.core.errors import MissingExtraError
from ordain.data.arrowstream import ArrowStream
from ordain.data.batches import check_names, refuse_intervals
from ordain.data.locations import redact, scheme_of

_FAMILY = {"postgres": "postgresql", "grpc": "flightsql", "grpc+tls": "flightsql"}
_LISTED = ("sqlite", "postgresql")
_TABLES = {"sqlite": "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"}
_UUID = r"^(.{8})(.{4})(.{4})(.{4})(.{12})$"
_DASHED = "${1}-${2}-${3}-${4}-${5}"
_TABLES_ELSEWHERE = "SELECT table_name FROM information_schema.tables"


class Connection:
    """A connection that reads; close it, or use it in a `with` block.

    Args:
        url: with the scheme ``adbc+`` and the name of a driver.
        path: file of an SQLite database, which is opened for reading only.
        timeout_seconds: time to wait for a PostgreSQL server.

    Raises:
        MissingExtraError: the driver is not installed.
        Exception: of the driver, which has classes of its own.
    """

    def __init__(self, url: str, *, path: Path | None, timeout_seconds: int) -> None:
        bare = url.removeprefix("adbc+")
        self.driver = _FAMILY.get(scheme_of(bare), scheme_of(bare))
        target = _target(bare, driver=self.driver, path=path, timeout_seconds=timeout_seconds)
        self._connection = _dbapi(self.driver, url).connect(target)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def tables(self) -> list[str]:
        """Return the names of tables and views, of the servers whose catalogue is known."""
        if self.driver not in _LISTED:
            return []
        frame = self.read(_TABLES.get(self.driver, _TABLES_ELSEWHERE))
        return [str(name) for name in frame.to_series()]

    def read(self, statement: str) -> pl.DataFrame:
        """Return the rows of a query; exact decimals, which come as text, as numbers."""
        return pl.concat(self.batches(statement))

    def batches(self, statement: str) -> Iterator[pl.DataFrame]:
        """Yield the rows of a query as the driver hands them over, one frame at least.

        Raises:
            DataError: a column is of a type that has no counterpart, such as an interval.
        """
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(statement)
            reader = cursor.fetch_record_batch()
            kinds = {field.name: _kind(field.type) for field in reader.schema}
            check_names(reader.schema.names)
            refuse_intervals([name for name, kind in kinds.items() if kind == "interval"])
            yield _frame(reader.schema.empty_table(), kinds)
            for batch in reader:
                yield _frame(batch, kinds)


def _dbapi(driver: str, url: str) -> Any:
    package = f"adbc-driver-{driver}"
    try:
        return importlib.import_module(f"adbc_driver_{driver}.dbapi")
    except ImportError as error:
        if driver in _LISTED:
            raise MissingExtraError.for_package(
                package, extra="adbc", purpose=f"reading {redact(url)}"
            ) from error
        raise MissingExtraError(
            f"{redact(url)} needs the package `{package}`, which is not installed.\n"
            f"  Fix: pip install {package} pyarrow"
        ) from error


def _target(bare: str, *, driver: str, path: Path | None, timeout_seconds: int) -> str:
    """Return what a driver wants to be told: most a url, SQLite a file, Snowflake no scheme."""
    if path is not None:
        return f"{path.resolve().as_uri()}?mode=ro"
    if driver == "postgresql" and "connect_timeout" not in urlsplit(bare).query:
        return f"{bare}{'&' if '?' in bare else '?'}connect_timeout={timeout_seconds}"
    return bare.partition("://")[2] if driver == "snowflake" else bare


def _kind(dtype: Any) -> str:
    """Return what is to be done with a column of an Arrow type that Polars does not read as is."""
    text = str(dtype)
    if "interval" in text:
        return "interval"
    if text.startswith("extension<arrow.uuid"):
        return "uuid"
    if "type_name=numeric" in text:
        return "decimal"
    return "stored" if text.startswith("extension<") else "plain"


def _frame(rows: Any, kinds: Mapping[str, str]) -> pl.DataFrame:
    """Return a pyarrow table or batch as a frame; extension types as what they are stored in."""
    import pyarrow as pa

    columns = [
        column if kinds[field.name] == "plain" else column.cast(field.type.storage_type)
        for field, column in zip(rows.schema, rows.columns, strict=True)
    ]
    frame = pl.DataFrame(ArrowStream(pa.Table.from_arrays(columns, names=rows.schema.names)))
    numbers = [name for name, kind in kinds.items() if kind == "decimal"]
    keys = [name for name, kind in kinds.items() if kind == "uuid"]
    return frame.with_columns(
        *(pl.col(name).cast(pl.Float64) for name in numbers),
        *(pl.col(name).bin.encode("hex").str.replace(_UUID, _DASHED) for name in keys),
    )
