"""A version that nothing uses can go; what is in use stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import ordain
from ordain.cli.main import app
from ordain.core.errors import UsageError
from ordain.serving.ids import new_id
from ordain.serving.rollout.removing import remove_version
from ordain.serving.running import Listed, ServedVersion, running
from ordain.store.registry import open_registry


def said(*arguments: str) -> str:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False).output


def test_removed_version_is_gone_with_its_bundle_and_stays_in_the_audit(
    registry_home: Path,
) -> None:
    first = ordain.register("good", "churn", note="June data")
    second = ordain.register("weak", "churn")
    assert said("versions", "churn/1", "--remove", "--note", "a year old") == "removed churn/1\n"
    assert not first.bundle.exists()
    assert second.bundle.exists()
    assert ordain.versions("churn")["version"].to_list() == [2]
    with pytest.raises(UsageError, match="churn"):
        ordain.load("churn/1")
    told = [
        (line.action, line.version, line.by, line.why) for line in open_registry().audit("churn")
    ]
    assert told == [
        ("register", 1, "ann", "June data"),
        ("register", 2, "ann", ""),
        ("remove", 1, "ann", "a year old"),
    ]


def test_number_of_a_removed_version_is_not_given_again(registry_home: Path) -> None:
    ordain.register("good", "churn")
    remove_version("churn/1")
    assert [line.action for line in open_registry().audit("churn")] == ["register", "remove"]
    assert ordain.register("good", "churn").version == 2


def test_bundle_that_another_version_has_too_stays(registry_home: Path) -> None:
    first, second = ordain.register("good", "churn"), ordain.register("good", "churn")
    assert first.bundle == second.bundle
    remove_version("churn/1")
    ordain.load("churn/2")


def test_version_that_an_alias_points_at_is_not_removed(registry_home: Path) -> None:
    ordain.register("good", "churn")
    ordain.promote("churn", 1, to="challenger", force=True)
    for reference in ("churn/1", "churn@challenger"):
        with pytest.raises(UsageError, match="churn/1 is not removed: it is `challenger`"):
            remove_version(reference)
    ordain.load("churn/1")


def test_version_that_is_deployed_is_not_removed(registry_home: Path, tmp_path: Path) -> None:
    ordain.register("good", "churn")
    ordain.register("weak", "churn")
    document = tmp_path / "live.yaml"
    models = [{"name": "churn", "champion": "churn/2", "shadow": ["churn/1"]}]
    document.write_text(json.dumps({"name": "live", "deployment": {"models": models}}))
    said("deploy", str(document))
    with pytest.raises(UsageError, match="it is the shadow 1 of the deployment 'live'"):
        remove_version("churn/1")
    with pytest.raises(UsageError, match="it is the champion of the deployment 'live'"):
        remove_version("churn/2")


def test_version_that_a_plain_server_answers_by_is_not_removed(registry_home: Path) -> None:
    import fcntl

    import msgspec

    made = ordain.register("good", "churn")
    folder = registry_home / "servers"
    folder.mkdir()
    path = folder / f"{new_id()}.json"
    models = (ServedVersion("churn", "1", str(made.bundle)),)
    path.write_bytes(msgspec.json.encode(Listed("http://127.0.0.1:8000", 7, 0.0, models)))
    with path.with_suffix(".lock").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match=r"http://127.0.0.1:8000 \(pid 7\) answers by it"):
            remove_version("churn/1")
    assert running(registry_home) == []
    remove_version("churn/1")


@pytest.mark.parametrize(
    "arguments",
    [["churn", "--remove"], ["--remove"], ["churn/1", "--note", "x"],
     ["churn/1", "--remove", "--audit"]],
)  # fmt: skip
def test_removal_is_of_one_version(registry_home: Path, arguments: list[str]) -> None:
    with pytest.raises(UsageError, match="--remove is of one version"):
        said("versions", *arguments)


def test_removal_that_was_broken_off_shows_in_the_audit(registry_home: Path) -> None:
    from ordain.store.registry.audit import line_of, of_removals

    removal = line_of("remove", "churn", version=1)
    lines = [line_of("register", "churn", version=1), removal]
    assert of_removals(lines, [1]) == [removal.model_copy(update={"is_done": False})]
    assert of_removals(lines, [2]) == lines
