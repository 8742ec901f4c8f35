"""A category's encoding, and how labels become ids."""

from __future__ import annotations

import zlib
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.features.feature import Encoding
from ordain.features.filling import Filling
from ordain.features.labels import LabelType, read_labels, replace, whole_numbers
from ordain.features.nearness import nearest_label

UNKNOWN = "<UNK>"
"""Name of the bucket, as in Ludwig."""


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
    """Return ids (UInt32, null where missing or unseen) and where the label is missing."""
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
        return found, column.is_null()
    # Labels are stored in their plain form: only cells that missed have to be read.
    missed = found.is_null().arg_true()
    labels = read_labels(column.gather(missed), lowercase=encoding.lowercase)
    found = found.scatter(missed, replace(labels, known, ids))
    missing = column.is_null().scatter(missed, labels.is_null())
    return found, missing


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
