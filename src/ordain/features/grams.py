"""Words and n-grams of text, as 64-bit keys that are the same on every machine.

A word is a run of letters, digits and marks; an ideograph or kana is a word by itself. What counts
as a letter is spelled out as ranges, so that Polars (columns) and Python (one text) cut alike.
Word n-grams are keyed from the keys of their words, character n-grams (of a word with a blank at
each end, as scikit-learn's `char_wb`) from their code points. Character n-grams are made once per
distinct word, which is what makes them cheap.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.features.word_forms import AS_WRITTEN, WordForm, form_reader, read_form_lists

Keys = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]

CHUNK_ROWS = 16_384
"""Rows worked on at a time, which bounds memory."""

_ALONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_LETTERS = (
    "0-9A-Za-z_\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u1fff\u2c00-\u2dff"
    "\u2e80-\u2fff\u3100-\u33ff\u4dc0-\u4dff\ua000-\ud7ff\ufb00-\ufdff\ufe70-\ufefe"
    "\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uffdc\U00010000-\U0001ffff"
)
WORD = f"[{_ALONE}]|[{_LETTERS}]+"
"""Pattern of a word, for both engines."""
LETTER_CLASS = _ALONE + _LETTERS
"""Inside of the class of all characters of words."""

_MASK = (1 << 64) - 1
_GOLDEN, _BASE, _SECOND = 0x9E3779B97F4A7C15, 0x100000001B3, 0xC2B2AE3D27D4EB4F
_MIX_1, _MIX_2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


@dataclass(frozen=True)
class Orders:
    """Which n-grams are made: words 1 to `words`, characters `chars` (low, high) or none.

    Both are made of the forms of words, those that are left out taken away first.
    """

    words: int
    chars: tuple[int, int] | None
    form: WordForm = AS_WRITTEN


@dataclass(frozen=True)
class Chunk:
    """The n-grams of some rows.

    Attributes:
        n_rows: rows of the chunk.
        word_rows, word_keys: row and key of every word n-gram.
        char_words, char_keys: index of the distinct word and key of every character n-gram,
            ascending by word.
        rows, words: row and index of the distinct word of every word, in text order.
        n_words: distinct words.
    """

    n_rows: int
    word_rows: Ints
    word_keys: Keys
    char_words: Ints
    char_keys: Keys
    rows: Ints
    words: Ints
    n_words: int


def chunks(texts: pl.Series, orders: Orders) -> Iterator[Chunk]:
    """Yield the n-grams of a text column without nulls, in chunks of rows."""
    for start in range(0, len(texts), CHUNK_ROWS):
        yield _chunk(texts.slice(start, CHUNK_ROWS), orders)


def expand(chunk: Chunk, ids: Ints) -> tuple[Ints, Ints]:
    """Return row and id of every character n-gram of every row.

    The ids [len(chunk.char_keys)] are those of the distinct words' n-grams, negative for one to
    leave out.
    """
    kept = ids >= 0
    per_word = np.bincount(chunk.char_words[kept], minlength=chunk.n_words)
    starts = np.concatenate([[0], np.cumsum(per_word)])[:-1]
    lengths = per_word[chunk.words]
    total = int(lengths.sum())
    # Position of each n-gram: where its word's begin, plus its place among them.
    shift = np.repeat(starts[chunk.words] - (np.cumsum(lengths) - lengths), lengths)
    return np.repeat(chunk.rows, lengths), ids[kept][shift + np.arange(total)]


def gram_reader(orders: Orders) -> Callable[[str], tuple[list[int], list[int]]]:
    """Return the function from one text to the keys of its word and its character n-grams."""
    find = re.compile(WORD).findall

    @functools.lru_cache(maxsize=65_536)
    def keys_of(word: str) -> tuple[int, list[int]]:
        return word_key(word), _char_keys(word, orders.chars)

    form = None if orders.form.changes_nothing else form_reader(orders.form)

    def read(text: str) -> tuple[list[int], list[int]]:
        cut = find(text.lower())
        if form is not None:
            cut = [made for word in cut if (made := form(word)) is not None]
        found = [keys_of(word) for word in cut]
        keys = [key for key, _ in found]
        words = list(keys)
        longer = keys
        for order in range(2, orders.words + 1):
            longer = [_pair(a, b) for a, b in zip(longer, keys[order - 1 :], strict=False)]
            words += longer
        return words, [key for _, chars in found for key in chars]

    return read


def word_key(word: str) -> int:
    """Return the 64-bit key of a word."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


