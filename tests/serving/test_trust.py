"""A server that serves only what a listed signer has signed."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import ordain
from ordain.config import Config
from ordain.config.deployment import Deployment
from ordain.core.errors import BundleError, ConfigError, UsageError
from ordain.pipeline.register import register
from ordain.serving.fixed import FixedRouter
from ordain.serving.hosting import Hosting
from ordain.serving.meters import Meters
from ordain.serving.rollout.actions import deploy, halt, roll_back
from ordain.serving.rollout.folder import DeploymentFolder
from ordain.serving.rollout.router import open_router
from ordain.serving.rollout.versions import find_version
from ordain.store import signing
from ordain.store.registry import open_registry

ANN = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
BOB = Ed25519PrivateKey.from_private_bytes(b"b" * 32)
ROW = {"tenure": 3, "contract": "month", "charges": 70.5}


class Folder:
    """Copies of two bundles, a file of signers, and what serves them."""

    def __init__(self, path: Path, bundles: dict[str, Path]) -> None:
        self.path, self.signers = path, path / "signers"
        for name in ("churn", "other"):
            shutil.copytree(bundles[name], path / name / "bundle")
        self.list(ANN)

    def list(self, *keys: Ed25519PrivateKey) -> None:
        lines = [f"{signing.public_text(key)} signer {i}\n" for i, key in enumerate(keys)]
        self.signers.write_text("".join(lines))

    def sign(self, name: str, key: Ed25519PrivateKey) -> None:
        signing.sign(self.path / name / "bundle", key, name="somebody")

    def declaration(self, champion: str = "churn", **keys: Any) -> dict[str, Any]:
        model = {"name": "churn", "champion": str(self.path / champion), **keys}
        return {"models": [model], "trust": {"signers": str(self.signers)}}

    def hosting(self, current: dict[str, str] | None = None, **keys: Any) -> Hosting:
        """Return what hosts the model; the bundle may be changed under it by `current`."""
        given = current or {}

        def find(reference: str, name: str) -> Any:
            meant = given.get(Path(reference).name, reference)
            return find_version(str(self.path / meant), model=name, home=self.path)

        deployment = Deployment.model_validate(self.declaration(**keys))
        return Hosting(FixedRouter(deployment, find), Meters())


@pytest.fixture
def folder(tmp_path: Path, bundles: dict[str, Path]) -> Folder:
    return Folder(tmp_path, bundles)


def test_only_signed_bundles_are_loaded(folder: Folder) -> None:
    with pytest.raises(BundleError, match=r"churn version \w+: .*bundle has no valid signature"):
        folder.hosting().load()
    folder.sign("churn", BOB)
    with pytest.raises(BundleError, match=r"it is signed by somebody .*, who is not among them"):
        folder.hosting().load()
    folder.sign("churn", ANN)
    assert folder.hosting().load().all()[0].name == "churn"


def test_fallback_must_be_signed_as_well(folder: Folder) -> None:
    folder.sign("churn", ANN)
    fallback = {"model": str(folder.path / "other")}
    with pytest.raises(BundleError, match=r"churn version fallback: .*it is not signed"):
        folder.hosting(fallback=fallback).load()
    folder.sign("other", ANN)
    assert len(folder.hosting(fallback=fallback).load().all()) == 2


def test_server_without_a_file_of_signers_does_not_start(folder: Folder) -> None:
    folder.sign("churn", ANN)
    folder.signers.unlink()
    with pytest.raises(UsageError, match=r"the file of signers .* cannot be read: No such file"):
        folder.hosting().load()


def test_old_version_serves_on_where_the_next_is_not_signed(folder: Folder) -> None:
    folder.sign("churn", ANN)
    current: dict[str, str] = {"churn": "churn"}
    hosting = folder.hosting(current)
    old = hosting.load().all()
    current["churn"] = "other"
    assert not asyncio.run(hosting.look())
    assert hosting.refused is not None
    assert "it is not signed" in hosting.refused.why
    assert hosting.state is not None
    assert hosting.state.all() == old
    folder.sign("other", BOB)  # the file of signers is read anew with each version
    folder.list(ANN, BOB)
    hosting.refused = None
    assert asyncio.run(hosting.look())
    assert hosting.refused is None
    assert hosting.state.all() != old


def test_who_left_the_file_does_not_end_what_is_loaded(folder: Folder) -> None:
    folder.sign("churn", ANN)
    folder.sign("other", BOB)
    current: dict[str, str] = {"other": "churn"}
    fallback = {"model": str(folder.path / "churn")}
    hosting = folder.hosting(current, champion="other", fallback=fallback)
    hosting.load()
    folder.list(BOB)
    current["other"] = "other"
    assert asyncio.run(hosting.look()), "the fallback is loaded, and stays"


def test_every_part_of_a_deployment_must_be_signed(folder: Folder) -> None:
    other = str(folder.path / "other")
    folder.sign("churn", ANN)
    for part, keys in (
        ("canary", {"canary": {"version": other, "share": 0.5}}),
        ("b", {"ab": {"arms": [{"version": other, "share": 0.5}]}}),
        ("shadow 1", {"shadow": [other]}),
        ("fallback", {"fallback": {"model": other}}),
    ):
        config = Config.load({"name": "live", "deployment": folder.declaration(**keys)})
        with pytest.raises(BundleError, match=f"^{part} of `churn`: .*it is not signed; it is ref"):
            deploy(config, home=folder.path / "home")
        # Where the deployment was applied before the signature went, the server itself refuses.
        folder.sign("other", ANN)
        deploy(config, home=folder.path / "home")
        (folder.path / "other" / "bundle" / "signed_by.json").unlink()
        with pytest.raises(BundleError, match="it is not signed; it is refused"):
            Hosting(open_router(folder.path / "home", "live"), Meters()).load()
    with pytest.raises(BundleError, match=r"^champion of `churn`: .*it is not signed"):
        deploy(
            Config.load({"name": "new", "deployment": folder.declaration("other")}),
            home=folder.path / "home",
        )


def test_canary_can_be_halted_when_its_signer_has_left(folder: Folder) -> None:
    folder.sign("churn", ANN)
    folder.sign("other", BOB)
    folder.list(ANN, BOB)
    canary = {"version": str(folder.path / "other"), "share": 0.5}
    config = Config.load({"name": "live", "deployment": folder.declaration(canary=canary)})
    home = folder.path / "home"
    deploy(config, home=home)
    hosting = Hosting(open_router(home, "live"), Meters())
    hosting.load()
    folder.list(Ed25519PrivateKey.generate())
    halt(DeploymentFolder(home, "live"), "churn", test="by hand", reason="its signer has left")
    assert asyncio.run(hosting.look())


def test_signers_begin_to_count_where_a_deployment_names_them(folder: Folder) -> None:
    home, declared = folder.path / "home", folder.declaration()
    deploy(Config.load({"name": "live", "deployment": {"models": declared["models"]}}), home=home)
    hosting = Hosting(open_router(home, "live"), Meters())
    hosting.load()
    folder.sign("churn", ANN)
    deploy(Config.load({"name": "live", "deployment": declared}), home=home)
    (folder.path / "churn" / "bundle" / "signed_by.json").unlink()
    assert not asyncio.run(hosting.look()), "what is loaded already was asked for no signature"
    folder.sign("churn", ANN)
    hosting.refused = None
    assert asyncio.run(hosting.look())


def test_relative_path_of_signers_is_of_the_document(folder: Folder) -> None:
    folder.sign("churn", ANN)
    document = folder.path / "live.yaml"
    declared = {**folder.declaration(), "trust": {"signers": "signers"}}
    document.write_text(json.dumps({"name": "live", "deployment": declared}))
    deploy(Config.load(document), home=folder.path / "home")
    router = open_router(folder.path / "home", "live")
    assert router.deployment.trust.signers == str(folder.signers)
    Hosting(router, Meters()).load()


@pytest.mark.slow
def test_promoted_version_without_a_signature_is_not_served(
    registry_home: Path, tmp_path: Path, start: Callable[..., Any]
) -> None:
    for run in ("good", "weak"):
        register(run, name="churn", home=registry_home)
    registry = open_registry(registry_home)
    registry.assign("churn", 1, "champion")
    signers = tmp_path / "signers"
    signers.write_text(f"{signing.public_text(ANN)} ann\n")
    command = [sys.executable, "-m", "ordain.cli.main", "serve", "churn@champion"]
    done = subprocess.run(
        [*command, "--port", "0", "--signers", str(signers)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "churn version 1: " in done.stderr
    assert "it is not signed; it is refused" in done.stderr
    signing.sign(registry.find("churn/1").bundle, ANN, name="ann")
    with start("churn@champion", "--signers", str(signers)) as server, server.client() as client:

        def version() -> str:
            answer = client.post("/v1/models/churn/predict", json={"row": ROW})
            assert answer.status_code == 200
            return str(answer.json()["version"])

        registry.assign("churn", 2, "champion")
        server.wait_for("the old versions keep serving: churn version 2: ")
        assert version() == "1"
        signing.sign(registry.find("churn/2").bundle, BOB, name="bob")
        with signers.open("a") as file:
            file.write(f"{signing.public_text(BOB)} bob\n")
        end = time.monotonic() + 30
        while version() != "2":
            assert time.monotonic() < end
            time.sleep(0.1)


@pytest.mark.slow
def test_signers_beside_a_deployment_are_refused(folder: Folder) -> None:
    document = folder.path / "live.yaml"
    declared = {"models": folder.declaration()["models"]}
    document.write_text(json.dumps({"name": "live", "deployment": declared}))
    command = [sys.executable, "-m", "ordain.cli.main", "serve", str(document)]
    done = subprocess.run(
        [*command, "--signers", "signers", "--home", str(folder.path / "home")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "a deployment says `trust: {signers: FILE}`" in done.stderr


def test_variable_without_a_value_trusts_nobody_and_opens_nothing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNERS", "")
    for written in ("", "${SIGNERS}"):
        declared = {**folder.declaration(), "trust": {"signers": written}}
        with pytest.raises(ConfigError, match=r"E206 deployment.trust.signers"):
            Config.load({"name": "live", "deployment": declared})
    for block in ({"auth": {"api_keys": "${SIGNERS}"}}, {"auth": {"keys_file": "${SIGNERS:-}"}}):
        with pytest.raises(ConfigError, match=r"E206 deployment.*\}, which is empty here"):
            Config.load({"name": "live", "deployment": {**folder.declaration(), **block}})
    document = folder.path / "live.yaml"
    document.write_text("deployment: {models: {a: a}, trust: {signers: null}}")
    declared = Config.load(document).document.deployment
    assert declared is not None
    assert declared.trust.signers is None


def test_server_refuses_a_variable_that_has_come_to_be_empty(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.sign("churn", ANN)
    monkeypatch.setenv("SIGNERS", str(folder.signers))
    declared = {**folder.declaration(), "trust": {"signers": "${SIGNERS}"}}
    deploy(Config.load({"name": "live", "deployment": declared}), home=folder.path / "home")
    monkeypatch.setenv("SIGNERS", "")
    with pytest.raises(ConfigError, match=r"trust.signers"):
        open_router(folder.path / "home", "live")


def test_going_back_keeps_who_is_trusted_and_who_may_call(folder: Folder) -> None:
    home, live = folder.path / "home", DeploymentFolder(folder.path / "home", "live")
    folder.sign("other", ANN)
    models = folder.declaration("churn")["models"]
    deploy(Config.load({"name": "live", "deployment": {"models": models}}), home=home)
    keys = {"auth": {"keys_file": str(folder.path / "keys.json")}}
    declared = {**folder.declaration("other"), **keys}
    deploy(Config.load({"name": "live", "deployment": declared}), home=home)
    with pytest.raises(BundleError, match=r"^champion of `churn`: .*it is not signed; it is ref"):
        roll_back(live)
    folder.sign("churn", ANN)
    assert roll_back(live).kept == ("auth", "trust")
    applied = live.read()
    assert applied is not None
    assert applied.models["churn"].champion.bundle == str(folder.path / "churn" / "bundle")
    assert applied.deployment().trust.signers == str(folder.signers)
    assert applied.deployment().auth.keys_file == keys["auth"]["keys_file"]
    assert "`trust` stays as it is" in live.audit()[-1]["changes"]


def test_going_back_goes_past_what_differs_in_trust_alone(folder: Folder) -> None:
    home, live = folder.path / "home", DeploymentFolder(folder.path / "home", "live")
    for name in ("other", "churn"):
        folder.sign(name, ANN)
        declared = {"models": folder.declaration(name)["models"]}
        deploy(Config.load({"name": "live", "deployment": declared}), home=home)
    deploy(Config.load({"name": "live", "deployment": folder.declaration()}), home=home)
    assert roll_back(live).after.restores == 1


def test_another_bundle_in_the_place_of_what_was_applied_is_not_served(folder: Folder) -> None:
    home = folder.path / "home"
    folder.sign("churn", ANN)
    folder.sign("other", ANN)
    canary = {"version": str(folder.path / "other"), "share": 0.5}
    declared = folder.declaration(canary=canary)
    deploy(Config.load({"name": "live", "deployment": declared}), home=home)
    hosting = Hosting(open_router(home, "live"), Meters())
    hosting.load()
    shutil.rmtree(folder.path / "churn" / "bundle")
    shutil.copytree(folder.path / "other" / "bundle", folder.path / "churn" / "bundle")
    with pytest.raises(
        BundleError, match=r"churn version \w+: .*churn/bundle holds another bundle .*\n  Fix: put"
    ):
        Hosting(open_router(home, "live"), Meters()).load()
    halt(DeploymentFolder(home, "live"), "churn", test="by hand", reason="what is loaded stays")
    assert asyncio.run(hosting.look())
    deploy(Config.load({"name": "live", "deployment": declared}), home=home)
    Hosting(open_router(home, "live"), Meters()).load()


def test_path_that_a_variable_gives_is_of_the_document(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.sign("churn", ANN)
    elsewhere = folder.path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "signers").write_text(f"{signing.public_text(BOB)} bob\n")
    monkeypatch.setenv("FILE", "signers")
    document = folder.path / "live.yaml"
    places = {"trust": {"signers": "${FILE}"}, "log": {"sink": "${FILE}"}}
    declared = {**folder.declaration(), **places}
    document.write_text(json.dumps({"name": "live", "deployment": declared}))
    home = folder.path / "home"
    monkeypatch.chdir(elsewhere)
    deploy(Config.load(document), home=home)
    router = open_router(home, "live")
    assert router.deployment.trust.signers == str(folder.signers)
    assert router.applied.trust().signers == str(folder.signers)
    assert router.applied.logging().sink == str(folder.signers)
    Hosting(router, Meters()).load()
    assert deploy(Config.load(document), home=home).changes == ()
    moved = elsewhere / "live.yaml"
    moved.write_text(document.read_text())
    with pytest.raises(BundleError, match="who is not among them"):
        deploy(Config.load(moved), home=home)
    (elsewhere / "signers").write_text(folder.signers.read_text())
    told = [str(one) for one in deploy(Config.load(moved), home=home).changes]
    assert f"~ trust.signers.folder: {folder.path} -> {elsewhere}" in told
    monkeypatch.setenv("FILE", str(folder.signers))
    assert open_router(home, "live").deployment.trust.signers == str(folder.signers)


def test_network_whose_bundle_is_gone_explains_no_more(
    application: Callable[..., Any], tmp_path: Path
) -> None:
    config = {
        "input_features": {"tenure": "number", "contract": "category", "charges": "number"},
        "output_features": {"churn": "binary"},
        "model_type": "neural",
        "trainer": {"epochs": 1},
        "evaluation": {"baselines": False},
    }
    rows = {
        "tenure": list(range(120)),
        "contract": ["month", "year", "two years"] * 40,
        "charges": [20.0 + i for i in range(120)],
        "churn": ["Yes", "No"] * 60,
    }
    made = ordain.train(config, rows, home=tmp_path / "home").bundle
    asked = application({"churn": {"champion": str(made)}})
    shutil.rmtree(made)
    asked.predict(row=ROW).raise_for_status()
    answer = asked.predict(row=ROW, explain=True)
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "unexplained"
