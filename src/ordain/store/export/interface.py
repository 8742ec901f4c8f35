"""What an export is fed and what it gives: plain data that is written beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.features.binary import BinaryEncoding
from ordain.features.category_ids import CategoryEncoding, ids_of
from ordain.features.encoded import EncodedColumn
from ordain.features.feature import Encoding
from ordain.features.labels import read_labels
from ordain.features.numerals import Style, read_numbers
from ordain.store.model import Model

RAW = frozenset({"number", "label"})
Feeds = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Given:
    """One array that is fed.

    Attributes:
        name: of the array.
        column: of the table it comes from.
        meaning: `number` (NaN is missing), `label` (text, the empty one is missing); else the
            column is fed encoded: `values` [N, W], `ids` [N] or of all items, `starts` of the
            rows' items, `weights` of all items, `padded` ids [N, T] and their `mask`; or several
            side by side: `numbers` [N, S], `indices` [N, F].
        dtype: of NumPy; `object` for text.
        dims: `N` is the number of rows.
        columns: names of the inputs that lie side by side.
        longest: most items of a row that are fed, the first ones; 0 for any number.
    """

    name: str
    column: str
    meaning: str
    dtype: str
    dims: tuple[str | int, ...]
    columns: tuple[str, ...] = ()
    longest: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {**asdict(self), "dims": list(self.dims), "columns": list(self.columns)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Given:
        """Return what `to_json` gave."""
        lists = {key: tuple(value[key]) for key in ("dims", "columns")}
        return cls(**{**value, **lists})


def interface_of(model: Model, given: Sequence[Given]) -> dict[str, Any]:
    """Return what a caller is told of a graph: what is fed, and what a form asks for.

    `fields` has each column with its type, the labels that training saw, and the number that stands
    in for a missing one; `derived` the columns that are computed before.
    """
    fields = []
    for feature in model.document.inputs:
        encoding = model.encodings[feature.name]
        fill = getattr(encoding, "fill", None) if feature.type == "number" else None
        fields.append({
            "column": feature.column,
            "type": feature.type,
            "labels": _labels(encoding),
            "typical": fill,
        })  # fmt: skip
    return {
        "name": model.document.name,
        "inputs": [one.to_json() for one in given],
        "fields": fields,
        "derived": list(model.document.data.columns),
    }


def _labels(encoding: Encoding) -> list[str] | None:
    if isinstance(encoding, CategoryEncoding):
        return sorted(ids_of(encoding))
    return list(encoding.labels) if isinstance(encoding, BinaryEncoding) else None


def feeds(model: Model, given: Sequence[Given], rows: pl.DataFrame) -> Feeds:
    """Return the arrays of some rows; derived columns must be there already."""
    found: Feeds = {}
    encoded = _encoded(model, [one for one in given if one.meaning not in RAW], rows)
    for one in given:
        if one.meaning == "number":
            style = _style(model, one.column)
            values: Any = read_numbers(rows[one.column], style=style)
        elif one.meaning == "label":
            values = read_labels(rows[one.column]).fill_null("").to_numpy()
        elif one.meaning in {"numbers", "indices"}:
            parts = [encoded[name].values.reshape(rows.height, -1) for name in one.columns]
            values = np.hstack([np.empty((rows.height, 0)), *parts])
        else:
            values = array_of(encoded[one.column], one)
        found[one.name] = np.array(values, dtype=one.dtype)
    return found


def array_of(column: EncodedColumn, given: Given) -> npt.NDArray[Any]:
    """Return one of the arrays of an encoded column."""
    meaning = given.meaning
    if meaning == "starts":
        assert column.offsets is not None, "a text has offsets"
        return column.offsets[:-1]
    if meaning == "weights":
        return np.ones(len(column.values)) if column.weights is None else column.weights
    if meaning in {"padded", "mask"}:
        found = _padded(column, meaning)
        return found[:, : given.longest] if given.longest else found
    return column.values


def _padded(column: EncodedColumn, meaning: str) -> npt.NDArray[Any]:
    assert column.offsets is not None, "tokens have offsets"
    lengths = np.diff(column.offsets)
    mask = np.arange(max(1, int(lengths.max(initial=0)))) < lengths[:, None]
    if meaning == "mask":
        return mask
    ids = np.zeros(mask.shape, dtype=np.int32)
    ids[mask] = column.values
    return ids


def _encoded(model: Model, given: Sequence[Given], rows: pl.DataFrame) -> dict[str, EncodedColumn]:
    """Return the encoded columns that are fed, by name of the input and by name of the column."""
    wanted = {name for one in given for name in (one.column, *one.columns)}
    found: dict[str, EncodedColumn] = {}
    for feature in model.document.inputs:
        if wanted & {feature.name, feature.column}:
            encoding = model.encodings[feature.name]
            made = feature.preprocessing.encode(rows[feature.column], encoding, rows)
            found |= {feature.name: made, feature.column: made}
    return found


def _style(model: Model, column: str) -> Style:
    for feature in model.document.inputs:
        if feature.column == column:
            style: Style = getattr(model.encodings[feature.name], "style", "plain")
            return style
    return "plain"
