from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ordain.config import Config
from ordain.core.errors import UsageError
from ordain.serving.rollout.actions import deploy, plan


def declared(bundle: Path, **model: Any) -> Config:
    served = {"name": "churn", "champion": str(bundle), **model}
    return Config.load({"name": "live", "deployment": {"models": [served]}})


def test_what_does_not_fit_the_version_is_refused_before_it_is_applied(
    bundles: dict[str, Path], tmp_path: Path
) -> None:
    rules = [
        {"when": "tenur < 1", "then": {"churn": "No"}},
        {"when": "tenure < 1", "then": {"churn": "Never"}},
        {"when": "age < 18", "then": {"churn": "No"}},
    ]
    config = declared(bundles["churn"], rules=rules, field_checks={"contrat": "flag"})
    for do in (plan, deploy):
        with pytest.raises(UsageError) as error:
            do(config, home=tmp_path / "home")
        told = error.value.message
        assert "`field_checks` names `contrat`, which the model does not read" in told
        assert "names `tenur`, which is neither an input" in told
        assert "Did you mean `tenure`?" in told
        assert "it must be one of 'No', 'Yes'" in told
        assert "other_fields: {age: number}" in told
    assert not list((tmp_path / "home").rglob("state.json"))


def test_what_fits_is_applied(bundles: dict[str, Path], tmp_path: Path) -> None:
    rules = [{"when": "age < 18", "then": {"churn": "No"}}]
    config = declared(bundles["churn"], rules=rules, other_fields={"age": "number"})
    done = deploy(config, home=tmp_path / "home")
    assert [one.path for one in done.changes if "rules" in one.path] == ["churn.rules"]
