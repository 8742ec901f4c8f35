"""Data frames of any kind in, the same kind out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import polars as pl

from ordain.core.errors import DataError, UsageError
from ordain.data.sources.frame import to_polars as read_frame


def to_polars(frame: Any) -> tuple[pl.DataFrame, Callable[[pl.DataFrame], Any]]:
    """Return the rows as a Polars frame, and a function that turns a result back.

    Takes Polars (eager or lazy), pandas, Arrow tables, a mapping of columns, a list of mappings.

    A pandas column of unlike kinds becomes text, as in training.

    Raises:
        UsageError: not a data frame.
        DataError: a column holds what no column of a table can.
    """
    if isinstance(frame, pl.DataFrame):
        return frame, lambda result: result
    if isinstance(frame, pl.LazyFrame):
        return frame.collect(), lambda result: result
    if isinstance(frame, Mapping | list):
        with _readable():
            return pl.DataFrame(frame, infer_schema_length=None), lambda result: result
    return _foreign(frame)


def _foreign(frame: Any) -> tuple[pl.DataFrame, Callable[[pl.DataFrame], Any]]:
    import narwhals.stable.v2 as nw

    try:
        native = nw.from_native(frame, eager_only=True)
    except TypeError as error:
        raise UsageError(
            f"`{type(frame).__name__}` is not a data frame; "
            "give Polars, pandas or Arrow, a mapping of columns, or a list of mappings"
        ) from error

    def back(result: pl.DataFrame) -> Any:
        lent = nw.from_native(result, eager_only=True)
        if native.implementation.is_pandas():
            return lent.to_pandas().set_axis(frame.index, axis=0)
        if native.implementation.is_pyarrow():
            return lent.to_arrow()
        return result

    with _readable():
        return read_frame(frame), back


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"the rows cannot be read as a table: {error}\n"
            "  Fix: give each column one name and values of one kind"
        ) from error
