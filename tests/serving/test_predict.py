from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ordain.store.loading import load

ROW = {"tenure": 3, "contract": "month", "charges": 70.5}
CSV = {"content-type": "text/csv"}
ARROW = {"content-type": "application/vnd.apache.arrow.stream"}


@pytest.fixture
def asked(application: Callable[..., Any]) -> Any:
    return application()


def test_a_row_is_answered_as_the_model_answers_it(asked: Any, bundles: dict[str, Path]) -> None:
    expected = load(bundles["churn"]).predict_row(ROW)
    answer = asked.predict(row=ROW).raise_for_status().json()
    output = answer["outputs"]["churn"]
    assert output["prediction"] == expected["churn_prediction"]
    assert output["probability"] == expected["churn_probability"]
    assert output["probabilities"]["Yes"] == expected["churn_probability_Yes"]
    assert output["threshold"] == 0.5
    assert answer["model"] == "churn"
    assert len(answer["prediction_id"]) == 32


def test_rows_columns_csv_and_arrow_give_the_answer_of_the_row(asked: Any) -> None:
    one = asked.predict(row=ROW).json()["outputs"]["churn"]
    rows = asked.predict(rows=[ROW, ROW]).raise_for_status().json()["predictions"]
    assert [row["outputs"]["churn"] for row in rows] == [one, one]
    columns = asked.predict(columns={key: [value] for key, value in ROW.items()})
    assert columns.json()["outputs"]["churn"]["probability"] == [one["probability"]]
    frame = pl.DataFrame([ROW, ROW])
    csv = asked.post("/v1/models/churn/predict", content=frame.write_csv(), headers=CSV)
    assert pl.read_csv(csv.content)["churn_probability"].to_list() == [one["probability"]] * 2
    body = io.BytesIO()
    frame.write_ipc_stream(body)
    arrow = asked.post("/v1/models/churn/predict", content=body.getvalue(), headers=ARROW)
    answers = pl.read_ipc_stream(arrow.content)
    assert answers["churn_probability"].to_list() == [one["probability"]] * 2
    assert answers["prediction_id"].n_unique() == 2


def test_an_explanation_adds_up_over_the_inputs(asked: Any) -> None:
    told = asked.predict(row=ROW, explain=True).raise_for_status().json()["explanation"]["churn"]
    assert set(told["contributions"]) == set(ROW)
    assert told["scale"] == "log_odds"


def test_a_number_has_its_interval(
    application: Callable[..., Any], bundles: dict[str, Path]
) -> None:
    asked = application({"charges": {"champion": str(bundles["charges"])}})
    row = {"tenure": 3, "contract": "month"}
    output = asked.predict("charges", row=row).json()["outputs"]["charges"]
    assert output["low"] < output["prediction"] < output["high"]


def test_what_is_asked_is_logged_with_its_answer(asked: Any, kept: Any) -> None:
    answer = asked.predict(row=ROW).json()
    (entry,) = kept.entries
    assert entry.prediction_id == answer["prediction_id"]
    assert entry.inputs == ROW
    assert entry.outputs["churn_prediction"] == answer["outputs"]["churn"]["prediction"]
    assert entry.status == "answered"
    assert entry.seconds > 0


def test_a_batch_is_logged_as_columns(asked: Any, kept: Any) -> None:
    asked.predict(rows=[ROW, ROW]).raise_for_status()
    (entry,) = kept.entries
    assert entry.inputs.height == entry.outputs.height == 2


def test_feedback_needs_an_output_that_exists(asked: Any, kept: Any) -> None:
    body = {"prediction_id": "a", "values": {"churn": "Yes"}}
    assert asked.post("/v1/feedback", json=body).json()["receipt"] == "recorded"
    assert kept.entries[0].values == {"churn": "Yes"}
    wrong = asked.post("/v1/feedback", json={**body, "values": {"churned": "Yes"}})
    assert wrong.status_code == 422
    told = wrong.json()["error"]
    assert told["message"] == "the outcome is nothing that a model here predicts: 1 fault"
    assert "possible: churn" in told["faults"][0]["message"]


