"""Triton's own client against the server: JSON and binary tensors, by name, version and type."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from ordain.serving.access import hash_of

http = pytest.importorskip("tritonclient.http", reason="tritonclient[http] is not installed")
pytestmark = pytest.mark.slow

KEY = "triton-key-0123456789"
ROWS = [
    {"tenure": 3, "contract": "month", "charges": 70.5},
    {"tenure": 40, "contract": "two years", "charges": 20.25},
    {"tenure": 12, "contract": "year", "charges": 55.0},
]
TYPES = {"tenure": ("INT64", np.int64), "contract": ("BYTES", object), "charges": ("FP64", float)}
INFER = "/v2/models/churn/infer"


@pytest.fixture
def url(start: Callable[..., Any], bundles: dict[str, Path], tmp_path: Path) -> Iterator[str]:
    """The address of a server that serves `churn` to those who have a key."""
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [{"caller": "triton", "sha256": hash_of(KEY)}]}))
    with start(bundles["churn"], "--keys", keys) as server:
        yield server.url
        assert "Traceback" not in server.said


def key() -> dict[str, str]:
    """Return the headers of a request; the client adds its own to what it is given."""
    return {"authorization": f"Bearer {KEY}"}


def client(url: str) -> Any:
    return http.InferenceServerClient(url.removeprefix("http://"))


def inputs(*, is_binary: bool, **types: tuple[str, Any]) -> list[Any]:
    found = []
    for name, (datatype, dtype) in {**TYPES, **types}.items():
        values = np.array([row[name] for row in ROWS], dtype=dtype)
        tensor = http.InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values, binary_data=is_binary)
        found.append(tensor)
    return found


def own(url: str) -> dict[str, Any]:
    """Return the answers of the server's own route, as columns."""
    columns = {name: [row[name] for row in ROWS] for name in TYPES}
    answer = httpx.post(f"{url}/v1/models/churn/predict", json={"columns": columns}, headers=key())
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def test_a_client_finds_server_and_model(url: str) -> None:
    with client(url) as asked:
        assert asked.is_server_live(headers=key())
        assert asked.is_server_ready(headers=key())
        assert asked.is_model_ready("churn", headers=key())
        assert not asked.is_model_ready("other", headers=key())
        assert "binary_tensor_data" in asked.get_server_metadata(headers=key())["extensions"]
        told = asked.get_model_metadata("churn", headers=key())
        assert {one["name"]: one["datatype"] for one in told["inputs"]} == {
            name: datatype for name, (datatype, _) in TYPES.items()
        }
        version = told["versions"][0]
        assert asked.is_model_ready("churn", version, headers=key())


@pytest.mark.parametrize("is_binary", [False, True])
def test_a_client_is_answered_as_the_own_route_answers(url: str, *, is_binary: bool) -> None:
    expected = own(url)
    outputs = expected["outputs"]["churn"]
    with client(url) as asked:
        # Without named outputs this client asks for all of them as bytes.
        for wanted in (None, [http.InferRequestedOutput("churn_probability", binary_data=False)]):
            found = asked.infer(
                "churn", inputs(is_binary=is_binary), outputs=wanted, request_id="7",
                headers=key(),
            )  # fmt: skip
            assert found.as_numpy("churn_probability").tolist() == outputs["probability"]
            assert found.get_response()["id"] == "7"
            assert found.get_response()["model_version"] == expected["version"]
            if wanted is None:
                labels = [text.decode() for text in found.as_numpy("churn_prediction")]
                assert labels == outputs["prediction"]
                assert found.get_output("churn_probability")["parameters"] == {
                    "binary_data_size": 8 * len(ROWS)
                }


def test_a_client_may_send_smaller_types_and_name_the_version(url: str) -> None:
    expected = own(url)
    with client(url) as asked:
        found = asked.infer(
            "churn",
            inputs(is_binary=True, tenure=("INT16", np.int16), charges=("FP32", np.float32)),
            model_version=expected["version"],
            headers=key(),
        )
    assert (
        found.as_numpy("churn_probability").tolist() == expected["outputs"]["churn"]["probability"]
    )


