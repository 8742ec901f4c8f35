"""What nobody should send, to a real process: each is answered with an error that says what it is.

Kinds that need less than a process stand in `test_wire`, `test_door`, `test_gate`, `test_access`
and `test_arrow`; damaged bundles and busy ports in `test_process`.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import psutil
import pytest

pytestmark = pytest.mark.slow

ROW = {"tenure": 3, "contract": "month", "charges": 70.5}
PATH = "/v1/models/churn/predict"
INFER = "/v2/models/churn/infer"
FEEDBACK = "/v1/feedback"
JSON, CSV = "application/json", "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
FORM = "application/x-www-form-urlencoded"


def row(text: str) -> bytes:
    return b'{"row": {"contract": "month", %s}}' % text.encode()


def arrow(frame: pl.DataFrame, **options: Any) -> bytes:
    body = io.BytesIO()
    frame.write_ipc_stream(body, **options)
    return body.getvalue()


def tensor(**keys: Any) -> bytes:
    one = {"name": "tenure", "shape": [1], "datatype": "FP64", "data": [1], **keys}
    return json.dumps({"inputs": [one]}).encode()


def bomb() -> bytes:
    """Return 200 MB in a thousandth of that."""
    zeros = pl.DataFrame({"tenure": np.zeros(200_000_000, dtype=np.int8)})
    return arrow(zeros, compression="zstd")


MANY = json.dumps({f"n{number}": [1] for number in range(40_000)})
BODIES: dict[str, tuple[str, str, bytes | Callable[[], bytes], int, str]] = {
    "NaN": (PATH, JSON, row('"tenure": NaN'), 400, "malformed"),
    "1e400": (PATH, JSON, row('"tenure": 1e400'), 400, "out of range"),
    "1e300": (PATH, JSON, row('"tenure": 1e300'), 422, "must be a number"),
    "a number of 30 digits": (PATH, JSON, row('"tenure": ' + "9" * 30), 422, "far outside"),
    "text for a number": (PATH, JSON, row('"tenure": "three"'), 422, "must be a number"),
    "true for a number": (PATH, JSON, row('"tenure": true'), 422, "must be a number"),
    "a field that is missing": (PATH, JSON, row('"charges": 1'), 422, "`tenure` is missing"),
    "a field that is misspelled": (PATH, JSON, row('"tenur": 1'), 422, "`tenure`"),
    "deep JSON": (PATH, JSON, row('"tenure": ' + "[" * 400_000), 400, "cannot be read"),
    "a key twice": (PATH, JSON, row('"tenure": 1, "tenure": 2'), 400, "'tenure' twice"),
    "a key twice, escaped": (PATH, JSON, row('"tenure": 1, "tenur\\u0065": 2'), 400, "twice"),
    "half a surrogate": (PATH, JSON, row('"tenure": 1, "x": "\\ud800"'), 400, "cannot be read"),
    "bytes that are no UTF-8": (PATH, JSON, b'{"row": {"contract": "\xff"}}', 400, "UTF-8"),
    "a NUL in a text": (PATH, JSON, b'{"row": {"contract": "a\\u0000"}}', 422, "`contract`"),
    "300,000 rows": (PATH, JSON, b'{"rows": [' + b"{}," * 299_999 + b"{}]}", 413, "10,000 rows"),
    "40,000 columns": (PATH, JSON, b'{"columns": %s}' % MANY.encode(), 422, "something else"),
    "900,000 lines": (PATH, CSV, b"tenure\n" + b"\n" * 900_000, 413, "10,000 rows"),
    "a quote that never ends": (PATH, CSV, b'tenure\n"' + b"x" * 900_000, 400, "no CSV file"),
    "no lines": (PATH, CSV, b"", 400, "no CSV file"),
    "an Arrow bomb": (PATH, ARROW, bomb, 415, "compressed Arrow"),
    "a cut Arrow stream": (PATH, ARROW, arrow(pl.DataFrame([ROW]))[:300], 400, "no Arrow stream"),
    "deep data of a tensor": (INFER, JSON, b'{"inputs": [{"data": ' + b"[" * 400_000, 400, "no re"),
    "deep parameters": (INFER, JSON, b'{"parameters": ' + b'{"a":' * 100_000, 400, "no request"),
    "a shape of 10^30": (INFER, JSON, tensor(shape=[10**30]), 400, "do not fit its shape"),
    "a shape below 0": (INFER, JSON, tensor(shape=[-1, 1], data=[]), 400, "do not fit its shape"),
    "a tensor of no rows": (INFER, JSON, tensor(shape=[0], data=[]), 400, "no rows"),
    "a tensor of 300,000": (INFER, JSON, tensor(shape=[300_000], data=[1] * 300_000), 413, "rows"),
    "a form of 20,000 fields": ("/predict", FORM, b"a=1&" * 20_000, 400, "form cannot be read"),
    "parts without end": ("/predict", "multipart/form-data; boundary=x", b"--x\r\n" * 50_000, 400,
                          "form cannot be read"),
    "no boundary": ("/predict", "multipart/form-data", b"--x\r\n", 400, "form cannot be read"),
    "a deep table": ("/batch_predict", FORM, b"dataset=" + b"[" * 300_000, 400, "must hold"),
    "an empty outcome": (FEEDBACK, JSON, b'{"prediction_id": "a", "values": {}}', 422, "empty"),
    "an outcome too large": (FEEDBACK, JSON, b'{"values": ' + b"[" * 70_000, 413, "65,536 bytes"),
    "an outcome without an id": (FEEDBACK, JSON, b'{"values": {"churn": "Yes"}}', 400, "_id"),
    "half a surrogate as id": (FEEDBACK, JSON, b'{"prediction_id": "\\udfff"}', 400, "surrogate"),
}  # fmt: skip
NULLS = gzip.compress(b"0" * 10_000_000)
ENCODED = {"gzip": NULLS, "GZIP": NULLS, "deflate": zlib.compress(b"0" * 10_000_000), "br": b"x"}

HEAD = b"GET /livez HTTP/1.1\r\nhost: localhost\r\n"
POST = b"POST " + PATH.encode() + b" HTTP/1.1\r\nhost: localhost\r\n"
PART = b'{"row": {"tenure": 3, "contract": "month", "charges": 70.5}}'
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n" % (len(PART), PART)
RAW = {
    "a header behind the body": (CHUNKED + b"content-type: application/json\r\n\r\n", b"415"),
    "a folded header": (HEAD + b"x: a\r\n b\r\n\r\n", b"400"),
    "lines that end with LF alone": (b"GET /livez HTTP/1.1\nhost: localhost\n\n", b"400"),
    "CR in a header": (HEAD + b"x: a\rset-cookie: b\r\n\r\n", b"400"),
    "NUL in a header": (HEAD + b"x: a\0b\r\n\r\n", b"400"),
    "CRLF in a path": (b"GET /livez%0d%0aset-cookie:b HTTP/1.1\r\nhost: localhost\r\n\r\n", b"404"),
    "CRLF in the request's id": (HEAD + b"x-request-id: a%0d%0aset-cookie: b\r\n\r\n", b"200"),
    "two lengths": (POST + b"content-length: 5\r\ncontent-length: 6\r\n\r\nabcde", b"400"),
    "a signed length": (POST + b"content-length: +5\r\n\r\nabcde", b"400"),
    "a length of 26 digits": (POST + b"content-length: " + b"9" * 26 + b"\r\n\r\nabc", b"400"),
    "another transfer-encoding": (POST + b"transfer-encoding: cow\r\n\r\n0\r\n\r\n", b"400"),
    "a chunk of 2^72": (POST + b"transfer-encoding: chunked\r\n\r\n" + b"f" * 18, b"400"),
    "a method of another protocol": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"400"),
    "a version that is none": (b"GET /livez HTTP/9.9\r\nhost: localhost\r\n\r\n", b"400"),
    "TRACE": (b"TRACE /livez HTTP/1.1\r\nhost: localhost\r\n\r\n", b"405"),
    "an upgrade": (HEAD + b"connection: upgrade\r\nupgrade: websocket\r\n\r\n", b"200"),
}  # fmt: skip


@pytest.fixture
def server(start: Callable[..., Any], bundles: dict[str, Path], tmp_path: Path) -> Iterator[Any]:
    with start(bundles["churn"], "--log", tmp_path / "log") as running:
        yield running
        with running.client() as client:
            assert client.post(PATH, json={"row": ROW}).status_code == 200
        assert "Traceback" not in running.said
        assert "cannot be written" not in running.said


def test_bodies_that_are_no_requests_are_refused_in_words(server: Any) -> None:
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    wrong = []
    with server.client() as client:
        for what, (path, kind, body, status, said) in BODIES.items():
            content = body if isinstance(body, bytes) else body()
            answer = client.post(path, content=content, headers={"content-type": kind})
            if answer.status_code != status or said not in answer.text:
                wrong.append((what, answer.status_code, answer.text[:300]))
        for coding, body in ENCODED.items():
            headers = {"content-type": JSON, "content-encoding": coding}
            answer = client.post(PATH, content=body, headers=headers)
            if answer.status_code != 415:
                wrong.append((coding, answer.status_code, answer.text[:300]))
    assert wrong == []
    assert process.memory_info().rss - before < 250e6


def test_bytes_that_are_no_requests_are_refused(server: Any, sent: Callable[..., bytes]) -> None:
    wrong = []
    for what, (data, status) in RAW.items():
        answer = sent(server.url, data)
        head = answer.partition(b"\r\n\r\n")[0]
        if answer.split(b" ")[1:2] != [status] or b"set-cookie" in head.lower():
            wrong.append((what, answer[:200]))
    assert wrong == []


def test_an_outcome_of_an_unknown_prediction_is_kept_for_it_may_still_come(server: Any) -> None:
    with server.client() as client:
        body = {"prediction_id": "nobody-gave-this", "values": {"churn": "Yes"}}
        receipts = [client.post(FEEDBACK, json=body).json()["receipt"] for _ in range(2)]
        body["values"] = {"churn": "No"}
        receipts.append(client.post(FEEDBACK, json=body).json()["receipt"])
    assert receipts == ["recorded", "repeated", "replaced"]


@pytest.mark.parametrize("path", ["/v2/models/../churn", "/v2/models/%2e%2e/x", "/predict/x"])
def test_a_path_of_another_protocol_that_is_not_there_is_told_in_its_words(
    server: Any, path: str
) -> None:
    answer = httpx.get(server.url + path)
    assert answer.status_code == 404
    assert isinstance(answer.json()["error"], str)
