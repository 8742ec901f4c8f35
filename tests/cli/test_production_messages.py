"""What the commands of production say where they cannot do what was asked."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import ordain
from commands_here import printed, run
from ordain.core.errors import OrdainError, StoreError, UsageError
from ordain.serving.keys import add_key
from ordain.serving.server import Address
from ordain.store.bundle import CHECKSUMS

pytestmark = pytest.mark.slow


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "one" / "bundle"
    folder.mkdir(parents=True)
    (folder / CHECKSUMS).write_text("one")
    outputs = [{"name": "churn", "type": "binary", "labels": ["No", "Yes"]}]
    (folder / "signature.json").write_text(json.dumps({"outputs": outputs}))
    return folder.parent


def declare(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "deployment.yaml"
    path.write_text(f"name: production\ndeployment:\n  models:\n    churn: {text}\n")
    return path


def test_every_version_that_is_not_there_is_told_with_its_part(tmp_path: Path) -> None:
    text = "{champion: a@champion, canary: {version: b@2, share: 0.1}, shadow: [/nowhere]}"
    with pytest.raises(UsageError) as found:
        printed("deploy", "--plan", declare(tmp_path, text))
    told = found.value.message
    assert told.index("champion of `churn`: ") < told.index("canary of `churn`: ")
    assert "shadow 1 of `churn`: '/nowhere' is neither a bundle folder nor a run" in told


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{chrun: No}", "'chrun' is no output of .*\n  Possible: churn"),
        ("{churn: maybe}", "'maybe' is no answer of `churn`\n  Possible: No, Yes"),
    ],
)
def test_a_fallback_that_the_champion_would_never_answer_is_refused(
    tmp_path: Path, bundle: Path, value: str, said: str
) -> None:
    text = f"{{champion: {bundle}, fallback: {{value: {value}}}}}"
    with pytest.raises(UsageError, match=f"fallback of `churn`: {said}"):
        printed("deploy", "--plan", declare(tmp_path, text))


def test_a_fallback_of_a_label_is_taken(tmp_path: Path, bundle: Path) -> None:
    document = declare(tmp_path, f'{{champion: {bundle}, fallback: {{value: {{churn: "No"}}}}}}')
    assert "+ churn.fallback.value.churn: No" in printed("deploy", "--plan", document)


def test_a_plan_leaves_defaults_of_what_comes_or_goes_out_and_tells_those_that_come_back(
    tmp_path: Path, bundle: Path
) -> None:
    canary = f"canary: {{version: {bundle}, share: 0.1, halt: {{error_ratio: HERE}}}}"
    text = f"{{champion: {bundle}, {canary}}}"
    printed("deploy", declare(tmp_path, f"{{champion: {bundle}}}"))
    told = printed("deploy", declare(tmp_path, text.replace("HERE", "null")))
    assert "latency_ratio" not in told
    assert "canary.share: 0.1" in told
    back = printed("deploy", declare(tmp_path, text.replace("HERE", "1.5")))
    assert "+ churn.canary.halt.error_ratio: 1.5" in back


def test_deploy_says_who_takes_it_up(tmp_path: Path, bundle: Path) -> None:
    document = declare(tmp_path, f"{{champion: {bundle}}}")
    assert f"no server runs; start one with: ordain serve {document}" in printed("deploy", document)


def test_a_generation_that_is_not_there_is_told_with_those_that_are(
    tmp_path: Path, bundle: Path
) -> None:
    printed("deploy", declare(tmp_path, f"{{champion: {bundle}}}"))
    with pytest.raises(UsageError, match="has no generation 7\n  Possible: 1 to 1"):
        printed("deploy", "--rollback", "--to", "7")


def test_a_document_that_is_not_there_is_no_model() -> None:
    with pytest.raises(OrdainError, match=r"none\.yaml: there is no such file"):
        printed("serve", "none.yaml")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["a b"], "'a b' is no caller: it must begin with a letter or digit"),
        (["a", "--verb", "predic"], "'predic' is no verb\n  Possible: predict, .*\n  Fix: --verb"),
        (["a", "--expires", "tomorrow"], "'tomorrow' is no day\n  Fix: --expires 2027-01-31"),
        (["a", "--expires", "2020-01-01"], "it would not be valid, for 2020-01-01 has come"),
    ],
)
def test_what_a_key_cannot_be_is_told_in_words(
    tmp_path: Path, options: list[str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        printed("keys", "new", *options, "--file", tmp_path / "keys.json")


def test_a_keys_file_that_is_not_there_is_told_with_how_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(OrdainError, match=r"there is no keys file .*\n  Fix: make it"):
        printed("keys", "list", "--file", tmp_path / "none.json")


def test_keys_are_listed_with_what_they_allow(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    add_key(file, "shop", verbs=["predict"])
    told = printed("keys", "list", "--file", file)
    assert "all" in told
    assert "never" in told


def test_tls_that_cannot_be_spoken_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for certificate in (empty, tmp_path / "none.pem"):
        address = Address(certificate=str(certificate), key=str(empty))
        with pytest.raises(UsageError, match=r"cannot be spoken: .*\n  Fix: give two PEM"):
            address.check(_any_deployment())


def _any_deployment():
    from ordain.config.deployment import Deployment, ServedModel

    return Deployment(models=(ServedModel(name="a", champion="a"),))


def test_an_address_of_another_machine_is_told_as_such() -> None:
    with pytest.raises(StoreError, match="Fix: --host must be an address of this machine") as found:
        Address(host="192.0.2.1").listen()
    assert isinstance(found.value.__cause__, OSError)
    assert found.value.__cause__.errno == errno.EADDRNOTAVAIL


def test_a_missing_package_of_serving_is_told_with_its_extra(tmp_path: Path) -> None:
    for command in (["serve", "nothing"], ["status"], ["keys", "list"]):
        code = (
            "import sys; sys.modules['msgspec'] = None\n"
            f"from ordain.cli.main import main; main({command})"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "ORDAIN_HOME": str(tmp_path)},
        )
        assert "needs the package `msgspec`, which is not installed" in done.stderr
        assert "pip install 'ordain[serve]'" in done.stderr
        assert "Traceback" not in done.stderr
        assert done.returncode == 2


def test_a_name_of_a_run_and_of_a_registered_model_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ORDAIN_HOME", str(tmp_path / "home"))
    frame = pl.DataFrame({"a": [float(n) for n in range(60)], "y": ["no", "yes", "yes"] * 20})
    frame.write_csv(tmp_path / "rows.csv")
    config = {
        "name": "churn",
        "model_type": "linear",
        "input_features": ["a"],
        "output_features": ["y"],
        "evaluation": {"baselines": False, "checks": False},
    }
    ordain.train(config, frame)
    printed("register", "churn")
    capsys.readouterr()
    rows, output = ("--dataset", str(tmp_path / "rows.csv")), ("--output", str(tmp_path / "p.csv"))
    for arguments in [("predict", "churn", *rows, *output), ("evaluate", "churn", *rows)]:
        said = run(*arguments).stderr
        assert "note: `churn` is taken as the newest run of that name." in said
        assert "churn@champion" in said
    assert "taken as" not in run("evaluate", "churn/1", *rows).stderr
