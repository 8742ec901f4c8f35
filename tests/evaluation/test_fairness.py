"""Fairness figures against those of fairlearn, computed by hand."""

import numpy as np
import polars as pl
import pytest
from subjects import binary_target, category_target, number_target

from ordain.core.errors import DataError
from ordain.evaluation.slices.fairness import judge_fairness


def people(n_rows=4_000, seed=0, gap=0.2):
    random = np.random.default_rng(seed)
    sex = random.choice(["f", "m"], n_rows, p=[0.4, 0.6])
    truth = (random.random(n_rows) < 0.4).astype(np.int8)
    scores = np.clip(0.25 + 0.35 * truth + gap * (sex == "m") + random.normal(0, 0.2, n_rows), 0, 1)
    return pl.DataFrame({"sex": sex}), binary_target(truth, scores)


def by_name(found):
    return {one.figure: one for one in found}


def test_rates_gaps_and_ratios_are_those_of_fairlearn():
    """Its `demographic_parity_*` and the parts of `equalized_odds_*`, from the definitions."""
    frame, target = people()
    found = by_name(judge_fairness(frame, target, ["sex"]))
    predicted, truth = target.scores >= 0.5, target.truth == 1
    rows = {"f": (frame["sex"] == "f").to_numpy(), "m": (frame["sex"] == "m").to_numpy()}
    wanted = {
        "selection_rate": {g: predicted[r].mean() for g, r in rows.items()},
        "true_positive_rate": {g: predicted[r & truth].mean() for g, r in rows.items()},
        "false_positive_rate": {g: predicted[r & ~truth].mean() for g, r in rows.items()},
        "precision": {g: truth[r & predicted].mean() for g, r in rows.items()},
    }
    for name, rates in wanted.items():
        one = found[name]
        assert {g.group: g.value for g in one.groups} == pytest.approx(rates)
        assert one.gap == pytest.approx(abs(rates["m"] - rates["f"]))
        assert one.ratio == pytest.approx(min(rates.values()) / max(rates.values()))
        assert one.gap_low <= one.gap <= one.gap_high
        assert one.ratio_low <= one.ratio <= one.ratio_high
    assert (found["selection_rate"].least, found["selection_rate"].greatest) == ("f", "m")
    assert found["selection_rate"].is_marked


def test_the_interval_of_a_gap_is_newcombe_s():
    """Example of Newcombe 1998: 56 of 70 against 48 of 80, method 10: 0.0524 to 0.3339."""
    frame = pl.DataFrame({"arm": ["x"] * 70 + ["y"] * 80})
    scores = np.array([1.0] * 56 + [0.0] * 14 + [1.0] * 48 + [0.0] * 32)
    target = binary_target(np.ones(150, int), scores)
    one = by_name(judge_fairness(frame, target, ["arm"]))["selection_rate"]
    assert (one.gap_low, one.gap_high) == pytest.approx((0.0524, 0.3339), abs=1e-4)


@pytest.mark.parametrize("n_groups", [2, 12])
def test_groups_that_are_alike_are_marked_in_one_of_twenty_at_most(n_groups):
    marked, inside = 0, 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        frame = pl.DataFrame({"group": random.integers(0, n_groups, 1_500).astype(str)})
        target = binary_target(random.integers(0, 2, 1_500), random.random(1_500))
        one = by_name(judge_fairness(frame, target, ["group"]))["true_positive_rate"]
        marked += one.is_marked
        inside += one.ratio_low <= 1 <= one.ratio_high
    assert marked <= 14
    assert inside >= 186


def test_small_groups_are_shown_and_not_compared():
    frame, target = people(1_000)
    frame = frame.with_columns(
        pl.when(pl.int_range(pl.len()) < 5).then(pl.lit("x")).otherwise("sex").alias("sex")
    )
    one = judge_fairness(frame, target, ["sex"])[0]
    (small,) = [group for group in one.groups if group.group == "x"]
    assert small.n_rows == 5
    assert "x" not in {one.least, one.greatest}


def test_one_group_has_nothing_to_differ_from():
    frame, target = people(200)
    one = judge_fairness(frame.with_columns(sex=pl.lit("f")), target, ["sex"])[0]
    assert (one.gap, one.ratio, one.is_marked) == (None, None, False)


def test_a_rate_of_zero_has_a_ratio_without_an_upper_end():
    frame = pl.DataFrame({"g": ["a"] * 50 + ["b"] * 50})
    target = binary_target(np.ones(100, int), np.zeros(100))
    one = by_name(judge_fairness(frame, target, ["g"]))["selection_rate"]
    assert (one.gap, one.ratio, one.is_marked) == (0.0, None, False)


def test_several_classes_are_judged_each_against_the_rest():
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"g": random.choice(["a", "b"], 600)})
    target = category_target(random.integers(0, 3, 600), random.random((600, 3)), ("x", "y", "z"))
    found = judge_fairness(frame, target, ["g"])
    assert {one.label for one in found} == {"x", "y", "z"}
    assert len(found) == 12


def test_numbers_have_mean_errors():
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"g": ["a", "b"] * 300})
    truth = random.normal(0, 1, 600)
    target = number_target(truth, truth + np.tile([0.0, 2.0], 300) + random.normal(0, 0.1, 600))
    found = by_name(judge_fairness(frame, target, ["g"]))
    assert found["mean_error"].gap == pytest.approx(2, abs=0.05)
    assert found["mean_error"].is_marked
    assert found["mean_error"].ratio is None


def test_labels_never_seen_count_as_selected_or_not_and_as_nothing_else():
    frame = pl.DataFrame({"g": ["a"] * 4})
    target = category_target([0, 1, -1, -2], [[0.9, 0.1]] * 4, ("x", "y"))
    found = {(one.figure, one.label): one.groups[0] for one in judge_fairness(frame, target, ["g"])}
    assert found["selection_rate", "x"].n_rows == 4
    assert found["true_positive_rate", "x"].n_rows == 1


def test_a_column_that_is_not_there_is_named():
    frame, target = people(50)
    with pytest.raises(DataError, match=r"protected`: the column `sx` .* nearest: `sex`"):
        judge_fairness(frame, target, ["sx"])
