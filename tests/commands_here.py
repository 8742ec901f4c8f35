"""The command line called in this process: what it says, and the code it ends with.

A process a command would take most of a second to load what the tests have loaded. That commands
work in a process of their own is tested in `test_commands.py` and `test_deferred.py`.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

from ordain.cli.main import app, main


@dataclass(frozen=True)
class Said:
    """What a command wrote."""

    stdout: str
    stderr: str


def run(*arguments: str, code: int = 0, **variables: str) -> Said:
    """Run a command under variables of the environment; it must end with the exit code."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        for name, value in variables.items():
            patch.setenv(name, value)
        main(list(arguments))
    said = Said(*(_text_of(stream) for stream in (out, err)))
    assert (ended.value.code or 0) == code, said.stdout + said.stderr
    assert "Traceback" not in said.stderr
    return said


def printed(*arguments: object) -> str:
    """Return what a command prints.

    Raises:
        OrdainError: the command ends with it.
    """
    return CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False).output


def _text_of(stream: io.TextIOWrapper) -> str:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode("utf-8")
