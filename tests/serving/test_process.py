"""The server as a process: what only signals, sockets and clocks show."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ordain.core.errors import OrdainError
from ordain.serving.access import hash_of
from ordain.serving.supervisor import _YOUNG_SECONDS, _pause

ROW = {"tenure": 3, "contract": "month", "charges": 70.5}
PATH = "/v1/models/churn/predict"
pytestmark = pytest.mark.slow


def connect(url: str) -> socket.socket:
    parsed = httpx.URL(url)
    return socket.create_connection((parsed.host, parsed.port), timeout=20)


def test_a_server_is_ready_answers_and_ends_with_zero(
    start: Callable[..., Any], bundles: dict[str, Path]
) -> None:
    with start(bundles["churn"]) as server, server.client() as client:
        assert client.get("/readyz").json() == {"status": "ready"}
        assert client.post(PATH, json={"row": ROW}).status_code == 200
        loaded = Path(f"/proc/{server.process.pid}/maps")
        if loaded.exists():
            assert "libtorch" not in loaded.read_text()
        assert server.stop() == 0


def test_accepted_requests_are_answered_while_it_drains(
    start: Callable[..., Any], bundles: dict[str, Path]
) -> None:
    body = json.dumps({"row": ROW}).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode()
    with start(bundles["churn"]) as server, connect(server.url) as client:
        client.sendall(head + body[:5])
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(1.0)
        assert server.process.poll() is None
        client.sendall(body[5:])
        answer = client.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in answer
        assert server.process.wait(20) == 0


def test_a_port_in_use_is_told(start: Callable[..., Any], bundles: dict[str, Path]) -> None:
    with start(bundles["churn"]) as server:
        port = server.url.rpartition(":")[2]
        command = [sys.executable, "-m", "ordain.cli.main", "serve", str(bundles["churn"])]
        second = subprocess.run(
            [*command, "--port", port], capture_output=True, text=True, check=False
        )
        assert second.returncode == 1
        assert "cannot listen on 127.0.0.1" in second.stderr
        assert "Traceback" not in second.stderr


def test_a_damaged_bundle_is_refused_at_the_start(bundles: dict[str, Path], tmp_path: Path) -> None:
    damaged = shutil.copytree(bundles["churn"], tmp_path / "bundle")
    with (damaged / "config.yaml").open("a") as file:
        file.write("\n")
    command = [sys.executable, "-m", "ordain.cli.main", "serve", str(damaged), "--port", "0"]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == 1
    assert "the bundle is refused" in found.stderr
    newer = shutil.copytree(bundles["churn"], tmp_path / "newer")
    sealed = json.loads((newer / "checksums.json").read_text())
    (newer / "checksums.json").write_text(json.dumps({**sealed, "format": 99}))
    found = subprocess.run([*command[:4], str(newer)], capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "bundle format 99" in found.stderr


def test_slow_clients_and_large_heads_are_cut_off(
    start: Callable[..., Any], bundles: dict[str, Path], tmp_path: Path
) -> None:
    document = tmp_path / "deployment.yaml"
    document.write_text(
        "name: small\ndeployment:\n"
        f"  models: [{{name: churn, champion: {bundles['churn']}}}]\n"
        "  limits: {client_seconds: 1, header_bytes: 2000}\n"
    )
    with start(document) as server:
        with connect(server.url) as slow, connect(server.url) as idle:
            slow.sendall(f"POST {PATH} HTTP/1.1\r\nhost: localhost\r\n".encode())
            began = time.monotonic()
            for client in (slow, idle):
                with contextlib.suppress(ConnectionResetError):
                    assert client.recv(100) == b""
            assert time.monotonic() - began < 10
        for head in (b"x: " + b"y" * 3_000, b"\r\n".join(b"x%d: y" % i for i in range(200))):
            with connect(server.url) as client:
                client.sendall(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n" + head + b"\r\n\r\n")
                assert client.recv(100).startswith(b"HTTP/1.1 431")
        with connect(server.url) as client:
            client.sendall(b"nonsense\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 400")
        with server.client() as client:
            assert client.post(PATH, json={"row": ROW}).status_code == 200


HOST = b"host: localhost\r\n"
POST = b"POST /v1/models/churn/predict HTTP/1.1\r\nhost: localhost\r\n"


def test_bytes_that_are_no_proper_request_are_answered_with_an_error(
    start: Callable[..., Any], bundles: dict[str, Path]
) -> None:
    sent = {
        b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n": b"400",
        b"GET /%00%zz HTTP/1.1\r\n" + HOST + b"\r\n": b"404",
        b"GET //livez HTTP/1.1\r\n" + HOST + b"\r\n": b"404",
        b"GET /livez HTTP/1.1\r\n" + HOST + b"x: \x01\r\n\r\n": b"400",
        b"GET /livez HTTP/1.1\r\n\r\n": b"421",
        b"GET /livez HTTP/1.1\r\n" + HOST + b"host: evil\r\n\r\n": b"421",
        b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n": b"400",
        b"\x16\x03\x01" + b"\x00" * 50: b"400",
        POST + b"content-length: -1\r\n\r\n": b"400",
        POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n": b"400",
        POST + b"transfer-encoding: chunked\r\n\r\nzz\r\n\r\n": b"400",
        POST + b"content-length: 9\r\nexpect: 100-continue\r\n\r\n": b"100",
    }
    with start(bundles["churn"]) as server:
        for request, status in sent.items():
            with connect(server.url) as client:
                client.sendall(request)
                assert client.recv(100).split(b" ")[1] == status, request
        with connect(server.url) as client:
            client.sendall((b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n") * 3)
            time.sleep(0.5)
            assert client.recv(5000).count(b"HTTP/1.1 200 OK") == 3
        with server.client() as client:
            large = client.post(PATH, content=b"x" * 5_000_000, headers={"x-request-id": "big"})
            assert large.status_code == 413
            bomb = gzip.compress(b"0" * 5_000_000)
            headers = {"content-encoding": "gzip", "content-type": "application/json"}
            assert client.post(PATH, content=bomb, headers=headers).status_code == 415
            assert client.post(PATH, json={"row": ROW}).status_code == 200
        assert "Traceback" not in server.said


def test_versions_are_swapped_without_a_failed_request(
    start: Callable[..., Any], bundles: dict[str, Path], tmp_path: Path, asking: Any
) -> None:
    import ordain.config as language
    from ordain.serving.rollout.actions import deploy

    home = tmp_path / "home"

    def document(name: str) -> Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text(
            f"name: live\ndeployment:\n  models: [{{name: churn, champion: {bundles[name]}}}]\n"
        )
        return path

    with start(document("churn")) as server, asking(server.url) as load:
        for turn in range(6):
            name = ("other", "churn")[turn % 2]
            deploy(language.Config.load(document(name)), home=home)
            end = time.monotonic() + 20
            while server.said.count(" is served ") < turn + 2 and time.monotonic() < end:
                time.sleep(0.05)
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
    assert load.faults == []
    assert set(load.statuses) == {200}
    assert len(load.versions) == 2
    assert server.said.count(" is served ") == 7


def test_a_version_that_cannot_be_loaded_leaves_the_old_one(
    start: Callable[..., Any], bundles: dict[str, Path], tmp_path: Path
) -> None:
    from ordain.config import Config
    from ordain.serving.rollout.actions import deploy

    copied = shutil.copytree(bundles["other"], tmp_path / "copied")
    document = tmp_path / "live.yaml"
    text = "name: live\ndeployment:\n  models: [{{name: churn, champion: {}}}]\n"
    document.write_text(text.format(bundles["churn"]))
    with start(document) as server, server.client() as client:
        before = client.post(PATH, json={"row": ROW}).json()["version"]
        document.write_text(text.format(copied))
        deploy(Config.load(document), home=tmp_path / "home")
        weights = next((copied / "model").iterdir())
        weights.write_bytes(weights.read_bytes()[:-1] + b"X")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("the old versions keep serving")
        assert client.post(PATH, json={"row": ROW}).json()["version"] == before
        assert "Traceback" not in client.get("/readyz").text


def test_a_worker_that_dies_is_replaced(
    start: Callable[..., Any], bundles: dict[str, Path]
) -> None:
    with start(bundles["churn"], "--workers", "2") as server:
        end = time.monotonic() + 40
        while server.said.count("ready on") < 2 and time.monotonic() < end:
            time.sleep(0.05)
        pids = {line.split()[2] for line in server.lines if "ready on" in line}
        assert len(pids) == 2
        with server.client() as client:
            for _ in range(20):
                assert client.post(PATH, json={"row": ROW}).status_code == 200
        os.kill(int(pids.pop()), signal.SIGKILL)
        server.wait_for("is replaced")
        while server.said.count("ready on") < 3 and time.monotonic() < end:
            time.sleep(0.05)
        for _ in range(10):
            with server.client() as client:
                assert client.post(PATH, json={"row": ROW}).status_code == 200
        with server.client() as client:
            text = client.get("/metrics").text
        counted = [
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.startswith("ordain_predictions_total")
        ]
        assert sum(counted) == 30
        assert server.stop() == 0


@pytest.fixture
def copied(bundles: dict[str, Path], tmp_path: Path) -> Path:
    """A bundle of the test's own, to be damaged."""
    return Path(shutil.copytree(bundles["churn"], tmp_path / "copied" / "bundle"))


