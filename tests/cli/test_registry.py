"""Exit codes and texts of the commands of the registry."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import ordain
from commands_here import run
from ordain.store import signing
from ordain.store.registry import open_registry


@pytest.fixture(autouse=True)
def own_work_folder(registry_home: Path) -> Path:
    return registry_home


@pytest.mark.slow
def test_from_run_to_champion_and_back(registry_template: Path) -> None:
    data = str(registry_template / "churn.csv")
    done = run("register", "good", "--name", "churn", "--note", "first", "--tag", "team=risk")
    assert done.stdout.startswith("registered churn/1\n")
    assert "ordain promote churn 1 --to champion" in done.stdout
    assert done.stderr == ""
    done = run("register", "gated", "--name", "churn")
    assert "not met: `roc_auc`" in done.stderr
    assert "`ordain promote` will refuse this version" in done.stderr
    assert "`champion` of churn is churn/1" in run("promote", "churn", "1").stdout
    refused = run("promote", "churn", "2", "--to", "champion", code=3)
    assert "churn/2 is not promoted to `champion`: 2 of 3 conditions not met" in refused.stderr
    told = json.loads(run("promote", "churn", "2", "--json", code=3).stdout)
    assert told["error"]["type"] == "NotPromotedError"
    assert [one["passed"] for one in told["conditions"]] == [False, True, False]
    forced = run("promote", "churn", "2", "--force")
    assert "NOT MET" in forced.stdout
    assert "no reason is recorded" in forced.stderr
    listed = run("versions", "churn").stdout
    assert "churn/2" in listed
    assert "not met" in listed
    found = json.loads(run("versions", "churn", "--json").stdout)["versions"]
    assert [one["aliases"] for one in found] == [["champion"], []]
    assert [one["passed"] for one in found] == [False, True]
    done = run("rollback", "churn", "--note", "worse", "--json")
    assert json.loads(done.stdout)["version"] == 1
    rows = found[0]["lineage"]["data"]
    assert "churn/1" in run("versions", "--data", rows[:12]).stdout
    of_rows = json.loads(run("versions", "churn", "--data", rows, "--json").stdout)["versions"]
    assert [one["reference"] for one in of_rows] == [one["reference"] for one in found]
    assert "No version was trained on rows" in run("versions", "--data", "0none").stdout
    assert "two questions" in run("versions", "churn", "--audit", "--data", rows, code=2).stderr
    audit = run("versions", "churn", "--audit", COLUMNS="160").stdout
    assert "promote (forced)" in audit
    assert "rollback" in audit
    assert "team=risk" in run("versions", "churn@champion").stdout
    assert "champion 1" in run("versions").stdout
    rows = run("predict", "churn@champion", "-d", data).stdout.splitlines()
    assert len(rows) == 1501


@pytest.mark.slow
def test_mistakes_have_texts_and_no_traceback() -> None:
    assert "Nothing is registered" in run("versions").stdout
    assert "nothing is registered at" in run("rollback", "churn", code=2).stderr
    assert "--tag KEY=VALUE" in run("register", "good", "--tag", "risk", code=2).stderr
    assert "--audit is of one model" in run("versions", "--audit", code=2).stderr
    done = run("predict", "churn@champion", "-d", "x.csv", "--json", code=2)
    assert json.loads(done.stdout)["error"]["type"] == "UsageError"
    done = run("versions", "--registry", "http://127.0.0.1:9", code=1)
    assert "cannot be reached: Connection refused" in done.stderr


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An MLflow server of these tests' own, with the artifacts of its clients."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("server")
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
               "--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/server.db",
               "--artifacts-destination", str(folder / "artifacts")]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={
                **os.environ,
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            },
        )
    uri = f"http://127.0.0.1:{port}"
    try:
        _wait_for(uri, process, folder / "log")
        yield uri
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for(uri: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 240
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        try:
            with urllib.request.urlopen(f"{uri}/health", timeout=2) as answer:
                assert answer.status == 200
                return
        except OSError:
            time.sleep(0.3)
    raise AssertionError(log.read_text(encoding="utf-8"))


@pytest.mark.service
@pytest.mark.slow
def test_mlflow_server_holds_versions_for_all(
    server: str, tmp_path: Path, registry_template: Path
) -> None:
    made = json.loads(
        run("register", "good", "--name", "churn", "--json", ORDAIN_REGISTRY_URI=server).stdout
    )
    assert made["reference"] == "churn/1"
    ordain.register("weak", "churn", registry=server)
    ordain.promote("churn", 1, registry=server)
    with pytest.raises(ordain.GateError, match="worse"):
        ordain.promote("churn", 2, registry=server)
    ordain.promote("churn", 2, force=True, note="trial", registry=server)
    assert "`champion` of churn is churn/1" in run("rollback", "churn", "--registry", server).stdout
    assert open_registry().models() == []

    code = (
        "import sys, ordain, polars as pl\n"
        "from pathlib import Path\n"
        "from ordain.store.registry import open_registry, resolve\n"
        "model = ordain.load('models:/churn@champion')\n"
        "print(model.predict(pl.read_csv(sys.argv[1])).height)\n"
        "found = resolve('churn@champion')\n"
        "done = [line.action for line in open_registry().audit('churn')]\n"
        "print(found.version, found.lineage.run, done)\n"
        "Path(found.bundle / 'config.yaml').write_text('x')\n"
        "try: ordain.load('churn/1')\n"
        "except ordain.BundleError as error: print(error.message.splitlines()[0])\n"
    )
    elsewhere = {"ORDAIN_HOME": str(tmp_path / "elsewhere"), "ORDAIN_REGISTRY_URI": server}
    done = subprocess.run(
        [sys.executable, "-c", code, str(registry_template / "churn.csv")],
        capture_output=True, text=True, check=False, env={**os.environ, **elsewhere},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows, told, refused = done.stdout.splitlines()
    assert rows == "1500"
    assert told == (
        f"1 {made['lineage']['run']} ['register', 'register', 'promote', 'promote', 'rollback']"
    )
    assert "`config.yaml` differs" in refused
    assert (tmp_path / "elsewhere" / "models" / "churn").is_dir()
    with pytest.raises(ordain.UsageError, match="churn has no version 7"):
        ordain.load("churn/7", home=tmp_path / "elsewhere", registry=server)
    assert (
        run("versions", "churn/2", "--remove", "--registry", server).stdout == "removed churn/2\n"
    )
    assert ordain.versions("churn", registry=server)["version"].to_list() == [1]
    audit = open_registry(uri=server).audit("churn")
    assert [line.action for line in audit if line.version == 2][-1] == "remove"


@pytest.mark.service
@pytest.mark.slow
def test_signatures_go_through_an_mlflow_server(server: str, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    signers, elsewhere = tmp_path / "signers", tmp_path / "elsewhere"
    signers.write_text(f"{signing.public_text(key)} ann\n")
    ordain.register("good", "signed", registry=server)
    with pytest.raises(ordain.BundleError, match="it is not signed"):
        ordain.load("signed/1", home=elsewhere, registry=server, signers=signers)
    (tmp_path / "key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    )
    call = ("sign", "signed/1", "--key", str(tmp_path / "key"))
    refused = run(*call, code=2, ORDAIN_REGISTRY_URI=server).stderr
    assert "is a copy of a bundle of the registry" in refused
    assert "Fix: sign the run's bundle, then `ordain register` it" in refused
    run("sign", "good", "--key", str(tmp_path / "key"))
    ordain.register("good", "signed", registry=server)
    ordain.load("signed/2", home=elsewhere, registry=server, signers=signers)
    ordain.load("signed/2", home=tmp_path / "fresh", registry=server, signers=signers)
