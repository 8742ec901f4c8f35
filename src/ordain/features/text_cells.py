"""A text's encoding, and how a text becomes a cell: token ids, a bag, or a vector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import polars as pl

from ordain.features.encoded import EncodedColumn, RowValue
from ordain.features.feature import Encoding
from ordain.features.grams import Orders
from ordain.features.projection import project_one
from ordain.features.terms import Terms, weigher
from ordain.features.tokens import (
    PATTERNS,
    TokenizerName,
    encode_by_pattern,
    encode_pretrained,
    from_bytes,
    pattern_reader,
)
from ordain.features.word_forms import WordForm

Representation = Literal["bag", "tfidf", "svd", "tokens"]
NO_END = 1_000_000
"""As many tokens as no text has."""


class TextEncoding(Encoding):
    """What fitting a text found."""

    type: Literal["text"] = "text"
    """Type name."""
    representation: Representation
    """What a text becomes."""
    on_missing: Literal["fill", "ffill", "bfill", "error"] = "fill"
    """What happens to a missing cell before `fill` applies."""
    fill: str = ""
    """Text of a missing cell."""
    lowercase: bool = True
    """Whether tokens are compared in lower case."""
    tokenizer: TokenizerName = "space_punct"
    """How tokens are cut."""
    form: WordForm = WordForm()
    """What is done to words."""
    vocabulary: tuple[str, ...] = ()
    """Tokens in the order of ids, where a pattern cuts them."""
    longest: int = 256
    """Tokens kept of a text."""
    pad_id: int = 0
    """Id that padding is filled with."""
    ngram_size: int = 2
    """Longest n-gram of words."""
    char_ngrams: tuple[int, int] | None = None
    """Shortest and longest n-gram of characters."""
    buckets: int = 0
    """Hash buckets of terms; 0 where they are looked up."""


def terms_of(encoding: TextEncoding) -> Terms:
    """Return the fitted terms of an encoding."""
    orders = Orders(encoding.ngram_size, encoding.char_ngrams, encoding.form)
    return Terms.from_arrays(encoding.arrays, orders, encoding.buckets)


def to_tokens(texts: pl.Series, encoding: TextEncoding) -> EncodedColumn:
    """Return token ids of a text column without nulls."""
    if encoding.tokenizer in PATTERNS:
        return encode_by_pattern(
            texts,
            encoding.vocabulary,
            name=encoding.tokenizer,
            lowercase=encoding.lowercase,
            longest=encoding.longest,
            form=encoding.form,
        )
    tokenizer = from_bytes(encoding.arrays["tokenizer"], longest=encoding.longest)
    return encode_pretrained(texts, tokenizer)


def is_truncated(texts: pl.Series, encoding: TextEncoding) -> pl.Series:
    """Return True for each text with more tokens than are kept."""
    # A token takes a byte at least, so most texts need no second look; two tokens may be added.
    suspects = (texts.str.len_bytes() + 2 > encoding.longest).fill_null(value=False)
    whole = encoding.model_copy(update={"longest": NO_END})
    column = to_tokens(texts.filter(suspects), whole)
    assert column.offsets is not None, "tokens are ragged"
    is_long = pl.Series(np.diff(column.offsets) > encoding.longest)
    return suspects.scatter(suspects.arg_true(), is_long)


def cell_reader(encoding: TextEncoding) -> Callable[[str], RowValue]:
    """Return the function from one text to its cell."""
    if encoding.representation != "tokens":
        read_bag = weigher(terms_of(encoding))
        if encoding.representation == "svd":
            components = encoding.arrays["components"]
            return lambda text: project_one(*read_bag(text), components)
        return read_bag
    if encoding.tokenizer in PATTERNS:
        return pattern_reader(
            encoding.vocabulary,
            name=encoding.tokenizer,
            lowercase=encoding.lowercase,
            longest=encoding.longest,
            form=encoding.form,
        )
    tokenizer = from_bytes(encoding.arrays["tokenizer"], longest=encoding.longest)
    return lambda text: list(tokenizer.encode(text).ids)
