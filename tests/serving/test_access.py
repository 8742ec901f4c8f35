from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ordain.config.deployment import Auth, Deployment
from ordain.core.errors import ConfigError, UsageError
from ordain.serving.access import Access, hash_of
from ordain.serving.refusal import Refusal
from ordain.serving.server import Address

SHOP, BOSS, OLD = "shop-key-0123456789", "boss-key-0123456789", "old-key-0123456789a"
ROW = {"tenure": 3, "contract": "month", "charges": 70.5}


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    write(
        path,
        {"caller": "shop", "sha256": hash_of(SHOP), "models": ["one"], "verbs": ["predict"]},
        {"caller": "boss", "sha256": hash_of(BOSS)},
        {"caller": "old", "sha256": hash_of(OLD), "expires": "2020-01-01"},
    )
    return path


def write(path: Path, *records: dict[str, Any]) -> None:
    path.write_text(json.dumps({"keys": records}))
    os.utime(path, ns=(time.time_ns(), time.time_ns()))


@pytest.fixture
def asked(application: Callable[..., Any], keys: Path) -> Any:
    return application({"one": {}, "two": {}}, auth={"keys_file": str(keys)})


@pytest.fixture
def readers(application: Callable[..., Any], tmp_path: Path) -> Any:
    """An application of two models; the shop may read one of them."""
    file = tmp_path / "readers.json"
    write(
        file,
        {"caller": "shop", "sha256": hash_of(SHOP), "models": ["one"], "role": "user"},
        {"caller": "boss", "sha256": hash_of(BOSS)},
    )
    return application({"one": {}, "two": {}}, auth={"keys_file": str(file)})


@pytest.mark.parametrize("models", [["one", "two"], ["one"]])
def test_every_route_needs_a_key_but_the_two_probes(
    application: Callable[..., Any], keys: Path, models: list[str]
) -> None:
    asked = application({name: {} for name in models}, auth={"keys_file": str(keys)})
    routes = list(asked.process.gate.routes)
    is_open = set()
    for route in routes:
        for headers in ({}, bearer("wrong-key-0123456789"), bearer(OLD), {"x-api-key": ""}):
            answer = asked.request(route.method, route.path, headers=headers)
            if route.verb == "health":
                is_open.add(route.path)
                assert answer.status_code == 200
                continue
            assert answer.status_code == 401, route.path
            assert answer.json()["error"]
        for method in ("OPTIONS", "DELETE", "PATCH", "TRACE"):
            assert asked.request(method, route.path).status_code == 401
    assert is_open == {"/livez", "/readyz"}
    paths = {route.path for route in routes}
    wanted = {
        "/",
        "/metrics",
        "/openapi.json",
        "/v1/models",
        "/v1/feedback",
        "/v1/models/one/predict",
    }
    wanted |= {"/v2", "/v2/health/live", "/v2/models/one/infer", "/v2/models/one/ready"}
    if len(models) == 1:
        wanted |= {"/predict", "/batch_predict"}
    assert wanted <= paths


def test_a_path_that_does_not_exist_is_told_only_with_a_key(asked: Any) -> None:
    assert asked.get("/v1/nothing").status_code == 401
    assert asked.get("/v1/nothing", headers=bearer(BOSS)).status_code == 404
    assert asked.request("DELETE", "/v1/models").status_code == 401


def test_a_key_allows_its_models_and_verbs_only(asked: Any) -> None:
    def ask(key: str, name: str) -> int:
        path = f"/v1/models/{name}/predict"
        return asked.post(path, json={"row": ROW}, headers=bearer(key)).status_code

    assert ask(SHOP, "one") == 200
    assert ask(SHOP, "two") == 403
    assert ask(BOSS, "two") == 200
    assert asked.get("/metrics", headers=bearer(SHOP)).status_code == 403
    assert asked.get("/v1/models", headers={"x-api-key": BOSS}).status_code == 200


def test_the_description_tells_of_the_models_only_that_a_key_may_read(readers: Any) -> None:
    for key, is_told in ((BOSS, True), (SHOP, False), (BOSS, True)):
        told = readers.get("/openapi.json", headers=bearer(key)).json()
        assert "/v1/models/one/predict" in told["paths"]
        assert ("/v1/models/two/predict" in told["paths"]) is is_told
        assert any(name.startswith("two.") for name in told["components"]["schemas"]) is is_told


