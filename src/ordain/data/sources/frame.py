"""A frame handed over in Python: Polars, pandas, Arrow, or a mapping of columns.

ordain.train(config, pl.DataFrame(...))
"""

from __future__ import annotations

from typing import Any, Literal, Self

import polars as pl
from pydantic import PrivateAttr

from ordain.core.errors import DataError, UsageError
from ordain.core.hashing import digest_bytes
from ordain.data.fingerprint import digest_frame
from ordain.data.source import SOURCES, Source
from ordain.data.table import ReadReport


@SOURCES.register
class FrameSource(Source):
    """A frame in memory; it cannot be written in a config."""

    type: Literal["frame"] = "frame"
    """A frame handed over in Python."""
    _frame: pl.DataFrame | None = PrivateAttr(default=None)

    @classmethod
    def of(cls, data: Any) -> Self:
        """Return the source of a Polars frame, or of anything narwhals or Arrow can read.

        Raises:
            UsageError: the object is no table.
        """
        source = cls()
        source._frame = to_polars(data)
        return source

    @property
    def is_columnar(self) -> bool:
        """Columns are in memory already."""
        return True

    def fingerprint(self) -> str:
        """Return the digest of the values."""
        return digest_bytes(b"frame", digest_frame(self._rows()).encode())

    def scan(self) -> tuple[pl.LazyFrame, ReadReport]:
        """Return the rows."""
        frame = self._rows()
        if not frame.height:
            raise DataError("the data frame has no rows")
        if not frame.width:
            raise DataError("the data frame has no columns")
        return frame.lazy(), ReadReport(source="data frame", format="frame", n_rows=frame.height)

    def _rows(self) -> pl.DataFrame:
        if self._frame is None:
            raise UsageError("a `frame` source holds no frame: hand one over in Python")
        return self._frame


def to_polars(data: Any) -> pl.DataFrame:
    """Return a table of any library as a Polars frame; NaN of pandas becomes null.

    Raises:
        UsageError: the object is no table.
    """
    if isinstance(data, pl.LazyFrame):
        return data.collect()
    if isinstance(data, pl.DataFrame):
        return data
    import narwhals.stable.v2 as nw

    native = nw.from_native(data, pass_through=True)
    if isinstance(native, nw.LazyFrame):
        native = native.collect()
    if isinstance(native, nw.DataFrame):
        if native.implementation.is_pandas_like():
            return _from_pandas(data)
        return native.to_polars()
    if hasattr(data, "__arrow_c_stream__"):
        return pl.DataFrame(data)
    raise UsageError(
        f"an object of type '{type(data).__name__}' is no table: hand over a Polars, pandas or "
        "Arrow table, or the name of a source"
    )


def _from_pandas(data: Any) -> pl.DataFrame:
    """Return a pandas frame column by column, so that pyarrow is not needed for plain types."""
    columns = []
    for position, name in enumerate(data.columns):
        series = data.iloc[:, position]
        columns.append(pandas_column(str(name), series))
    return pl.DataFrame(columns)


def pandas_column(name: str, series: Any) -> pl.Series:
    """Return a pandas column as a Polars one, missing values as null.

    Text, categories, numbers, booleans and dates need no pyarrow; objects of unlike kinds become
    text.
    """
    kind = str(series.dtype)
    if kind == "category":
        values = pandas_column(name, series.astype(series.cat.categories.dtype))
        return values.cast(pl.String).cast(pl.Categorical)
    if series.dtype.kind in "mM" and not hasattr(series.dtype, "tz"):
        return pl.Series(name, series.to_numpy())
    if kind in {"object", "str"} or kind.startswith(("string", "datetime")):
        values = series.astype(object).where(series.notna(), None).tolist()
        try:
            return pl.Series(name, values, strict=True)
        except (TypeError, pl.exceptions.PolarsError):
            texts = [None if value is None else str(value) for value in values]
            return pl.Series(name, texts, dtype=pl.String)
    if bool(series.isna().any()) and series.dtype.kind != "f":
        values = series.astype(object).where(series.notna(), None).tolist()
        return pl.Series(name, values, strict=False)
    return pl.Series(name, series.to_numpy(), nan_to_null=True)
