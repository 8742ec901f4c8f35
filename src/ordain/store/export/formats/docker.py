"""Docker: a folder that any engine builds into an image which serves the model.

    ordain export RUN --format docker --output churn
    docker build -t churn churn
    docker run -p 8000:8000 -v "$PWD/keys.json:/app/keys.json:ro" churn

It holds a Dockerfile, a Kubernetes manifest, the pinned packages, the source of Ordain and the
bundle. A neural model is answered by ONNX Runtime; PyTorch is among the packages only where a
network cannot be turned into a graph, which a note says.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import Field

from ordain.core.errors import OrdainError, StoreError
from ordain.core.files import write_text
from ordain.store.bundle import GRAPH
from ordain.store.export import kubernetes
from ordain.store.export.format import EXPORTS, ExportFormat, Written
from ordain.store.export.halves import write_graph
from ordain.store.export.running import CHECKSUM
from ordain.store.export.vendored import (
    FORBIDDEN,
    copy_tree,
    last_words,
    needed_modules,
    pinned,
    version_of,
)
from ordain.store.model import Model

_SERVER = (
    "starlette", "uvicorn", "uvloop", "httptools", "msgspec", "prometheus-client", "typer", "rich",
    "psutil", "narwhals", "cryptography",
)  # fmt: skip
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - inside of a container, and with keys
_PACKAGE = Path(__file__).resolve().parents[3]
_ANSWER = """
import sys
import polars as pl
from ordain.store.loading import load
load("bundle").predict(pl.read_parquet(sys.argv[1])).write_parquet(sys.argv[2])
"""


@EXPORTS.register
class DockerFormat(ExportFormat):
    """A folder with a Dockerfile, pinned packages, the source and the bundle."""

    type: Literal["docker"] = "docker"
    base: str = Field(default="python:3.11-slim", pattern=r"^[\w./:@-]+$")
    """Image to begin with; its Python must be 3.11 or newer."""
    port: int = Field(default=8000, ge=1, le=65_535)
    """Port the server listens on inside."""

    def write(self, model: Model, path: Path) -> Written:
        """Write the folder."""
        assert model.path is not None, "an export begins with a bundle"
        path.mkdir()
        copy_tree(model.path, path / "bundle")
        notes = _write_graph(model, path)
        n_bytes = sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
        copy_tree(_PACKAGE, path / "ordain")
        requirements = _requirements(model, path)
        write_text(path / "requirements.txt", "\n".join(requirements) + "\n")
        _write_metadata(path)
        command = self._command(model)
        write_text(path / "Dockerfile", self._dockerfile(model, path, command))
        write_text(path / ".dockerignore", "**/__pycache__\nREADME.md\nkubernetes.yaml\n")
        told = kubernetes.manifest(
            model.document.name, port=self.port, n_bytes=n_bytes, command=command
        )
        write_text(path / "kubernetes.yaml", told)
        name = kubernetes.dns_name(model.document.name)
        write_text(path / "README.md", _README.format(name=name, port=self.port))
        return Written(notes, {"requirements": requirements})

    def answers(self, model: Model, path: Path, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the predictions by the source and the bundle in the folder."""
        del model
        return answer_inside(path, rows)

    def _command(self, model: Model) -> list[str]:
        command = ["python", "-m", "ordain.cli.main", "serve", f"{_plain(model)}=bundle"]
        return [*command, "--host", _EVERYWHERE, "--port", str(self.port)]

    def _dockerfile(self, model: Model, path: Path, command: list[str]) -> str:
        library = _LIBRARY if model.document.model_type.type == "gbm" else ""
        address = f"http://127.0.0.1:{self.port}/livez"
        return _DOCKERFILE.format(
            base=self.base,
            version=importlib.metadata.version("ordain"),
            library=library,
            port=self.port,
            graph=f"COPY {GRAPH} {CHECKSUM} ./\n" if (path / GRAPH).exists() else "",
            user=kubernetes.user(),
            command=json.dumps([*command, "--keys", "keys.json"]),
            health=f"import urllib.request as r; r.urlopen('{address}')",
        )


