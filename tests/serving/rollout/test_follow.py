"""A deployment follows the aliases of the registry, and going back holds."""

from __future__ import annotations

import pytest

from ordain.config import Config
from ordain.pipeline.register import register
from ordain.serving.rollout.actions import deploy, follow, roll_back
from ordain.serving.rollout.folder import find_folder
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
