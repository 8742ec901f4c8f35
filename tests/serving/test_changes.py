"""What a server that runs takes up without a new start, and what is kept nowhere."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from commands_here import run
from ordain.config import Config
from ordain.serving.keys import add_key
from ordain.serving.rollout.actions import deploy

ROW = {"tenure": 3, "contract": "month", "charges": 70.5}
PATH = "/v1/models/churn/predict"
pytestmark = pytest.mark.slow


class Declared:
    """A document, and the work folder it is applied to."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        self.path, self.home = folder / "live.yaml", folder / "home"
        self._bundle = bundle

    def write(self, model: dict[str, Any] | None = None, **blocks: Any) -> Path:
        served = {"name": "churn", "champion": str(self._bundle), **(model or {})}
        document = {"name": "live", "deployment": {"models": [served], **blocks}}
        self.path.write_text(json.dumps(document))
        return self.path

    def apply(self, model: dict[str, Any] | None = None, **blocks: Any) -> None:
        deploy(Config.load(self.write(model, **blocks)), home=self.home)


@pytest.fixture
def declared(tmp_path: Path, bundles: dict[str, Path]) -> Declared:
    return Declared(tmp_path, bundles["churn"])


def until(ask: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.05)


def test_limits_checks_rules_keys_and_the_log_change_while_the_server_runs(
    start: Callable[..., Any], declared: Declared, tmp_path: Path
) -> None:
    with start(declared.write()) as server, server.client() as client:

        def status(row: dict[str, Any], **options: Any) -> int:
            return client.post(PATH, json={"row": row}, **options).status_code

        assert status({**ROW, "contract": "weekly"}) == 422
        declared.apply({"checks": "flag"}, limits={"body_bytes": 200, "string_chars": 30})
        until(lambda: status({**ROW, "contract": "weekly"}) == 200)
        assert status({**ROW, "note": "x" * 300}) == 413
        assert status({**ROW, "note": "x" * 31}) == 422
        rule = {"when": "tenure < 5", "then": {"churn": "No"}, "reason": "too new"}
        declared.apply({"rules": [rule]}, log={"sample": 0.0})
        until(lambda: "too new" in client.post(PATH, json={"row": ROW}).text)
        assert status({**ROW, "note": "x" * 300}) == 200
        keys = tmp_path / "keys.json"
        key = add_key(keys, "shop")
        declared.apply(auth={"keys_file": str(keys)})
        until(lambda: status(ROW) == 401)
        assert status(ROW, headers={"x-api-key": key}) == 200
        assert server.said.count("ready on") == 1


def test_a_change_whose_keys_cannot_be_read_is_refused(
    start: Callable[..., Any], declared: Declared, tmp_path: Path
) -> None:
    with start(declared.write()) as server, server.client() as client:
        declared.apply({"checks": "flag"}, auth={"keys_file": str(tmp_path / "nothing.json")})
        server.wait_for("a change was refused")
        answer = client.post(PATH, json={"row": {**ROW, "contract": "weekly"}})
        assert answer.status_code == 422


def test_a_redacted_value_reaches_no_file_whatever_happens_to_its_row(
    start: Callable[..., Any], bundles: dict[str, Path], declared: Declared
) -> None:
    secret = "555-0199-77"
    model = {
        "shadow": [str(bundles["other"])],
        "canary": {"version": str(bundles["other"]), "share": 0.5, "sticky_by": "phone"},
        "fallback": {"value": {"churn": "No"}},
        "checks": "flag",
    }
    document = declared.write(model, log={"redact": ["phone"]})
    with start(document) as server, server.client() as client:
        rows = [{**ROW, "phone": f"{secret}{n}"} for n in range(20)]
        for row in rows:
            assert client.post(PATH, json={"row": row}).status_code == 200
        assert client.post(PATH, json={"rows": rows}).status_code == 200
        text = "\n".join([",".join(ROW) + ",phone", f"3,month,70.5,{secret}"])
        csv = {"content-type": "text/csv"}
        assert client.post(PATH, content=text, headers=csv).status_code == 200
        for bad in ({"tenure": "x"}, {"tenure": 1e300}, {"contract": secret, "tenure": [1]}):
            client.post(PATH, json={"row": {**rows[0], **bad}})
        told = client.post(PATH, json={"row": rows[0]}).json()["prediction_id"]
        feedback = {"prediction_id": told, "values": {"churn": "Yes"}}
        assert client.post("/v1/feedback", json=feedback).status_code == 200
        metrics = client.get("/metrics").text
        time.sleep(2.5)
        assert server.stop() == 0
        said = server.said
    assert secret not in said
    assert secret not in metrics
    files = [path for path in declared.home.rglob("*") if path.is_file()]
    assert any("predictions" in str(path) for path in files)
    assert not [path for path in files if secret.encode() in path.read_bytes()]


def test_a_key_is_told_nowhere_but_once(
    start: Callable[..., Any], declared: Declared, tmp_path: Path
) -> None:
    env = {"SHOP_KEYS": "shop:sk-0123456789-abcdef", "OTHER": "x"}
    key = "sk-0123456789-abcdef"
    document = declared.write(auth={"api_keys": "${SHOP_KEYS}"})
    answers: list[str] = []
    with start(document, env=env) as server, server.client() as client:
        for headers in ({"x-api-key": key}, {"x-api-key": f"{key}x"}, {"authorization": key}, {}):
            for method, path in (("POST", PATH), ("GET", "/metrics"), ("GET", f"/{key}")):
                content = b'{"row": ' + json.dumps(ROW).encode() + b"}"
                asked: httpx.Response = client.request(
                    method,
                    path,
                    headers={**headers, "content-type": "application/json"},
                    content=content if method == "POST" else None,
                )
                answers.append(asked.text + str(asked.headers))
        planned = run_cli("deploy", "--plan", str(document), home=declared.home, env=env)
        audited = run_cli("deploy", "--audit", home=declared.home, env=env)
        shown = run_cli("status", "--json", home=declared.home, env=env)
        time.sleep(1.5)
        assert server.stop() == 0
        said = server.said
    for text in (*answers, planned, audited, shown, said):
        assert key not in text
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if key.encode() in path.read_bytes()]


def run_cli(*words: str, home: Path, env: dict[str, str]) -> str:
    said = run(*words, ORDAIN_HOME=str(home), **env)
    return said.stdout + said.stderr
