from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ordain.cli.main import app
from ordain.config.deployment import Auth
from ordain.core.errors import UsageError
from ordain.serving.access import Access
from ordain.serving.keys import add_key, audit_of, remove_keys, rotate_key, told_keys
from ordain.serving.refusal import Refusal


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_a_key_that_was_made_is_let_in_and_not_kept(file: Path) -> None:
    key = add_key(file, "shop", models=["churn"], verbs=["predict"])
    caller = Access(Auth(keys_file=str(file))).caller({b"x-api-key": key.encode()})
    assert caller.name == "shop"
    assert caller.may("predict", "churn")
    assert not caller.may("predict", "other")
    assert not caller.may("read", "churn")
    assert key not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


def test_a_key_that_was_removed_is_let_in_no_more(file: Path) -> None:
    key = add_key(file, "shop")
    add_key(file, "boss")
    access = Access(Auth(keys_file=str(file)))
    assert remove_keys(file, "shop") == 1
    access._next_look = 0.0
    with pytest.raises(Refusal, match="valid API key"):
        access.caller({b"x-api-key": key.encode()})
    assert [one["caller"] for one in told_keys(file)] == ["boss"]
    with pytest.raises(UsageError, match="Did you mean 'boss'"):
        remove_keys(file, "bos")


def test_a_role_is_a_bundle_of_verbs_and_a_pattern_a_group_of_models(file: Path) -> None:
    key = add_key(file, "shop", models=["churn*", "prices"], role="user")
    caller = Access(Auth(keys_file=str(file))).caller({b"x-api-key": key.encode()})
    for model, may in (("churn", True), ("churn-b2b", True), ("prices", True), ("loans", False)):
        assert caller.may("predict", model) is may
    assert caller.may("feedback", None)
    assert not caller.may("metrics", None)
    viewer = add_key(file, "board", role="viewer")
    caller = Access(Auth(keys_file=str(file))).caller({b"x-api-key": viewer.encode()})
    assert caller.may("metrics", None)
    assert not caller.may("predict", "churn")
    operator = add_key(file, "boss", role="operator")
    assert Access(Auth(keys_file=str(file))).caller({b"x-api-key": operator.encode()}).verbs is None


def test_a_key_is_rotated_with_its_scope_and_the_old_one_ends(file: Path) -> None:
    old = add_key(file, "shop", models=["churn"], role="user")
    new = rotate_key(file, "shop", days=2)
    access = Access(Auth(keys_file=str(file)))
    scopes = [access.caller({b"x-api-key": key.encode()}) for key in (old, new)]
    assert scopes[0] == scopes[1]
    expires = [one["expires"] for one in told_keys(file)]
    assert expires[0] is not None
    assert expires[1] is None
    last = rotate_key(file, "shop", days=0)
    access = Access(Auth(keys_file=str(file)))
    assert access.caller({b"x-api-key": last.encode()}) == scopes[0]
    for key in (old, new):
        with pytest.raises(Refusal, match="valid API key"):
            access.caller({b"x-api-key": key.encode()})
    with pytest.raises(UsageError, match="Did you mean 'shop'"):
        rotate_key(file, "shp")


def test_every_change_of_keys_is_a_line_that_tells_no_key(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDAIN_USER", "ann")
    keys = [add_key(file, "shop"), rotate_key(file, "shop")]
    remove_keys(file, "shop")
    text = audit_of(file).read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["action"] for line in lines] == ["new", "rotate", "remove", "remove"]
    assert {line["by"] for line in lines} == {"ann"}
    assert {line["caller"] for line in lines} == {"shop"}
    assert not any(key in text for key in keys)
    assert not any(one["hash"] * 2 in text for one in lines)


def test_a_rate_that_changes_in_the_file_counts(file: Path) -> None:
    key = add_key(file, "shop", requests_per_second=1)
    access = Access(Auth(keys_file=str(file)))
    caller = access.caller({b"x-api-key": key.encode()})
    access.count(caller)
    with pytest.raises(Refusal, match="1 requests a second"):
        access.count(caller)
    file.write_text(
        file.read_text().replace('"requests_per_second": 1.0', '"requests_per_second": 9')
    )
    access._next_look = 0.0
    access.count(access.caller({b"x-api-key": key.encode()}))


@pytest.mark.parametrize(
    "options",
    [
        {"role": "king"},
        {"role": "user", "verbs": ["read"]},
        {"verbs": ["fly"]},
        {"expires": "soon"},
        {"requests_per_second": -1.0},
    ],
)
def test_what_a_key_cannot_be_is_told(file: Path, options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="cannot be made"):
        add_key(file, "shop", **options)  # type: ignore[arg-type]
    assert not file.exists()


def test_the_commands_make_list_and_remove(file: Path) -> None:
    def run(*words: str) -> str:
        found = CliRunner().invoke(app, ["keys", *words, "--file", str(file)])
        assert found.exit_code == 0, found.output
        return found.output

    key = json.loads(run("new", "shop", "--expires", "2099-01-01", "--rate", "5", "--json"))["key"]
    assert key.startswith("ok_")
    (listed,) = json.loads(run("list", "--json"))["keys"]
    assert (listed["caller"], listed["expires"]) == ("shop", "2099-01-01")
    assert "shop" in run("list")
    assert run("remove", listed["hash"]) == "removed 1 key\n"
