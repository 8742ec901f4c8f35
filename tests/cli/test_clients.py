"""The clients of docs/clients.md, as they stand there, against a server of their own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ordain

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
BASE = "http://127.0.0.1:8000"
READY = re.compile(r"ready on (\S+:\d+)")

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def own_work_folder(registry_home: Path) -> Path:
    return registry_home


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A server of `churn@champion` that keeps what it predicts."""
    ordain.register("good", "churn")
    ordain.promote("churn", 1)
    command = [sys.executable, "-m", "ordain.cli.main", "serve", "churn@champion", "--port", "0",
               "--log", str(tmp_path / "predictions")]  # fmt: skip
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


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    assert BASE in found[1]
    return found[1]


def test_every_client_of_the_page_gets_its_answer(server: str, tmp_path: Path) -> None:
    commands = {
        "sh": ["sh", "-c"],
        "python": [sys.executable, "-c"],
        "javascript": ["node", "--input-type=module", "--eval"],
    }
    for language, command in commands.items():
        if shutil.which(command[0]) is None or (language == "sh" and not shutil.which("curl")):
            continue
        code = block(language).replace(BASE, server)
        done = subprocess.run(
            [*command, code], capture_output=True, text=True, check=False, env={**os.environ}
        )
        assert done.returncode == 0, f"{language}: {done.stdout}{done.stderr}"
        assert "Yes" in done.stdout, language
