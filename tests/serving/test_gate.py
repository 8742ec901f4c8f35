from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ordain.serving.server import Address

ROW = {"tenure": 3, "contract": "month", "charges": 70.5}
PATH = "/v1/models/churn/predict"
JSON = {"content-type": "application/json"}


@pytest.fixture
def asked(application: Callable[..., Any]) -> Any:
    return application(limits={"body_bytes": 2_000, "batch_rows": 5, "string_chars": 100})


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost@evil"])
def test_a_foreign_host_is_refused(asked: Any, host: str) -> None:
    answer = asked.get("/livez", headers={"host": host})
    assert answer.status_code == 421
    assert asked.get("/livez", headers={"host": "LOCALHOST:99"}).status_code == 200


def test_pages_of_other_origins_are_refused_and_none_is_allowed(asked: Any) -> None:
    ours = asked.get("/livez", headers={"origin": "http://localhost:3000"})
    assert ours.status_code == 200
    theirs = asked.get("/livez", headers={"origin": "https://evil.example"})
    assert theirs.status_code == 403
    for answer in (ours, theirs, asked.request("OPTIONS", PATH)):
        assert not any("access-control" in name for name in answer.headers)


def test_a_public_address_answers_to_declared_names_only(application: Callable[..., Any]) -> None:
    address = Address(host="0.0.0.0", hosts=("models.example",), is_public=True)
    asked = application(address=address)
    assert asked.get("/livez", headers={"host": "models.example"}).status_code == 200
    assert asked.get("/livez", headers={"host": "evil.example"}).status_code == 421


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(asked: Any) -> None:
    declared = asked.post(PATH, content=b"x" * 2_001, headers=JSON)

    async def parts() -> Any:
        for _ in range(30):
            yield b"x" * 100

    streamed = asked.post(PATH, content=parts(), headers=JSON)
    assert declared.status_code == streamed.status_code == 413
    assert declared.json()["error"]["message"] == "a body may have at most 2,000 bytes"


def test_rows_beyond_the_limit_are_refused_in_every_form(asked: Any) -> None:
    assert asked.predict(rows=[{}] * 6).status_code == 413
    lines = "tenure\n" + "3\n" * 6
    csv = asked.post(PATH, content=lines, headers={"content-type": "text/csv"})
    assert csv.status_code == 413


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415),
        ({"content-type": ""}, 415),
        ({**JSON, "content-encoding": "gzip"}, 415),
        ({**JSON, "content-length": "many"}, 413),
        ({"content-type": "text/csv"}, 400),
        ({"content-type": "application/vnd.apache.arrow.stream"}, 400),
    ],
)
def test_what_is_of_another_form_is_refused(
    asked: Any, headers: dict[str, str], status: int
) -> None:
    answer = asked.post(PATH, content=b'{"row": {}}', headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]["code"]


def test_a_method_that_is_not_there_names_those_that_are(asked: Any) -> None:
    answer = asked.request("PUT", PATH)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert asked.request("HEAD", "/livez").status_code == 200


def test_an_error_tells_an_id_and_nothing_of_the_inside(
    asked: Any, caplog: pytest.LogCaptureFixture
) -> None:
    served = asked.process.hosting.state.versions["churn"]
    (version,) = served.values()
    version.predict_row = lambda _: 1 / 0
    answer = asked.predict(row=ROW)
    assert answer.status_code == 500
    told = answer.json()["error"]
    assert "division" not in answer.text
    assert "Traceback" not in answer.text
    assert told["id"] in caplog.text
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_answer_that_is_no_number_is_an_error(asked: Any, value: float) -> None:
    (version,) = asked.process.hosting.state.versions["churn"].values()
    flat = version.predict_row(ROW)
    version.predict_row = lambda _: {**flat, "churn_probability_Yes": value}
    assert asked.predict(row=ROW).status_code == 500


def test_a_fallback_answers_for_a_version_that_fails(
    application: Callable[..., Any], bundles: Any, kept: Any
) -> None:
    other = {"model": str(bundles["other"])}
    for fallback, prediction in (({"value": {"churn": "No"}}, "No"), (other, None)):
        asked = application({"churn": {"fallback": fallback}})
        version = next(iter(asked.process.hosting.state.versions["churn"].values()))
        version.predict_row = lambda _: 1 / 0
        answer = asked.predict(row=ROW).raise_for_status().json()
        assert answer["fallback"] == "failed"
        found = answer["outputs"]["churn"]["prediction"]
        assert found == prediction or prediction is None
        assert kept.entries[-1].status == "failed"
        text = asked.get("/metrics").text
        assert 'ordain_fallbacks_total{model="churn",reason="failed"} 1.0' in text


def test_a_draining_server_is_not_ready_and_still_answers(asked: Any) -> None:
    asked.process.gate.is_draining = True
    assert asked.get("/readyz").status_code == 503
    answer = asked.predict(row=ROW)
    assert answer.status_code == 200
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("kind", ["value", "model"])
def test_a_fallback_answers_many_rows_in_every_form_and_is_marked(
    application: Callable[..., Any], bundles: Any, kept: Any, kind: str
) -> None:
    given = {"value": {"churn": "No"}} if kind == "value" else {"model": str(bundles["other"])}
    asked = application({"churn": {"fallback": given}})
    version = next(iter(asked.process.hosting.state.versions["churn"].values()))
    version.predict_frame = lambda _: 1 / 0
    rows = asked.predict(rows=[ROW, ROW]).raise_for_status().json()["predictions"]
    assert [row["fallback"] for row in rows] == ["failed", "failed"]
    assert rows[0]["outputs"]["churn"]["prediction"] in {"No", "Yes"}
    columns = {name: [value, value] for name, value in ROW.items()}
    told = asked.predict(columns=columns).raise_for_status().json()
    assert told["fallback"] == "failed"
    assert len(told["outputs"]["churn"]["prediction"]) == 2
    text = ",".join(ROW) + "\n" + ",".join(map(str, ROW.values())) + "\n"
    csv = asked.post(PATH, content=text, headers={"content-type": "text/csv"})
    assert csv.text.splitlines()[0].split(",").count("fallback") == 1
    assert ",failed," in csv.text
    assert {entry.status for entry in kept.entries} == {"failed"}
    assert all(entry.error_id for entry in kept.entries)


def test_many_rows_without_a_fallback_fail_as_one_does(asked: Any) -> None:
    version = next(iter(asked.process.hosting.state.versions["churn"].values()))
    version.predict_frame = lambda _: 1 / 0
    answer = asked.predict(rows=[ROW])
    assert answer.status_code == 500
    assert "division" not in answer.text
