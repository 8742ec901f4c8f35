"""Hashes of values that hold across machines and versions of every library.

Used where a hash decides something a user sees again: the set of a row, the rows of a sample. The
text's bytes b are hashed as the polynomial ``sum(b[i] * P**(i + 1)) mod 2**64`` and mixed by the
finaliser of SplitMix64 (Steele, Lea, Flood 2014).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import polars as pl

_PRIME = np.uint64(0x9E3779B97F4A7C15)
_MISSING = np.uint64(0xA5A5_5A5A_0F0F_F0F0)
_BLOCK = 1 << 18

Hashes = npt.NDArray[np.uint64]


def hash_texts(column: pl.Series, *, salt: str = "") -> Hashes:
    """Return a hash of the text form of each value [N]; missing values have one of their own.

    Whole numbers hash alike as integers, as floats and as text, so that a column of identifiers
    may change its type as data grows.
    """
    if column.dtype.is_float():
        is_whole = (column == column.floor()) & (column.abs() < 2**53)
        whole = column.set(~is_whole.fill_null(value=False), None).cast(pl.Int64).cast(pl.String)
        column = whole.zip_with(is_whole.fill_null(value=False), column.cast(pl.String))
    texts = column.cast(pl.String)
    parts = [
        _hash_block(texts.slice(start, _BLOCK)) for start in range(0, max(len(texts), 1), _BLOCK)
    ]
    hashes = np.concatenate(parts)
    return mix(hashes ^ _salt(salt)) if salt else hashes


def hash_columns(columns: Iterable[tuple[str, pl.Series]], n_rows: int, *, seed: int) -> Hashes:
    """Return a hash of each row [N] over columns given one at a time, whatever their order."""
    total = np.full(n_rows, _salt(str(seed)), dtype=np.uint64)
    for name, column in columns:
        total += mix(_hash_values(column) ^ _salt(name))
    return mix(total)


def to_unit(hashes: Hashes) -> npt.NDArray[np.float64]:
    """Return hashes as numbers from 0 up to, not with, 1 [N]."""
    return (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53


def mix(values: Hashes) -> Hashes:
    """Return values whose every bit depends on every bit of the input [N]."""
    mixed = values >> np.uint64(30)  # in place from here on: the arrays are long
    mixed ^= values
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def _salt(text: str) -> np.uint64:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def _hash_values(column: pl.Series) -> Hashes:
    """Return a hash of each value by its type: numbers by their bits, the rest by text."""
    is_wide = column.dtype.base_type() in (pl.Decimal, pl.Int128, pl.UInt128)
    if not (column.dtype.is_numeric() or column.dtype == pl.Boolean()) or is_wide:
        if column.dtype.is_nested():
            column = pl.Series(column.name, [None if v is None else repr(v) for v in column])
        return hash_texts(column)
    values = column.cast(pl.Float64).fill_null(0.0).to_numpy() + 0.0
    hashes = mix(values.view(np.uint64) + _PRIME)
    return np.where(column.is_null().to_numpy(), _MISSING, hashes)


def _hash_block(texts: pl.Series) -> Hashes:
    distinct = texts.unique()
    if len(distinct) * 4 > len(texts):
        return _hash_bytes(texts)
    hashes = pl.Series(_hash_bytes(distinct))
    return texts.replace_strict(distinct, hashes, return_dtype=pl.UInt64).to_numpy()


def _hash_bytes(texts: pl.Series) -> Hashes:
    lengths = texts.str.len_bytes().fill_null(0).to_numpy().astype(np.int64)
    joined = "".join(texts.drop_nulls().to_list()).encode()
    data = np.frombuffer(joined, dtype=np.uint8).astype(np.uint64)
    longest = int(lengths.max(initial=0))
    with np.errstate(over="ignore"):
        powers = np.cumprod(np.full(longest + 1, _PRIME, dtype=np.uint64))
        starts = np.cumsum(lengths) - lengths
        place = np.arange(len(data)) - np.repeat(starts, lengths)
        sums = np.concatenate(([np.uint64(0)], np.cumsum((data + np.uint64(1)) * powers[place])))
        hashes = mix(sums[starts + lengths] - sums[starts] + lengths.astype(np.uint64))
    return np.where(texts.is_null().to_numpy(), _MISSING, hashes)
