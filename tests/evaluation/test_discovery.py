"""Discovery: what is planted is found, what is not there is not."""

import datetime as dt
import os
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from subjects import binary_target, category_target, expit, number_target, subject_of

from ordain.data.expressions import satisfies
from ordain.evaluation.slices.discovery import MAX_PAIRED, SliceFinder, find_slices


def planted(seed, *, n_rows=8_000, low=30, high=46):
    """Return rows with a region of 4 % (a range and a value: three conditions) that is noise."""
    random = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "age": random.integers(18, 82, n_rows),
            "city": random.choice(list("abcdef"), n_rows),
            "size": random.normal(0, 1, n_rows),
            "plan": pl.Series(["x", "y", None] * n_rows).sample(n_rows, seed=seed),
            "joined": [
                dt.date(2020, 1, 1) + dt.timedelta(int(day))
                for day in random.integers(0, 900, n_rows)
            ],
        }
    )
    is_bad = (pl.col("age") >= low) & (pl.col("age") < high) & (pl.col("city") == "b")
    bad = frame.select(is_bad).to_series().to_numpy()
    odds = random.normal(0, 3, n_rows)
    truth = (random.random(n_rows) < expit(odds)).astype(np.int8)
    scores = np.where(bad, expit(-odds / 2), expit(odds))
    return subject_of(frame, binary_target(truth, scores), seed=seed), bad


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))]
)
def test_a_planted_slice_is_found_first(seed):
    subject, bad = planted(seed)
    assert 0.035 < bad.mean() < 0.05
    found = find_slices(subject, "churn").found
    assert "city = 'b'" in found[0].name
    assert "age >=" in found[0].name
    rows = satisfies(subject.frame, found[0].where).to_numpy()
    assert (rows & bad).sum() / (rows | bad).sum() > 0.6
    assert found[0].n_rows == rows.sum()
    assert found[0].p_value < 1e-6


@pytest.mark.slow
def test_nothing_is_found_where_nothing_is():
    alarms = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        frame = pl.DataFrame(
            {name: random.normal(size=2_000) for name in "abc"}
            | {"d": random.choice(list("wxyz"), 2_000)}
        )
        scores = random.uniform(0.2, 0.8, 2_000)
        truth = (random.random(2_000) < scores).astype(np.int8)
        alarms += bool(find_slices(subject_of(frame, binary_target(truth, scores)), "churn").found)
    assert alarms <= 2


def test_slices_that_are_told_share_few_rows():
    subject, _ = planted(0)
    finder = SliceFinder(subject)
    rows = [cut.rows for cut in finder.cuts(finder.find("churn"))]
    for place, one in enumerate(rows):
        for other in rows[:place]:
            assert (one & other).sum() <= 0.5 * min(one.sum(), other.sum())


@pytest.mark.slow
def test_cuts_of_more_rows_than_are_searched_are_all_the_rows():
    subject, bad = planted(1, n_rows=50_000)
    finder = SliceFinder(subject)
    discovery = finder.find("churn")
    (cut, *_) = finder.cuts(discovery)
    assert discovery.n_rows == 20_000
    assert len(cut.rows) == 50_000
    assert (cut.rows & bad).sum() / (cut.rows | bad).sum() > 0.6


@pytest.mark.parametrize("n_rows", [0, 1, 3, 59])
def test_too_few_rows_give_nothing(n_rows):
    subject, _ = planted(0, n_rows=max(1, n_rows))
    found = find_slices(subject.take(np.arange(n_rows)), "churn")
    assert (found.found, found.n_rows) == ((), n_rows)


def test_rows_without_a_truth_are_not_searched():
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"a": random.normal(size=500)})
    target = category_target(np.full(500, -1), np.full((500, 2), 0.5), ("x", "y"))
    assert find_slices(subject_of(frame, target), "topic").n_rows == 0


def test_a_number_has_bad_slices_too():
    random = np.random.default_rng(0)
    frame = pl.DataFrame(
        {"kind": random.choice(list("abcde"), 3_000), "luck": random.random(3_000)}
    )
    error = random.normal(0, 1, 3_000) * np.where(frame["kind"] == "c", 6, 1)
    truth = random.normal(0, 10, 3_000)
    found = find_slices(subject_of(frame, number_target(truth, truth + error)), "price")
    assert found.found[0].name == "kind = 'c'"
    assert found.loss == "absolute error"


def test_a_topic_of_texts_is_found_and_told_by_its_words():
    random = np.random.default_rng(0)
    themes = ["engine wheel brake motor tyre", "soup bread cheese butter salt", "goal team match"]
    words = [theme.split() for theme in themes]
    fillers = [f"filler{n}" for n in range(40)]
    theme = random.choice(3, 3_000, p=[0.1, 0.5, 0.4])
    texts = [" ".join([*random.choice(words[t], 8), *random.choice(fillers, 6)]) for t in theme]
    scores = np.where(theme == 0, 0.5, 0.95)
    truth = (random.random(3_000) < scores).astype(np.int8)
    subject = subject_of(
        pl.DataFrame({"review": texts}), binary_target(truth, scores), types={"review": "text"}
    )
    finder = SliceFinder(subject)
    discovery = finder.find("churn")
    assert any(word in discovery.found[0].name for word in words[0][:5])
    assert discovery.found[0].where == ""
    (cut, *_) = finder.cuts(discovery)
    assert (theme[cut.rows] == 0).mean() > 0.9


@pytest.mark.slow
def test_a_wide_table_joins_the_worst_conditions_and_says_how_many_not():
    random = np.random.default_rng(0)
    columns = {f"c{n}": random.normal(size=1_000) for n in range(40)}
    frame = pl.DataFrame(columns | {"kind": random.choice(list("abcdefgh"), 1_000)})
    scores = np.where(frame["kind"] == "d", 0.5, 0.97)
    truth = (random.random(1_000) < scores).astype(np.int8)
    discovery = find_slices(subject_of(frame, binary_target(truth, scores)), "churn")
    assert discovery.n_unpaired == discovery.n_conditions - MAX_PAIRED > 0
    assert "kind = 'd'" in discovery.found[0].name


@pytest.mark.skipif("ORDAIN_BENCH_DATA" not in os.environ, reason="needs the public data sets")
def test_adult_is_searched_in_a_second():
    frame = pl.read_csv(Path(os.environ["ORDAIN_BENCH_DATA"]) / "adult-test.csv")
    inputs = frame.drop("income")
    truth = frame["income"].str.contains(">50K").cast(pl.Int8).to_numpy()
    random = np.random.default_rng(0)
    scores = np.clip(0.7 * truth + 0.3 * random.random(len(truth)), 0, 1)
    started = time.process_time()
    discovery = find_slices(subject_of(inputs, binary_target(truth, scores)), "churn")
    assert inputs.width == 14
    assert discovery.n_rows == 16_281
    assert time.process_time() - started < 2
