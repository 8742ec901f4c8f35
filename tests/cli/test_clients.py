"""The clients of docs/clients.md, as they stand there, against a server of their own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import ordain
from ordain.serving.keys import add_key

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
BASE = "http://127.0.0.1:8000"
READY = re.compile(r"ready on (\S+:\d+)")
COMMANDS = {
    "sh": ["sh", "-c"],
    "python": [sys.executable, "-c"],
    "javascript": ["node", "--input-type=module", "--eval"],
}

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def own_work_folder(registry_home: Path) -> Path:
    return registry_home


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """A key of each client, which may make one request a second, and two without that bound."""
    file = tmp_path / "keys.json"
    slow = {name: add_key(file, name, requests_per_second=1.0) for name in COMMANDS}
    return {**slow, **{name: add_key(file, name) for name in ("boss", "shop")}}


@pytest.fixture
def server(tmp_path: Path, keys: dict[str, str]) -> Iterator[str]:
    """A server of `churn@champion` that asks for keys, and keeps what it predicts."""
    ordain.register("good", "churn")
    ordain.promote("churn", 1)
    command = [sys.executable, "-m", "ordain.cli.main", "serve", "churn@champion", "--port", "0"]
    command += ["--log", str(tmp_path / "predictions"), "--keys", str(tmp_path / "keys.json")]
    process = subprocess.Popen(command, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        told = []
        for line in process.stdout:
            told.append(line)
            if ready := READY.search(line):
                break
        else:
            raise AssertionError("".join(told))
        yield f"http://{ready[1]}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def block(language: str, holding: str = BASE) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    [found] = [code for code in blocks if holding in code]
    return found


def metrics(server: str, key: str) -> str:
    request = urllib.request.Request(f"{server}/metrics", headers={"X-API-Key": key})
    with urllib.request.urlopen(request) as answer:
        return str(answer.read().decode())


def test_every_client_of_the_page_gets_its_answer_though_it_is_told_to_wait(
    server: str, keys: dict[str, str]
) -> None:
    for language, command in COMMANDS.items():
        if shutil.which(command[0]) is None or (language == "sh" and not shutil.which("curl")):
            continue
        code = block(language).replace(BASE, server)
        done = subprocess.run(
            [*command, code],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "ORDAIN_API_KEY": keys[language]},
        )
        assert done.returncode == 0, f"{language}: {done.stdout}{done.stderr}"
        assert "Yes" in done.stdout, language
        assert "recorded" in done.stdout, language
        waited = rf'requests_total{{caller="{language}".*status="429"}} [1-9]'
        assert re.search(waited, metrics(server, keys["boss"])), language


def test_a_client_of_the_page_says_what_is_refused(server: str, keys: dict[str, str]) -> None:
    for language in ("python", "javascript"):
        command = COMMANDS[language]
        if shutil.which(command[0]) is None:
            continue
        code = block(language).replace(BASE, server).replace("70.5", '"dear"')
        done = subprocess.run(
            [*command, code],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "ORDAIN_API_KEY": keys["shop"]},
        )
        assert done.returncode == 1, language
        assert "422: the input is not what the model was trained on: 1 fault" in done.stderr
        assert "`charges` is the text 'dear'" in done.stderr, language


def test_a_model_in_the_own_process_needs_no_training_library_and_no_server() -> None:
    ordain.register("good", "churn")
    ordain.promote("churn", 1)
    without = "torch", "sklearn", "scipy", "pandas", "mlflow", "starlette", "uvicorn"
    code = f"import sys; sys.modules.update(dict.fromkeys({without}))\n"
    code += block("python", "ordain.load") + "\nassert 'lightgbm' not in sys.modules\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Yes 0."), done.stdout
    assert "shape: (2, " in done.stdout
