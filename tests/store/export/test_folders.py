"""Folders that answer by themselves: runtime, docker, mlflow, safetensors."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from exported_rows import Trained, customers, document, largest

import ordain
from ordain.config.deployment import Limits
from ordain.store.export.formats.docker import answer_inside
from ordain.store.export.formats.runtime import run_script
from ordain.store.export.kubernetes import dns_name, manifest

FAMILIES = ["linear", "naive_bayes", "gbm", "baseline", "knn"]
REFUSER = """
import importlib.abc, sys
class Refuser(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "sklearn", "duckdb", "transformers", "pandas",
                                      "pyarrow", "mlflow", "scipy", "typer", "rich", "onnx"}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Refuser())
import runpy
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "family",
    ["linear", *(pytest.param(name, marks=pytest.mark.slow)
                 for name in ("naive_bayes", "gbm", "neural", "knn", "baseline"))],
)  # fmt: skip
def test_runtime_answers_without_any_training_library(
    tmp_path: Path, trained: Trained, rows: pl.DataFrame, family: str
) -> None:
    folder = trained(document(family, "churn", "binary"))
    made = ordain.export(folder, tmp_path / "small", format="runtime")
    rows.write_parquet(tmp_path / "rows.parquet")
    found = tmp_path / "found.csv"
    command = [sys.executable, "-c", REFUSER, str(made.path / "predict.py"),
               str(tmp_path / "rows.parquet"), str(found)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    expected = ordain.load(folder).predict(rows)
    assert largest(expected, pl.read_csv(found)) < 1e-5
    needed = " ".join(made.facts["requirements"])
    assert not any(name in needed for name in ("torch", "scikit-learn", "duckdb", "scipy"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "format_",
    ["safetensors", "runtime", *(pytest.param(name, marks=pytest.mark.slow)
                                 for name in ("docker", "mlflow", "handover"))],
)  # fmt: skip
def test_sets_of_labels_are_compared_too(tmp_path: Path, trained: Trained, format_: str) -> None:
    evaluation = {"baselines": False, "checks": False, "intervals": 0.8}
    folder = trained(document("linear", "size", "category", evaluation=evaluation))
    assert "size_set" in ordain.load(folder).predict(customers(5)).columns
    made = ordain.export(folder, tmp_path / "folder", format=format_)
    assert made.difference.n_rows > 0
    assert made.difference.n_labels == 0


@pytest.mark.slow
def test_runtime_refuses_a_bundle_that_was_changed(
    tmp_path: Path, trained: Trained, rows: pl.DataFrame
) -> None:
    made = ordain.export(
        trained(document("linear", "churn", "binary")), tmp_path / "small", format="runtime"
    )
    with (made.path / "bundle" / "config.yaml").open("a") as file:
        file.write("# changed\n")
    with pytest.raises(ordain.StoreError, match=r"the runtime does not run: .*differs"):
        run_script(made.path, rows)


@pytest.mark.slow
def test_script_of_a_runtime_says_how_it_is_called(tmp_path: Path, trained: Trained) -> None:
    made = ordain.export(
        trained(document("linear", "churn", "binary")), tmp_path / "small", format="runtime"
    )
    done = subprocess.run(
        [sys.executable, str(made.path / "predict.py"), "rows.xls"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "python predict.py ROWS OUTPUT" in done.stderr


@pytest.mark.parametrize("family", [*FAMILIES, pytest.param("neural", marks=pytest.mark.slow)])
def test_arrays_and_json_hold_all_of_a_model(tmp_path: Path, trained: Trained, family: str) -> None:
    from safetensors.numpy import load_file

    folder = trained(document(family, "size", "category"))
    made = ordain.export(folder, tmp_path / "arrays", format="safetensors")
    arrays = load_file(made.path / "weights.safetensors")
    told = json.loads((made.path / "model.json").read_text(encoding="utf-8"))
    assert told["model_type"] == family
    assert {name: list(array.shape) for name, array in arrays.items()} == {
        name: one["shape"] for name, one in told["tensors"].items()
    }
    assert made.difference.largest < 1e-9


def test_trees_as_arrays_are_read_by_the_readme(tmp_path: Path, trained: Trained) -> None:
    from safetensors.numpy import load_file

    folder = trained(document("gbm", "price", "number"))
    made = ordain.export(folder, tmp_path / "arrays", format="safetensors")
    arrays = load_file(made.path / "weights.safetensors")
    model = ordain.load(folder)
    frame = pl.read_parquet(folder / "golden.parquet")
    cells = [
        model.encoded(frame)[name].values for name in sorted(model.encodings) if name != "price"
    ]
    matrix = np.hstack([c.reshape(frame.height, -1) for c in cells])
    assert matrix.shape[1] == told_columns(made.path)
    assert len(arrays["0.node_starts"]) == len(arrays["0.leaf_starts"])


def told_columns(folder: Path) -> int:
    told = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    return int(told["model"]["outputs"][0]["n_columns"])


@pytest.mark.slow
@pytest.mark.parametrize("family", ["linear", "gbm"])
def test_mlflow_serves_the_folder(
    tmp_path: Path, trained: Trained, rows: pl.DataFrame, family: str
) -> None:
    folder = trained(document(family, "churn", "binary"))
    made = ordain.export(folder, tmp_path / "model", format="mlflow")
    assert not [*made.path.rglob("*.pkl"), *made.path.rglob("*.pickle")]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (tmp_path / "log").open("wb")
    server = subprocess.Popen(
        [str(Path(sys.executable).with_name("mlflow")), "models", "serve", "-m", str(made.path),
         "--env-manager", "local", "-p", str(port), "-h", "127.0.0.1"],
        stdout=log, stderr=log, start_new_session=True, cwd=tmp_path,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )  # fmt: skip
    try:
        found = _asked(port, rows.head(5), server)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)
        log.close()
    expected = ordain.load(folder).predict(rows.head(5))
    assert largest(expected, pl.DataFrame(found)) < 1e-9


def _asked(port: int, rows: pl.DataFrame, server: subprocess.Popen[bytes]) -> list[dict]:
    body = json.dumps({"dataframe_records": rows.to_dicts()}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations",
        data=body,
        headers={"content-type": "application/json"},
    )
    for _ in range(600):
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.loads(answer.read())["predictions"]
        except (urllib.error.URLError, ConnectionError):
            assert server.poll() is None, "the server runs"
            time.sleep(0.2)
    raise AssertionError("no answer")


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gbm", "neural"])
def test_steps_of_the_dockerfile_run_in_a_fresh_environment_without_torch(
    tmp_path: Path, trained: Trained, rows: pl.DataFrame, family: str
) -> None:
    folder = trained(document(family, "churn", "binary"))
    made = ordain.export(folder, tmp_path / "image", format="docker")
    steps = (made.path / "Dockerfile").read_text(encoding="utf-8").splitlines()
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    install = next(line for line in steps if line.startswith("RUN pip install"))
    words = install.removeprefix("RUN pip").split()
    subprocess.run([str(python), "-m", "pip", "-q", *words], check=True, cwd=made.path)
    names = subprocess.run(
        [str(python), "-m", "pip", "list"], capture_output=True, text=True, check=True
    ).stdout
    assert "torch" not in names
    found = answer_inside(made.path, rows, python=python)
    assert largest(ordain.load(folder).predict(rows), found) < 1e-6
    command = json.loads(next(line for line in steps if line.startswith("CMD"))[4:])
    told = _served([str(python), *command[1:]], made.path, rows)
    expected = ordain.load(folder).predict(rows)["churn_probability_Yes"]
    assert told == pytest.approx(expected[1], abs=1e-6)


def _served(command: list[str], folder: Path, rows: pl.DataFrame) -> float:
    """Return what the container's command answers on a free port of the loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command[command.index("--host") + 1] = "127.0.0.1"
    command[command.index("--port") + 1] = port
    digest = hashlib.sha256(b"a key that is long enough").hexdigest()
    keys = {"keys": [{"caller": "test", "sha256": digest}]}
    (folder / "keys.json").write_text(json.dumps(keys), encoding="utf-8")
    server = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": str(folder), "ORDAIN_HOME": str(folder / "home")},
    )  # fmt: skip
    try:
        for _ in range(150):
            try:
                url = f"http://127.0.0.1:{port}/livez"
                with urllib.request.urlopen(url, timeout=5) as answer:
                    assert answer.status == 200
                break
            except (urllib.error.URLError, ConnectionError):
                assert server.poll() is None, server.stdout.read().decode()
                time.sleep(0.2)
        name = next(word for word in command if word.endswith("=bundle")).partition("=")[0]
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/models/{name}/predict",
            data=json.dumps({"row": rows.row(1, named=True)}).encode(),
            headers={"x-api-key": "a key that is long enough", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            told = json.loads(answer.read())["outputs"]["churn"]["probabilities"]["Yes"]
        return float(told)
    finally:
        server.terminate()
        server.communicate(timeout=30)


@pytest.mark.slow
def test_docker_folder_names_what_it_needs(tmp_path: Path, trained: Trained) -> None:
    folder = trained(document("linear", "churn", "binary"))
    options = {"base": "python:3.12-slim", "port": "9000"}
    made = ordain.export(folder, tmp_path / "image", format="docker", options=options)
    text = (made.path / "Dockerfile").read_text(encoding="utf-8")
    assert text.startswith("FROM python:3.12-slim\n")
    assert "EXPOSE 9000" in text
    assert "USER 10001" in text
    assert "scores.onnx" not in text
    assert all("==" in line for line in made.facts["requirements"])
    assert not any(line.startswith("torch") for line in made.facts["requirements"])
    assert (made.path / "ordain" / "serving").is_dir()
    assert not list(made.path.rglob("__pycache__"))


@pytest.mark.slow
def test_network_goes_into_an_image_as_a_graph(
    tmp_path: Path, trained: Trained, rows: pl.DataFrame
) -> None:
    folder = trained(document("neural", "churn", "binary"))
    made = ordain.export(folder, tmp_path / "image", format="docker")
    assert not made.notes
    needed = " ".join(made.facts["requirements"])
    assert "onnxruntime==" in needed
    assert not any(name in needed for name in ("torch", "transformers", "scikit-learn"))
    text = (made.path / "Dockerfile").read_text(encoding="utf-8")
    assert "COPY scores.onnx scores.onnx.sha256 ./\nRUN" in text
    model = ordain.load(made.path / "bundle")
    assert type(model.fitted).__name__ == "GraphModel"
    assert largest(ordain.load(folder).predict(rows), model.predict(rows)) < 1e-6


@pytest.mark.slow
def test_a_network_that_has_no_graph_goes_into_an_image_with_pytorch(
    tmp_path: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ordain.core.errors import UsageError
    from ordain.store.export.graph import model as graphs

    def refuses(_: object) -> None:
        raise UsageError("PyTorch cannot turn this network into an ONNX graph")

    monkeypatch.setattr(graphs, "scores_graph", refuses)
    folder = trained(document("neural", "churn", "binary"))
    made = ordain.export(folder, tmp_path / "image", format="docker")
    assert made.notes == (
        "PyTorch is in the image: PyTorch cannot turn this network into an ONNX graph",
    )
    assert any(line.startswith("torch==") for line in made.facts["requirements"])
    assert "scores.onnx" not in (made.path / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.slow
def test_graph_of_another_bundle_is_refused(tmp_path: Path, trained: Trained) -> None:
    one = ordain.export(
        trained(document("neural", "churn", "binary")), tmp_path / "one", format="runtime"
    )
    other = ordain.export(
        trained(document("neural", "price", "number")), tmp_path / "other", format="runtime"
    )
    for name in ("scores.onnx", "scores.onnx.sha256"):
        (one.path / name).write_bytes((other.path / name).read_bytes())
    with pytest.raises(ordain.BundleError, match="was made of another bundle; it is refused"):
        ordain.load(one.path / "bundle")


@pytest.mark.slow
def test_graph_of_which_one_byte_differs_is_refused(tmp_path: Path, trained: Trained) -> None:
    made = ordain.export(
        trained(document("neural", "churn", "binary")), tmp_path / "one", format="runtime"
    )
    graph = made.path / "scores.onnx"
    content = bytearray(graph.read_bytes())
    # The last bytes are weights: the graph can be read, and golden rows may not tell.
    content[-5] ^= 1
    whole = graph.read_bytes()
    graph.write_bytes(content)
    with pytest.raises(ordain.BundleError, match=r"scores\.onnx differs from what was written"):
        ordain.load(made.path / "bundle")
    graph.write_bytes(whole)
    assert subprocess.run(["sha256sum", "--check", "scores.onnx.sha256"], cwd=made.path, check=True)
    (made.path / "scores.onnx.sha256").unlink()
    with pytest.raises(ordain.BundleError, match=r"`scores\.onnx\.sha256` is missing beside it"):
        ordain.load(made.path / "bundle")


@pytest.mark.slow
def test_manifest_of_a_cluster_fits_its_schema(tmp_path: Path, trained: Trained) -> None:
    schemas = pytest.importorskip("kubernetes_validate")
    folder = trained(document("linear", "churn", "binary"))
    made = ordain.export(folder, tmp_path / "image", format="docker", options={"port": "9000"})
    parts = list(yaml.safe_load_all((made.path / "kubernetes.yaml").read_text(encoding="utf-8")))
    assert [part["kind"] for part in parts] == ["Deployment", "Service"]
    for part in parts:
        schemas.validate(part, schemas.latest_version(), strict=True)
    deployment, service = parts
    assert deployment["metadata"]["name"] == "linear-churn", "as a cluster allows it"
    pod = deployment["spec"]["template"]["spec"]
    (server,) = pod["containers"]
    assert server["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    assert server["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
    assert server["securityContext"]["readOnlyRootFilesystem"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["terminationGracePeriodSeconds"] > Limits().drain_seconds
    assert server["resources"]["limits"]["memory"] == "518Mi"
    assert server["command"][-2:] == ["--keys", "/keys/keys.json"]
    assert service["spec"]["selector"].items() <= (
        deployment["spec"]["template"]["metadata"]["labels"].items()
    )


def test_limits_of_a_container_follow_from_the_size_of_the_bundle() -> None:
    told = manifest("big", port=8000, n_bytes=500 << 20, command=["serve"])
    deployment, _ = yaml.safe_load_all(told)
    resources = deployment["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert resources["requests"]["memory"] == "1756Mi"
    assert resources["limits"] == {"memory": "3512Mi"}


@pytest.mark.parametrize(
    ("name", "found"),
    [("Kündigung 2026", "k-ndigung-2026"), ("2026", "model-2026"), ("a" * 80, "a" * 57),
     ("ü", "model")],
)  # fmt: skip
def test_name_in_a_cluster_is_a_label_of_dns(name: str, found: str) -> None:
    assert dns_name(name) == found


@pytest.mark.slow
@pytest.mark.parametrize("family", ["linear", pytest.param("gbm", marks=pytest.mark.slow)])
def test_one_file_answers_by_itself(
    tmp_path: Path, trained: Trained, rows: pl.DataFrame, family: str
) -> None:
    folder = trained(document(family, "churn", "binary"))
    made = ordain.export(folder, tmp_path / "churn.pyz", format="runtime")
    assert [path.name for path in tmp_path.iterdir()] == ["churn.pyz"]
    assert any("it needs: pip install " in note for note in made.notes)
    rows.write_parquet(tmp_path / "rows.parquet")
    command = [sys.executable, "-c", REFUSER, str(made.path), "rows.parquet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    expected = ordain.load(folder).predict(rows)
    assert largest(expected, pl.read_csv(done.stdout.encode())) < 1e-9


@pytest.mark.slow
def test_one_file_says_which_packages_it_lacks(
    tmp_path: Path, trained: Trained, rows: pl.DataFrame
) -> None:
    made = ordain.export(
        trained(document("linear", "churn", "binary")), tmp_path / "churn.pyz", format="runtime"
    )
    command = [
        sys.executable,
        "-c",
        REFUSER.replace('"torch"', '"polars"'),
        str(made.path),
        "a.csv",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert "polars\n  Fix: pip install numpy==" in done.stderr
