"""What `deploy`, `status` and `log` print, and how they end."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from commands_here import printed
from ordain.cli.log import moment
from ordain.core.errors import OrdainError, UsageError
from ordain.serving.contracts import Entry, Outcome
from ordain.serving.log.place import Sink
from ordain.serving.log.writer import LogWriter
from ordain.store.bundle import CHECKSUMS

pytestmark = pytest.mark.slow


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ORDAIN_USER", "ann")
    for name in ("one", "two"):
        (tmp_path / name / "bundle").mkdir(parents=True)
        (tmp_path / name / "bundle" / CHECKSUMS).write_text(name)
    path = tmp_path / "deployment.yaml"
    path.write_text(
        "name: production\n"
        "deployment:\n"
        "  models:\n"
        "    churn:\n"
        f"      champion: {tmp_path / 'one'}\n"
        f"      canary: {{version: {tmp_path / 'two'}, share: 0.05}}\n"
    )
    return path


def test_plan_says_what_deploy_then_does(document):
    planned = printed("deploy", "--plan", document)
    assert "+ churn.canary.share: 0.05" in planned
    assert "limits" not in planned
    assert f"3 changes; apply with: ordain deploy {document}" in planned
    done = printed("deploy", document, "--note", "launch")
    assert "'production' is deployed: generation 1" in done
    assert "is deployed as declared: generation 1" in printed("deploy", document)
    assert json.loads(printed("deploy", document, "--json"))["applied"] is False


def test_status_shows_shares_and_what_the_tests_say(document):
    printed("deploy", document)
    told = printed("status")
    assert "production  generation 1, since" in told
    assert "95%" in told
    assert "errors: canary 0 in 0 requests, champion 0 in 0 requests" in told
    assert "no server runs it; start one with: ordain serve production" in told


def test_halt_resume_and_audit(document):
    printed("deploy", document)
    assert "the canary of 'churn' is halted\n" in printed(
        "deploy", "--halt", "churn", "--note", "bad"
    )
    assert "halted already" in printed("deploy", "--halt", "churn")
    assert "(by hand)\n  bad" in printed("status")
    assert "stays so; ordain deploy --resume churn" in printed("deploy", document)
    assert "is running" in printed("deploy", "--resume", "churn")
    lines = json.loads(printed("deploy", "--audit", "--json"))["audit"]
    assert [line["action"] for line in lines] == ["deploy", "halt", "resume"]
    assert "halted" in printed("deploy", "--audit")


def test_rollback_says_what_it_leaves_alone(document):
    printed("deploy", document)
    keys = f"  auth: {{keys_file: {document.parent / 'keys.json'}}}\n"
    text = document.read_text().replace(str(document.parent / "one"), str(document.parent / "two"))
    document.write_text(text + keys)
    printed("deploy", document)
    assert "`auth` stays as it is" in printed("deploy", "--rollback")
    lines = json.loads(printed("deploy", "--audit", "--json"))["audit"]
    assert "`auth` stays as it is" in lines[-1]["changes"]
    assert "keys.json" not in "".join(lines[-1]["changes"])


def test_rollback_says_where_it_is(document):
    printed("deploy", document)
    printed("deploy", document, "-o", "deployment.limits.queue=9")
    told = printed("deploy", "--rollback")
    assert "~ limits.queue: 9 -> 512" in told
    assert "'production' is back at generation 1, as generation 3" in told
    assert "serves generation 1 already" in printed("deploy", "--rollback", "--to", "1")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["deploy"], "no document is given"),
        (["deploy", "--rollback", "--audit"], "--rollback and --audit exclude each other"),
        (["deploy", "--plan", "--rollback"], "exclude each other"),
        (["deploy", "x.yaml", "--to", "3"], "--to goes with --rollback"),
        (["status"], "nothing is deployed in"),
        (["deploy", "--rollback"], "nothing is deployed in"),
        (["log", "export", "--model", "a", "--output", "t.xls"], "must end with one of .parquet"),
        (["log", "quality", "--since", "yesterday"], "'yesterday' is not a time"),
        (["log", "export", "--model", "a", "--output", "t.csv"], "has no prediction of 'a'"),
    ],
)
def test_what_cannot_be_done_is_told_with_its_remedy(arguments, said):
    if arguments[:2] == ["log", "quality"]:
        arguments = [*arguments, "--model", "a"]
    with pytest.raises(OrdainError, match=said):
        printed(*arguments)


def test_a_config_without_a_deployment_cannot_be_deployed(tmp_path):
    path = tmp_path / "churn.yaml"
    path.write_text("input_features: all\noutput_features: {churn: binary}\n")
    with pytest.raises(UsageError, match="declares no deployment"):
        printed("deploy", path)


@pytest.mark.parametrize("name", ["table.parquet", "table.csv", "table.jsonl"])
def test_the_log_of_a_folder_is_exported(tmp_path, name):
    writer = LogWriter(Sink(tmp_path / "log"))
    now = time.time()
    writer.put(
        Entry(
            "p1", "r1", "churn", "1", "champion", now, 0.001, "answered", "ann",
            {"tenure": 3}, {"churn_prediction": "Yes"},
        )
    )  # fmt: skip
    writer.put(Outcome("p1", {"churn": "No"}, now, "ann"))
    writer.close()
    told = printed(
        "log", "export", "--model", "churn", "--output", tmp_path / name, "--sink", tmp_path / "log"
    )
    assert "1 rows; 1 of 1 predictions have an outcome" in told
    assert (tmp_path / name).stat().st_size > 0
    assert printed("log", "models", "--sink", tmp_path / "log") == "churn\n"
    assert "accuracy" in printed("log", "quality", "--sink", tmp_path / "log")


def test_times_are_dates_or_lengths():
    assert moment(None) is None
    assert moment("7d", now=1_000_000) == 1_000_000 - 7 * 86_400
    assert moment("30m", now=1_000_000) == 1_000_000 - 1_800
    assert moment("2026-11-01T06:00:00+00:00") == 1_793_512_800