def answer_inside(
    folder: Path, rows: pl.DataFrame, *, python: str | Path = sys.executable
) -> pl.DataFrame:
    """Return the predictions by a docker folder's own source, by a Python of one's choice.

    Raises:
        StoreError: it does not run; the message has its last line.
    """
    with tempfile.TemporaryDirectory() as scratch:
        given, found = Path(scratch) / "rows.parquet", Path(scratch) / "found.parquet"
        rows.write_parquet(given)
        done = subprocess.run(  # noqa: S603 - this module's own words
            [str(python), "-c", _ANSWER, str(given), str(found)],
            capture_output=True, text=True, check=False, cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder.resolve()), "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        if done.returncode != 0:
            raise StoreError(f"the folder's own source does not run: {last_words(done.stderr)}")
        return pl.read_parquet(found)


def _plain(model: Model) -> str:
    """Return the name of a model as an address may hold it."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", model.document.name).strip("-.") or "model"


def _write_metadata(path: Path) -> None:
    """Write what says which version of Ordain the source is, as an installed one has it."""
    version = importlib.metadata.version("ordain")
    folder = path / f"ordain-{version}.dist-info"
    text = f"Metadata-Version: 2.1\nName: ordain\nVersion: {version}\n"
    folder.mkdir()
    write_text(folder / "METADATA", text)


def _requirements(model: Model, path: Path) -> list[str]:
    family = model.document.model_type.type
    more = {"gbm": ["lightgbm"], "knn": ["scipy"]}.get(family, [])
    is_graph = (path / GRAPH).exists()
    kept_out = {"torch", "transformers", "sklearn"} if is_graph else set()
    modules = needed_modules(path, allowed=set(FORBIDDEN) - kept_out)
    found = set(pinned(modules, more=more))
    found |= {f"{name}=={version_of(name)}" for name in _SERVER if _is_installed(name)}
    if model.document.data.columns or model.document.data.where:
        found.add(f"duckdb=={version_of('duckdb')}")
    for module, name in (("torch", "torch"), ("transformers", "transformers"),
                         ("sklearn", "scikit-learn")):  # fmt: skip
        if module in modules:
            found.add(f"{name}=={version_of(name)}")
    return sorted(found)


def _write_graph(model: Model, path: Path) -> tuple[str, ...]:
    """Write the graph of a network; return why there is none, where it has none."""
    if model.document.model_type.type != "neural":
        return ()
    try:
        write_graph(model, path)
    except OrdainError as error:
        return (f"PyTorch is in the image: {error.message.splitlines()[0]}",)
    return ()


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


_LIBRARY = """
# LightGBM's library is threaded by OpenMP.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 \\
    && rm -rf /var/lib/apt/lists/*
"""

_DOCKERFILE = """FROM {base}
{library}
ENV PYTHONUNBUFFERED=1 PYTHONPATH=/app OMP_NUM_THREADS=1 ORDAIN_HOME=/app/home
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY ordain ordain
COPY ordain-{version}.dist-info ordain-{version}.dist-info
COPY bundle bundle
{graph}RUN python -m compileall -q ordain \\
    && useradd --uid {user} ordain && mkdir home && chown ordain home
USER {user}
EXPOSE {port}
HEALTHCHECK CMD ["python", "-c", "{health}"]
CMD {command}
"""

_README = """# {name}

```
docker build -t {name} .
docker run -p {port}:{port} -v "$PWD/keys.json:/app/keys.json:ro" {name}
```

In a cluster: `kubernetes.yaml`, whose head says what comes before.

Any engine that reads a Dockerfile builds it. The server listens to other machines, so that it asks
for keys: `keys.json` holds their hashes.

```json
{{"keys": [{{"caller": "shop", "sha256": "..."}}]}}
```
"""
