"""Predictions into a table of a DuckDB file, which appears when its last row is in.

As `table_sink`, without SQLAlchemy: each block goes into a table of another name, in one
transaction with the count of rows that are in, and a job that was killed goes on from that count.
Lists stay lists: DuckDB has a type for them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import polars as pl

from ordain.core.errors import StoreError, UsageError
from ordain.data.arrowstream import ArrowStream
from ordain.data.databases import split_table
from ordain.pipeline.sinks import Sink
from ordain.pipeline.table_sink import ROW

SCHEME = "duckdb"


class DuckDbSink(Sink):
    """A table that is not there yet, in a file that is made where there is none.

    Args:
        reference: ``duckdb:///shop.duckdb::table``, with `schema.table` where there are schemas.
        job: digest of all that decides the rows.
        is_fresh: begin anew, whatever an earlier attempt has written.
    """

    def __init__(self, reference: str, *, job: str, is_fresh: bool = False) -> None:
        url, table = split_table(reference)
        path = url.partition(":///")[2]
        if table is None:
            raise UsageError(f"{url} is a database: name a table in it\n  Fix: {url}::TABLE")
        if not path:
            raise UsageError(f"'{url}' names no file: write duckdb:///file.duckdb::{table}")
        self._path, self._job, self._is_fresh = path, job, is_fresh
        schema, _, self._table = table.rpartition(".")
        self._schema = schema or "main"
        self._connection: Any = None

    def open(self) -> None:
        """Open the file, and see how far an earlier attempt came."""
        import duckdb

        with self._failures():
            self._connection = duckdb.connect(self._path)
            if self._has(self._table):
                raise UsageError(
                    f"{self._path} has a table '{self._table}' already\n"
                    "  Fix: name another, or drop it first"
                )
            with self._transaction():
                self._take_up()

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()

    def write(self, rows: pl.DataFrame, note: Mapping[str, Any]) -> None:
        """Write the next block, and how many rows are in, in one transaction."""
        places = pl.int_range(self.n_done, self.n_done + rows.height, dtype=pl.Int64, eager=True)
        block = rows.clone().insert_column(0, places.alias(ROW))
        told = [*self.told, note]
        after = self.n_done + rows.height
        part = self._named(self._part)
        with self._failures(), self._transaction():
            self._connection.register("_block", ArrowStream(block))
            if self._has(self._part):
                self._run(f"INSERT INTO {part} SELECT * FROM _block")  # noqa: S608 - quoted
            else:
                self._run(f"CREATE TABLE {part} AS SELECT * FROM _block")  # noqa: S608 - quoted
            self._connection.unregister("_block")
            self._run(
                f"UPDATE {self._named(self._jobs)} SET n_rows = ?, told = ?",  # noqa: S608 - quoted
                [after, json.dumps(told)],
            )
        self.n_done, self.told = after, told

    def finish(self) -> None:
        """Give the table its name and drop the count, in one transaction."""
        with self._failures(), self._transaction():
            self._run(f"ALTER TABLE {self._named(self._part)} RENAME TO {_quoted(self._table)}")
            self._run(f"DROP TABLE {self._named(self._jobs)}")

    @property
    def _part(self) -> str:
        return f"{self._table}__part"

    @property
    def _jobs(self) -> str:
        return f"{self._table}__job"

    def _take_up(self) -> None:
        """Find how far an earlier attempt at the same job came, or begin."""
        jobs = self._named(self._jobs)
        self._run(f"CREATE TABLE IF NOT EXISTS {jobs} (job TEXT, n_rows BIGINT, told TEXT)")
        found = self._run(f"SELECT job, n_rows, told FROM {jobs}").fetchone()  # noqa: S608 - quoted
        if found is not None and found[0] == self._job and not self._is_fresh:
            self.n_done, self.told = int(found[1]), json.loads(found[2])
            return
        self._run(f"DROP TABLE IF EXISTS {self._named(self._part)}")
        self._run(f"DELETE FROM {jobs}")  # noqa: S608 - quoted
        self._run(f"INSERT INTO {jobs} VALUES (?, 0, '[]')", [self._job])  # noqa: S608 - quoted

    def _has(self, table: str) -> bool:
        found = self._run(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?",
            [self._schema, table],
        )
        return found.fetchone() is not None

    def _named(self, table: str) -> str:
        return f"{_quoted(self._schema)}.{_quoted(table)}"

    def _run(self, statement: str, values: list[Any] | None = None) -> Any:
        return self._connection.execute(statement, values)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._run("BEGIN")
        try:
            yield
        except BaseException:
            self._run("ROLLBACK")
            raise
        self._run("COMMIT")

    @contextmanager
    def _failures(self) -> Iterator[None]:
        import duckdb

        try:
            yield
        except duckdb.Error as error:
            first = str(error).strip().splitlines()[0]
            raise StoreError(
                f"{self._path} cannot be written:\n  {first}\n"
                "  Fix: check that the folder is there, that no other program has the file open, "
                "and the room on the disk; the same command goes on where this one stopped"
            ) from error


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
