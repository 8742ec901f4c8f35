"""The known label that is spelled most like an unknown one.

Two labels are as near as the share of their pairs of neighbouring signs that they have in common:
2 |A and B| / (|A| + |B|), the coefficient of Dice over character bigrams, case and accents aside.
Counts are whole numbers, so that a tie is a tie everywhere; it goes to the label known first.

Source: Adamson and Boreham (1974), Information Storage and Retrieval 10.

>>> nearest_label(["Munich", "Zurich"])("Münich ")
'Munich'
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Iterable
from fractions import Fraction

import numpy as np

_LEAST = Fraction(1, 2)


def nearest_label(known: Iterable[str]) -> Callable[[str], str | None]:
    """Return the function from a label to the nearest known one; None where none is half alike."""
    labels = list(known)
    grams = [_grams(label) for label in labels]
    sizes = np.array([len(found) for found in grams], dtype=np.int64)
    holders: dict[str, list[int]] = {}
    for at, found in enumerate(grams):
        for gram in found:
            holders.setdefault(gram, []).append(at)
    places = {gram: np.array(found, dtype=np.int64) for gram, found in holders.items()}

    @functools.lru_cache(maxsize=65_536)
    def find(label: str) -> str | None:
        wanted = _grams(label)
        met = [places[gram] for gram in wanted if gram in places]
        if not met:
            return None
        common = 2 * np.bincount(np.concatenate(met), minlength=len(labels))
        both = sizes + len(wanted)
        best = int(np.argmax(common / both))
        is_near = Fraction(int(common[best]), int(both[best])) >= _LEAST
        return labels[best] if is_near else None

    return find


def _grams(label: str) -> frozenset[str]:
    """Return the pairs of neighbouring signs, ends marked."""
    plain = unicodedata.normalize("NFKD", label.casefold())
    signs = " " + "".join(sign for sign in plain if not unicodedata.combining(sign)).strip() + " "
    return frozenset(signs[at : at + 2] for at in range(len(signs) - 1))
