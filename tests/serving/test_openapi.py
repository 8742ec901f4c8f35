from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ordain.serving.access import hash_of

ROW = {"tenure": 3, "contract": "month", "charges": 70.5}
KEY = "fuzz-key-0123456789"


def test_the_description_has_each_field_as_the_door_knows_it(
    application: Callable[..., Any],
) -> None:
    told = application().get("/openapi.json").json()
    row = told["components"]["schemas"]["churn.row"]
    assert row["properties"]["tenure"]["minimum"] == 0
    assert set(row["properties"]["contract"]["enum"]) == {"month", "year", "two years"}
    assert row["required"] == ["tenure", "contract"]


def test_the_examples_are_answered_as_they_say(application: Callable[..., Any]) -> None:
    asked = application()
    post = asked.get("/openapi.json").json()["paths"]["/v1/models/churn/predict"]["post"]
    body = post["requestBody"]["content"]["application/json"]["examples"]["golden"]["value"]
    answer = post["responses"]["200"]["content"]["application/json"]["examples"]["golden"]["value"]
    assert asked.predict(**body).raise_for_status().json()["outputs"] == answer["outputs"]


def test_every_route_of_the_own_api_is_described(application: Callable[..., Any]) -> None:
    asked = application()
    paths = asked.get("/openapi.json").json()["paths"]
    own = {
        (route.path, route.method.lower())
        for route in asked.process.gate.routes
        if route.path.startswith("/v1") or route.path.count("/") == 1
    }
    described = {(path, method) for path, methods in paths.items() for method in methods}
    others = {("/predict", "post"), ("/batch_predict", "post"), ("/v2", "get")}
    assert own - described == others
    assert described <= own


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["reject", "flag", "impute"])
def test_the_server_keeps_to_its_description(
    start: Callable[..., Any], bundles: dict[str, Path], tmp_path: Path, policy: str
) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [{"caller": "fuzz", "sha256": hash_of(KEY)}]}))
    document = tmp_path / "fuzzed.yaml"
    document.write_text(
        "name: fuzzed\ndeployment:\n  models:\n"
        f"    - {{name: churn, champion: {bundles['churn']}, checks: {policy}}}\n"
        f"    - {{name: charges, champion: {bundles['charges']}, checks: {policy}}}\n"
        f"  auth: {{keys_file: {keys}}}\n"
        f"  log: {{sink: {tmp_path / 'log'}}}\n"
    )
    with start(document) as server:
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            f"{server.url}/openapi.json",
            "--checks=all",
            f"--max-examples={40 if policy == 'reject' else 20}",
            "--seed=1",
            f"--header=Authorization: Bearer {KEY}",
        ]
        found = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=300
        )
        assert found.returncode == 0, found.stdout[-6000:]
        assert "Traceback" not in server.said
