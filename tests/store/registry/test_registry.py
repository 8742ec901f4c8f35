from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import polars as pl
import pytest

import ordain
from ordain.core.errors import BundleError, StoreError, UsageError
from ordain.store.registry import Reference, open_registry, resolve
from ordain.store.registry.bundles import digest_of
from ordain.store.runs import Runs


def test_version_knows_where_it_comes_from(registry_home: Path) -> None:
    made = ordain.register("good", "churn", note="first", tags={"team": "risk"})
    run = Runs(registry_home).find("good")
    assert (made.name, made.version, made.reference) == ("churn", 1, "churn/1")
    assert made.lineage.run == run.reference
    assert made.lineage.data == run.lock["data"]["fingerprint"]
    assert made.lineage.bundle == digest_of(run.bundle) == digest_of(made.bundle)
    assert made.lineage.family == "gbm"
    assert (made.by, made.note, made.tags) == ("ann", "first", {"team": "risk"})
    recorded = run.metrics["metrics"]["test"]["churn"]["roc_auc"]
    first = made.metrics[0]
    assert (first.output, first.metric, made.set) == ("churn", "roc_auc", "test")
    assert first.value == pytest.approx(recorded)
    assert first.low is not None
    assert first.high is not None
    assert first.low < recorded < first.high
    assert made.gates is not None
    assert [gate.passed for gate in made.gates] == [True, True]
    assert resolve("churn/1") == made
    assert json.loads(json.dumps(made.to_json()))["passed"]


def test_versions_count_up_and_the_name_is_the_configs_by_default(registry_home: Path) -> None:
    assert ordain.register("good").reference == "good/1"
    assert ordain.register("weak", "good").reference == "good/2"
    assert ordain.register("good", "good").reference == "good/3"
    found = ordain.versions("good")
    assert found["version"].to_list() == [3, 2, 1]
    assert found["gates"].to_list() == ["met", "none declared", "met"]
    assert found.filter(pl.col("version") == 2)["value"][0] < found["value"][0]
    assert open_registry().models() == ["good"]
    assert (registry_home / ".gitignore").exists()


def test_every_way_to_name_a_bundle_takes_a_version(registry_home: Path, tmp_path: Path) -> None:
    ordain.register("good", "churn")
    ordain.promote("churn", 1)
    run = Runs(registry_home).find("good")
    shutil.rmtree(run.folder)
    rows = pl.DataFrame({"tenure": [3], "contract": ["month"], "charges": [70.0]})
    answers = [
        ordain.load(text).predict(rows)
        for text in ("churn@champion", "churn/1", "models:/churn@champion", "models:/churn/1")
    ]
    assert all(one.equals(answers[0]) for one in answers)
    data = rows.with_columns(churn=pl.lit("Yes"))
    assert ordain.evaluate("churn@champion", data).rows == 1
    assert ordain.explain("churn/1", data, row=0).rows
    saved = ordain.load("churn@champion").save(tmp_path / "copy")
    assert ordain.register(saved, "copy").lineage.run == ""


def test_version_stands_for_its_run_where_a_run_is_asked_for(
    registry_home: Path, tmp_path: Path
) -> None:
    for name in ("good", "weak"):
        ordain.register(name, "churn")
    ordain.promote("churn", 1)
    found = ordain.compare("churn@champion", "churn@2")
    assert [run.partition("/")[0] for run in found.runs] == ["good", "weak"]
    ordain.register(ordain.load("good").save(tmp_path / "copy"), "copy")
    with pytest.raises(UsageError, match="copy/1 was registered without its run"):
        Runs(registry_home).find("models:/copy/1")


def test_start_of_a_runs_id_is_a_run_where_no_model_has_the_name(registry_home: Path) -> None:
    run = Runs(registry_home).find("good")
    start = f"good/{run.id[:4]}"
    assert ordain.load(start).path == run.bundle
    ordain.register("good", "good")
    with pytest.raises(UsageError, match=f"good has no version {run.id[:4]}"):
        ordain.load(start)
    assert ordain.load(run.reference).path == run.bundle


