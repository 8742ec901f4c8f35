"""Tokenisers: texts to sequences of token ids.

| name | tokens |
| --- | --- |
| space_punct | words, and every other sign that is not blank by itself |
| space | what stands between blanks |
| word | words |
| characters | every character |
| comma, underscore | what stands between them, without blanks at the ends |
| untokenized | the whole text |
| bpe | pieces of words, learned from the training rows (byte pair encoding) |
| hf_tokenizer | those of a pretrained tokeniser, with its ids and special tokens |

The first seven are patterns, spelled so that Polars (columns) and Python (one text) cut alike;
their ids are 0 for padding, 1 for unknown, then tokens by frequency. The last two run in
`tokenizers`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.core.errors import DataError, MissingExtraError, UsageError
from ordain.features.encoded import EncodedColumn, Kind
from ordain.features.grams import CHUNK_ROWS, LETTER_CLASS, WORD
from ordain.features.hub import hub_keys, why_not_found
from ordain.features.word_forms import WordForm, form_reader, read_form_lists

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PatternName = Literal[
    "space_punct", "space", "word", "characters", "comma", "underscore", "untokenized"
]
TokenizerName = Literal[PatternName, "bpe", "hf_tokenizer"]

_BLANK = r" \t\n\r\x{b}\x{c}\x{85}\x{a0}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{3000}"

PATTERNS: dict[str, str] = {
    "space_punct": rf"{WORD}|[^{LETTER_CLASS}{_BLANK}]",
    "space": rf"[^{_BLANK}]+",
    "word": WORD,
    "characters": r"(?s:.)",
    "comma": rf"[^,{_BLANK}](?:[^,]*[^,{_BLANK}])?",
    "underscore": rf"[^_{_BLANK}](?:[^_]*[^_{_BLANK}])?",
    "untokenized": r"(?s:.+)",
}


def count_tokens(texts: pl.Series, *, name: str, lowercase: bool, form: WordForm) -> pl.DataFrame:
    """Return `token` and `count`, most frequent first, ties by token."""
    parts = [
        _cut(texts.slice(start, CHUNK_ROWS), name, lowercase=lowercase, form=form)
        .explode(empty_as_null=False, keep_nulls=False)
        .rename("token")
        .value_counts(name="count")
        for start in range(0, max(len(texts), 1), CHUNK_ROWS)
    ]
    table = pl.concat(parts).group_by("token").agg(pl.col("count").sum())
    return table.sort("count", "token", descending=[True, False])


def encode_by_pattern(
    texts: pl.Series,
    vocabulary: Sequence[str],
    *,
    name: str,
    lowercase: bool,
    longest: int,
    form: WordForm,
) -> EncodedColumn:
    """Return token ids of a text column without nulls; at most `longest` a row."""
    known = pl.Series(vocabulary, dtype=pl.String)
    ids = np.arange(len(known), dtype=np.int32)
    values, lengths = [np.zeros(0, dtype=np.int32)], [np.zeros(1, dtype=np.int64)]
    for start in range(0, len(texts), CHUNK_ROWS):
        part = texts.slice(start, CHUNK_ROWS)
        cut = _cut(part, name, lowercase=lowercase, form=form).list.head(longest)
        lengths.append(cut.list.len().to_numpy().astype(np.int64))
        flat = cut.explode(empty_as_null=False, keep_nulls=False)
        if len(flat):
            found = flat.replace_strict(known, ids, default=1, return_dtype=pl.Int32)
            values.append(found.to_numpy())
    return EncodedColumn(Kind.TOKENS, np.concatenate(values), np.concatenate(lengths).cumsum())


def pattern_reader(
    vocabulary: Sequence[str], *, name: str, lowercase: bool, longest: int, form: WordForm
) -> Callable[[str], list[int]]:
    """Return the function from one text to its token ids, as `encode_by_pattern` gives them."""
    spelled = re.sub(r"\\x\{([0-9a-f]+)\}", lambda found: chr(int(found[1], 16)), PATTERNS[name])
    find = re.compile(spelled).findall
    look_up = {token: at for at, token in enumerate(vocabulary)}.get

    to_form = None if form.changes_nothing else form_reader(form)

    def read(text: str) -> list[int]:
        tokens = find(text.lower() if lowercase else text)
        if to_form is not None:
            tokens = [found for token in tokens if (found := to_form(token)) is not None]
        return [look_up(token, 1) for token in tokens[:longest]]

    return read


def read_vocabulary(path: str) -> list[str]:
    """Return the tokens of a file: one a line, what stands before the first tab.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"`vocab_file` '{path}' cannot be read: {error}.\n"
            f"  Fix: give a UTF-8 file, one token a line"
        ) from error
    return list(dict.fromkeys(token for line in lines if (token := line.split("\t")[0])))


