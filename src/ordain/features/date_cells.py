"""One date at a time: from a value to the cell that its column would hold."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping

from ordain.features.date_parts import DateEncoding, moment_of, part_readers
from ordain.features.encoded import RowValue
from ordain.features.facts import unusable_value
from ordain.features.filling import fill_reader
from ordain.features.instants import instant_reader

FIX = "set `missing_value_strategy`, or give a date"
"""The remedy for a missing cell that is an error."""


def cell_reader(encoding: DateEncoding) -> Callable[..., RowValue]:
    """Return the function from a value to its parts; of the value and its row where that fills."""
    read = instant_reader(encoding.formats, zone=encoding.timezone)
    readers = [reader.read_one for reader in part_readers(encoding)]
    tail, missing_tail = ((0.0,), (1.0,)) if encoding.has_indicator else ((), ())
    fails = encoding.on_missing == "error"

    def numbers(moment: dt.datetime) -> tuple[float, ...]:
        cells: list[float] = []
        for read_part in readers:
            cells += read_part(moment)
        return tuple(cells)

    if encoding.filling is not None:
        guess = fill_reader(encoding.filling)

        def filled_cell(value: object, row: Mapping[str, object]) -> RowValue:
            moment = read(value)
            if moment is not None:
                return numbers(moment) + tail
            return numbers(moment_of(round(guess(row)))) + missing_tail

        return filled_cell
    if encoding.fill is None:
        missing = (math.nan,) * (encoding.shape.width - len(tail)) + missing_tail
    else:
        missing = numbers(moment_of(encoding.fill)) + missing_tail

    def cell(value: object) -> RowValue:
        moment = read(value)
        if moment is not None:
            return numbers(moment) + tail
        if fails:
            raise unusable_value("date", value, what="is missing or no date", fix=FIX)
        return missing

    return cell