def test_a_worker_that_cannot_be_replaced_leaves_the_others_serving_and_is_tried_again(
    start: Callable[..., Any], copied: Path
) -> None:
    with start(copied, "--workers", "2") as server:
        pids = _grown_workers_of(server)
        config = copied / "config.yaml"
        whole = config.read_bytes()
        config.write_bytes(whole + b"\n")
        os.kill(pids[0], signal.SIGKILL)
        server.wait_for("cannot be replaced yet")
        end = time.monotonic() + 40
        while server.said.count("the bundle is refused") < 3 and time.monotonic() < end:
            with server.client() as client:
                assert client.post(PATH, json={"row": ROW}).status_code == 200
            time.sleep(0.1)
        assert _is_there(pids[1])
        config.write_bytes(whole)
        while server.said.count("ready on") < 3 and time.monotonic() < end:
            time.sleep(0.05)
        assert server.said.count("ready on") == 3
        assert server.stop() == 0


def test_a_server_ends_at_once_while_a_worker_waits_to_be_replaced(
    start: Callable[..., Any], copied: Path
) -> None:
    with start(copied, "--workers", "2") as server:
        pids = _grown_workers_of(server)
        with (copied / "config.yaml").open("a") as file:
            file.write("\n")
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        server.wait_for("no worker answers")
        server.wait_for("again in 3.2 s", 60)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 2


