"""What is closed by default, asked of a real process: names, origins, depth, texts, keys."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ordain.serving.access import hash_of

ROW = {"tenure": 3, "contract": "month", "charges": 70.5}
PATH = "/v1/models/churn/predict"
KEY, OLD, NARROW = "boss-key-0123456789", "gone-key-0123456789", "only-key-0123456789"
JSON = {"content-type": "application/json", "x-api-key": KEY}
GOOD = json.dumps({"row": ROW}).encode()
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client(
    bundles: dict[str, Path],
    start_in: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("guarded")
    records = [
        {"caller": "boss", "sha256": hash_of(KEY)},
        {"caller": "gone", "sha256": hash_of(OLD), "expires": "2020-01-01"},
        {"caller": "only", "sha256": hash_of(NARROW), "models": ["loan*"], "role": "user"},
    ]
    (folder / "keys.json").write_text(json.dumps({"keys": records}))
    document = folder / "live.yaml"
    served = [{"name": "churn", "champion": str(bundles["churn"])}]
    limits = {"string_chars": 1_000, "batch_rows": 10}
    auth = {"keys_file": str(folder / "keys.json")}
    declared = {"models": served, "limits": limits, "auth": auth}
    document.write_text(json.dumps({"name": "live", "deployment": declared}))
    with start_in(str(document), home=folder / "home") as server, server.client() as made:
        yield made


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost"}, 200),
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1.evil.example"}, 421),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost:3000"}, 200),
        ({"content-encoding": "gzip"}, 415),
        ({"content-type": "text/plain"}, 415),
        ({"x-api-key": ""}, 401),
        ({"x-api-key": f"{KEY}0"}, 401),
        ({"x-api-key": OLD}, 401),
        ({"x-api-key": NARROW}, 403),
        ({"x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}, 200),
    ],
)
def test_names_origins_and_keys_are_closed(
    client: httpx.Client, headers: dict[str, str], status: int
) -> None:
    answer = client.post(PATH, content=GOOD, headers={**JSON, **headers})
    assert answer.status_code == status
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_no_page_is_let_in_by_a_preflight(client: httpx.Client) -> None:
    headers = {
        **JSON,
        "origin": "http://localhost:3000",
        "access-control-request-method": "POST",
    }
    answer = client.options(PATH, headers=headers)
    assert answer.status_code == 405
    assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"row": {"a": ' + b"[" * 400_000 + b"}}", 400),
        (b'{"row":' * 100_000, 400),
        (b'{"row": {"tenure": 1e400}}', 400),
        (b'{"row": {"tenure": NaN}}', 400),
        (b'{"row": {"tenure": 3, "tenure": 4}}', 400),
        (b'{"row": {"contract": "\\ud800"}}', 400),
        (b'{"row": {"contract": "\xff"}}', 400),
        (b'{"row": {"contract": "' + b"x" * 1_001 + b'"}}', 422),
        (b'{"row": {"' + b"x" * 1_001 + b'": 1}}', 422),
        (b'{"rows": [' + b",".join([b"{}"] * 11) + b"]}", 413),
        (b'{"row": {"contract": "' + b"x" * 1_000_000 + b'"}}', 413),
        (b"\x1f\x8b" + b"\x00" * 1_000, 400),
    ],
)
def test_bodies_are_bounded_before_they_are_read(
    client: httpx.Client, body: bytes, status: int
) -> None:
    began = time.perf_counter()
    answer = client.post(PATH, content=body, headers=JSON)
    assert answer.status_code == status
    assert time.perf_counter() - began < 2
    assert answer.json()["error"]["id"]


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "churn%00", "churn/..", "%2e%2e", "CHURN",
     "churn;x", "http:%2f%2fevil.example%2fchurn"],
)  # fmt: skip
def test_names_are_looked_up_and_never_a_path(client: httpx.Client, name: str) -> None:
    for path in (f"/v1/models/{name}/predict", f"/v2/models/{name}/infer"):
        answer = client.post(path, content=GOOD, headers=JSON)
        assert answer.status_code == 404
        assert "passwd" not in answer.text


def test_what_a_caller_names_a_request_cannot_break_the_answer(client: httpx.Client) -> None:
    for given in ("a b", "x" * 65, "a,b", "<script>", "a\tb"):
        answer = client.post(PATH, content=GOOD, headers={**JSON, "x-request-id": given})
        assert answer.headers["x-request-id"] != given
    answer = client.post(PATH, content=GOOD, headers={**JSON, "x-request-id": "order-7"})
    assert answer.headers["x-request-id"] == "order-7"


def test_feedback_of_an_unknown_prediction_is_kept_and_joined_to_nothing(
    client: httpx.Client,
) -> None:
    body = {"prediction_id": "../nobody", "values": {"churn": "Yes"}}
    answer = client.post("/v1/feedback", json=body, headers=JSON)
    assert answer.json()["receipt"] in {"recorded", "repeated"}
    narrow: dict[str, Any] = {**JSON, "x-api-key": NARROW}
    assert client.post("/v1/feedback", json=body, headers=narrow).status_code == 422


def test_the_server_lives_after_all_that(client: httpx.Client) -> None:
    answer = client.post(PATH, content=GOOD, headers=JSON)
    assert answer.status_code == 200
    asked: Callable[[str], str] = lambda path: client.get(path, headers=JSON).text  # noqa: E731
    assert 'status="500"' not in asked("/metrics")
