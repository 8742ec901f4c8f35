"""Topics: groups of texts that use like words, named by the words that mark them.

Texts become TF-IDF vectors, those 32 numbers (truncated SVD), and those k-means groups; a topic's
words are the ones that its texts use most in excess of the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

N_TOPICS = 12
N_NUMBERS = 32
N_WORDS = 3
MIN_TEXTS = 100
NO_TOPIC = -1


@dataclass(frozen=True)
class Topics:
    """The topics of a column.

    Attributes:
        names: of each, such as `review is about plot, film, actors`.
        group: topic of each of the texts they were made from [N], -1 for a missing cell.
    """

    names: tuple[str, ...]
    group: npt.NDArray[np.int64]
    _vectorizer: Any
    _projection: Any
    _clusters: Any

    def of(self, texts: pl.Series) -> npt.NDArray[np.int64]:
        """Return the topic of other texts [N], -1 for a missing cell."""
        found = np.full(len(texts), NO_TOPIC, dtype=np.int64)
        known = np.flatnonzero(texts.is_not_null().to_numpy())
        if len(known):
            matrix = self._vectorizer.transform(_words(texts, known))
            found[known] = self._clusters.predict(_unit(self._projection.transform(matrix)))
        return found


def topics_of(texts: pl.Series, *, seed: int) -> Topics | None:
    """Return the topics of a text column; None for fewer than 100 texts or too few words."""
    known = np.flatnonzero(texts.is_not_null().to_numpy())
    if len(known) < MIN_TEXTS:
        return None
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        stop_words="english", max_features=5_000, min_df=3, max_df=0.5, dtype=np.float32
    )
    try:
        matrix = vectorizer.fit_transform(_words(texts, known))
    except ValueError:  # no word is used by three texts
        return None
    if matrix.shape[1] <= N_NUMBERS:
        return None
    projection = TruncatedSVD(N_NUMBERS, random_state=seed).fit(matrix)
    clusters = MiniBatchKMeans(N_TOPICS, random_state=seed, n_init=3)
    group = np.full(len(texts), NO_TOPIC, dtype=np.int64)
    group[known] = clusters.fit_predict(_unit(projection.transform(matrix)))
    words = vectorizer.get_feature_names_out()
    marks = [_marking_words(matrix, group[known] == place, words) for place in range(N_TOPICS)]
    names = tuple(f"{texts.name} is about {', '.join(best)}" for best in marks)
    return Topics(names, group, vectorizer, projection, clusters)


def _marking_words(matrix: Any, inside: npt.NDArray[np.bool_], words: Any) -> list[str]:
    """Return the words that the texts inside use most in excess of all."""
    if not inside.any():
        return []
    overall = np.asarray(matrix.mean(axis=0)).ravel()
    excess = np.asarray(matrix[np.flatnonzero(inside)].mean(axis=0)).ravel() - overall
    return [str(words[place]) for place in np.argsort(-excess, kind="stable")[:N_WORDS]]


def _words(texts: pl.Series, rows: npt.NDArray[np.int64]) -> list[str]:
    return texts[rows].cast(pl.String).to_list()


def _unit(numbers: Any) -> Any:
    return numbers / np.maximum(np.linalg.norm(numbers, axis=1, keepdims=True), 1e-12)
