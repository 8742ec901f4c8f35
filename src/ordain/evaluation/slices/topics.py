"""Topics: groups of texts that use like words, named by the words that mark them.

Texts become TF-IDF vectors, those 32 numbers (truncated SVD), and those k-means groups; a topic's
words are the ones that its texts use most in excess of the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

N_TOPICS = 12
N_NUMBERS = 32
N_WORDS = 3
MIN_TEXTS = 100


@dataclass(frozen=True)
class Topic:
    """One topic with the rows whose text is of it [N]."""

    name: str
    rows: npt.NDArray[np.bool_]


def topics_of(texts: pl.Series, *, seed: int) -> list[Topic]:
    """Return the topics of a text column; none for fewer than 100 texts or words of one kind.

    Missing cells are of no topic.
    """
    known = np.flatnonzero(texts.is_not_null().to_numpy())
    if len(known) < MIN_TEXTS:
        return []
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        stop_words="english", max_features=5_000, min_df=3, max_df=0.5, dtype=np.float32
    )
    try:
        matrix = vectorizer.fit_transform(texts[known].cast(pl.String).to_list())
    except ValueError:  # no word is used by three texts
        return []
    if matrix.shape[1] <= N_NUMBERS:
        return []
    numbers = TruncatedSVD(N_NUMBERS, random_state=seed).fit_transform(matrix)
    numbers /= np.maximum(np.linalg.norm(numbers, axis=1, keepdims=True), 1e-12)
    group = MiniBatchKMeans(N_TOPICS, random_state=seed, n_init=3).fit_predict(numbers)
    words = vectorizer.get_feature_names_out()
    overall = np.asarray(matrix.mean(axis=0)).ravel()
    found = []
    for place in range(N_TOPICS):
        inside = group == place
        if not inside.any():
            continue
        excess = np.asarray(matrix[np.flatnonzero(inside)].mean(axis=0)).ravel() - overall
        best = [str(words[i]) for i in np.argsort(-excess, kind="stable")[:N_WORDS]]
        rows = np.zeros(len(texts), dtype=np.bool_)
        rows[known[inside]] = True
        found.append(Topic(f"{texts.name} is about {', '.join(best)}", rows))
    return found
