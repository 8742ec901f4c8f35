"""Cells to try a feature type on, and encoded ones compared bit for bit."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.features.encoded import EncodedColumn, Kind, RowValue


def nasty_values() -> list[object]:
    """Return raw values of every kind that finds its way into a column."""
    zone = dt.timezone(dt.timedelta(hours=2))
    return [
        None,
        "",
        " ",
        "\t\n",
        "a",
        " a ",
        "A",
        "é",
        "İstanbul",
        "ΣΑΣ",
        "日本語 text",
        "😀 ok",
        "\x00",
        "nan",
        "NaN",
        "null",
        "NA",
        "-",
        "inf",
        "-Infinity",
        "1e400",
        "-1e-400",
        "0",
        "-0",
        "00",
        "7",
        " 7 ",
        "+7",
        "7.",
        ".7",
        "1_000",
        "0x10",
        "1e3",
        "1E+3",
        "1,234.5",
        "1.234,5",
        "1 234",
        "1,23",
        "$3",
        "€ 3,5",
        "3 EUR",
        "-$3",
        "$-3",
        "(5)",
        "( 5 )",
        "12%",
        "\u22124",
        "1'000",
        "٣",
        "½",
        "yes",
        "No",
        "TRUE",
        "false ",
        "y",
        "t",
        "on",
        "2019-03-04",
        "2019-03-04 05:06:07",
        "2019-03-04T05:06:07.123456789Z",
        "2019-03-04T05:06:07+02:00",
        "3/4/2019",
        "13/4/2019",
        "31.12.2019",
        "2019-02-30",
        "Mar 3, 2019",
        "1553372469",
        "24:00",
        "9999-12-31",
        "0000-01-01",
        True,
        False,
        0,
        1,
        -1,
        2,
        3,
        10**9,
        1553372469,
        2**53 + 1,
        -(2**63),
        2**64 - 1,
        2**100,
        0.0,
        -0.0,
        1.0,
        0.1,
        -2.5,
        1e16,
        1e-7,
        123456789.123,
        1e38,
        3.5e38,
        -1e300,
        5e-324,
        float("nan"),
        float("inf"),
        float("-inf"),
        Decimal("1.50"),
        Decimal(-3),
        Decimal("0.1"),
        Decimal("12345678901234567890.123456789"),
        dt.date(2019, 3, 4),
        dt.date(1, 1, 1),
        dt.date(9999, 12, 31),
        dt.datetime(2019, 3, 4, 5, 6, 7, 123456),  # noqa: DTZ001 - time stamps without a zone come too
        dt.datetime(2019, 3, 4, 5, 6, 7, tzinfo=dt.UTC),
        dt.datetime(2019, 3, 4, 5, tzinfo=zone),
        dt.time(1, 2, 3),
        dt.timedelta(days=1),
        b"abc",
        [1, 2],
        {"a": 1},
        np.float32(0.1),
        np.float64(2.5),
        np.int8(3),
        np.uint64(2**63),
        np.bool_(True),
        np.str_("a"),
    ]


def one_row(name: str, value: object) -> pl.Series | None:
    """Return a column of one value; None where no column can hold it."""
    try:
        return pl.Series(name, [value])
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        return None


def extremes(column: pl.Series) -> pl.Series:
    """Return values of a column's type that lie far from its own."""
    if column.dtype.is_float():
        return pl.Series(column.name, [1e30, -1e30, float("inf")], dtype=column.dtype)
    if column.dtype.is_integer():
        return pl.Series(column.name, [2**31 - 1, -(2**31)], dtype=column.dtype, strict=False)
    if column.dtype == pl.String:
        return pl.Series(column.name, ["never seen before", "9e30", "1999-01-01"])
    return column.clear()


def as_column(value: RowValue, kind: Kind) -> EncodedColumn:
    """Return a cell as an encoded column of one row."""
    if kind is Kind.INDEX:
        return EncodedColumn(kind, np.array([value], dtype=np.int32))
    if kind in {Kind.SCALAR, Kind.VECTOR}:
        cells = np.array(value, dtype=np.float32).reshape(1, -1)
        assert np.array_equal(
            cells[0].astype(np.float64), np.ravel(np.array(value, np.float64)), equal_nan=True
        ), "a cell must already be rounded to 32 bits"
        return EncodedColumn(kind, cells)
    ids, weights = value if kind is Kind.BAG else (value, None)  # type: ignore[misc]
    offsets = np.array([0, len(ids)], dtype=np.int64)  # type: ignore[arg-type]
    floats = None if weights is None else np.array(weights, dtype=np.float32)
    return EncodedColumn(kind, np.array(ids, dtype=np.int32), offsets, floats)


def assert_same(first: EncodedColumn, second: EncodedColumn) -> None:
    """Assert that two encoded columns are equal, bit for bit; NaN equals NaN."""
    assert first.kind == second.kind
    for name in ("values", "offsets", "weights"):
        a, b = getattr(first, name), getattr(second, name)
        assert (a is None) == (b is None), f"{name} on one side only"
        if a is not None:
            assert a.dtype == b.dtype, f"{name}: {a.dtype} and {b.dtype}"
            assert a.shape == b.shape, f"{name}: {a.shape} and {b.shape}"
            assert _is_same(a, b), f"{name} differ: {a} and {b}"


def _is_same(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> bool:
    if a.dtype.kind != "f":
        return bool(np.array_equal(a, b))
    nan = np.isnan(a)
    same = np.ascontiguousarray(a).view(np.uint32) == np.ascontiguousarray(b).view(np.uint32)
    return bool(np.array_equal(nan, np.isnan(b)) and np.all(same | nan))
