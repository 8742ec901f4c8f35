"""Frames and configs that tests of several rooms use."""

from __future__ import annotations

import copy
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import settings

# `commands_here` may be imported by name.
sys.path.insert(0, str(Path(__file__).parent))
# The same examples at each run; HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


# What a training notes of the code around it must not hang on what a developer is changing here,
# and must not take the time of two calls of git.
os.environ["GIT_DIR"] = os.devnull
# Whether bytes outlive a power cut is nothing these tests could see; a flush takes milliseconds,
# and a training makes dozens. Processes that tests start flush as ever.
os.fsync = lambda _: None


_LONG = ("test_examples.py", "serving", "store", "cli", "pipeline", "models", "features")
"""Rooms whose files take longest: they come first, so that the workers end together."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        room = item.path.relative_to(here).parts[0]
        return _LONG.index(room) if room in _LONG else len(_LONG)

    items.sort(key=rank)


def churn(n_rows: int = 400, seed: int = 0) -> pl.DataFrame:
    """Return made rows in which short tenure and monthly contracts lead to churn."""
    random = np.random.default_rng(seed)
    tenure = random.integers(0, 72, n_rows)
    contract = random.choice(["month", "year", "two years"], n_rows, p=[0.5, 0.3, 0.2])
    charges = np.round(random.normal(60, 20, n_rows), 2)
    odds = 1.5 - 0.06 * tenure + (contract == "month") * 1.5 + (charges - 60) / 40
    left = random.random(n_rows) < 1 / (1 + np.exp(-odds))
    return pl.DataFrame(
        {
            "tenure": tenure,
            "contract": contract,
            "charges": pl.Series(charges).set(pl.Series(random.random(n_rows) < 0.05), None),
            "churn": pl.Series(np.where(left, "Yes", "No")),
        }
    )


@pytest.fixture
def frame() -> pl.DataFrame:
    return churn()


@pytest.fixture(scope="session")
def large() -> pl.DataFrame:
    return churn(4000)


@pytest.fixture(scope="session")
def churn_config() -> dict[str, Any]:
    """A config that nobody changes; `config` is a copy of it."""
    return {
        "name": "churn",
        "input_features": {"tenure": "number", "contract": "category", "charges": "number"},
        "output_features": {"churn": "binary"},
        "model_type": "gbm",
        "trainer": {"num_boost_round": 20},
        "evaluation": {"baselines": False},
    }


@pytest.fixture
def config(churn_config: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy(churn_config)


@pytest.fixture
def work_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A work folder of the test's own, which commands and functions use by default."""
    monkeypatch.setenv("ORDAIN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def registry_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder with three runs and an empty registry, made once: its tables take seconds.

    The runs are named `good`, `gated` (as weak, and its gate is not met) and `weak`.
    """
    import ordain
    from ordain.store.registry.place import place_of
    from ordain.store.registry.service import Service

    folder = tmp_path_factory.mktemp("registry")
    churn(1500).write_csv(folder / "churn.csv")
    gates = [{"metric": "roc_auc", "at_least": 0.7}, {"metric": "latency_ms", "at_most": 1000}]
    inputs = {"tenure": "number", "contract": "category", "charges": "number"}
    for name, kept, churn_config in (
        ("good", inputs, gates),
        ("gated", {"charges": "number"}, gates),
        ("weak", {"charges": "number"}, []),
    ):
        config = {
            "name": name,
            "data": {"source": str(folder / "churn.csv")},
            "input_features": kept,
            "output_features": {"churn": "binary"},
            "model_type": "gbm",
            "trainer": {"num_boost_round": 20},
            "evaluation": {"baselines": False, "gates": churn_config},
        }
        ordain.train(config, home=folder / "home")
    Service(place_of(folder / "home")).read_names()
    return folder


@pytest.fixture
def registry_home(registry_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of `registry_template`'s work folder, which commands and functions use by default."""
    home = tmp_path / "home"
    shutil.copytree(registry_template / "home", home)
    monkeypatch.setenv("ORDAIN_HOME", str(home))
    monkeypatch.setenv("ORDAIN_USER", "ann")
    monkeypatch.delenv("ORDAIN_REGISTRY_URI", raising=False)
    return home


_INSTALLED = (
    sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if Path("/usr/lib/postgresql").is_dir()
    else []
)
BINARIES = _INSTALLED[-1] if _INSTALLED else Path(shutil.which("initdb") or "/nowhere").parent


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The url of a real PostgreSQL on the loopback, ended by its process id; its password has a
    colon and a space."""
    if not (BINARIES / "initdb").is_file():
        pytest.skip("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="ordain-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    password = folder / "password"
    password.write_text("pa:ss w0rd")
    password.chmod(0o644)
    made = _as_server(
        [str(BINARIES / "initdb"), "-D", str(folder / "data"), "-U", "ordain",
         "-A", "scram-sha-256",
         f"--pwfile={password}", "--no-sync", "-E", "UTF8", "--locale=C"], cwd=folder,
    )  # fmt: skip
    output = made.communicate(timeout=120)[0]
    assert made.returncode == 0, output
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = _as_server(
        [str(BINARIES / "postgres"), "-D", str(folder / "data"), "-p", str(port), "-F",
         "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"], cwd=folder,
    )  # fmt: skip
    try:
        yield _answering(f"postgresql://ordain:pa%3Ass%20w0rd@127.0.0.1:{port}/postgres")
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)
        shutil.rmtree(folder)


def _as_server(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a command as the user a server runs under: never root."""
    if os.geteuid() == 0:
        options |= {"user": "postgres", "group": "postgres", "extra_groups": []}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)


def _answering(url: str) -> str:
    """Return the url once the server answers."""
    import psycopg

    for _ in range(100):
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            break
    return url
