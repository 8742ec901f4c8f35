"""Bags of terms projected onto a few directions: a dense vector a text.

Source: Halko, Martinsson, Tropp (2011), arXiv 0909.4061, for the directions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.core.randomness import generator
from ordain.features.encoded import EncodedColumn, FloatArray, Kind


def fit_components(bag: EncodedColumn, n_terms: int, *, width: int, seed: int) -> FloatArray:
    """Return the leading right singular vectors [n_terms, W] of the bags.

    Randomised range finder with three power iterations (Halko, Martinsson, Tropp 2011,
    arXiv 0909.4061); signs are set so that the largest entry of each is positive.
    """
    width = min(width, len(bag), n_terms)
    if width == 0:
        return np.zeros((max(n_terms, 1), 1), dtype=np.float32)
    rows = _sparse(bag, n_terms)
    n_probes = min(width + 10, n_terms, len(bag))
    probes = generator(seed, "text", "svd").standard_normal((n_terms, n_probes), dtype=np.float32)
    basis, _ = np.linalg.qr(rows @ probes)
    for _ in range(3):
        basis, _ = np.linalg.qr(rows.T @ basis)
        basis, _ = np.linalg.qr(rows @ basis)
    _, _, directions = np.linalg.svd((rows.T @ basis).T, full_matrices=False)
    directions = directions[:width]
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[np.arange(width), largest])
    result: FloatArray = np.ascontiguousarray((directions * signs[:, None]).T, dtype=np.float32)
    return result


def _sparse(bag: EncodedColumn, n_terms: int) -> Any:
    from scipy.sparse import csr_array

    return csr_array((bag.weights, bag.values, bag.offsets), shape=(len(bag), n_terms))


def project(bag: EncodedColumn, components: npt.NDArray[Any]) -> FloatArray:
    """Return the vectors [N, W] of bags, for components [n_terms, W]."""
    # SciPy adds the terms of a row in order, so one row gives what it gives among others.
    return np.ascontiguousarray(_sparse(bag, len(components)) @ components, dtype=np.float32)


def project_one(
    ids: list[int], weights: list[float], components: npt.NDArray[Any]
) -> tuple[float, ...]:
    """Return the vector of one bag, as `project` gives it."""
    bag = EncodedColumn(
        Kind.BAG,
        np.array(ids, dtype=np.int32),
        np.array([0, len(ids)], dtype=np.int64),
        np.array(weights, dtype=np.float32),
    )
    return tuple(project(bag, components)[0].tolist())