def test_the_pause_before_a_worker_is_tried_again_grows_to_half_a_minute() -> None:
    assert [round(_pause(n), 1) for n in (0, 1, 2, 5, 10)] == [0, 0, 0.4, 3.2, 30]
    assert _pause(100_000) == 30


def _grown_workers_of(server: Any) -> list[int]:
    """Return the workers' ids once they have lived long enough to count as able to start."""
    pids = _workers_of(server)
    time.sleep(_YOUNG_SECONDS + 1)
    return pids


def _workers_of(server: Any) -> list[int]:
    end = time.monotonic() + 40
    while server.said.count("ready on") < 2 and time.monotonic() < end:
        time.sleep(0.05)
    return [int(line.split()[2]) for line in server.lines if "ready on" in line]


def _is_there(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="it looks at /proc")
def test_workers_end_with_the_process_that_started_them_however_it_ends(
    start: Callable[..., Any], bundles: dict[str, Path]
) -> None:
    with start(bundles["churn"], "--workers", "2") as server:
        pids = _workers_of(server)
        assert len(pids) == 2
        os.kill(server.process.pid, signal.SIGKILL)
        end = time.monotonic() + 20
        while any(map(_is_there, pids)) and time.monotonic() < end:
            time.sleep(0.05)
        assert not any(map(_is_there, pids))


def test_workers_are_out_of_the_reach_of_ctrl_c_and_drain_once(
    start: Callable[..., Any], bundles: dict[str, Path]
) -> None:
    with start(bundles["churn"], "--workers", "2") as server, server.client() as client:
        pids = _workers_of(server)
        assert os.getpgid(server.process.pid) not in {os.getpgid(pid) for pid in pids}
        assert client.post(PATH, json={"row": ROW}).status_code == 200
        server.process.send_signal(signal.SIGINT)
        server.wait_for("draining")
        assert client.post(PATH, json={"row": ROW}).headers["connection"] == "close"
        assert server.process.wait(20) == 0


def test_tls_and_keys_together(
    start: Callable[..., Any], bundles: dict[str, Path], tmp_path: Path
) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-keyout", str(key), "-out", str(certificate)],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode != 0:
        pytest.skip("openssl is not there")
    keys = tmp_path / "keys.json"
    record = {"caller": "shop", "sha256": hash_of("shop-key-0123456789")}
    keys.write_text(json.dumps({"keys": [record]}))
    options = ["--keys", keys, "--certificate", certificate, "--key", key]
    with start(bundles["churn"], *options) as server:
        url = server.url.replace("http://127.0.0.1", "https://localhost")
        with httpx.Client(base_url=url, verify=False, timeout=20) as client:
            assert client.post(PATH, json={"row": ROW}).status_code == 401
            headers = {"x-api-key": "shop-key-0123456789"}
            assert client.post(PATH, json={"row": ROW}, headers=headers).status_code == 200


def test_a_public_address_without_keys_is_refused(bundles: dict[str, Path]) -> None:
    command = [sys.executable, "-m", "ordain.cli.main", "serve", str(bundles["churn"])]
    found = subprocess.run(
        [*command, "--host", "0.0.0.0"], capture_output=True, text=True, check=False
    )
    assert found.returncode == OrdainError.exit_code + 1
    assert "--allow-public" in found.stderr
