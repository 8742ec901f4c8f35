from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

ROW = {"tenure": 3, "contract": "month", "charges": 70.5}
INFER = "/v2/models/churn/infer"


@pytest.fixture
def asked(application: Callable[..., Any]) -> Any:
    return application()


def tensors(**columns: list[Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "shape": [len(data)],
            "datatype": "BYTES" if isinstance(data[0], str) else "FP64",
            "data": data,
        }
        for name, data in columns.items()
    ]


def test_open_inference_tells_of_server_and_model(asked: Any) -> None:
    assert asked.get("/v2").json()["name"] == "ordain"
    assert asked.get("/v2/health/live").json() == {"live": True}
    assert asked.get("/v2/health/ready").status_code == 200
    told = asked.get("/v2/models/churn").json()
    assert {one["name"]: one["datatype"] for one in told["inputs"]} == {
        "tenure": "INT64",
        "contract": "BYTES",
        "charges": "FP64",
    }
    label = told["versions"][0]
    assert asked.get(f"/v2/models/churn/versions/{label}/ready").json()["ready"] is True


def test_open_inference_answers_as_the_own_route(asked: Any) -> None:
    inputs = tensors(tenure=[3, 40], contract=["month", "year"], charges=[70.5, 20.0])
    answer = asked.post(INFER, json={"id": "9", "inputs": inputs}).raise_for_status().json()
    found = {one["name"]: one["data"] for one in answer["outputs"]}
    own = asked.predict(row=ROW).json()["outputs"]["churn"]
    assert found["churn_probability"][0] == own["probability"]
    assert answer["id"] == "9"
    wanted = [{"name": "churn_prediction"}]
    only = asked.post(INFER, json={"inputs": inputs, "outputs": wanted}).json()["outputs"]
    assert [one["name"] for one in only] == ["churn_prediction"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": [2]}, "do not fit its shape"),
        ({"shape": [1, 2]}, "must be \\[N\\]"),
        ({"data": [[[3]]]}, "nested too deeply"),
        ({"datatype": "FP8"}, "no request of the protocol"),
        ({"data": ["three"]}, "must be a number"),
        ({"name": "contract"}, "stands twice"),
    ],
)
def test_open_inference_refuses_in_its_own_words(
    asked: Any, change: dict[str, Any], said: str
) -> None:
    inputs = tensors(tenure=[3], contract=["month"], charges=[70.5])
    inputs[0] |= change
    answer = asked.post(INFER, json={"inputs": inputs})
    assert answer.status_code in {400, 422}
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(answer.json()["error"])


def test_ludwig_clients_send_forms(asked: Any) -> None:
    own = asked.predict(row=ROW).json()["outputs"]["churn"]
    form = {name: str(value) for name, value in ROW.items()}
    urlencoded = asked.post("/predict", data=form).raise_for_status().json()
    multipart = asked.post("/predict", files={k: (None, v) for k, v in form.items()}).json()
    assert urlencoded == multipart
    assert urlencoded["churn_predictions"] == own["prediction"]
    assert urlencoded["churn_probabilities_Yes"] == own["probabilities"]["Yes"]


def test_ludwig_clients_send_tables(asked: Any) -> None:
    table = {"columns": list(ROW), "data": [list(ROW.values())] * 2, "index": [5, 6]}
    answer = asked.post("/batch_predict", data={"dataset": json.dumps(table)})
    told = answer.raise_for_status().json()
    assert told["index"] == [5, 6]
    assert len(told["data"]) == 2
    assert "churn_predictions" in told["columns"]


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/predict", {"tenure": "abc", "contract": "month", "charges": "3"}),
        ("/predict", {}),
        ("/batch_predict", {"dataset": "{"}),
        ("/batch_predict", {"dataset": '{"columns": ["a"], "data": [[1, 2]]}'}),
        ("/batch_predict", {"dataset": '{"columns": ["a", "a"], "data": [[1, 2]]}'}),
    ],
)
def test_ludwig_clients_are_told_what_is_wrong(asked: Any, path: str, form: dict[str, str]) -> None:
    answer = asked.post(path, data=form)
    assert answer.status_code in {400, 415}
    assert isinstance(answer.json()["error"], str)


def test_the_root_says_what_the_server_is_to_clients_of_ludwig_too(
    asked: Any, application: Callable[..., Any]
) -> None:
    told = asked.get("/").raise_for_status().json()
    assert told["message"] == "Ordain server is up"
    assert told["models"] == ["churn"]
    for path in told["links"].values():
        asked.get(path).raise_for_status()
    several = application({"one": {}, "two": {}}).get("/").raise_for_status().json()
    assert (several["message"], several["models"]) == ("Ordain server is up", ["one", "two"])


def test_a_form_with_a_file_is_refused(asked: Any) -> None:
    answer = asked.post("/predict", files={"tenure": ("a.txt", b"3")})
    assert answer.status_code == 400


def test_ludwig_routes_are_there_for_one_model_only(application: Callable[..., Any]) -> None:
    asked = application({"one": {}, "two": {}})
    assert asked.post("/predict", data={"tenure": "3"}).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        '{"inputs": [], "inputs": %s}',
        '{"inputs": %s, "id": "1", "id": "2"}',
        '{"inputs": %s, "parameters": {"a": {"b": 1, "b": 2}}}',
    ],
)
def test_open_inference_refuses_a_key_that_stands_twice(asked: Any, body: str) -> None:
    inputs = json.dumps(tensors(tenure=[3], contract=["month"], charges=[70.5]))
    answer = asked.post(INFER, content=body % inputs, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert "twice" in answer.json()["error"]


def test_open_inference_takes_colons_and_deeper_keys(asked: Any) -> None:
    inputs = tensors(tenure=[3], contract=["month"], charges=[70.5])
    body = {"id": "a:b", "inputs": inputs, "parameters": {"a": {"b": 1}}}
    assert asked.post(INFER, json=body).raise_for_status().json()["id"] == "a:b"
