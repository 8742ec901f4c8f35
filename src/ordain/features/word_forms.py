"""The form in which a word counts: without stop words, as its stem, without accents.

    preprocessing: {language: german}

Stop words of a language (the package `stop-words`) are kept in the encoding. Stems are those of
Snowball (the package `PyStemmer`); its version is among the facts. A word is looked up among
the stop words, then stemmed, then loses its accents; a stem is in lower case.

Source: Porter (1980), Program 14; snowballstem.org.
"""

from __future__ import annotations

import functools
import threading
import unicodedata
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import polars as pl

from ordain.core.component import Spec
from ordain.core.errors import MissingExtraError

_KEPT_WORDS = 262_144

Language = Literal[
    "arabic",
    "catalan",
    "czech",
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "greek",
    "hindi",
    "hungarian",
    "indonesian",
    "italian",
    "norwegian",
    "persian",
    "polish",
    "portuguese",
    "romanian",
    "russian",
    "spanish",
    "swedish",
    "turkish",
]
"""Languages that both packages know."""


class WordForm(Spec):
    """What is done to words."""

    stemmer: Language | None = None
    """Language of the stems; None keeps words whole."""
    stop_words: tuple[str, ...] = ()
    """Words left out, in lower case."""
    without_accents: bool = False
    """Whether signs lose their accents."""

    @property
    def changes_nothing(self) -> bool:
        """Whether every word stays as it is."""
        return self == AS_WRITTEN


AS_WRITTEN = WordForm()
"""Every word as it is."""


def stop_words_of(language: Language) -> tuple[str, ...]:
    """Return the stop words of a language, sorted.

    Raises:
        MissingExtraError: the package is not installed.
    """
    try:
        from stop_words import get_stop_words
    except ImportError as error:
        raise MissingExtraError.for_package(
            "stop-words", extra="language", purpose=f"the stop words of '{language}'"
        ) from error
    return tuple(sorted({str(word).lower() for word in get_stop_words(language)}))


def stemmer_version() -> str:
    """Return the version of the stemmers."""
    from importlib.metadata import version

    return version("PyStemmer")


@functools.lru_cache(maxsize=16)
def form_reader(form: WordForm) -> Callable[[str], str | None]:
    """Return the function from a word to its form; None where it is left out.

    Raises:
        MissingExtraError: stems are wanted, and the package is not installed.
    """
    stop_words = frozenset(form.stop_words)
    stem = _stemmer(form.stemmer) if form.stemmer is not None else None

    @functools.lru_cache(maxsize=_KEPT_WORDS)
    def read(word: str) -> str | None:
        if stop_words and word.lower() in stop_words:
            return None
        if stem is not None:
            word = stem(word.lower())
        return (_plain(word) if form.without_accents else word) or None

    return read


def read_forms(words: pl.Series, form: WordForm) -> pl.Series:
    """Return the forms of words [N], null where left out; each distinct one is read once."""
    distinct = words.unique()
    read = form_reader(form)
    forms = pl.Series([read(word) for word in distinct.to_list()], dtype=pl.String)
    if len(distinct) == 0:
        return words
    return words.replace_strict(distinct, forms, return_dtype=pl.String)


def read_form_lists(words: pl.Series, form: WordForm) -> pl.Series:
    """Return lists of words [N] as lists of their forms, in order."""
    lengths = words.list.len().to_numpy()
    rows = np.repeat(np.arange(len(words)), lengths)
    flat = words.explode(empty_as_null=False, keep_nulls=False)
    table = pl.DataFrame({"row": rows, "word": read_forms(flat, form)}).drop_nulls()
    lists = table.group_by("row", maintain_order=True).agg("word")
    every = pl.DataFrame({"row": np.arange(len(words))})
    found = every.join(lists, on="row", how="left", maintain_order="left")["word"]
    return found.fill_null(pl.Series([[]], dtype=pl.List(pl.String))).rename(words.name)


def _stemmer(language: Language) -> Callable[[str], str]:
    try:
        import Stemmer
    except ImportError as error:
        raise MissingExtraError.for_package(
            "PyStemmer", extra="language", purpose=f"the stems of '{language}'"
        ) from error
    stemmer: Any = Stemmer.Stemmer(language)
    lock = threading.Lock()

    def stem(word: str) -> str:
        # A stemmer keeps the word it works on: two threads must not share one at a time.
        with lock:
            return str(stemmer.stemWord(word))

    return stem


def _plain(word: str) -> str:
    parts = unicodedata.normalize("NFKD", word)
    return "".join(sign for sign in parts if not unicodedata.combining(sign))