def test_unknown_names_get_the_nearest(registry_home: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing is registered at .*mlflow\.db"):
        resolve("churn@champion")
    ordain.register("good", "churn")
    ordain.promote("churn", 1)
    with pytest.raises(UsageError, match="no registered model 'chrun'; nearest: 'churn'"):
        resolve("chrun/1")
    with pytest.raises(UsageError, match=r"churn has no version 9\n  Possible: 1"):
        resolve("churn/9")
    with pytest.raises(UsageError, match="is `champoin`; nearest: 'champion'"):
        ordain.load("churn@champoin")
    with pytest.raises(UsageError, match="neither a bundle folder nor a run"):
        ordain.load("../churn@champion")
    with pytest.raises(UsageError, match=r"there is no registered model '\.\./churn'"):
        ordain.versions("../churn")


def test_what_cannot_be_kept_is_refused(registry_home: Path) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a model"):
        ordain.register("good", "../churn")
    for key in ("ordain.run", "mlflow.user"):
        with pytest.raises(UsageError, match=f"the tag `{key}` cannot be given"):
            ordain.register("good", "churn", tags={key: "x"})
    with pytest.raises(UsageError, match="the tag `` cannot be kept"):
        ordain.register("good", "churn", tags={"": "x"})
    with pytest.raises(UsageError, match="there is no run 'gud'"):
        ordain.register("gud", "churn")
    assert open_registry().models() == []


def test_damaged_bundle_is_refused_when_registered_and_when_loaded(registry_home: Path) -> None:
    made = ordain.register("good", "churn")
    _flip(made.bundle / "features.json")
    with pytest.raises(BundleError, match=r"`features\.json` differs"):
        ordain.load("churn/1")
    with pytest.raises(BundleError, match=r"`features\.json` differs"):
        ordain.promote("churn", 1, force=True)
    again = ordain.register("good", "churn")
    assert again.bundle == made.bundle
    assert ordain.load("churn/1").predict_row({"tenure": 3})
    _flip(Runs(registry_home).find("good").bundle / "features.json")
    with pytest.raises(BundleError, match=r"`features\.json` differs"):
        ordain.register("good", "churn")


def test_bundle_that_was_exchanged_for_a_whole_one_is_refused(registry_home: Path) -> None:
    made = ordain.register("good", "churn")
    other = Runs(registry_home).find("weak").bundle
    shutil.rmtree(made.bundle)
    with pytest.raises(BundleError, match="the bundle of churn/1 is gone"):
        ordain.load("churn/1")
    shutil.copytree(other, made.bundle)
    with pytest.raises(BundleError, match="is not the bundle that was registered"):
        ordain.load("churn/1")


def test_versions_of_others_are_left_alone(registry_home: Path) -> None:
    ordain.register("good", "churn")
    with _tables(registry_home) as tables:
        tables.execute("DELETE FROM model_version_tags WHERE key = 'ordain.bundle'")
    assert open_registry().models() == []
    with pytest.raises(UsageError, match="no version of 'churn' was registered by Ordain"):
        ordain.versions("churn")


def test_tags_that_were_changed_by_hand_are_told(registry_home: Path) -> None:
    ordain.register("good", "churn")
    with _tables(registry_home) as tables:
        tables.execute("UPDATE model_version_tags SET value = '[' WHERE key = 'ordain.gates'")
    with pytest.raises(StoreError, match=r"the tags `ordain\.\*` of churn/1 were changed"):
        ordain.versions("churn")
    with _tables(registry_home) as tables:
        tables.execute("UPDATE model_version_tags SET value = '[]' WHERE key = 'ordain.gates'")
        tables.execute("UPDATE model_version_tags SET value = '../..' WHERE key = 'ordain.bundle'")
    with pytest.raises(BundleError, match=r"'\.\./\.\.' is no digest of a bundle"):
        ordain.load("churn/1")


def test_long_judgements_span_several_tags(registry_home: Path) -> None:
    registry = open_registry()
    made = ordain.register("good", "churn")
    gates = [made.gates[0].model_copy(update={"reason": "é" * 3_000})] * 4  # type: ignore[index]
    again = registry.register("churn", made.bundle, lineage=made.lineage, gates=gates)
    assert again.gates == tuple(gates)


def test_tables_that_are_not_known_are_read_by_mlflow(registry_home: Path) -> None:
    made = ordain.register("good", "churn")
    registry = open_registry()
    service = registry._service
    assert service.read_model("nothing") is None
    by_mlflow, quickly = service.read_model("churn"), registry._catalogue.model("churn")
    assert by_mlflow == quickly
    assert service.read_names() == ["churn"]
    assert registry.find(Reference("churn", version=1)) == made


def test_database_of_another_mlflow_is_read_and_not_written(registry_home: Path) -> None:
    ordain.register("good", "churn")
    with _tables(registry_home) as tables:
        tables.execute("UPDATE alembic_version SET version_num = '0123456789ab'")
    copy = registry_home.with_name("copy")
    shutil.copytree(registry_home, copy)
    assert resolve("churn/1", home=copy).version == 1
    with pytest.raises(StoreError, match=r"by another version of MLflow[\s\S]*mlflow db upgrade"):
        ordain.register("good", "churn", home=copy)


def test_writer_that_was_killed_in_the_middle_is_no_hindrance(registry_home: Path) -> None:
    ordain.register("good", "churn")
    done = _python(
        "import os, signal, sqlite3, sys\n"
        f"tables = sqlite3.connect({str(registry_home / 'mlflow.db')!r}, isolation_level=None)\n"
        "tables.execute('PRAGMA cache_size = 1')\n"
        "tables.execute('BEGIN IMMEDIATE')\n"
        "for place in range(200):\n"
        "    tables.execute('INSERT INTO registered_model_tags VALUES (?, ?, ?, ?)',\n"
        "                   (str(place), 'x' * 4000, 'churn', 'default'))\n"
        "tables.execute('DELETE FROM model_versions')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert done.returncode == -9, done.stderr
    assert (registry_home / "mlflow.db-journal").exists()
    assert resolve("churn/1").version == 1
    assert ordain.register("good", "churn").version == 2


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("not a database, and longer than its header is" * 9)
    with pytest.raises(StoreError, match="cannot be read: file is not a database"):
        resolve("churn/1", home=tmp_path)


def test_server_that_is_not_there_is_told_at_once() -> None:
    for uri in ("http://127.0.0.1:9", "http://no-such-host.invalid"):
        with pytest.raises(
            StoreError, match=r"cannot be reached.*\n  Fix: start the MLflow server"
        ):
            resolve("churn@champion", uri=uri)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (404, r"answers with HTTP 404\n  Fix: check that this is the address of an MLflow server"),
        (401, r"refuses: [\s\S]*MLFLOW_TRACKING_USERNAME"),
    ],
)
def test_answers_of_a_server_are_told_without_its_password(status: int, text: str) -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(status)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(StoreError, match=text) as refused:
            resolve("churn@champion", uri=f"http://ann:secret@127.0.0.1:{server.server_port}")
        server.shutdown()
    assert "secret" not in refused.value.message


