"""Which version answers a key."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.serving.rollout.choice import Part, Shares, place_of


def shares(canary: float | None = None, *arms: float) -> Shares:
    part = Part("canary", "2", canary) if canary else None
    return Shares(
        "churn", "1", part, tuple(Part("bc"[i], str(3 + i), share) for i, share in enumerate(arms))
    )


def test_place_is_that_of_the_hash_on_every_machine():
    text = hashlib.blake2b(b"churn\x00customer 7", digest_size=8).digest()
    assert place_of("customer 7", salt="churn") == (int.from_bytes(text, "little") >> 11) / 2**53


@given(st.text(), st.floats(0.01, 0.99))
def test_a_key_always_meets_the_same_version(key, share):
    assert shares(share).part(key) == shares(share).part(key)


def test_shares_are_exact_within_sampling_error():
    n = 40_000
    found = [shares(0.05, 0.2, 0.1).part(f"customer {i}").arm for i in range(n)]
    for arm, share in (("canary", 0.05), ("b", 0.2), ("c", 0.1), ("a", 0.65)):
        spread = (share * (1 - share) / n) ** 0.5
        assert abs(found.count(arm) / n - share) < 4 * spread


def test_a_share_that_grows_takes_keys_from_the_champion_alone():
    small, large = shares(0.05, 0.2), shares(0.3, 0.2)
    for i in range(5_000):
        before, after = small.part(str(i)).arm, large.part(str(i)).arm
        assert after == before or (before, after) == ("a", "canary")


def test_models_divide_their_keys_independently():
    keys = [str(i) for i in range(5_000)]
    one = {
        key
        for key in keys
        if Shares("x", "1", Part("canary", "2", 0.5)).part(key).arm != "champion"
    }
    two = {
        key
        for key in keys
        if Shares("y", "1", Part("canary", "2", 0.5)).part(key).arm != "champion"
    }
    assert 0.22 < len(one & two) / len(keys) < 0.28


def test_shares_that_take_all_leave_the_champion_nothing():
    divided = shares(0.5, 0.5)
    assert divided.left == 0
    assert {divided.part(str(i)).arm for i in range(1_000)} == {"canary", "b"}


@pytest.mark.parametrize("key", ["", "\ud800", "ключ", "x" * 100_000])
def test_any_text_is_a_key(key):
    assert 0 <= place_of(key) < 1
