"""Predictions joined with what came true, and how good versions were."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss

from ordain.config.deployment import Halt
from ordain.core.errors import DataError
from ordain.core.randomness import generator
from ordain.serving.log.join import export
from ordain.serving.log.quality import losses, quality
from ordain.serving.log.read import read_outcomes
from ordain.serving.rollout.halting import judge
from ordain.serving.rollout.tally import Trial


@pytest.fixture
def fill(sink, writing):
    def filled(*items):
        writer = writing(sink)
        for item in items:
            writer.put(item)
        assert writer.flush()
        return sink

    return filled


def test_export_has_the_columns_of_a_training_and_the_outcome_under_the_output(
    fill, entries, outcomes
):
    sink = fill(*map(entries, range(4)), outcomes(1, "Yes"), outcomes(3, "No"))
    found = export(sink, "churn")
    assert found.table.columns == ["tenure", "contract", "phone", "churn"]
    assert found.table["tenure"].to_list() == [1, 3]
    assert found.table["churn"].to_list() == ["Yes", "No"]
    assert (found.n_predictions, found.n_with_outcome) == (4, 2)


def test_of_several_outcomes_the_last_counts_however_they_arrive(fill, entries, outcomes):
    late = outcomes(1).at
    sink = fill(
        outcomes(1, "Yes", at=late + 5),
        outcomes(1, "No", at=late),
        outcomes(1, "No", at=late + 2),
        entries(1),
    )
    found = export(sink, "churn")
    assert found.table["churn"].to_list() == ["Yes"]
    assert found.n_replaced == 1
    assert len(read_outcomes(sink)) == 3


def test_rows_nobody_saw_and_answers_of_a_fallback_are_no_training_rows(fill, entries, outcomes):
    sink = fill(
        entries(1),
        entries(1, arm="shadow", version="9"),
        entries(2, status="timed_out"),
        outcomes(1),
        outcomes(2),
        outcomes(77),
    )
    assert export(sink, "churn").table["tenure"].to_list() == [1]


def test_unlabelled_rows_and_details_on_request(fill, entries, outcomes):
    sink = fill(*map(entries, range(3)), outcomes(1))
    found = export(sink, "churn", with_unlabelled=True, with_details=True).table
    assert found["churn"].to_list() == [None, "Yes", None]
    assert found["prediction_id"].to_list() == ["p0", "p1", "p2"]
    assert found["outcome_at"].null_count() == 2


def test_since_and_until_bound_the_predictions(fill, entries, outcomes):
    sink = fill(*map(entries, range(10)), *map(outcomes, range(10)))
    found = export(sink, "churn", since=entries(3).at, until=entries(5).at)
    assert found.table["tenure"].to_list() == [3, 4, 5]


def test_nothing_in_that_time_is_an_error_that_says_so(fill, entries):
    sink = fill(entries(1))
    with pytest.raises(DataError, match="has no prediction of 'churn' in that time"):
        export(sink, "churn", since=entries(1).at + 1)


def test_types_and_names_are_those_of_the_bundle(fill, entries, outcomes, tmp_path):
    columns = [{"name": n, "dtype": "x"} for n in ("tenure", "joined", "contract", "gone")]
    outputs = [{"name": "churn", "type": "number"}]
    (tmp_path / "signature.json").write_text(json.dumps({"columns": columns, "outputs": outputs}))
    pl.DataFrame(
        schema={"tenure": pl.Int32, "joined": pl.Date, "contract": pl.String, "gone": pl.Int8}
    ).write_parquet(tmp_path / "golden.parquet")
    rows = [{"tenure": "5", "joined": "2024-01-03", "contract": "x"}, {"tenure": "old"}]
    sink = fill(
        *(entries(i, inputs=row) for i, row in enumerate(rows)), outcomes(0, 3), outcomes(1, 4.5)
    )
    found = export(sink, "churn", bundle=tmp_path)
    types = {"tenure": pl.Int32, "joined": pl.Date, "contract": pl.String, "churn": pl.Float64}
    assert dict(found.table.schema) == types
    assert found.missing == ("gone",)
    assert found.unread == {"tenure": 1}
    assert found.table["churn"].to_list() == [3.0, 4.5]


def test_truth_values_and_whole_numbers_keep_their_type(fill, entries, outcomes):
    sink = fill(*map(entries, range(2)), outcomes(0, value=True), outcomes(1, value=False))
    assert export(sink, "churn").table["churn"].to_list() == [True, False]


def test_quality_is_that_of_scikit_learn(fill, entries, outcomes):
    random = generator(0, "truth")
    truth = ["Yes" if random.random() < (i % 10) / 10 else "No" for i in range(200)]
    sink = fill(*map(entries, range(200)), *(outcomes(i, truth[i]) for i in range(0, 200, 2)))
    (found,) = quality(sink, "churn")
    y = np.array([truth[i] == "Yes" for i in range(0, 200, 2)])
    p = np.array([(i % 10) / 10 for i in range(0, 200, 2)])
    assert (found.predictions, found.with_outcome) == (200, 100)
    assert found.metrics["accuracy"] == pytest.approx(accuracy_score(y, p >= 0.5))
    assert found.metrics["brier"] == pytest.approx(brier_score_loss(y, p))
    assert found.metrics["log_loss"] == pytest.approx(log_loss(y, np.clip(p, 1e-15, 1 - 1e-15)))
    assert found.hours_late == pytest.approx(1.0, abs=0.01)


def test_quality_is_by_version_and_shadows_are_judged_on_the_same_rows(fill, entries, outcomes):
    good, bad = {"churn_prediction": "Yes"}, {"churn_prediction": "No"}
    sink = fill(
        *(entries(i, outputs=good) for i in range(10)),
        *(entries(i, outputs=bad, arm="shadow", version="2") for i in range(10)),
        *map(outcomes, range(10)),
    )
    champion, shadow = quality(sink, "churn")
    assert (champion.version, champion.metrics) == ("1", {"accuracy": 1.0})
    assert (shadow.version, shadow.arm, shadow.metrics) == ("2", "shadow", {"accuracy": 0.0})


def test_quality_of_numbers(fill, entries, outcomes):
    sink = fill(
        *(entries(i, outputs={"churn_prediction": float(i)}) for i in range(4)),
        *(outcomes(i, i + 2) for i in range(4)),
    )
    (found,) = quality(sink, "churn")
    assert found.metrics == pytest.approx({"mae": 2.0, "rmse": 2.0, "bias": -2.0})


def test_boolean_and_numeric_labels_meet_their_truth(fill, entries, outcomes):
    sink = fill(
        entries(0, outputs={"churn_prediction": True, "churn_probability": 0.9}),
        entries(1, outputs={"churn_prediction": True, "churn_probability": 0.9}),
        outcomes(0, value=True),
        outcomes(1, value=False),
    )
    assert quality(sink, "churn")[0].metrics["accuracy"] == 0.5


def test_a_canary_that_is_wrong_more_often_is_an_alarm_by_its_outcomes(fill, entries, outcomes):
    random = generator(0, "canary")
    items = []
    for i in range(3_000):
        is_canary = i % 4 == 0
        right = random.random() < (0.6 if is_canary else 0.9)
        side = {"arm": "canary", "version": "2"} if is_canary else {}
        items.append(entries(i, outputs={"churn_prediction": "Yes"}, **side))
        items.append(outcomes(i, "Yes" if right else "No"))
    found = losses(fill(*items), "churn", canary="2", champion="1", since=0, halt=Halt())
    assert found.metric == "accuracy"
    assert (len(found.canary), len(found.champion)) == (750, 2_250)
    told = judge(Trial("1"), Halt(), share=0.25, labelled=found)
    assert [one.test for one in told if one.is_alarm] == ["accuracy"]


def test_a_trial_looks_at_the_first_outcome_and_at_nothing_before_it(fill, entries, outcomes):
    late = outcomes(5).at
    sink = fill(
        *map(entries, range(10)),
        outcomes(2, "No"),
        outcomes(5, "No", at=late),
        outcomes(5, "Yes", at=late + 9),
    )
    found = losses(sink, "churn", canary="2", champion="1", since=entries(4).at, halt=Halt())
    assert found.metric == "brier"
    assert found.champion == pytest.approx([0.25])


def test_outcomes_of_one_customer_count_once(fill, entries, outcomes):
    rows = [{"customer_id": name} for name in ("ann", "bob", "ann", None, None, "ann")]
    sink = fill(*(entries(i, inputs=row) for i, row in enumerate(rows)), *map(outcomes, range(6)))
    sides = {"canary": "2", "champion": "1", "since": 0, "halt": Halt()}
    assert len(losses(sink, "churn", **sides).champion) == 6
    assert len(losses(sink, "churn", **sides, sticky_by="customer_id").champion) == 4


def test_numbers_are_compared_on_the_declared_scale(fill, entries, outcomes):
    sink = fill(
        *(entries(i, outputs={"churn_prediction": 10.0}) for i in range(3)),
        *(outcomes(i, value) for i, value in enumerate([10, 15, 99])),
    )
    halt = Halt(metric="absolute_error", error_scale=10)
    found = losses(sink, "churn", canary="2", champion="1", since=0, halt=halt)
    assert found.champion == pytest.approx([0.0, 0.5, 1.0])
    assert losses(sink, "churn", canary="2", champion="1", since=0, halt=Halt()) is None