def test_a_client_is_told_what_is_wrong(url: str) -> None:
    from tritonclient.utils import InferenceServerException

    with client(url) as asked:
        with pytest.raises(InferenceServerException, match="valid API key"):
            asked.infer("churn", inputs(is_binary=True))
        with pytest.raises(InferenceServerException, match="nothing at this path"):
            asked.infer("other", inputs(is_binary=True), headers=key())
        with pytest.raises(InferenceServerException, match="no output; possible"):
            wanted = [http.InferRequestedOutput("nothing")]
            asked.infer("churn", inputs(is_binary=True), outputs=wanted, headers=key())
        bad = inputs(is_binary=True)
        bad[1].set_data_from_numpy(np.array(["weekly"] * 3, dtype=object))
        with pytest.raises(InferenceServerException, match="which training did not have"):
            asked.infer("churn", bad, headers=key())


def part(name: str, datatype: str, data: bytes, n_rows: int = 1) -> tuple[dict[str, Any], bytes]:
    told = {"name": name, "datatype": datatype, "shape": [n_rows]}
    return {**told, "parameters": {"binary_data_size": len(data)}}, data


def text(value: bytes) -> bytes:
    return struct.pack("<I", len(value)) + value


@pytest.mark.parametrize(
    ("parts", "tail", "said"),
    [
        ([part("tenure", "INT64", b"\0" * 7)], b"", "no whole values of INT64"),
        ([part("contract", "BYTES", b"\xff\xff\xff\xff")], b"", "end within a text"),
        ([part("contract", "BYTES", b"\0\0")], b"", "end within a text"),
        ([part("contract", "BYTES", text(b"\xff"))], b"", "not UTF-8"),
        ([part("tenure", "INT64", b"\0" * 16)], b"", "2 values do not fit"),
        ([part("tenure", "FP64", struct.pack("<d", float("inf")))], b"", "must be a number"),
        ([part("tenure", "INT64", b"\0" * 8)], b"more", "4 bytes after the JSON"),
        ([part("tenure", "FP64", struct.pack("<d", float("nan")))], b"", "`tenure` is missing"),
    ],
)
def test_bytes_that_are_no_tensors_are_refused(
    application: Callable[..., Any],
    parts: list[tuple[dict[str, Any], bytes]],
    tail: bytes,
    said: str,
) -> None:
    head = json.dumps({"inputs": [told for told, _ in parts]}).encode()
    body = head + b"".join(data for _, data in parts) + tail
    headers = {"inference-header-content-length": str(len(head))}
    answer = application().post(INFER, content=body, headers=headers)
    assert answer.status_code in {400, 422}
    assert said in answer.json()["error"]


@pytest.mark.parametrize("size", ["-1", "x", "999", "9" * 5_000])
def test_a_header_that_is_no_length_is_refused(application: Callable[..., Any], size: str) -> None:
    headers = {"inference-header-content-length": size}
    answer = application().post(INFER, content=b"{}", headers=headers)
    assert answer.status_code == 400
    assert "no length within the body" in answer.json()["error"]


@pytest.mark.parametrize("size", [-1, 9, True, "8"])
def test_a_size_beyond_the_bytes_is_refused(application: Callable[..., Any], size: Any) -> None:
    told, data = part("tenure", "INT64", b"\0" * 8)
    head = json.dumps({"inputs": [{**told, "parameters": {"binary_data_size": size}}]}).encode()
    headers = {"inference-header-content-length": str(len(head))}
    answer = application().post(INFER, content=head + data, headers=headers)
    assert answer.status_code == 400
    assert "no length within the bytes" in answer.json()["error"]


def test_data_in_both_places_are_refused(application: Callable[..., Any]) -> None:
    told, data = part("tenure", "INT64", b"\0" * 8)
    head = json.dumps({"inputs": [{**told, "data": [3]}]}).encode()
    headers = {"inference-header-content-length": str(len(head))}
    answer = application().post(INFER, content=head + data, headers=headers)
    assert answer.status_code == 400
    assert "both `data`" in answer.json()["error"]