def load_pretrained(name: str) -> str:
    """Return the tokeniser of a folder or hub name, as JSON.

    Raises:
        UsageError: there is no tokeniser under that name.
        MissingExtraError: it is of an older form that only transformers reads.
    """
    file = Path(name) / "tokenizer.json"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise MissingExtraError.for_package(
            "transformers", extra="text", purpose=f"the tokeniser '{name}'"
        ) from error
    with hub_keys(name) as keys:
        try:
            tokenizer = AutoTokenizer.from_pretrained(name, use_fast=True, **keys)
            return str(tokenizer.backend_tokenizer.to_str())
        except (OSError, ValueError, AttributeError) as error:
            reason = why_not_found(name, error, is_offline=bool(keys))
            raise UsageError(
                f"no tokeniser is found under `pretrained_model_name_or_path` '{name}': {reason}\n"
                f"  Fix: give a folder with tokenizer.json, config.json and weights, "
                f"or a name of the Hugging Face hub"
            ) from error


def learn_pieces(texts: pl.Series, *, size: int, lowercase: bool) -> str:
    """Return a byte-pair tokeniser learned from texts, as JSON; 0 pads, 1 is unknown."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token="<UNK>"))  # noqa: S106 - a token of text
    if lowercase:
        tokenizer.normalizer = normalizers.Lowercase()
    pattern = re.sub(
        r"\\x\{([0-9a-f]+)\}", lambda found: chr(int(found[1], 16)), PATTERNS["space_punct"]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), behavior="removed", invert=True)
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<PAD>", "<UNK>"], show_progress=False, min_frequency=2
    )
    tokenizer.train_from_iterator(texts.to_list(), trainer)
    return str(tokenizer.to_str())


def to_bytes(text: str) -> npt.NDArray[np.uint8]:
    """Return text as an array, for storing beside an encoding."""
    return np.frombuffer(text.encode(), dtype=np.uint8)


def from_bytes(array: npt.NDArray[np.generic], *, longest: int) -> Tokenizer:
    """Return the tokeniser that `to_bytes` stored, cutting texts at `longest` tokens."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(array.tobytes().decode())
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=longest)
    return tokenizer


def encode_pretrained(texts: pl.Series, tokenizer: Tokenizer) -> EncodedColumn:
    """Return token ids of a text column without nulls; each distinct text is tokenised once."""
    distinct = texts.unique(maintain_order=True)
    if len(distinct) == 0:
        return EncodedColumn(Kind.TOKENS, np.zeros(0, dtype=np.int32), np.zeros(1, dtype=np.int64))
    found = [item.ids for item in tokenizer.encode_batch_fast(distinct.to_list())]
    lengths = np.array([0, *(len(ids) for ids in found)], dtype=np.int64)
    flat = np.array([at for ids in found for at in ids], dtype=np.int32)
    column = EncodedColumn(Kind.TOKENS, flat, lengths.cumsum())
    if len(distinct) == len(texts):
        return column
    where = texts.replace_strict(distinct, np.arange(len(distinct)), return_dtype=pl.Int64)
    return column.take(where.to_numpy())


def _cut(texts: pl.Series, name: str, *, lowercase: bool, form: WordForm) -> pl.Series:
    texts = texts.str.to_lowercase() if lowercase else texts
    cut = texts.str.extract_all(PATTERNS[name])
    return cut if form.changes_nothing else read_form_lists(cut, form)
