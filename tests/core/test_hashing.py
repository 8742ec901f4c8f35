from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.hashing import canonical_json, digest_bytes, digest_json
from ordain.core.randomness import derive_seed, generator


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.booleans()))
def test_order_of_keys_does_not_count(data: dict[str, object]) -> None:
    assert digest_json(data) == digest_json(dict(reversed(list(data.items()))))


def test_borders_of_parts_count() -> None:
    assert digest_bytes(b"ab", b"c") != digest_bytes(b"a", b"bc")


def test_values_of_other_types_differ() -> None:
    assert len({digest_json({"a": value}) for value in (1, "1", True, None, 1.5, [1])}) == 6


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": float("nan")})


def test_streams_of_two_purposes_are_independent_and_stable() -> None:
    assert derive_seed(42, "split") == derive_seed(42, "split")
    assert derive_seed(42, "split") != derive_seed(42, "init")
    assert generator(42, "a").integers(1 << 30) != generator(43, "a").integers(1 << 30)
