from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ordain.cli.main import app
from ordain.config.deployment import Auth
from ordain.core.errors import UsageError
from ordain.serving.access import Access
from ordain.serving.keys import add_key, remove_keys, told_keys
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


@pytest.mark.parametrize(
    "options",
    [{"verbs": ["fly"]}, {"expires": "soon"}, {"requests_per_second": -1.0}],
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
