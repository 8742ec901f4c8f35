"""An alias that moves in the registry reaches a server that runs, without a failed request."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from commands_here import run
from ordain.pipeline.register import register
from ordain.store.registry import open_registry

pytestmark = pytest.mark.slow

ROW = {"tenure": 3, "contract": "month", "charges": 70.5}
PATH = "/v1/models/churn/predict"


@pytest.fixture
def home(registry_home: Path) -> Path:
    """A work folder whose registry has two versions of `churn`; the first is the champion."""
    for trained in ("good", "weak"):
        register(trained, name="churn", home=registry_home)
    open_registry(registry_home).assign("churn", 1, "champion")
    return registry_home


@pytest.fixture(params=["reference", "deployment"])
def server(
    request: pytest.FixtureRequest, home: Path, tmp_path: Path, start: Callable[..., Any]
) -> Iterator[Any]:
    """A server of the champion, given by its reference or by a deployment."""
    given = "churn@champion"
    if request.param == "deployment":
        given = str(tmp_path / "live.yaml")
        Path(given).write_text(
            "name: live\ndeployment:\n  models: [{name: churn, champion: churn@champion}]\n"
        )
    with start(given) as running:
        yield running


def gauge(client: httpx.Client, name: str) -> float:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return next(one for one in families if one.name == name).samples[0].value


def eventually(check: Callable[[], bool], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def test_promote_and_rollback_reach_a_server_that_is_asked(server: Any, asking: Any) -> None:
    with asking(server.url) as load:
        for arguments, version in (
            (("promote", "churn", "2", "--to", "champion", "--force", "--note", "a trial"), "2"),
            (("rollback", "churn"), "1"),
            (("promote", "churn", "2", "--force"), "2"),
        ):
            run(*arguments)
            eventually(lambda version=version: load.version == version)
    assert load.faults == []
    assert set(load.statuses) == {200}
    assert "refused" not in server.said


def damage(bundle: Path) -> Callable[[], None]:
    """Change one byte of what was learned, and return what puts it right."""
    weights = max((bundle / "model").iterdir(), key=lambda path: path.stat().st_size)
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))

    def mend() -> None:
        weights.write_bytes(whole)

    return mend


def test_a_damaged_version_is_refused_told_and_taken_up_once_it_is_whole(
    home: Path, server: Any, asking: Any
) -> None:
    registry = open_registry(home)
    mend = damage(registry.find("churn/2").bundle)
    with server.client() as client, asking(server.url) as load:
        assert gauge(client, "ordain_change_refused") == 0
        registry.assign("churn", 2, "champion")
        eventually(lambda: gauge(client, "ordain_change_refused") == 1)
        told = client.get("/v1/models").json()
        assert told["models"][0]["version"] == "1"
        line = server.wait_for(told["refused"]["id"])
        assert "the old versions keep serving" in line
        assert "differs from what was written" in line
        assert client.get("/readyz").json() == {"status": "ready"}
        time.sleep(2.5)
        assert server.said.count("a change was refused") == 1
        assert load.version == "1"
        mend()
        eventually(lambda: load.version == "2")
        assert gauge(client, "ordain_change_refused") == 0
        assert "refused" not in client.get("/v1/models").json()
    assert load.faults == []
    assert set(load.statuses) == {200}


def test_a_version_whose_list_of_checksums_was_exchanged_is_refused(
    home: Path, server: Any
) -> None:
    registry = open_registry(home)
    sealed = registry.find("churn/2").bundle / "checksums.json"
    sealed.write_text(json.dumps({**json.loads(sealed.read_text()), "format": 99}))
    with server.client() as client:
        registry.assign("churn", 2, "champion")
        server.wait_for("is not the bundle that was registered")
        eventually(lambda: gauge(client, "ordain_change_refused") == 1)
        assert client.post(PATH, json={"row": ROW}).json()["version"] == "1"
        registry.rollback("churn")
        eventually(lambda: gauge(client, "ordain_change_refused") == 0)
        assert client.post(PATH, json={"row": ROW}).json()["version"] == "1"
    assert "Traceback" not in server.said
