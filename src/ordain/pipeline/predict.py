"""Predict the rows of a source into a file, block by block."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import polars as pl

from ordain.core.diagnostics import nearest
from ordain.core.errors import UsageError
from ordain.core.files import atomic_file
from ordain.pipeline.cautions import reading_warnings
from ordain.pipeline.inputs import as_rows
from ordain.store.model import Model, load
from ordain.store.unusual import Unusual

BLOCK_ROWS = 200_000
FORMATS = (".csv", ".jsonl", ".parquet")


@dataclass(frozen=True)
class Predicted:
    """What was written."""

    rows: int
    seconds: float
    output: Path | None
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what `predict --json` prints."""
        return {
            "rows": self.rows,
            "seconds": round(self.seconds, 4),
            "output": str(self.output) if self.output else None,
            "warnings": list(self.warnings),
        }


def predict(
    bundle: str | Path | Model, data: Any, output: Path | None = None, *, keep: Sequence[str] = ()
) -> Predicted:
    """Write one prediction row for each row of a source, in order.

    Args:
        bundle: a bundle folder, a run, or a model.
        data: a reference or a data frame; the target need not be there.
        output: a `.csv`, `.jsonl` or `.parquet` file; the standard output, as CSV, by default. It
            appears under its name once all rows are written.
        keep: input columns to write before the predictions; ``all`` for every one.

    Raises:
        UsageError: an output of another kind, a column to keep that is not there.
        DataError: an input column is missing.
    """
    from ordain.data import open_source, read_table

    started = time.perf_counter()
    _check_format(output)
    model = bundle if isinstance(bundle, Model) else load(bundle)
    table = read_table(open_source(as_rows(data)))
    kept = table.schema.names() if list(keep) == ["all"] else list(keep)
    absent = [name for name in kept if name not in table.schema.names()]
    if absent:
        close = nearest(absent[0], table.schema.names())
        hint = f" Did you mean `{close}`?" if close else ""
        raise UsageError(f"cannot keep `{absent[0]}`: it is not in the data.{hint}")
    model.require(table.schema.names())
    seen = Unusual(model)
    with _writer(output) as write:
        size = max(1, table.n_rows) if model.depends_on_order else BLOCK_ROWS
        for block in _blocks(table.frame, table.n_rows, size):
            answers = model.predict(block)
            seen.add(model.with_derived(block))
            write(pl.concat([block.select(kept), answers], how="horizontal") if kept else answers)
    seconds = time.perf_counter() - started
    warnings = (*reading_warnings(table.report), *seen.warnings().values())
    return Predicted(table.n_rows, seconds, output, warnings)


def write_rows(frame: pl.DataFrame, output: Path | None) -> None:
    """Write rows to a `.csv`, `.jsonl` or `.parquet` file, or as CSV to the standard output.

    Raises:
        UsageError: an output of another kind.
    """
    _check_format(output)
    with _writer(output) as write:
        write(frame)


def _check_format(output: Path | None) -> None:
    if output is not None and output.suffix not in FORMATS:
        raise UsageError(
            f"'{output}' cannot be written\n  Possible: a file that ends in {', '.join(FORMATS)}"
        )
    if output is not None and not output.parent.is_dir():
        raise UsageError(
            f"'{output}' cannot be written: there is no folder '{output.parent}'\n"
            f"  Fix: mkdir -p {output.parent}, or name a file in a folder that is there"
        )


def _blocks(frame: pl.LazyFrame, n_rows: int, size: int) -> Iterator[pl.DataFrame]:
    for start in range(0, max(1, n_rows), size):
        yield frame.slice(start, size).collect()


@contextmanager
def _writer(output: Path | None) -> Iterator[Callable[[pl.DataFrame], None]]:
    if output is None:
        yield _CsvWriter(sys.stdout.buffer)
    elif output.suffix == ".parquet":
        blocks: list[pl.DataFrame] = []
        yield blocks.append
        with atomic_file(output) as file:
            pl.concat(blocks).write_parquet(file)
    else:
        with atomic_file(output) as file:
            yield (
                _CsvWriter(file)
                if output.suffix == ".csv"
                else lambda block: block.write_ndjson(file)
            )


class _CsvWriter:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._is_first = True

    def __call__(self, block: pl.DataFrame) -> None:
        lists = [name for name, dtype in block.schema.items() if dtype.is_nested()]
        block.with_columns(map(_as_json, lists)).write_csv(
            self._file, include_header=self._is_first
        )
        self._is_first = False


def _as_json(name: str) -> pl.Expr:
    """Return a column of lists as JSON text, which a CSV cell can hold."""
    text = pl.struct(pl.col(name).alias("_")).struct.json_encode()
    inside = text.str.strip_prefix('{"_":').str.strip_suffix("}")
    return pl.when(pl.col(name).is_null()).then(None).otherwise(inside).alias(name)
