"""A server as a process, rolled out and back while it is asked."""

from __future__ import annotations

import json
import signal
import threading
import time
from pathlib import Path

import polars as pl
import pytest

from commands_here import run

pytestmark = pytest.mark.slow

ROW = {"tenure": 3, "contract": "month", "charges": 70.5}


@pytest.fixture
def command(tmp_path):
    """Return what runs a command in the test's own work folder and gives its JSON."""

    def call(*arguments):
        variables = {"ORDAIN_HOME": str(tmp_path / "home"), "ORDAIN_USER": "ann"}
        return json.loads(run(*map(str, arguments), "--json", **variables).stdout)

    return call


def written(folder: Path, champion: Path, **model) -> Path:
    path = folder / "deployment.yaml"
    models = [{"name": "churn", "champion": str(champion), **model}]
    deployment = {"models": models, "log": {"redact": ["phone"]}}
    path.write_text(json.dumps({"name": "production", "deployment": deployment}))
    return path


def ask(client, number: int):
    row = {**ROW, "tenure": number % 70, "customer_id": f"c{number}"}
    answer = client.post("/v1/models/churn/predict", json={"row": row})
    assert answer.status_code == 200, answer.text
    return answer.json()


def eventually(check, seconds=15.0):
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.1)


def test_from_canary_to_rollback_while_requests_come(start, bundles, tmp_path, command):
    canary = {"version": str(bundles["other"]), "share": 0.5, "sticky_by": "customer_id"}
    path = written(tmp_path, bundles["churn"], canary=canary)
    failures: list[str] = []
    ended = threading.Event()
    with start(path) as server, server.client() as client:
        labels = {row["arm"]: row["version"] for row in command("status")["versions"]}
        first = [ask(client, number) for number in range(100)]
        found = {answer["version"] for answer in first}
        assert found == {labels["champion"], labels["canary"]}
        assert [ask(client, n)["version"] for n in range(100)] == [a["version"] for a in first]

        def load():
            with server.client() as other:
                number = 0
                while not ended.is_set():
                    try:
                        ask(other, number)
                    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                        failures.append(repr(error))
                    number += 1

        thread = threading.Thread(target=load)
        thread.start()
        try:
            command("deploy", "--halt", "churn", "--note", "wrong prices")
            eventually(lambda: [one["generation"] for one in command("status")["workers"]] == [2])
            assert {ask(client, n)["version"] for n in range(50)} == {labels["champion"]}
            command("deploy", written(tmp_path, bundles["other"]))
            eventually(lambda: ask(client, 1)["version"] == labels["canary"])
            command("deploy", "--rollback")
            eventually(lambda: ask(client, 1)["version"] == labels["champion"])
        finally:
            ended.set()
            thread.join()
    assert failures == []
    actions = [line["action"] for line in command("deploy", "--audit")["audit"]]
    assert actions == ["deploy", "halt", "deploy", "rollback"]
    told = command("status")
    assert sum(row["requests"] for row in told["versions"]) > 200
    assert told["log"]["dropped"] == 0


def test_what_a_killed_server_has_flushed_is_exported_with_its_outcomes(
    start, bundles, tmp_path, command
):
    path = written(tmp_path, bundles["churn"], shadow=[str(bundles["other"])])
    with start(path) as server, server.client() as client:
        ids = [ask(client, number)["prediction_id"] for number in range(60)]
        for number, prediction_id in enumerate(ids[:40]):
            values = {"churn": ["Yes", "No"][number % 2]}
            body = {"prediction_id": prediction_id, "values": values}
            assert client.post("/v1/feedback", json=body).status_code == 200
        late = {"prediction_id": ids[0], "values": {"churn": "No"}}
        client.post("/v1/feedback", json=late)
        eventually(lambda: command("status")["log"].get("flushed", 0) >= 161)
        server.stop(signal.SIGKILL)
    table = tmp_path / "table.parquet"
    told = command("log", "export", "--model", "churn", "--since", "1h", "--output", table)
    assert (told["rows"], told["predictions"], told["replaced"]) == (40, 60, 1)
    frame = pl.read_parquet(table)
    assert frame.columns == ["tenure", "contract", "charges", "churn"]
    assert frame["churn"][0] == "No"
    quality = command("log", "quality")["quality"]
    assert {one["arm"]: one["with_outcome"] for one in quality} == {"champion": 40, "shadow": 40}


def test_a_canary_that_turns_out_wrong_is_halted_by_a_server_that_runs(
    start, bundles, tmp_path, command
):
    canary = {"version": str(bundles["other"]), "share": 0.5}
    path = written(tmp_path, bundles["churn"], canary=canary)
    with start(path) as server, server.client() as client:
        labels = {row["arm"]: row["version"] for row in command("status")["versions"]}
        for number in range(600):
            answer = ask(client, number)
            said = answer["outputs"]["churn"]["prediction"]
            other = {"Yes": "No", "No": "Yes"}[said]
            truth = other if answer["version"] == labels["canary"] else said
            body = {"prediction_id": answer["prediction_id"], "values": {"churn": truth}}
            assert client.post("/v1/feedback", json=body).status_code == 200
        eventually(lambda: command("status")["canaries"]["churn"]["state"] == "halted", 60)
        eventually(lambda: ask(client, 1)["version"] == labels["champion"])
        assert {ask(client, n)["version"] for n in range(50)} == {labels["champion"]}
    told = command("status")["canaries"]["churn"]
    assert told["test"] == "brier"
    assert command("deploy", "--audit")["audit"][-1]["by"] == "ordain"


def test_a_deployment_is_served_by_its_name_with_all_that_came_after(
    start, bundles, tmp_path, command
):
    command("deploy", written(tmp_path, bundles["churn"]))
    command("deploy", written(tmp_path, bundles["other"]))
    with start("production") as server, server.client() as client:
        labels = {row["arm"]: row["version"] for row in command("status")["versions"]}
        assert ask(client, 1)["version"] == labels["champion"]
    assert command("status")["generation"] == 2
