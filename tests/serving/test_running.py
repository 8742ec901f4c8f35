"""Servers without a deployment are listed while they live."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import ordain
from ordain.cli.main import app
from ordain.serving.running import listed, running


def status(home: Path, *options: str) -> str:
    arguments = ["status", "--home", str(home), *options]
    return CliRunner().invoke(app, arguments, catch_exceptions=False).output


def test_a_server_is_listed_with_what_it_answers_by_until_it_ends(
    application: Callable[..., Any], bundles: dict[str, Path], tmp_path: Path
) -> None:
    state = application({"churn": {}, "price": {"champion": str(bundles["charges"])}}).process
    with listed(tmp_path, "http://127.0.0.1:8000", pid=os.getpid()) as tell:
        state.hosting.tell(tell)
        (server,) = running(tmp_path)
        assert (server.address, server.pid, server.n_workers) == (
            "http://127.0.0.1:8000",
            os.getpid(),
            1,
        )
        assert [model.name for model in server.models] == ["churn", "price"]
        assert server.models[0].bundle == str(bundles["churn"])
    assert running(tmp_path) == []
    assert not any((tmp_path / "servers").iterdir())


def test_workers_of_one_server_are_one_line(
    application: Callable[..., Any], tmp_path: Path
) -> None:
    hosting = application().process.hosting
    with (
        listed(tmp_path, "http://a:1", pid=7) as one,
        listed(tmp_path, "http://a:1", pid=7) as two,
    ):
        hosting.tell(one)
        hosting.tell(two)
        (server,) = running(tmp_path)
    assert (server.n_workers, len(server.models)) == (2, 1)


def test_a_work_folder_that_cannot_be_written_stops_no_server(
    application: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "servers").write_text("in the way")
    with listed(tmp_path, "http://a:1", pid=7) as tell:
        application().process.hosting.tell(tell)
    assert "`ordain status` does not list this server" in caplog.text


@pytest.mark.slow
def test_status_lists_plain_servers_and_forgets_those_that_were_killed(
    start: Callable[..., Any], bundles: dict[str, Path], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    with start(f"churn={bundles['churn']}", "--workers", "2") as server:
        server.wait_for("ready on")
        (told,) = json.loads(status(home, "--json"))["servers"]
        assert (told["address"], told["pid"]) == (server.url, server.process.pid)
        shown = status(home)
        assert "servers without a deployment" in shown
        assert server.url in shown
        assert str(server.process.pid) in shown
    with start(f"churn={bundles['churn']}") as server:
        assert server.url in status(home)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(20)
        with pytest.raises(ordain.UsageError, match="nothing is deployed"):
            status(home)
    assert not any((home / "servers").iterdir())


@pytest.mark.slow
def test_a_server_of_a_registered_alias_tells_the_version_it_has_moved_to(
    start: Callable[..., Any], bundles: dict[str, Path], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    for name in ("churn", "other"):
        ordain.register(bundles[name], "churn", home=home)
    ordain.promote("churn", 1, home=home, force=True)
    with start("churn@champion") as server:
        ordain.promote("churn", 2, home=home, force=True)
        end = time.monotonic() + 20
        while (told := [model.version for model in running(home)[0].models]) != ["2"]:
            assert time.monotonic() < end, (told, server.said)
            time.sleep(0.05)
