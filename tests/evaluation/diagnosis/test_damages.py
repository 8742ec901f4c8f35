"""Robustness, upkeep and windows of time on a subject whose model is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import pytest

from ordain.evaluation.diagnosis.robustness import damaged_target, try_damages
from ordain.evaluation.diagnosis.staleness import MICROSECONDS_A_DAY, cut_windows, window_of
from ordain.evaluation.diagnosis.upkeep import measure_upkeep
from ordain.evaluation.subject import Column, Subject, Target
from ordain.features.encoded import EncodedColumn, Kind

N = 1200


def encode(name: str, cells: pl.Series, rows: pl.DataFrame | None) -> EncodedColumn:
    del name, rows
    if cells.dtype == pl.String():
        values = (cells == "yes").fill_null(value=False).cast(pl.Float64)
    else:
        values = cells.cast(pl.Float64).fill_null(0.0)
    return EncodedColumn(Kind.SCALAR, values.to_numpy().astype(np.float32)[:, None].copy())


def score(columns: Mapping[str, EncodedColumn]) -> dict[str, np.ndarray]:
    margin = 4 * columns["needed"].values[:, 0] + 2 * (columns["word"].values[:, 0] - 0.5)
    return {"y": 1 / (1 + np.exp(-margin.astype(np.float64)))}


@pytest.fixture
def subject() -> Subject:
    random = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "needed": random.standard_normal(N),
            "robust": random.standard_normal(N),
            "word": random.choice(["yes", "no"], N),
        }
    )
    columns = tuple(Column(name, name, type_) for name, type_ in
                    (("needed", "number"), ("robust", "number"), ("word", "category")))  # fmt: skip
    encoded = {one.name: encode(one.name, frame[one.name], None) for one in columns}
    scores = score(encoded)["y"]
    truth = (random.random(N) < scores).astype(np.int64)
    target = Target("y", "y", "binary", ("no", "yes"), truth, scores)
    return Subject(frame, columns, encoded, {"y": target}, score, encode)


def test_the_column_that_matters_is_the_worst_to_lose_and_a_robust_one_costs_nothing(
    subject: Subject,
) -> None:
    found = try_damages(subject, "y", metric="roc_auc")
    assert found.damages[0].name == "`needed` missing"
    assert found.damages[0].verdict == "worse"
    by_name = {damage.name: damage for damage in found.damages}
    robust = by_name["`robust` missing"]
    assert robust.drop == pytest.approx(0.0)
    assert robust.verdict == "cannot tell"
    small, large = (by_name[f"noise of {share} sd on numbers"].drop for share in (0.1, 0.5))
    assert small is not None
    assert large is not None
    assert large > small
    assert by_name["a typo in every text and label"].drop > 0  # type: ignore[operator]
    assert found.base is not None
    assert found.damages[0].value == pytest.approx(found.base - found.damages[0].drop)  # type: ignore[operator]


def test_damages_are_the_same_each_time(subject: Subject) -> None:
    assert try_damages(subject, "y", metric="roc_auc") == try_damages(
        subject, "y", metric="roc_auc"
    )


def test_an_input_that_brings_nothing_is_found_and_its_cost_is_told(subject: Subject) -> None:
    rows, table = measure_upkeep(subject)["y"]
    by_name = {row.input: row for row in rows}
    assert by_name["robust"].is_useless
    assert not by_name["needed"].is_useless
    assert by_name["needed"].n_bytes == 4
    assert by_name["needed"].microseconds > 0
    assert table.inputs[0].input == "needed"


def test_windows_are_of_one_size_and_end_before_the_newest_rows() -> None:
    times = np.random.default_rng(0).permutation(1000).astype(np.int64) * MICROSECONDS_A_DAY
    is_train = np.arange(1000) % 10 < 7
    windows, newest = cut_windows(times, is_train)
    assert {len(rows) for rows in windows} == {len(windows[0])}
    assert not is_train[newest].any()
    moment = int(times[newest].min())
    assert all(times[rows].max() < moment for rows in windows)
    ends = [int(times[rows].max()) for rows in windows]
    assert ends == sorted(ends)
    told = window_of(windows[0], times, moment, value=0.5)
    assert told.age_days > 500
    assert told.start.startswith("1970")


def test_too_few_rows_or_no_dates_make_no_windows() -> None:
    never = np.full(100, np.iinfo(np.int64).min)
    assert cut_windows(never, np.ones(100, dtype=bool))[0] == []
    assert cut_windows(np.arange(100), np.arange(100) % 2 == 0)[0] == []


def test_rows_damaged_in_one_way_are_scored_alone(subject: Subject) -> None:
    found = damaged_target(subject, "y", "noise")
    assert found is not None
    assert found[0] == "noise of 0.1 sd on numbers"
    assert not np.allclose(found[1].scores, subject.targets["y"].scores)
    assert damaged_target(subject, "y", "earthquake") is None
