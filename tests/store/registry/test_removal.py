"""A version that nothing uses can go; what is in use stays."""

from __future__ import annotations

import fcntl
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

import ordain
from ordain.cli.main import app
from ordain.config import Config
from ordain.core.errors import UsageError
from ordain.core.files import lock, try_lock
from ordain.serving.ids import new_id
from ordain.serving.rollout.actions import deploy
from ordain.serving.rollout.removing import remove_version
from ordain.serving.running import Listed, ServedVersion, running
from ordain.store.registry import ModelVersion, open_registry


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


@pytest.fixture
def listed(registry_home: Path) -> Iterator[Callable[..., None]]:
    """Return what lists a plain server that answers by a bundle, until the test takes it away."""
    folder = registry_home / "servers"
    folder.mkdir()
    path = folder / f"{new_id()}.json"
    held: list[Any] = []

    def server(bundle: Path | None) -> None:
        if bundle is None:
            held.pop().close()
            return
        models = (ServedVersion("churn", "1", str(bundle)),)
        path.write_bytes(msgspec.json.encode(Listed("http://127.0.0.1:8000", 7, 0.0, models)))
        held.append(path.with_suffix(".lock").open("ab"))
        fcntl.flock(held[0], fcntl.LOCK_EX)

    yield server
    for file in held:
        file.close()


def test_version_that_a_plain_server_answers_by_is_not_removed(
    registry_home: Path, listed: Callable[..., None]
) -> None:
    listed(ordain.register("good", "churn").bundle)
    with pytest.raises(UsageError, match=r"http://127.0.0.1:8000 \(pid 7\) answers by it"):
        remove_version("churn/1")
    listed(None)
    assert running(registry_home) == []
    remove_version("churn/1")


def test_version_that_is_served_under_another_path_of_its_bundle_is_not_removed(
    registry_home: Path, tmp_path: Path, listed: Callable[..., None]
) -> None:
    bundle = ordain.register("good", "churn").bundle
    beside = tmp_path / "beside"
    beside.symlink_to(registry_home)
    listed(bundle)
    with pytest.raises(UsageError, match="answers by it"):
        remove_version("churn/1", home=str(beside))
    listed(None)
    listed(beside / bundle.relative_to(registry_home))
    with pytest.raises(UsageError, match="answers by it"):
        remove_version("churn/1")
    assert [line.action for line in open_registry().audit("churn")] == ["register"]


def test_version_that_is_deployed_while_its_removal_waits_is_not_removed(
    registry_home: Path,
) -> None:
    ordain.register("good", "churn")
    errors: list[str] = []

    def remove() -> None:
        try:
            remove_version("churn/1")
        except UsageError as error:
            errors.append(error.message)

    waiting = threading.Thread(target=remove)
    with lock(registry_home / "models" / "churn" / ".lock"):
        waiting.start()
        time.sleep(0.5)
        models = {"churn": "churn/1"}
        config = Config.load({"name": "live", "deployment": {"models": models}})
        deploy(config, home=registry_home)
    waiting.join(20)
    assert len(errors) == 1
    assert "it is the champion of the deployment 'live'" in errors[0]
    ordain.load("churn/1")


def test_users_of_a_version_are_looked_for_under_the_lock_and_before_the_audit(
    registry_home: Path,
) -> None:
    ordain.register("good", "churn")
    registry = open_registry()
    is_free: list[bool] = []

    def users(version: ModelVersion) -> Iterator[str]:
        with try_lock(registry_home / "models" / "churn" / ".lock") as free:
            is_free.append(free)
        yield f"{version.reference} is on loan"

    with pytest.raises(UsageError, match="churn/1 is not removed: churn/1 is on loan\n  Fix: "):
        registry.remove("churn", 1, users=users)
    assert is_free == [False]
    assert [line.action for line in registry.audit("churn")] == ["register"]


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
