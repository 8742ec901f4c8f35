"""First vectors of tokens from the texts themselves: latent semantic analysis."""

from __future__ import annotations

import torch
from torch import Tensor

_EXTRA = 10
_N_POWERS = 3


@torch.no_grad()
def latent_vectors(ids: Tensor, mask: Tensor, *, cardinality: int, size: int) -> Tensor:
    """Return a vector of length 1 for each token, near for tokens that occur in like texts.

    The matrix of texts and tokens, weighted by ``(1 + log count) * (1 + log((1 + B) / (1 + texts
    with the token)))`` with rows of length 1, is cut to its leading directions by a randomised
    range finder with three power iterations. A token's vector is its weight on each direction times
    the direction's strength, scaled to length 1; a token that no text holds gets zeros, and so does
    a direction beyond the rank.

    Shapes: ids [B, T], mask bool [B, T] (True = keep) -> float32 [cardinality, size] on the CPU.

    Source: Deerwester et al. 1990 (latent semantic analysis); Halko, Martinsson, Tropp 2011 (arXiv
    0909.4061). The rows are scaled to one length, so that rare tokens start as far out as frequent
    ones: left as they are, they would learn little in few epochs.
    """
    ids, mask = ids.cpu(), mask.cpu()
    texts = _weighted(ids, mask, cardinality)
    n_kept = min(size + _EXTRA, len(ids), cardinality)
    out = torch.zeros(cardinality, size)
    if not texts.values().numel():
        return out
    turned = texts.t().coalesce()
    random = torch.Generator().manual_seed(0)
    basis = _span(torch.sparse.mm(texts, torch.randn(cardinality, n_kept, generator=random)))
    for _ in range(_N_POWERS):
        basis = _span(torch.sparse.mm(turned, basis))
        basis = _span(torch.sparse.mm(texts, basis))
    directions, strength, _ = torch.linalg.svd(torch.sparse.mm(turned, basis), full_matrices=False)
    n_used = min(size, directions.shape[1])
    out[:, :n_used] = directions[:, :n_used] * strength[:n_used]
    length = out.norm(dim=1, keepdim=True)
    return torch.where(length > strength[0] * 1e-6, out / length.clamp_min(1e-12), 0.0)


def _span(x: Tensor) -> Tensor:
    basis: Tensor = torch.linalg.qr(x)[0]
    return basis


def _weighted(ids: Tensor, mask: Tensor, cardinality: int) -> Tensor:
    """Return texts and tokens as a sparse matrix [B, cardinality], rows of length 1."""
    n_texts = len(ids)
    text = torch.arange(n_texts).unsqueeze(1).expand_as(mask)[mask]
    places = torch.stack([text, ids[mask].long()])
    counts = torch.sparse_coo_tensor(
        places, torch.ones(places.shape[1]), (n_texts, cardinality), check_invariants=False
    ).coalesce()
    text, token = counts.indices()
    n_with = torch.bincount(token, minlength=cardinality)
    rarity = 1 + torch.log((1 + n_texts) / (1 + n_with))
    weights = (1 + counts.values().log()) * rarity[token]
    length = torch.zeros(n_texts).index_add(0, text, weights.square()).sqrt().clamp_min(1e-12)
    return torch.sparse_coo_tensor(
        counts.indices(),
        weights / length[text],
        counts.shape,
        is_coalesced=True,
        check_invariants=False,
    )
