"""A deployment follows the aliases of the registry, and going back holds."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ordain.config import Config
from ordain.core.errors import BundleError
from ordain.pipeline.register import register
from ordain.serving.rollout.actions import deploy, follow, roll_back
from ordain.serving.rollout.folder import find_folder
from ordain.serving.rollout.router import open_router
from ordain.store import signing
from ordain.store.registry import open_registry

pytestmark = pytest.mark.slow


def test_alias_that_moves_is_followed_and_a_rollback_is_not_undone(registry_home):
    registry = open_registry(registry_home)
    for run in ("good", "weak"):
        register(run, name="churn", home=registry_home)
    registry.assign("churn", 1, "champion")
    models = {"churn": {"champion": "churn@champion", "shadow": ["churn@2"]}}
    config = Config.load({"name": "production", "deployment": {"models": models}})
    deploy(config, home=registry_home)
    folder = find_folder(registry_home)
    assert follow(folder) is None
    registry.assign("churn", 2, "champion")
    assert follow(folder).models["churn"].champion.label == "2"
    assert folder.audit()[-1]["action"] == "follow"
    assert follow(folder) is None
    roll_back(folder)
    assert folder.read().models["churn"].champion.label == "1"
    assert follow(folder) is None
    registry.rollback("churn")
    follow(folder)
    registry.assign("churn", 2, "champion")
    assert follow(folder).models["churn"].champion.label == "2"


def test_alias_that_moves_to_what_no_signer_signed_makes_no_generation(registry_home, tmp_path):
    registry = open_registry(registry_home)
    for run in ("good", "weak"):
        register(run, name="churn", home=registry_home)
    registry.assign("churn", 1, "champion")
    ann, bob = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    signers = tmp_path / "signers"
    signers.write_text(f"{signing.public_text(ann)} ann\n")
    signing.sign(registry.find("churn/1").bundle, ann, name="ann")
    models = {"churn": {"champion": "churn@champion", "shadow": ["churn/1"]}}
    block = {"models": models, "trust": {"signers": str(signers)}}
    deploy(Config.load({"name": "production", "deployment": block}), home=registry_home)
    folder = find_folder(registry_home)
    registry.assign("churn", 2, "champion")
    for _ in range(2):
        with pytest.raises(BundleError, match=r"^champion of `churn`: .*it is not signed; it is"):
            follow(folder)
    # A server that runs says so, and one that starts serves what was signed.
    router = open_router(registry_home, "production")
    assert router.newer() is None
    assert "it is not signed" in router.problem
    assert folder.read().generation == router.applied.generation == 1
    assert [line["action"] for line in folder.audit()] == ["deploy"]
    # Of what has not moved nothing is asked: who signed it may have left the file since.
    signers.write_text(f"{signing.public_text(bob)} bob\n")
    signing.sign(registry.find("churn/2").bundle, bob, name="bob")
    assert follow(folder).models["churn"].champion.label == "2"
