from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ordain.cli.main import app
from ordain.core.errors import StoreError, UsageError
from ordain.serving.bench import Target, bench
from ordain.serving.keys import add_key

pytestmark = pytest.mark.slow


def test_a_running_server_is_measured(
    start: Callable[..., Any], bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with start(bundles["churn"]) as server:
        one, four = bench(server.url, "churn", clients=[1, 4], seconds=0.3)
        assert (one.n_clients, four.n_clients) == (1, 4)
        assert one.n_failed == four.n_failed == 0
        assert 0 < one.p50 <= one.p90 <= one.p99 <= one.worst
        command = ["bench-serve", server.url, "churn", "--clients", "2", "--seconds", "0.2"]
        shown = CliRunner().invoke(app, command)
        assert "requests/s" in shown.output
        told = json.loads(CliRunner().invoke(app, [*command, "--json"]).output)
        assert told["lines"][0]["n_clients"] == 2
        with pytest.raises(UsageError, match="no model 'churns'\n  Possible: churn"):
            bench(server.url, "churns", clients=[1], seconds=0.1)
        with pytest.raises(UsageError, match="answers 422"):
            bench(server.url, "churn", clients=[1], seconds=0.1, row={"tenure": "x"})
    with pytest.raises(StoreError, match="does not answer"):
        bench(server.url, "churn", clients=[1], seconds=0.1)


def test_a_url_must_be_one() -> None:
    with pytest.raises(UsageError, match="is no URL"):
        Target.of("localhost:8000", "churn")
    with pytest.raises(UsageError, match="numbers from 1"):
        CliRunner().invoke(
            app, ["bench-serve", "http://a", "b", "--clients", "0"], catch_exceptions=False
        )


def test_a_key_that_is_asked_for_is_told_with_its_variable(
    start: Callable[..., Any], bundles: dict[str, Path], tmp_path: Path
) -> None:
    key = add_key(tmp_path / "keys.json", "bench", verbs=["predict"])
    with start(bundles["churn"], "--keys", tmp_path / "keys.json") as server:
        with pytest.raises(UsageError, match=r"answers 401\n.*\n  Fix: export ORDAIN_API_KEY=KEY"):
            bench(server.url, "churn", clients=[1], seconds=0.1)
        with pytest.raises(UsageError, match=r"answers 403\n.*\n  Fix: a key that may `predict`"):
            bench(server.url, "churn", clients=[1], seconds=0.1, key=key)
        with pytest.raises(UsageError, match=r"answers 422\n.*\n  `contract` is missing"):
            bench(server.url, "churn", clients=[1], seconds=0.1, key=key, row={"tenure": 3})