@pytest.mark.slow
def test_missing_mlflow_names_the_extra(registry_home: Path) -> None:
    code = (
        "import sys; sys.modules['mlflow'] = None\n"
        "import ordain\n"
        "print(ordain.versions('churn').height)\n"
        "print(ordain.load('churn/1'))\n"
        "ordain.register('good', 'churn')\n"
    )
    ordain.register("good", "churn")
    done = _python(code)
    assert done.stdout.split() == ["1", "Model(gbm:", "churn)"]
    assert "pip install 'ordain[registry]'" in done.stderr


@pytest.mark.slow
def test_nobody_is_told_of_anything_and_mlflow_is_not_loaded_to_predict(
    registry_home: Path,
) -> None:
    code = (
        "import sys\n"
        "seen = []\n"
        "sys.addaudithook(lambda event, _: seen.append(event) if event in "
        "('socket.connect', 'socket.getaddrinfo', 'socket.sendto') else None)\n"
        "import ordain\n"
        "ordain.load('churn@champion')\n"
        "print([name for name in ('mlflow', 'pandas') if name in sys.modules])\n"
        "ordain.register('weak', 'churn')\n"
        "ordain.promote('churn', 2, force=True)\n"
        "ordain.rollback('churn')\n"
        "print(seen, 'mlflow' in sys.modules)\n"
    )
    ordain.register("good", "churn")
    ordain.promote("churn", 1)
    done = _python(code)
    assert done.stdout.splitlines() == ["[]", "[] True"], done.stderr
    assert done.stderr == ""


def _python(code: str) -> subprocess.CompletedProcess[str]:
    # MLflow sends nothing where it sees that tests run; this must not be why it is silent.
    hidden = ("PYTEST", "CI", "GITHUB", "MLFLOW", "DO_NOT_TRACK")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )


def _flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(bytes(raw))


@contextlib.contextmanager
def _tables(home: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(home / "mlflow.db")) as tables, tables:
        yield tables
