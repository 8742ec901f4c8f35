"""The server with the router and the log of a deployment: who answers whom, and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from ordain.cli.main import app
from ordain.config import Config
from ordain.serving.log.rows import batch_frame
from ordain.serving.rollout.actions import deploy
from ordain.serving.rollout.router import open_router
from ordain.serving.server import Address, Process, Serving

ROW = {"tenure": 3, "contract": "month", "charges": 70.5}
CSV = {"content-type": "text/csv"}


@pytest.fixture
def asked(
    application: Callable[..., Any], bundles: dict[str, Path], kept: Any, tmp_path: Path
) -> Any:
    """An application whose canary has half of the customers, with a shadow."""
    document = tmp_path / "live.yaml"
    document.write_text(
        "name: live\ndeployment:\n  models:\n"
        f"    - name: churn\n      champion: {bundles['churn']}\n"
        f"      canary: {{version: {bundles['other']}, share: 0.5, sticky_by: customer}}\n"
        f"      shadow: [{bundles['other']}]\n"
    )
    deploy(Config.load(document), home=tmp_path / "home")
    router = open_router(tmp_path / "home", "live")
    found = application()
    found.process = Process(
        Serving(
            router=router,
            deployment=router.deployment,
            address=Address(),
            log=kept,
            feedback=kept,
        )
    )
    return found


def test_a_customer_gets_the_same_version_every_time(asked: Any) -> None:
    def version(customer: int) -> str:
        answer = asked.predict(row={**ROW, "customer": customer}).raise_for_status().json()
        assert "flags" not in answer
        return str(answer["version"])

    first = [version(customer) for customer in range(12)]
    assert len(set(first)) == 2
    assert [version(customer) for customer in range(12)] == first


def test_rows_of_a_batch_are_answered_by_the_versions_of_their_customers(asked: Any) -> None:
    rows = [{**ROW, "tenure": customer, "customer": customer} for customer in range(12)]
    alone = [asked.predict(row=row).json() for row in rows]
    together = asked.predict(rows=rows).json()["predictions"]
    assert [one["version"] for one in together] == [one["version"] for one in alone]
    for one, row in zip(together, alone, strict=True):
        found = one["outputs"]["churn"]["probability"]
        assert found == pytest.approx(row["outputs"]["churn"]["probability"])
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    by_columns = asked.predict(columns=columns).json()
    assert by_columns["version"] == [one["version"] for one in alone]
    found = by_columns["outputs"]["churn"]["probability"]
    assert found == pytest.approx([one["outputs"]["churn"]["probability"] for one in alone])
    csv = asked.post(
        "/v1/models/churn/predict", content=pl.DataFrame(rows).write_csv(), headers=CSV
    )
    assert pl.read_csv(csv.content, infer_schema=False)["version"].to_list() == [
        one["version"] for one in alone
    ]


def test_each_row_of_a_divided_batch_is_logged_under_its_own_id(asked: Any, kept: Any) -> None:
    rows = [{**ROW, "tenure": number, "customer": number} for number in range(12)]
    told = asked.predict(rows=rows).raise_for_status().json()["predictions"]
    assert len({one["version"] for one in told}) == 2
    logged = {
        row["prediction_id"]: (row["version"], row["input.tenure"])
        for entry in kept.entries
        for row in batch_frame(entry, frozenset()).to_dicts()
    }
    assert logged == {one["prediction_id"]: (one["version"], at) for at, one in enumerate(told)}


def test_what_was_unusual_about_a_row_of_a_batch_is_logged_with_it(
    application: Callable[..., Any], kept: Any
) -> None:
    asked = application({"churn": {"checks": "impute"}})
    rows = [ROW, {**ROW, "contract": "weekly", "tenure": 80}, {**ROW, "tenure": None}]
    answer = asked.predict(rows=rows).raise_for_status().json()
    assert {flag["code"] for flag in answer["flags"]} == {"category", "edge", "missing"}
    logged = batch_frame(kept.entries[-1], frozenset())["flags"].to_list()
    assert logged[0] == []
    assert set(logged[1]) == {"category:contract:imputed", "edge:tenure"}
    assert logged[2] == ["missing:tenure"]


def test_a_shadow_is_logged_and_never_answered(asked: Any, kept: Any) -> None:
    customer = next(
        customer
        for customer in range(50)
        if asked.process.hosting.state.router.choose("churn", str(customer)).arm == "champion"
    )
    kept.entries.clear()
    answer = asked.predict(row={**ROW, "customer": customer}, lingers=True).json()
    arms = {entry.arm: entry for entry in kept.entries}
    assert arms["champion"].version == answer["version"]
    assert arms["shadow"].version != answer["version"]
    assert arms["shadow"].prediction_id == answer["prediction_id"]


@pytest.mark.slow
def test_a_registered_version_is_served_and_followed(
    start: Callable[..., Any], registry_home: Path
) -> None:
    def run(*words: str) -> None:
        found = CliRunner().invoke(app, list(words))
        assert found.exit_code == 0, found.output

    run("register", "good", "--name", "churn")
    run("register", "weak", "--name", "churn")
    run("promote", "churn", "1", "--to", "champion", "--force")
    environment = {"ORDAIN_HOME": str(registry_home)}
    with start("churn@champion", env=environment) as server, server.client() as client:
        answer = client.post("/v1/models/churn/predict", json={"row": ROW}).json()
        assert answer["version"] == "1"
        run("promote", "churn", "2", "--to", "champion", "--force")
        server.wait_for("version 2 is served")
        body = {"row": {"charges": ROW["charges"]}}
        answer = client.post("/v1/models/churn/predict", json=body).json()
        assert answer["version"] == "2"


@pytest.mark.slow
def test_what_is_answered_by_a_process_is_in_its_log(
    start: Callable[..., Any], bundles: dict[str, Path], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with start(bundles["churn"], "--log", log) as server, server.client() as client:
        ids = [
            client.post("/v1/models/churn/predict", json={"row": ROW}).json()["prediction_id"]
            for _ in range(20)
        ]
        body = {"prediction_id": ids[0], "values": {"churn": "Yes"}}
        assert client.post("/v1/feedback", json=body).json()["receipt"] == "recorded"
        assert client.post("/v1/feedback", json=body).json()["receipt"] == "repeated"
        assert server.stop() == 0
    kept = pl.read_parquet(sorted((log / "churn").rglob("*.parquet")))
    assert sorted(kept["prediction_id"]) == sorted(ids)
