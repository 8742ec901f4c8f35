"""First vectors of tokens: near for tokens of like texts, nothing for tokens never seen."""

import pytest
import torch

from ordain.features.encoded import Kind, Shape
from ordain.models.neural.blocks.latent import latent_vectors
from ordain.models.neural.component import ENCODERS


def texts():
    """Tokens 2 to 5 and tokens 6 to 9 never share a text; token 10 is in all, 11 in none."""
    random = torch.Generator().manual_seed(0)
    ids = torch.cat([
        torch.randint(low, low + 4, (40, 6), generator=random) for low in (2, 6)
    ])  # fmt: skip
    ids[:, 0] = 10
    mask = torch.ones_like(ids, dtype=torch.bool)
    mask[::3, 4:] = False
    return ids, mask


def test_tokens_of_like_texts_start_near_each_other():
    vectors = latent_vectors(*texts(), cardinality=12, size=4)
    likeness = vectors @ vectors.T
    assert float(likeness[2:6, 2:6].min()) > 0.3
    assert float(likeness[2:6, 2:6].mean() - likeness[2:6, 6:10].mean()) > 0.5
    torch.testing.assert_close(vectors[2:11].norm(dim=1), torch.ones(9))


def test_token_that_no_text_holds_starts_at_zero():
    vectors = latent_vectors(*texts(), cardinality=12, size=4)
    assert not vectors[[0, 1, 11]].any()


def test_padding_is_not_read():
    ids, mask = texts()
    other = ids.masked_fill(~mask, 3)
    first, second = (latent_vectors(i, mask, cardinality=12, size=4) for i in (ids, other))
    assert torch.equal(first, second)


@pytest.mark.parametrize("n_texts", [1, 3])
def test_directions_beyond_the_rank_are_zero(n_texts):
    ids, mask = texts()
    vectors = latent_vectors(ids[:n_texts], mask[:n_texts], cardinality=12, size=8)
    assert vectors.shape == (12, 8)
    assert bool(torch.isfinite(vectors).all())
    assert not vectors[:, n_texts:].any()


def test_texts_without_tokens_give_zeros():
    mask = torch.zeros(3, 2, dtype=torch.bool)
    assert not latent_vectors(torch.zeros(3, 2).int(), mask, cardinality=5, size=2).any()


def test_first_vectors_may_be_random():
    shape = Shape(kind=Kind.TOKENS, cardinality=12)
    tables = []
    for first in ("texts", "random"):
        encoder = ENCODERS.build({"type": "gru", "first_vectors": first, "embedding_size": 4})
        module = encoder.build([shape])
        before = module.embedding.table.detach().clone()
        module.fit_(*texts())
        tables.append(torch.equal(before, module.embedding.table))
    assert tables == [False, True]


def test_dropped_tokens_are_zero_while_training_and_whole_after():
    encoder = ENCODERS.build({"type": "parallel_cnn", "token_dropout": 0.5, "embedding_size": 4})
    embedding = encoder.build([Shape(kind=Kind.TOKENS, cardinality=12)]).embedding
    ids = torch.full((200, 5), 3)
    torch.manual_seed(0)
    dropped = (embedding.train()(ids) == 0).all(dim=2).float().mean()
    assert 0.4 < float(dropped) < 0.6
    assert not bool((embedding.eval()(ids) == 0).all(dim=2).any())
