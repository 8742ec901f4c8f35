"""Applying, going back, halting, and what is kept of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ordain.core.errors import BundleError, UsageError
from ordain.serving.rollout.actions import deploy, halt, plan, resume, roll_back
from ordain.serving.rollout.folder import DeploymentFolder, find_folder
from ordain.store.bundle import CHECKSUMS


def told(changes) -> list[str]:
    return [str(change) for change in changes]


def test_plan_changes_nothing_and_deploy_does_what_it_said(home, declare):
    planned = plan(declare(canary="two"), home=home)
    assert not (home / "deployments").exists()
    done = deploy(declare(canary="two"), home=home, why="first")
    assert told(done.changes) == told(planned.changes)
    assert any("churn.canary.share: 0.5" in line for line in told(done.changes))
    assert find_folder(home).read().generation == 1


def test_the_same_deployment_again_changes_nothing(home, declare):
    deploy(declare(), home=home)
    assert deploy(declare(), home=home).changes == ()
    assert find_folder(home).read().generation == 1
    assert len(find_folder(home).audit()) == 1


def test_a_bundle_that_was_exchanged_is_a_change(home, declare, tmp_path):
    deploy(declare(), home=home)
    (tmp_path / "one" / "bundle" / CHECKSUMS).write_text("other")
    (change,) = deploy(declare(), home=home).changes
    assert change.path == "churn.champion"
    assert change.kind == "changed"


def test_every_change_is_a_line_with_who_when_what_and_why(home, declare):
    before = time.time()
    deploy(declare(), home=home, why="launch")
    deploy(declare(limits={"queue": 7}), home=home)
    first, second = find_folder(home).audit()
    assert (first["by"], first["why"], first["action"]) == ("ann", "launch", "deploy")
    assert before - 1 <= first["at"] <= time.time()
    assert second["changes"] == ["~ limits.queue: 512 -> 7"]
    assert second["is_done"]


def test_one_command_goes_back_and_the_next_one_further(home, declare):
    for champion in ("one", "two", "three"):
        deploy(declare(champion), home=home)
    folder = find_folder(home)
    digests = [folder.generation(n).models["churn"].champion.digest for n in (1, 2, 3)]
    roll_back(folder)
    assert folder.read().models["churn"].champion.digest == digests[1]
    roll_back(folder, why="worse still")
    assert folder.read().models["churn"].champion.digest == digests[0]
    assert folder.read().generation == 5
    with pytest.raises(UsageError, match="no earlier generation"):
        roll_back(folder)
    roll_back(folder, to=3)
    assert folder.read().models["churn"].champion.digest == digests[2]


def test_going_back_to_what_is_not_there_is_refused(home, declare):
    deploy(declare(), home=home)
    with pytest.raises(UsageError, match="no generation 9"):
        roll_back(find_folder(home), to=9)
    with pytest.raises(UsageError, match="never deployed"):
        roll_back(DeploymentFolder(home, "other"))


def test_a_halted_canary_stays_out_until_it_is_resumed_or_another_is_tried(home, declare):
    deploy(declare(canary="two"), home=home)
    folder = find_folder(home)
    halt(folder, "churn", test="by hand", reason="wrong prices")
    assert halt(folder, "churn", test="by hand", reason="again") is None
    deploy(declare(canary="two", limits={"queue": 9}), home=home)
    assert folder.read().models["churn"].halted.reason == "wrong prices"
    deploy(declare(canary="three"), home=home)
    assert folder.read().models["churn"].halted is None
    halt(folder, "churn", test="by hand", reason="too")
    before = folder.read().models["churn"].trial
    resume(folder, "churn")
    assert folder.read().models["churn"].halted is None
    assert folder.read().models["churn"].trial != before


def test_a_halt_is_for_the_trial_that_was_judged(home, declare):
    deploy(declare(canary="two"), home=home)
    folder = find_folder(home)
    old = folder.read().models["churn"].trial
    deploy(declare(canary="three"), home=home)
    assert halt(folder, "churn", test="errors", reason="late", trial=old) is None
    assert folder.read().models["churn"].halted is None


def test_a_model_without_a_canary_cannot_be_halted(home, declare):
    deploy(declare(), home=home)
    with pytest.raises(UsageError, match="'churn' has no canary"):
        halt(find_folder(home), "churn", test="by hand", reason="x")


def test_versions_that_are_not_there_are_told_all_at_once(home, declare):
    config = declare(canary="nowhere", shadow=["nothing"])
    with pytest.raises(UsageError, match="nowhere"):
        deploy(config, home=home)
    assert not (home / "deployments" / "production" / "state.json").exists()


def test_a_folder_that_is_no_bundle_is_refused(home, declare, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleError, match="is not a bundle"):
        deploy(declare("empty"), home=home)


def test_no_secret_is_stored(home, declare, monkeypatch):
    monkeypatch.setenv("ORDAIN_API_KEYS", "hunter2")
    done = deploy(declare(auth={"api_keys": "${ORDAIN_API_KEYS}"}), home=home)
    texts = [path.read_text() for path in (home / "deployments").rglob("*") if path.is_file()]
    assert texts
    assert not any("hunter2" in text for text in texts)
    assert "hunter2" not in " ".join(told(done.changes))
    applied = find_folder(home).read()
    assert applied.deployment().auth.keys == ("hunter2",)
    monkeypatch.delenv("ORDAIN_API_KEYS")
    assert applied.logging().sample == 1.0
    assert list(applied.models_declared()) == ["churn"]


def test_the_registry_is_kept_for_the_server_unless_it_holds_a_password(home, declare):
    deploy(declare(), home=home, uri="http://127.0.0.1:5000")
    assert find_folder(home).read().registry == "http://127.0.0.1:5000"
    with pytest.raises(UsageError, match="holds a password") as caught:
        deploy(declare("two"), home=home, uri="https://ann:hunter2@host")
    assert "hunter2" not in str(caught.value)


def test_a_name_that_is_no_folder_is_refused(home, declare):
    from ordain.config import Config

    config = Config.load({"name": "../up", "deployment": {"models": {"churn": "x"}}})
    with pytest.raises(UsageError, match="cannot be the name of a deployment"):
        deploy(config, home=home)


def test_several_deployments_must_be_named(home, declare):
    from dataclasses import replace

    deploy(declare(), home=home)
    config = declare()
    document = config.document.model_copy(update={"name": "staging"})
    deploy(replace(config, document=document), home=home)
    with pytest.raises(UsageError, match="there are several deployments: production, staging"):
        find_folder(home)
    with pytest.raises(UsageError, match="Did you mean 'staging'"):
        find_folder(home, "stagin")


def test_a_line_that_a_killed_process_tore_swallows_no_other(home, declare):
    deploy(declare(), home=home)
    folder = find_folder(home)
    with (folder.path / "audit.jsonl").open("a") as file:
        file.write('{"at": 1, "action": "depl')
    deploy(declare("two"), home=home)
    assert [line["generation"] for line in folder.audit()] == [1, 2]


def test_a_line_whose_change_never_came_says_so(home, declare):
    deploy(declare(), home=home)
    folder = find_folder(home)
    line = {**folder.audit()[0], "generation": 2, "at": 5.0}
    with (folder.path / "audit.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    assert [line["is_done"] for line in folder.audit()] == [True, False]


_SWITCHER = """
import itertools, sys
from pathlib import Path
from ordain.config import Config
from ordain.serving.rollout.actions import deploy
home, one, two = map(Path, sys.argv[1:])
print("ready", flush=True)
for place in itertools.cycle([one, two]):
    models = {"churn": str(place)}
    deploy(Config.load({"name": "production", "deployment": {"models": models}}), home=home)
"""


@pytest.mark.slow
def test_a_process_killed_while_it_deploys_leaves_one_generation_or_the_next(home, tmp_path):
    for _ in range(3):
        command = [
            sys.executable,
            "-c",
            _SWITCHER,
            str(home),
            *(str(tmp_path / n) for n in ("one", "two")),
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as process:
            process.stdout.readline()
            time.sleep(0.4)
            process.send_signal(signal.SIGKILL)
        folder = DeploymentFolder(home, "production")
        current = folder.read()
        done = [line["generation"] for line in folder.audit() if line["is_done"]]
        assert current.generation in {max(done), max(done) - 1}
        assert folder.generation(current.generation) == current
    assert Path(folder.path / "state.json").exists()
