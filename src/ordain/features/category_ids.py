"""A category's encoding, and how labels become ids."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.features.encoded import RowValue
from ordain.features.facts import unusable_value
from ordain.features.feature import Encoding
from ordain.features.filling import Filling, fill_reader
from ordain.features.labels import (
    LabelType,
    categories_of,
    of_categories,
    read_label,
    read_labels,
    replace,
    whole_numbers,
)
from ordain.features.nearness import nearest_label

UNKNOWN = "<UNK>"
"""Name of the bucket, as in Ludwig."""
MISSING_FIX = "set `missing_value_strategy: keep`, or give the value"
UNSEEN_FIX = "set `unseen: bucket`, or train on rows that hold it"


class CategoryEncoding(Encoding):
    """What fitting a category found."""

    type: Literal["category"] = "category"
    """Type name."""
    labels: tuple[str, ...]
    """In the order of ids; an input's first is the bucket."""
    label_type: LabelType = "string"
    """What a predicted label is turned back into."""
    lowercase: bool = False
    """Whether labels are compared in lower case."""
    buckets: int = 0
    """Hash buckets; 0 where labels are looked up."""
    on_missing: Literal["id", "ffill", "bfill", "error"] = "id"
    """What happens to a missing cell before `missing_id` applies."""
    missing_id: int = 0
    """Id of a missing cell."""
    filling: Filling | None = None
    """What fills a missing cell from other columns, in place of `missing_id`."""
    on_unseen: Literal["id", "nearest", "error"] = "id"
    """What happens to a label that training did not keep."""
    unseen_id: int = 0
    """Id of a label that training did not keep."""


def ids_of(encoding: CategoryEncoding) -> dict[str, int]:
    """Return the id of each label that is looked up."""
    ids = {label: at for at, label in enumerate(encoding.labels)}
    if encoding.unseen_id != -1:
        ids.pop(UNKNOWN, None)
    return ids


def bucket_of(label: str, buckets: int) -> int:
    """Return the id of the bucket that a label is hashed into, from 1."""
    return 1 + zlib.crc32(label.encode()) % buckets


def look_up(column: pl.Series, encoding: CategoryEncoding) -> tuple[pl.Series, pl.Series]:
    """Return ids (Int32, null where missing or unseen) and where the label is missing."""
    labels = categories_of(column)
    if labels is not None:
        return _look_up_categories(column, labels, encoding)
    if encoding.buckets:
        labels = read_labels(column, lowercase=encoding.lowercase)
        known = labels.unique().drop_nulls()
        ids = pl.Series(
            [bucket_of(label, encoding.buckets) for label in known.to_list()], dtype=pl.Int32
        )
        return replace(labels, known, ids), labels.is_null()
    ids_by_label = ids_of(encoding)
    known, ids = (
        pl.Series(ids_by_label.keys(), dtype=pl.String),
        pl.Series(ids_by_label.values(), dtype=pl.Int32),
    )
    if column.dtype.is_integer():
        whole = whole_numbers(ids_by_label)
        keys = pl.Series(whole.keys(), dtype=pl.Int64)
        numbers = column.cast(pl.Int64, strict=False)
        return replace(numbers, keys, pl.Series(whole.values(), dtype=pl.Int32)), column.is_null()
    if column.dtype != pl.String:
        labels = read_labels(column, lowercase=encoding.lowercase)
        return replace(labels, known, ids), labels.is_null()
    found = replace(column, known, ids)
    if found.null_count() == column.null_count():
        return found, _nowhere(column) if column.null_count() == 0 else column.is_null()
    # Labels are stored in their plain form: only cells that missed have to be read.
    missed = found.is_null().arg_true()
    labels = read_labels(column.gather(missed), lowercase=encoding.lowercase)
    found = found.scatter(missed, replace(labels, known, ids))
    missing = column.is_null().scatter(missed, labels.is_null())
    return found, missing


def _look_up_categories(
    column: pl.Series, labels: pl.Series, encoding: CategoryEncoding
) -> tuple[pl.Series, pl.Series]:
    known = {} if encoding.buckets else ids_of(encoding)
    found = [known.get(label) for label in labels]  # few as a rule
    ids, missing = pl.Series(found, dtype=pl.Int32), _nowhere(labels)
    if ids.null_count():
        ids, missing = look_up(labels, encoding)
    ids = of_categories(column, ids)
    if ids.null_count() == 0:
        return ids, _nowhere(column)
    return ids, missing.gather(column.to_physical()).fill_null(value=True)


def _nowhere(column: pl.Series) -> pl.Series:
    return pl.Series(np.zeros(len(column), dtype=bool))


def id_reader(encoding: CategoryEncoding) -> Callable[..., RowValue]:
    """Return the function from a value to its id; of the value and its row where that fills."""
    if encoding.filling is None:
        return _known_reader(encoding)
    read, guess = _known_reader(encoding), fill_reader(encoding.filling)

    def cell(value: object, row: Mapping[str, object]) -> RowValue:
        return int(guess(row)) if read_label(value) is None else read(value)

    return cell


def _known_reader(encoding: CategoryEncoding) -> Callable[[object], int]:
    """Return the function from a value to its id, whatever else stands in its row."""
    known = ids_of(encoding)
    nearest = nearest_label(known) if encoding.on_unseen == "nearest" else None
    buckets, lowercase = encoding.buckets, encoding.lowercase
    missing_id, unseen_id = encoding.missing_id, encoding.unseen_id
    fails_missing = encoding.on_missing == "error"
    fails_unseen = encoding.on_unseen == "error"

    def read_slowly(value: object) -> int:
        label = read_label(value)
        if label is None:
            if fails_missing:
                raise unusable_value("category", value, what="is missing", fix=MISSING_FIX)
            return missing_id
        label = label.lower() if lowercase else label
        if buckets:
            return bucket_of(label, buckets)
        found = known.get(label)
        if found is None and fails_unseen:
            raise unusable_value("category", value, what="was not seen in training", fix=UNSEEN_FIX)
        if found is None and nearest is not None:
            return known.get(nearest(label) or "", unseen_id)
        return unseen_id if found is None else found

    if buckets:
        return read_slowly
    find = known.get

    def read(value: object) -> int:
        # A label in its plain form is found at once; all else is read first.
        found = find(value) if type(value) is str else None
        return read_slowly(value) if found is None else found

    return read


def fill_nearest(column: pl.Series, ids: pl.Series, encoding: CategoryEncoding) -> pl.Series:
    """Return ids with unseen labels put to the one that is spelled most alike, if there is one."""
    missed = ids.is_null().arg_true()
    labels = read_labels(column.gather(missed), lowercase=encoding.lowercase)
    unseen = labels.unique().drop_nulls()
    known = ids_of(encoding)
    nearest = nearest_label(known)
    found = pl.Series([known.get(nearest(label) or "") for label in unseen], dtype=pl.Int32)
    return ids.cast(pl.Int32).scatter(missed, replace(labels, unseen, found))


def contiguous(ids: pl.Series) -> npt.NDArray[np.int32]:
    """Return ids without nulls as an array."""
    return np.ascontiguousarray(ids.to_numpy(), dtype=np.int32)
