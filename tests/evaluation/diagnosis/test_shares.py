from __future__ import annotations

import pytest

from ordain.evaluation.diagnosis.shares import combinations_of, shapley


def test_shares_of_causes_that_add_up_are_their_own() -> None:
    own = {"config": 0.02, "data": -0.01, "seed": 0.005}
    values = {one: sum(own[name] for name in one) for one in combinations_of(list(own))}
    assert len(values) == 8
    assert shapley(list(own), values) == pytest.approx(own)


def test_a_joint_effect_is_divided_evenly() -> None:
    values = {one: float(len(one) == 2) for one in combinations_of(["a", "b"])}
    assert shapley(["a", "b"], values) == {"a": 0.5, "b": 0.5}


def test_orders_that_were_not_measured_are_left_out() -> None:
    values = {frozenset(): 0.0, frozenset("a"): 1.0, frozenset("ab"): 3.0}
    assert shapley(["a", "b"], values) == {"a": 1.0, "b": 2.0}
    assert shapley(["a", "b"], {frozenset(): 0.0, frozenset("ab"): 3.0}) == {}
    assert shapley([], {frozenset(): 0.0}) == {}
