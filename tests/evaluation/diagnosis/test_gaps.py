from __future__ import annotations

import pytest

from ordain.evaluation.diagnosis.gaps import Ceiling, gap_interval, split_error, stretches
from ordain.evaluation.judgement import Interval, Judgement
from ordain.evaluation.metric import find_metric


def judged(value: float, half: float = 0.01, metric: str = "accuracy") -> Judgement:
    interval = Interval(low=value - half, high=value + half, level=0.95, method="delta")
    return Judgement(
        type="binary", n_rows=100, metrics={metric: value}, intervals={metric: interval}
    )


SETS = {"train": judged(0.95), "validation": judged(0.85), "test": judged(0.84)}


def test_the_gaps_add_up_to_the_distance_from_perfect() -> None:
    split = split_error(
        "y", find_metric("accuracy"), SETS, ceiling=Ceiling(value=0.97, source="people")
    )
    assert [gap.part for gap in split.gaps] == [
        "irreducible",
        "avoidable bias",
        "variance",
        "shift",
    ]
    assert sum(gap.size for gap in split.gaps) == pytest.approx(1 - 0.84)
    assert split.largest == "variance"
    assert not split.gap("shift").is_real  # type: ignore[union-attr]


def test_bias_is_largest_where_training_itself_is_far_from_people() -> None:
    sets = {"train": judged(0.80), "validation": judged(0.79), "test": judged(0.79)}
    split = split_error(
        "y", find_metric("accuracy"), sets, ceiling=Ceiling(value=0.95, source="people")
    )
    assert split.largest == "avoidable bias"


def test_without_a_ceiling_bias_is_told_but_never_called_real() -> None:
    split = split_error("y", find_metric("accuracy"), {"train": judged(0.6), "test": judged(0.6)})
    bias = split.gap("avoidable bias")
    assert bias is not None
    assert not bias.is_real
    assert "no ceiling" in bias.note


def test_a_lower_is_better_metric_has_gaps_of_the_same_sign() -> None:
    sets = {"train": judged(1.0, metric="mae"), "validation": judged(2.0, metric="mae"),
            "test": judged(4.0, metric="mae")}  # fmt: skip
    split = split_error("y", find_metric("mae"), sets)
    assert split.gap("shift").size == pytest.approx(2.0)  # type: ignore[union-attr]
    assert split.largest == "shift"


def test_two_validation_sets_part_variance_from_shift() -> None:
    names = ["train", "val_train", "val_test", "test"]
    assert stretches(names) == [
        ("variance", "train", "val_train"),
        ("shift", "val_train", "val_test"),
        ("overfitted validation", "val_test", "test"),
    ]
    assert stretches(["train", "test"]) == [("variance", "train", "test")]
    assert stretches(["train", "validation", "validation_test", "test"]) == [
        ("variance", "train", "validation"),
        ("shift", "validation", "validation_test"),
        ("overfitted validation", "validation_test", "test"),
    ]


def test_the_interval_of_a_gap_is_wider_than_either() -> None:
    one, other = (Interval(low=v - 0.03, high=v + 0.03, level=0.95, method="x") for v in (0.9, 0.8))
    found = gap_interval(one, other, values=(0.9, 0.8), sign=1)
    assert found is not None
    assert found.high - found.low == pytest.approx(2 * 0.03 * 2**0.5)
    assert gap_interval(None, other, values=(0.9, 0.8), sign=1) is None


def test_a_metric_without_a_value_in_training_is_told() -> None:
    split = split_error("y", find_metric("accuracy"), {"test": judged(0.9)})
    assert split.gaps == ()
    assert "no value on the training rows" in split.note
