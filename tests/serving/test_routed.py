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
        if entry.arm != "shadow"
        for row in batch_frame(entry, frozenset()).to_dicts()
    }
    assert logged == {one["prediction_id"]: (one["version"], at) for at, one in enumerate(told)}


def test_rows_of_a_version_go_through_it_together(asked: Any, kept: Any) -> None:
    router = asked.process.hosting.state.router
    rows = [{**ROW, "customer": customer} for customer in [*range(200), None, None]]
    asked.predict(rows=rows).raise_for_status()
    answered = [entry for entry in kept.entries if entry.arm != "shadow"]
    assert len(answered) == 2
    assert sum(len(entry.outputs) for entry in answered) == 202
    for entry in answered:
        for place in entry.places:
            if place < 200:
                assert router.choose("churn", str(place)).arm == entry.arm
    # A request is one piece of evidence for or against a canary, whatever its number of rows.
    (trial,) = router._trials.values()
    assert (trial.canary.requests, trial.champion.requests) == (1, 1)
    assert len(trial.met) == 2
    asked.predict(rows=rows).raise_for_status()
    assert len(trial.met) == 4  # the same customers again are another piece


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


@pytest.mark.parametrize("form", ["rows", "columns", "csv"])
def test_a_shadow_predicts_many_rows_too(asked: Any, kept: Any, form: str) -> None:
    rows = [{**ROW, "customer": customer, "tenure": customer} for customer in range(30)]
    frame = pl.DataFrame(rows)
    if form == "csv":
        path = "/v1/models/churn/predict"
        answer = asked.post(path, content=frame.write_csv(), headers=CSV, lingers=True)
    else:
        given = rows if form == "rows" else frame.to_dict(as_series=False)
        answer = asked.predict(**{form: given}, lingers=True)
    answer.raise_for_status()
    entries = {entry.arm: entry for entry in kept.entries}
    assert set(entries) == {"champion", "canary", "shadow"}
    shadow, champion = entries["shadow"], entries["champion"]
    # The version in the shadow is the canary's too, which its own customers need not hear twice.
    assert shadow.version == entries["canary"].version != champion.version
    assert shadow.places == champion.places
    logged = batch_frame(shadow, frozenset())
    assert (
        logged["prediction_id"].to_list()
        == batch_frame(champion, frozenset())["prediction_id"].to_list()
    )
    served = asked.process.hosting.state.versions["churn"][shadow.version]
    passed = served.door.pass_frame(shadow.inputs).rows
    assert shadow.outputs.equals(served.predict_frame(passed))
    told = asked.get("/metrics").text
    n_rows = len(champion.outputs)
    assert (
        f'arm="shadow",model="churn",status="answered",version="{shadow.version}"}} {n_rows}.0'
        in told
    )


def test_rows_bring_what_only_another_version_reads(
    asked: Any, kept: Any, tmp_path: Path, bundles: dict[str, Path]
) -> None:
    state = asked.process.hosting.state
    shadow = next(
        state.versions["churn"][choice.shadows[0]]
        for choice in (state.router.choose("churn", str(number)) for number in range(50))
        if choice.shadows
    )
    shadow.schema["region"] = pl.String()
    rows = [{**ROW, "customer": n} | ({"region": "north"} if n else {}) for n in range(30)]
    asked.predict(rows=rows, lingers=True).raise_for_status()
    found = next(entry for entry in kept.entries if entry.arm == "shadow")
    assert set(found.inputs["region"].to_list()) <= {"north", None}
    kept.entries.clear()
    asked.predict(rows=[{**ROW, "customer": n} for n in range(30)], lingers=True)
    assert "region" not in kept.entries[0].inputs.columns


def test_a_shadow_that_fails_is_logged_and_disturbs_nobody(
    asked: Any, kept: Any, caplog: pytest.LogCaptureFixture
) -> None:
    state = asked.process.hosting.state
    shadow = next(
        choice.shadows[0]
        for choice in (state.router.choose("churn", str(number)) for number in range(50))
        if choice.shadows
    )
    state.versions["churn"][shadow].model.predict = lambda _: 1 / 0
    rows = [{**ROW, "customer": customer} for customer in range(30)]
    answer = asked.predict(rows=rows, lingers=True)
    # The rows of the canary fail, for it is the same version; those of the champion are answered.
    assert answer.status_code == 500
    failed = [entry for entry in kept.entries if entry.arm == "shadow"]
    assert [entry.status for entry in failed] == ["failed"]
    assert f"churn version {shadow} failed in the shadow" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    asked.predict(rows=rows, lingers=True)
    assert len([entry for entry in kept.entries if entry.arm == "shadow"]) == 2
    assert caplog.text.count("failed in the shadow") == 1  # metrics count the others
    assert batch_frame(failed[0], frozenset())["output.churn_prediction"].null_count() == len(
        failed[0].inputs
    )


def test_shadows_leave_out_what_they_cannot_keep_up_with(
    asked: Any, kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ordain.serving.shadows.MOST_ROWS", 5)
    shadows = asked.process._app.predicting.shadows
    shadows._n_behind = 1
    asked.predict(rows=[{**ROW, "customer": n} for n in range(30)], lingers=True)
    assert {entry.arm for entry in kept.entries} == {"champion", "canary"}
    n_rows = next(len(entry.outputs) for entry in kept.entries if entry.arm == "champion")
    assert f'ordain_shadows_dropped_total{{model="churn"}} {n_rows}.0' in asked.get("/metrics").text


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
