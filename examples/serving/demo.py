"""Run every command of README.md, in its order, in a folder of its own.

Run: python examples/serving/demo.py [FOLDER]
The server listens on a free port of this machine and is stopped at the end, whatever happens.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
FILES = ["churn.yaml", "deployment.yaml", "canary.yaml", "customers.py"]
PORT = "8000"
DRAIN_SECONDS = 30.0


def commands(page: Path) -> list[str]:
    """Return the commands of a page: what stands behind `$ ` in its `console` blocks.

    A command goes on in the next line after a backslash, or while a quote is open.
    """
    found: list[str] = []
    for block in re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        is_open = False
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(line.removeprefix("$ "))
            elif is_open:
                found[-1] += f"\n{line}"
            else:
                continue
            is_open = found[-1].endswith("\\") or found[-1].count("'") % 2 == 1
    return found


def free_port() -> str:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def script(page: Path, port: str) -> str:
    """Return the commands as one script that shows each before it runs."""
    lines = ["set -euo pipefail"]
    for command in commands(page):
        moved = command.replace(PORT, port)
        lines += [f"cat <<'SHOWN'\n\n$ {moved}\nSHOWN", moved]
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def server_stopped(folder: Path) -> Iterator[None]:
    """Stop the server that the commands started, if they have not."""
    try:
        yield
    finally:
        end = time.monotonic() + DRAIN_SECONDS
        pid = int((folder / "serve.pid").read_text()) if (folder / "serve.pid").exists() else None
        while pid is not None and time.monotonic() < end:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                break
            time.sleep(0.5)


def main() -> int:
    """Run the commands; return the exit code of the first that fails."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="ordain-serving-"))
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copy(HERE / name, folder)
    programs = Path(sys.executable).parent
    environment = {
        **os.environ,
        "ORDAIN_HOME": str(folder / ".ordain"),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    with server_stopped(folder):
        done = subprocess.run(  # noqa: S603 - the commands of the page beside this file
            ["bash", "-c", script(HERE / "README.md", free_port())],  # noqa: S607
            cwd=folder,
            env=environment,
            check=False,
        )
    print(f"\nwhat the commands made is in {folder}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