def test_the_root_tells_of_the_models_only_that_a_key_may_read(readers: Any) -> None:
    refused = readers.get("/")
    assert refused.status_code == 401
    assert set(refused.json()) == {"error"}
    assert readers.get("/", headers=bearer(SHOP)).json()["models"] == ["one"]
    assert readers.get("/", headers=bearer(BOSS)).json()["models"] == ["one", "two"]


def test_calls_are_counted_by_caller(asked: Any, kept: Any) -> None:
    asked.post("/v1/models/one/predict", json={"row": ROW}, headers=bearer(SHOP))
    assert 'caller="shop"' in asked.get("/metrics", headers=bearer(BOSS)).text
    assert kept.entries[0].caller == "shop"


def test_keys_are_taken_up_when_the_file_changes(keys: Path) -> None:
    access = Access(Auth(keys_file=str(keys)))
    assert access.caller({b"x-api-key": BOSS.encode()}).name == "boss"
    write(keys, {"caller": "new", "sha256": hash_of("new-key-0123456789")})
    access._next_look = 0.0
    assert access.caller({b"x-api-key": b"new-key-0123456789"}).name == "new"
    with pytest.raises(Refusal, match="valid API key"):
        access.caller({b"x-api-key": BOSS.encode()})


def test_a_file_that_breaks_leaves_the_keys_as_they_were(keys: Path) -> None:
    access = Access(Auth(keys_file=str(keys)))
    keys.write_text("{")
    access._next_look = 0.0
    assert access.caller({b"x-api-key": BOSS.encode()}).name == "boss"


def test_a_file_that_cannot_be_read_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no keys file"):
        Access(Auth(keys_file=str(tmp_path / "nothing.json")))
    (tmp_path / "keys.json").write_text('{"keys": [{"caller": "a", "sha256": "plain"}]}')
    with pytest.raises(ConfigError, match="sha256"):
        Access(Auth(keys_file=str(tmp_path / "keys.json")))


def test_keys_of_the_deployment_have_callers() -> None:
    access = Access(Auth(api_keys=f"shop:{SHOP},{BOSS}"))
    assert access.caller({b"x-api-key": SHOP.encode()}).name == "shop"
    assert access.caller({b"x-api-key": BOSS.encode()}).name == "key"
    with pytest.raises(UsageError, match="at least 16 characters"):
        Access(Auth(api_keys="short"))


def test_a_caller_may_come_only_so_often() -> None:
    access = Access(Auth(api_keys=f"shop:{SHOP},{BOSS}", requests_per_second=2))
    shop = access.caller({b"x-api-key": SHOP.encode()})
    other = access.caller({b"x-api-key": BOSS.encode()})
    access.count(shop)
    access.count(shop)
    with pytest.raises(Refusal, match="2 requests a second") as refused:
        access.count(shop)
    assert refused.value.status == 429
    assert int(refused.value.headers["retry-after"]) >= 1
    access.count(other)


def test_keys_of_a_caller_share_its_rate(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    rates = {"sha256": hash_of(SHOP), "requests_per_second": 5}, {"sha256": hash_of(BOSS)}
    write(file, *({"caller": "shop", **one} for one in rates))
    access = Access(Auth(keys_file=str(file), requests_per_second=1))
    access.count(access.caller({b"x-api-key": SHOP.encode()}))
    with pytest.raises(Refusal, match="this caller may make 1 requests a second, by all its keys"):
        access.count(access.caller({b"x-api-key": BOSS.encode()}))


def test_listening_publicly_without_keys_is_refused_unless_asked() -> None:
    deployment = Deployment.model_validate({"models": [{"name": "a", "champion": "a"}]})
    with pytest.raises(UsageError, match="--allow-public"):
        Address(host="0.0.0.0").check(deployment)
    Address(host="0.0.0.0", is_public=True).check(deployment)
    Address().check(deployment)
    with pytest.raises(UsageError, match="--certificate"):
        Address(certificate="a.pem").check(deployment)
