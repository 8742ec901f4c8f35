"""Signatures of registered bundles."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import ordain
from ordain.core.errors import BundleError
from ordain.store import signing
from ordain.store.runs import Runs
from ordain.store.signatures import SIGNED_BY, read_signatures

ANN = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
BOB = Ed25519PrivateKey.from_private_bytes(b"b" * 32)


@pytest.fixture
def signers(tmp_path: Path) -> Path:
    path = tmp_path / "signers"
    path.write_text(f"{signing.public_text(ANN)} ann\n")
    return path


def test_signature_of_a_run_goes_with_it_into_the_registry(
    registry_home: Path, signers: Path
) -> None:
    signing.sign(Runs(registry_home).find("good").bundle, ANN, name="ann")
    made = ordain.register("good", "churn")
    assert ordain.load("churn/1", signers=signers).path == made.bundle
    ordain.promote("churn", 1)
    ordain.register("churn@champion", "other")
    ordain.load("other/1", signers=signers)


def test_registered_version_may_be_signed_later(registry_home: Path, signers: Path) -> None:
    made = ordain.register("good", "churn")
    with pytest.raises(BundleError, match="it is not signed; it is refused"):
        ordain.load("churn/1", signers=signers)
    signing.sign(made.bundle, ANN, name="ann")
    ordain.load("churn/1", signers=signers)
    ordain.promote("churn", 1)
    ordain.register("weak", "churn")
    ordain.promote("churn", 2, force=True, note="a trial")
    ordain.rollback("churn")
    ordain.load("churn@champion", signers=signers)


def test_same_bundle_registered_again_brings_its_new_signatures(
    registry_home: Path, signers: Path
) -> None:
    run = Runs(registry_home).find("good")
    first = ordain.register("good", "churn")
    signing.sign(first.bundle, BOB, name="bob")
    signing.sign(run.bundle, ANN, name="ann")
    second = ordain.register("good", "churn")
    assert second.bundle == first.bundle
    assert [one.name for one in read_signatures(second.bundle)] == ["bob", "ann"]
    assert second.signatures == (read_signatures(run.bundle)[0].id,)
    ordain.load("churn/2", signers=signers)


def test_malformed_signatures_are_not_registered(registry_home: Path) -> None:
    run = Runs(registry_home).find("good")
    (run.bundle / SIGNED_BY).write_text("{}")
    with pytest.raises(BundleError, match=r"signed_by.json is malformed"):
        ordain.register("good", "churn")
    assert not (registry_home / "models").exists() or not list(
        (registry_home / "models").glob("churn/*/bundle")
    )
