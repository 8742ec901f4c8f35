"""Randomness is passed in: a stream for each purpose, derived from the one seed of the config.

Streams named differently are independent, so adding a consumer changes no other's numbers.
"""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(seed: int, *purpose: str | int) -> int:
    """Return a 63-bit seed for one purpose, such as ``derive_seed(42, "split")``."""
    text = "\x1f".join(str(part) for part in (seed, *purpose))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """Return NumPy's generator (PCG64) for one purpose."""
    return np.random.Generator(np.random.PCG64(derive_seed(seed, *purpose)))
