"""Text: as token ids, as a bag of weighted n-grams, or as a dense vector.

    input_features:
      - name: remarks
        type: text
        preprocessing: {representation: tokens, tokenizer: space_punct, max_sequence_length: 64}

| representation | for | what |
| --- | --- | --- |
| bag | neural models | words and pairs of words, weighted |
| tfidf | linear models | the same, and characters 3 to 5 of a word |
| svd | trees | the words and pairs projected onto `svd_components` directions |
| tokens | sequence models | token ids |

Terms are described in `terms.py`, tokenisers in `tokens.py`, stop words and stems of a language in
`word_forms.py`. A missing text is an empty one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field, model_validator

from ordain.features.encoded import EncodedColumn, Kind, RowValue, Shape
from ordain.features.facts import counted, reading_facts, unusable, unusable_value, wrong_kind
from ordain.features.feature import FEATURES, Feature, Form
from ordain.features.grams import Orders
from ordain.features.labels import is_readable, read_label, read_labels
from ordain.features.projection import fit_components, project
from ordain.features.step import Step, filled, parsed
from ordain.features.terms import fit_terms, weigh
from ordain.features.text_cells import (
    NO_END,
    Representation,
    TextEncoding,
    cell_reader,
    is_truncated,
    terms_of,
    to_tokens,
)
from ordain.features.tokens import (
    PATTERNS,
    TokenizerName,
    count_tokens,
    from_bytes,
    learn_pieces,
    load_pretrained,
    read_vocabulary,
    to_bytes,
)
from ordain.features.word_forms import Language, WordForm, stemmer_version, stop_words_of

_FIX = "set `missing_value_strategy: fill_with_const`, or give a text"
_MANY_ROWS = 1_000


@FEATURES.register
class TextFeature(Feature[TextEncoding]):
    """Words written by people."""

    type: Literal["text"] = "text"
    """Type name."""
    representation: Literal["auto"] | Representation = "auto"
    """What a text becomes; `auto` follows the model."""
    missing_value_strategy: Literal[
        "auto", "keep", "fill_with_const", "fill_with_mode", "ffill", "bfill", "drop_row", "error"
    ] = "auto"
    """What a missing cell becomes; `keep` and `auto` take the empty text."""
    fill_value: str = ""
    """The text of `fill_with_const`."""
    lowercase: bool = True
    """Whether upper and lower case count as the same; n-grams never tell them apart."""
    tokenizer: Literal["auto"] | TokenizerName = "auto"
    """How `tokens` are cut; `auto` is `hf_tokenizer` with a pretrained model, else
    `space_punct`."""
    language: Language | None = None
    """Language whose stop words are left out and whose words count as their stems."""
    stop_words: Literal["auto"] | bool | tuple[str, ...] = "auto"
    """Words left out: those of the language, or a list; `auto` leaves them out where there is a
    language."""
    stemming: Literal["auto"] | bool = "auto"
    """Whether words count as their stems; `auto` where there is a language."""
    strip_accents: bool = False
    """Whether signs with and without accents count as the same."""
    pretrained_model_name_or_path: str | None = None
    """Folder or hub name of the tokeniser of `hf_tokenizer`."""
    vocab_file: str | None = None
    """File with one token a line, in place of those of the training rows."""
    max_sequence_length: int = Field(default=256, ge=1)
    """Tokens kept of a text; later ones are cut off."""
    sequence_length: int | None = Field(default=None, ge=1)
    """Overrides `max_sequence_length` where it is smaller; rows are kept without padding."""
    most_common: int = Field(default=20_000, ge=1)
    """Most tokens in the vocabulary of `tokens`, by frequency."""
    padding_symbol: str = "<PAD>"
    """Name of id 0 in the vocabulary of `tokens`."""
    unknown_symbol: str = "<UNK>"
    """Name of id 1 in the vocabulary of `tokens`."""
    padding: Literal["right", "left"] = "right"
    """Kept for Ludwig's grammar: rows have their own length, so no side is filled."""
    ngram_size: int = Field(default=2, ge=1, le=5)
    """Longest n-gram of words of `bag`, `tfidf`, `svd`."""
    char_ngrams: Literal["auto"] | tuple[int, int] | None = "auto"
    """Shortest and longest n-gram of characters of `bag`, `tfidf`, `svd`; null for none."""
    compute_idf: Literal["auto"] | bool = "auto"
    """Whether a term weighs more the fewer rows hold it."""
    min_count: Literal["infer"] | int = "infer"
    """Training rows a term needs; `infer` takes 1 below 1,000 rows, else 2."""
    max_terms: int = Field(default=100_000, ge=1)
    """Most terms, of words and of characters each, by rows that hold them."""
    hash_buckets: int | None = Field(default=None, ge=2)
    """Buckets that terms are hashed into instead of being looked up."""
    svd_components: int = Field(default=32, ge=1, le=1024)
    """Width of the vector of `svd`."""
    cache_encoder_embeddings: bool = False
    """Whether a frozen encoder's output is computed once per text; read by the encoder."""

    Fitted = TextEncoding
    version = 2

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.language is None and (self.stemming is True or self.stop_words is True):
            key = "stemming" if self.stemming is True else "stop_words"
            raise ValueError(f"`{key}: true` needs `language`, such as `language: english`")
        is_pretrained = self.pretrained_model_name_or_path or self.tokenizer == "hf_tokenizer"
        if (is_pretrained or self.tokenizer == "bpe") and self._changes_words:
            raise ValueError(
                "`language`, `stop_words`, `stemming` and `strip_accents` are for whole words, "
                "not for the pieces of `bpe` or of a pretrained tokeniser"
            )
        return self

    @property
    def _changes_words(self) -> bool:
        return self.language is not None or self.strip_accents or isinstance(self.stop_words, tuple)

    def settle(self, form: Form | None) -> tuple[Self, dict[str, str]]:
        """Return the options without `auto`, with reasons."""
        by_form: dict[Form | None, tuple[Representation, str]] = {
            Form.TREES: ("svd", "trees split on dense numbers"),
            Form.LINEAR: ("tfidf", "linear models weigh terms"),
            Form.TOKENS: ("tokens", "the encoder reads a sequence"),
        }
        representation, why = by_form.get(form, ("bag", "a bag of terms is fast and strong"))
        if self.representation != "auto":
            representation, why = self.representation, ""
        is_pretrained = self.pretrained_model_name_or_path is not None
        is_linear = representation == "tfidf"
        has_language = self.language is not None
        options: dict[str, tuple[Any, str]] = {
            "representation": (representation, why),
            "missing_value_strategy": ("fill_with_const", "a missing text has no words"),
            "tokenizer": (
                ("hf_tokenizer", "it belongs to the pretrained model")
                if is_pretrained
                else ("space_punct", "the default of Ludwig")
            ),
            "char_ngrams": (
                (3, 5) if is_linear else None,
                "parts of words catch forms and typing errors"
                if is_linear
                else "words alone are faster and nearly as good",
            ),
            "compute_idf": (True, "rare terms tell more"),
            "stop_words": (has_language, "the language's" if has_language else "no language"),
            "stemming": (has_language, "the language's" if has_language else "no language"),
        }
        return self.settled(options, form)

    def fit(
        self,
        column: pl.Series,
        *,
        seed: int,
        others: pl.DataFrame | None = None,  # noqa: ARG002 - the contract
    ) -> TextEncoding:
        """Return vocabulary or terms of the training rows."""
        _require_readable(column)
        raw = _read(column)
        facts = reading_facts(column, missing=raw.is_null())
        form = self._form()
        if form.stemmer is not None:
            facts["stemmer"] = f"PyStemmer {stemmer_version()}"
        strategy = self.missing_value_strategy
        fill = self._fill(raw)
        texts = raw.fill_null(fill)
        longest = min(self.max_sequence_length, self.sequence_length or self.max_sequence_length)
        encoding = TextEncoding(
            shape=Shape(kind=Kind.TOKENS),
            facts=facts,
            representation="bag" if self.representation == "auto" else self.representation,
            on_missing=strategy if strategy in {"ffill", "bfill", "error"} else "fill",
            fill=fill,
            lowercase=self.lowercase,
            tokenizer="space_punct" if self.tokenizer == "auto" else self.tokenizer,
            form=form,
            longest=longest,
            ngram_size=self.ngram_size,
            char_ngrams=None if self.char_ngrams == "auto" else self.char_ngrams,
            buckets=self.hash_buckets or 0,
        )
        if encoding.representation == "tokens":
            return self._fit_tokens(texts, encoding)
        return self._fit_terms(texts, encoding, seed=seed)

    def encode(
        self,
        column: pl.Series,
        encoding: TextEncoding,
        others: pl.DataFrame | None = None,  # noqa: ARG002 - the contract
    ) -> EncodedColumn:
        """Return tokens, a bag, or a vector [N, svd_components]."""
        texts = _read(column)
        if encoding.on_missing == "error" and texts.null_count():
            raise unusable(column, texts.is_null(), what="are missing", fix=_FIX)
        if encoding.on_missing in {"ffill", "bfill"}:
            texts = texts.fill_null(
                strategy="forward" if encoding.on_missing == "ffill" else "backward"
            )
        texts = texts.fill_null(encoding.fill)
        if encoding.representation != "tokens":
            bag = weigh(texts, terms_of(encoding))
            if encoding.representation == "svd":
                return EncodedColumn(Kind.VECTOR, project(bag, encoding.arrays["components"]))
            return bag
        return to_tokens(texts, encoding)

    def row(self, encoding: TextEncoding) -> Callable[..., RowValue]:
        """Return the function from a value to its cell."""
        cell = cell_reader(encoding)
        fill, fails = encoding.fill, encoding.on_missing == "error"

        def read(value: object) -> RowValue:
            text = value if isinstance(value, str) else read_label(value)
            if text is None:
                if fails:
                    raise unusable_value("text", value, what="is missing", fix=_FIX)
                text = fill
            return cell(text)

        return read

    def steps(self, value: object, encoding: TextEncoding, row: Mapping[str, object]) -> list[Step]:
        """Return the text, what fills it, and its tokens or terms."""
        text = value if isinstance(value, str) else read_label(value)
        told = [parsed(value, text, what="text", how="as text")] if text is None else []
        if text is None:
            told.append(
                filled(
                    encoding.fill,
                    on_missing=encoding.on_missing,
                    strategy=self.missing_value_strategy,
                    is_guessed=False,
                )
            )
        return told + super().steps(value, encoding, row)

    def encoded_as(self, encoding: TextEncoding) -> str:
        """Return whether it becomes tokens, terms, or a vector."""
        if encoding.representation == "tokens":
            return f"ids of tokens, cut by '{encoding.tokenizer}', at most {encoding.longest}"
        if encoding.representation == "svd":
            return f"terms, projected to {encoding.shape.width} numbers"
        return "ids of terms (words and runs of them), and their weights"

    def rows_to_drop(
        self,
        column: pl.Series,
        encoding: TextEncoding | None = None,  # noqa: ARG002 - the contract
        *,
        only_missing: bool = False,  # noqa: ARG002 - nothing else is dropped
    ) -> pl.Series | None:
        """Return True where the text is missing."""
        if self.missing_value_strategy != "drop_row":
            return None
        _require_readable(column)
        return _read(column).is_null()

    def inspect(
        self,
        column: pl.Series,
        encoding: TextEncoding,
        others: pl.DataFrame | None = None,  # noqa: ARG002 - the contract
    ) -> dict[str, Any]:
        """Return counts of missing cells and of texts that are cut off."""
        texts = _read(column)
        found = reading_facts(column, missing=texts.is_null())
        if encoding.representation == "tokens":
            truncated = counted(column, is_truncated(texts, encoding))
            found |= {"truncated": truncated} if truncated else {}
        return found

    def _fill(self, texts: pl.Series) -> str:
        if self.missing_value_strategy in {"fill_with_mode", "ffill", "bfill"}:
            counts = texts.drop_nulls().rename("text").value_counts(name="count")
            best = counts.sort("count", "text", descending=[True, False]).head(1)
            return str(best["text"][0]) if len(best) else ""
        # Ludwig's default, the symbol of unknown tokens, stands for a text without words.
        is_named = self.fill_value != self.unknown_symbol
        return self.fill_value if self._fills_with_const and is_named else ""

    @property
    def _fills_with_const(self) -> bool:
        return self.missing_value_strategy == "fill_with_const"

    def _fit_tokens(self, texts: pl.Series, encoding: TextEncoding) -> TextEncoding:
        if encoding.tokenizer in PATTERNS:
            counts = count_tokens(
                texts, name=encoding.tokenizer, lowercase=self.lowercase, form=encoding.form
            )
            special = [self.padding_symbol, self.unknown_symbol]
            given = (
                read_vocabulary(self.vocab_file) if self.vocab_file else counts["token"].to_list()
            )
            words = [word for word in given if word not in set(special)]
            words = words if self.vocab_file else words[: self.most_common]
            vocabulary = (*special, *words)
            unknown = counts.filter(~pl.col("token").is_in(list(words)))
            facts = encoding.facts | {
                "n_tokens": int(counts["count"].sum()),
                "n_distinct_tokens": len(counts),
                "n_unknown_tokens": int(unknown["count"].sum()),
            }
            shape = Shape(kind=Kind.TOKENS, cardinality=len(vocabulary))
            update = {"vocabulary": vocabulary, "facts": facts, "shape": shape}
            return self._with_lengths(texts, encoding.model_copy(update=update))
        if encoding.tokenizer == "bpe":
            source = learn_pieces(texts, size=self.most_common, lowercase=self.lowercase)
        else:
            source = load_pretrained(self._pretrained())
        encoding = encoding.with_arrays({"tokenizer": to_bytes(source)})
        tokenizer = from_bytes(encoding.arrays["tokenizer"], longest=encoding.longest)
        ids = tokenizer.get_vocab(with_added_tokens=True)
        names = ("<PAD>", "[PAD]", "<pad>", "<|endoftext|>")
        pad_id = next((ids[name] for name in names if name in ids), 0)
        shape = Shape(kind=Kind.TOKENS, cardinality=max(ids.values(), default=0) + 1)
        fitted = encoding.model_copy(update={"shape": shape, "pad_id": pad_id})
        return self._with_lengths(texts, fitted)

    def _with_lengths(self, texts: pl.Series, encoding: TextEncoding) -> TextEncoding:
        """Add how long texts are, and how many are cut, to the facts."""
        untruncated = encoding.model_copy(update={"longest": NO_END})
        column = self.encode(texts, untruncated)
        assert column.offsets is not None, "tokens are ragged"
        lengths = np.diff(column.offsets)
        facts = encoding.facts | {
            "longest": int(lengths.max(initial=0)),
            "median_length": float(np.median(lengths)) if len(lengths) else 0.0,
            "n_truncated": int((lengths > encoding.longest).sum()),
        }
        return encoding.model_copy(update={"facts": facts})

    def _form(self) -> WordForm:
        """Return what is done to words, the stop words of the language looked up."""
        given = self.stop_words
        if given is True and self.language is not None:
            stop_words = stop_words_of(self.language)
        else:
            words = given if isinstance(given, tuple) else ()
            stop_words = tuple(sorted({word.lower() for word in words}))
        return WordForm(
            stemmer=self.language if self.stemming is True else None,
            stop_words=stop_words,
            without_accents=self.strip_accents,
        )

    def _pretrained(self) -> str:
        if self.pretrained_model_name_or_path is None:
            raise unusable_value(
                "text",
                "hf_tokenizer",
                what="of `tokenizer` needs a pretrained model",
                fix="set `pretrained_model_name_or_path` to a folder or hub name",
            )
        return self.pretrained_model_name_or_path

    def _fit_terms(self, texts: pl.Series, encoding: TextEncoding, *, seed: int) -> TextEncoding:
        min_count = self.min_count
        if min_count == "infer":
            min_count = 2 if len(texts) >= _MANY_ROWS else 1
        terms = fit_terms(
            texts,
            Orders(encoding.ngram_size, encoding.char_ngrams, encoding.form),
            buckets=encoding.buckets,
            min_count=min_count,
            max_terms=self.max_terms,
            use_idf=self.compute_idf is not False,
        )
        arrays: dict[str, npt.NDArray[Any]] = dict(terms.arrays())
        facts = encoding.facts | {"n_terms": terms.n_terms, "min_count": min_count}
        shape = Shape(kind=Kind.BAG, cardinality=max(terms.n_terms, 1))
        if encoding.representation == "svd":
            arrays["components"] = fit_components(
                weigh(texts, terms), terms.n_terms, width=self.svd_components, seed=seed
            )
            shape = Shape(kind=Kind.VECTOR, width=arrays["components"].shape[1])
        fitted = encoding.model_copy(update={"facts": facts, "shape": shape})
        return fitted.with_arrays(arrays)


def _require_readable(column: pl.Series) -> None:
    if not is_readable(column.dtype):
        raise wrong_kind(column, type_name="text", fix="derive a text from it first")


def _read(column: pl.Series) -> pl.Series:
    if column.dtype == pl.String:
        return column
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    return read_labels(column)
