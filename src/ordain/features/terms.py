"""Bags of weighted n-grams: which terms count, and how much each weighs in a text.

A weight is tf times idf, where tf = 1 + ln(count) and idf = ln((1 + n) / (1 + df)) + 1 (n training
rows, df of them with the term); the weights of a text's word terms have length 1, and so have
those of its character terms (scikit-learn's TfidfVectorizer with `sublinear_tf`, once for words and
once for `char_wb`). Ids are places in the sorted keys of the terms, words before characters; or,
where terms are hashed, the key modulo the number of buckets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.features.encoded import EncodedColumn, Kind
from ordain.features.grams import Chunk, Ints, Keys, Orders, chunks, expand, gram_reader

_NO_KEYS = np.zeros(0, dtype=np.uint64)


@dataclass(frozen=True)
class Terms:
    """Fitted terms.

    Attributes:
        orders: which n-grams are made.
        buckets: hash buckets of each block; 0 where terms are looked up.
        words, chars: sorted keys of the terms that are looked up.
        idf: [n_terms] or empty where no idf is used.
    """

    orders: Orders
    buckets: int
    words: Keys
    chars: Keys
    idf: npt.NDArray[np.float32]

    @property
    def n_words(self) -> int:
        """Ids of words; those of characters follow."""
        return self.buckets or len(self.words)

    @property
    def n_terms(self) -> int:
        """Number of ids."""
        with_chars = self.orders.chars is not None
        return self.n_words + ((self.buckets or len(self.chars)) if with_chars else 0)

    def arrays(self) -> dict[str, npt.NDArray[np.uint64] | npt.NDArray[np.float32]]:
        """Return what has to be stored."""
        return {"words": self.words, "chars": self.chars, "idf": self.idf}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, npt.NDArray[np.generic]], orders: Orders, buckets: int
    ) -> Terms:
        """Return what `arrays` stored."""
        return cls(
            orders=orders,
            buckets=buckets,
            words=arrays["words"].astype(np.uint64, copy=False),
            chars=arrays["chars"].astype(np.uint64, copy=False),
            idf=arrays["idf"].astype(np.float32, copy=False),
        )


def fit_terms(
    texts: pl.Series, orders: Orders, *, buckets: int, min_count: int, max_terms: int, use_idf: bool
) -> Terms:
    """Return the terms of training texts that stand in at least `min_count` rows.

    Of more than `max_terms` (words and characters each), those in most rows stay, ties by key.
    """
    if buckets:
        terms = Terms(orders, buckets, _NO_KEYS, _NO_KEYS, np.zeros(0, dtype=np.float32))
        if not use_idf:
            return terms
        counts = np.zeros(terms.n_terms, dtype=np.int64)
        for chunk in chunks(texts, orders):
            _, ids, _ = count_terms(chunk, terms)
            counts += np.bincount(ids, minlength=terms.n_terms)
        return Terms(orders, buckets, _NO_KEYS, _NO_KEYS, _idf(counts, len(texts)))
    word_parts, char_parts = [], []
    for chunk in chunks(texts, orders):
        word_parts.append(_document_counts(chunk.word_rows, chunk.word_keys, chunk.n_rows))
        if orders.chars is not None:
            char_parts.append(_char_document_counts(chunk))
    words, word_counts = _choose(word_parts, min_count, max_terms)
    chars, char_counts = _choose(char_parts, min_count, max_terms)
    counts = np.concatenate([word_counts, char_counts])
    idf = _idf(counts, len(texts)) if use_idf else np.zeros(0, dtype=np.float32)
    return Terms(orders, 0, words, chars, idf)


def weigh(texts: pl.Series, terms: Terms) -> EncodedColumn:
    """Return the bag of a text column without nulls: ids ascending in a row, with weights."""
    ids, weights, lengths = [], [], []
    for chunk in chunks(texts, terms.orders):
        rows, found, counts = count_terms(chunk, terms)
        ids.append(found.astype(np.int32))
        weights.append(_weights(rows, found, counts, terms=terms, n_rows=chunk.n_rows))
        lengths.append(np.bincount(rows, minlength=chunk.n_rows))
    offsets = np.concatenate([[0], *lengths]).cumsum().astype(np.int64)
    return EncodedColumn(
        Kind.BAG,
        np.concatenate([np.zeros(0, dtype=np.int32), *ids]),
        offsets,
        np.concatenate([np.zeros(0, dtype=np.float32), *weights]),
    )


def weigher(terms: Terms) -> Callable[[str], tuple[list[int], list[float]]]:
    """Return the function from one text to its ids and weights, as `weigh` gives them."""
    read = gram_reader(terms.orders)
    word_ids = {key: at for at, key in enumerate(terms.words.tolist())}
    char_ids = {key: at for at, key in enumerate(terms.chars.tolist(), start=terms.n_words)}
    buckets, n_words = terms.buckets, terms.n_words
    idf = terms.idf.tolist()
    log = math.log

    def weigh_one(text: str) -> tuple[list[int], list[float]]:
        words, chars = read(text)
        if buckets:
            found = [key % buckets for key in words] + [key % buckets + n_words for key in chars]
        else:
            found = [word_ids[key] for key in words if key in word_ids]
            found += [char_ids[key] for key in chars if key in char_ids]
        counts: dict[int, int] = {}
        for at in found:
            counts[at] = counts.get(at, 0) + 1
        ids = sorted(counts)
        raw = [(1.0 + log(counts[at])) * idf[at] if idf else 1.0 + log(counts[at]) for at in ids]
        squares = [0.0, 0.0]
        for at, weight in zip(ids, raw, strict=True):
            squares[at >= n_words] += weight * weight
        norms = [math.sqrt(total) for total in squares]
        scaled = [weight / norms[at >= n_words] for at, weight in zip(ids, raw, strict=True)]
        return ids, np.array(scaled, dtype=np.float32).tolist()

    return weigh_one


def count_terms(chunk: Chunk, terms: Terms) -> tuple[Ints, Ints, Ints]:
    """Return row, id and count of the terms of a chunk, ascending by row, then id."""
    word_ids = _find(chunk.word_keys, terms.words, terms.buckets)
    kept = word_ids >= 0
    rows, ids = chunk.word_rows[kept], word_ids[kept]
    if terms.orders.chars is not None:
        char_rows, char_ids = expand(chunk, _find(chunk.char_keys, terms.chars, terms.buckets))
        rows = np.concatenate([rows, char_rows])
        ids = np.concatenate([ids, char_ids + terms.n_words])
    width = max(terms.n_terms, 1)
    pairs, counts = _count(rows * width + ids)
    return pairs // width, pairs % width, counts


def _find(keys: Keys, known: Keys, buckets: int) -> Ints:
    if buckets:
        return (keys % np.uint64(buckets)).astype(np.int64)
    if len(known) == 0:
        return np.full(len(keys), -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[at] == keys, at, -1)


def _count(values: Ints) -> tuple[Ints, Ints]:
    """Return distinct values, ascending, and how often each occurs."""
    ordered = pl.Series(values).sort().to_numpy()
    if len(ordered) == 0:
        return ordered, ordered
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    return ordered[starts], np.diff(np.append(starts, len(ordered)))


def _weights(
    rows: Ints, ids: Ints, counts: Ints, *, terms: Terms, n_rows: int
) -> npt.NDArray[np.float32]:
    # Logarithms from a table made by Python's: NumPy's differ in the last bit.
    most = int(counts.max(initial=1))
    table = np.array([0.0, *(1.0 + math.log(count) for count in range(1, most + 1))])
    weights = table[counts]
    if len(terms.idf):
        weights = weights * terms.idf[ids].astype(np.float64)
    block = rows * 2 + (ids >= terms.n_words)
    squares = np.bincount(block, weights=weights * weights, minlength=n_rows * 2)
    scaled: npt.NDArray[np.float32] = (weights / np.sqrt(squares)[block]).astype(np.float32)
    return scaled


def _document_counts(rows: Ints, keys: Keys, n_rows: int) -> pl.DataFrame:
    """Return `key` and `count` of rows that hold it."""
    distinct, codes = np.unique(keys, return_inverse=True)
    pairs, _ = _count(codes.astype(np.int64) * max(n_rows, 1) + rows)
    counts = np.bincount(pairs // max(n_rows, 1), minlength=len(distinct))
    return pl.DataFrame({"key": distinct, "count": counts.astype(np.int64)})


def _char_document_counts(chunk: Chunk) -> pl.DataFrame:
    distinct, codes = np.unique(chunk.char_keys, return_inverse=True)
    rows, ids = expand(chunk, codes.astype(np.int64))
    pairs, _ = _count(ids * max(chunk.n_rows, 1) + rows)
    counts = np.bincount(pairs // max(chunk.n_rows, 1), minlength=len(distinct))
    return pl.DataFrame({"key": distinct, "count": counts.astype(np.int64)})


def _choose(parts: list[pl.DataFrame], min_count: int, max_terms: int) -> tuple[Keys, Ints]:
    if not parts:
        return _NO_KEYS, np.zeros(0, dtype=np.int64)
    table = pl.concat(parts)
    if len(parts) > 1:
        table = table.group_by("key").agg(pl.col("count").sum())
    table = table.filter(pl.col("count") >= min_count)
    if len(table) > max_terms:
        table = table.sort("count", "key", descending=[True, False]).head(max_terms)
    table = table.sort("key")
    return table["key"].to_numpy(), table["count"].to_numpy()


def _idf(counts: Ints, n_rows: int) -> npt.NDArray[np.float32]:
    idf: npt.NDArray[np.float32] = (np.log((1 + n_rows) / (1 + counts)) + 1).astype(np.float32)
    return idf
