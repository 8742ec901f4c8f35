from __future__ import annotations

from pathlib import Path

import pytest

from ordain.core.errors import UsageError
from ordain.store.registry.place import place_of
from ordain.store.registry.reference import Reference, check_alias, check_name, parse


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("churn@champion", Reference("churn", alias="champion")),
        ("models:/churn@champion", Reference("churn", alias="champion")),
        ("churn/3", Reference("churn", version=3, is_sure=False)),
        ("churn@3", Reference("churn", version=3)),
        ("models:/churn/3", Reference("churn", version=3)),
        ("a.b-c_1@x-y", Reference("a.b-c_1", alias="x-y")),
    ],
)
def test_reference_is_a_name_with_an_alias_or_a_version(text: str, reference: Reference) -> None:
    assert parse(text) == reference


@pytest.mark.parametrize(
    "text",
    ["churn", "latest", "churn/20261121-093000-c0669f", "runs/churn/x", "../x@champion", "a/b@c",
     "churn@", "@champion", "", "churn/12345678"],
)  # fmt: skip
def test_paths_and_runs_are_no_references(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize("text", ["models:/churn", "models:/../x@a", "models:/a/b", "models:/"])
def test_half_a_reference_says_what_is_possible(text: str) -> None:
    with pytest.raises(UsageError, match=r"names no version.*\n  Possible: NAME@ALIAS"):
        parse(text)


@pytest.mark.parametrize(
    "name", ["", "../x", "a/b", ".hidden", "a b", "x" * 101, "a:b", "a\n", "ä"]
)
def test_names_like_paths_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a model"):
        check_name(name)


@pytest.mark.parametrize("alias", ["", "latest", "Latest", "v3", "3", "a.b", "a/b", "a@b", "x y"])
def test_aliases_like_versions_are_refused(alias: str) -> None:
    with pytest.raises(UsageError, match="cannot be an alias"):
        check_alias(alias)


def test_registry_is_the_work_folders_own_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORDAIN_REGISTRY_URI", raising=False)
    place = place_of(tmp_path)
    assert place.database == tmp_path / "mlflow.db"
    assert place.models == tmp_path / "models"
    monkeypatch.setenv("ORDAIN_REGISTRY_URI", f"sqlite:///{tmp_path}/shared/reg.db")
    place = place_of(tmp_path)
    assert place.models == tmp_path / "shared" / "models"
    monkeypatch.setenv("ORDAIN_REGISTRY_URI", "https://ann:secret@mlflow.example/")
    place = place_of(tmp_path)
    assert place.is_server
    assert place.models == tmp_path / "models"
    assert "secret" not in str(place)


@pytest.mark.parametrize("uri", ["ftp://x", "mlflow.example", "sqlite://", "http://", "databricks"])
def test_other_uris_are_refused(uri: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no registry"):
        place_of(tmp_path, uri)