def test_of_two_labels_no_third_one_can_come_true(asked: Any, kept: Any) -> None:
    body = {"prediction_id": "a", "values": {"churn": "yes"}}
    wrong = asked.post("/v1/feedback", json=body)
    assert wrong.status_code == 422
    told = wrong.json()["error"]["faults"][0]["message"]
    assert told == (
        "`churn` is 'yes', which training did not have; it must be one of 'No', 'Yes'. "
        "Did you mean 'Yes'?"
    )
    unknown = asked.post("/v1/feedback", json={**body, "values": {"churn": None}})
    assert unknown.json()["receipt"] == "recorded"
    assert len(kept.entries) == 1


@pytest.mark.parametrize("truth", ["12.5", True])
def test_an_outcome_of_a_number_is_a_number(
    application: Callable[..., Any], bundles: dict[str, Path], kept: Any, truth: object
) -> None:
    asked = application({"price": {"champion": str(bundles["charges"])}})
    body = {"prediction_id": "a", "values": {"charges": truth}}
    wrong = asked.post("/v1/feedback", json=body)
    assert wrong.status_code == 422
    assert "must be a number" in wrong.json()["error"]["faults"][0]["message"]
    assert asked.post("/v1/feedback", json={**body, "values": {"charges": 12}}).status_code == 200
    assert [entry.values for entry in kept.entries] == [{"charges": 12}]


def test_several_models_answer_under_their_names(
    application: Callable[..., Any], bundles: dict[str, Path]
) -> None:
    asked = application({"one": {}, "two": {"champion": str(bundles["other"])}})
    answers = [asked.predict(name, row=ROW).json() for name in ("one", "two")]
    assert answers[0]["outputs"] != answers[1]["outputs"]
    listed = asked.get("/v1/models").json()["models"]
    assert [model["name"] for model in listed] == ["one", "two"]
    assert listed[1]["type"] == "linear"
    assert listed[1]["versions"][0]["engine"] == "numpy"


@pytest.mark.parametrize("name", ["nothing", "../churn", "churn%2f..", "..%2f..%2fetc", "Churn"])
def test_a_name_that_is_not_served_is_not_found(asked: Any, name: str) -> None:
    answer = asked.post(f"/v1/models/{name}/predict", json={"row": ROW})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


def test_a_caller_may_name_the_request(asked: Any) -> None:
    named = asked.post(
        "/v1/models/churn/predict", json={"row": ROW}, headers={"x-request-id": "order-7"}
    )
    assert named.headers["x-request-id"] == "order-7"
    strange = asked.get("/livez", headers={"x-request-id": "a b;c"})
    assert strange.headers["x-request-id"] != "a b;c"


def test_metrics_count_by_model_and_version(asked: Any) -> None:
    asked.predict(row=ROW)
    asked.predict(row={**ROW, "tenure": 100})
    text = asked.get("/metrics").text
    assert 'ordain_predictions_total{arm="champion",model="churn",status="answered"' in text
    assert 'ordain_input_anomalies_total{code="edge",field="tenure",model="churn"' in text
    assert "ordain_prediction_seconds_bucket" in text


def test_metrics_count_what_was_refused_at_the_door(asked: Any) -> None:
    asked.predict(row={**ROW, "tenure": "three"})
    asked.predict(rows=[{**ROW, "tenure": "three"}])
    asked.predict(columns={"tenure": [9999], "contract": ["month"], "charges": [1.0]})
    families = {
        family.name: family for family in text_string_to_metric_families(asked.get("/metrics").text)
    }
    counted = {
        sample.labels["code"]: sample.value
        for sample in families["ordain_input_anomalies"].samples
        if sample.name.endswith("_total") and sample.labels["field"] == "tenure"
    }
    assert counted == {"type": 2, "range": 1}
    refused = [s for s in families["ordain_requests"].samples if s.labels.get("status") == "422"]
    assert sum(sample.value for sample in refused if sample.name.endswith("_total")) == 3
    gone = families["ordain_in_flight"].samples[0].value
    assert gone == 1