def _chunk(texts: pl.Series, orders: Orders) -> Chunk:
    found = texts.str.to_lowercase().str.extract_all(WORD)
    if not orders.form.changes_nothing:
        found = read_form_lists(found, orders.form)
    lengths = found.list.len().to_numpy().astype(np.int64)
    flat = found.explode(empty_as_null=False, keep_nulls=False)
    distinct = flat.unique()
    words = _codes(flat, distinct)
    rows = np.repeat(np.arange(len(texts), dtype=np.int64), lengths)
    by_word = np.array([word_key(word) for word in distinct.to_list()], dtype=np.uint64)
    keys = by_word[words] if len(words) else by_word
    all_keys, all_rows, longer = [keys], [rows], keys
    for order in range(2, orders.words + 1):
        together = rows[: -(order - 1)] == rows[order - 1 :]
        longer = _pair_array(longer[: len(together)], keys[order - 1 :])
        all_keys.append(longer[together])
        all_rows.append(rows[: len(together)][together])
    char_words, char_keys = _char_arrays(distinct, orders.chars)
    return Chunk(
        n_rows=len(texts),
        word_rows=np.concatenate(all_rows),
        word_keys=np.concatenate(all_keys),
        char_words=char_words,
        char_keys=char_keys,
        rows=rows,
        words=words,
        n_words=len(distinct),
    )


def _codes(flat: pl.Series, distinct: pl.Series) -> Ints:
    if len(flat) == 0:
        return np.zeros(0, dtype=np.int64)
    codes = flat.replace_strict(distinct, np.arange(len(distinct)), return_dtype=pl.Int64)
    return codes.to_numpy()


def _mix(key: int) -> int:
    key = (key + _GOLDEN) & _MASK
    key = ((key ^ (key >> 30)) * _MIX_1) & _MASK
    key = ((key ^ (key >> 27)) * _MIX_2) & _MASK
    return key ^ (key >> 31)


def _mix_array(keys: Keys) -> Keys:
    keys = keys + np.uint64(_GOLDEN)
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(_MIX_1)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(_MIX_2)
    return keys ^ (keys >> np.uint64(31))


def _pair(first: int, second: int) -> int:
    return _mix((first * _BASE + (second ^ _SECOND)) & _MASK)


def _pair_array(first: Keys, second: Keys) -> Keys:
    return _mix_array(first * np.uint64(_BASE) + (second ^ np.uint64(_SECOND)))


def _char_keys(word: str, chars: tuple[int, int] | None) -> list[int]:
    if chars is None:
        return []
    points = [ord(sign) for sign in f" {word} "]
    keys = []
    for order in range(chars[0], chars[1] + 1):
        for start in range(len(points) - order + 1):
            key = order
            for point in points[start : start + order]:
                key = (key * _BASE + point) & _MASK
            keys.append(_mix(key))
    return keys


def _char_arrays(distinct: pl.Series, chars: tuple[int, int] | None) -> tuple[Ints, Keys]:
    """Return word index and key of the character n-grams of distinct words, ascending by word."""
    if chars is None or len(distinct) == 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint64)
    padded = " " + distinct + " "
    points = np.frombuffer(padded.str.join("").item().encode("utf-32-le"), dtype=np.uint32)
    points = points.astype(np.uint64)
    lengths = padded.str.len_chars().to_numpy().astype(np.int64)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    words, keys = [], []
    for order in range(chars[0], chars[1] + 1):
        n = len(points) - order + 1
        if n <= 0:
            continue
        key = np.full(n, order, dtype=np.uint64)
        for step in range(order):
            key = key * np.uint64(_BASE) + points[step : step + n]
        inside = owner[:n] == owner[order - 1 :]
        words.append(owner[:n][inside])
        keys.append(_mix_array(key[inside]))
    if not words:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint64)
    all_words = np.concatenate(words)
    order_by_word = np.argsort(all_words, kind="stable")
    return all_words[order_by_word], np.concatenate(keys)[order_by_word]
