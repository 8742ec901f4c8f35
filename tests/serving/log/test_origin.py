"""From a prediction back to the data: what one command answers."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ordain.cli.main import app
from ordain.config import Config
from ordain.core.errors import DataError
from ordain.core.files import read_json
from ordain.serving.contracts import Outcome
from ordain.serving.log.origin import origin_of
from ordain.serving.log.place import Sink
from ordain.serving.log.writer import LogWriter
from ordain.serving.rollout.actions import deploy


@pytest.fixture
def deployed(bundles: dict[str, Path], tmp_path: Path) -> tuple[Path, Any]:
    """A work folder with a deployment of a bundle, copied so that a test may delete it."""
    bundle = shutil.copytree(bundles["churn"], tmp_path / "churn")
    config = Config.load(
        {"name": "live", "deployment": {"models": [{"name": "churn", "champion": str(bundle)}]}}
    )
    return tmp_path / "home", deploy(config, home=tmp_path / "home").after


@pytest.fixture
def logged(deployed: tuple[Path, Any], entries) -> Sink:
    home, applied = deployed
    sink = Sink(home / "predictions")
    label = applied.models["churn"].champion.label
    writer = LogWriter(sink)
    now = applied.at + 1
    for number in range(3):
        writer.put(entries(number, version=label, at=now))
        writer.put(entries(number, version="9", arm="shadow", at=now))
    for at, value in ((now + 5, "No"), (now + 9, "Yes")):
        writer.put(Outcome("p1", {"churn": value}, at, "ann"))
    writer.close()
    return sink


def test_a_prediction_leads_to_its_version_run_and_data(deployed, logged, bundles):
    home = deployed[0]
    answered, shadow = origin_of(logged, "p1", home=home)
    assert answered.inputs == {"tenure": 1, "contract": "month", "phone": "555"}
    assert answered.outputs["churn_prediction"] == "No"
    assert [one["values"] for one in answered.outcomes] == [{"churn": "No"}, {"churn": "Yes"}]
    came = answered.came
    assert (came.deployment, came.generation, came.is_unchanged) == ("live", 1, True)
    lock = read_json(bundles["churn"] / "lock.json")
    assert came.lineage.data == lock["data"]["fingerprint"]
    assert came.lineage.family == "gbm"
    assert (shadow.row["arm"], shadow.came.lineage) == ("shadow", None)


def test_a_bundle_that_changed_or_is_gone_is_told(deployed, logged):
    home, applied = deployed
    bundle = Path(applied.models["churn"].champion.bundle)
    sealed = bundle / "checksums.json"
    sealed.write_text(json.dumps({**json.loads(sealed.read_text()), "more": 1}))
    assert origin_of(logged, "p1", home=home)[0].came.is_unchanged is False
    shutil.rmtree(bundle)
    came = origin_of(logged, "p1", home=home)[0].came
    assert (came.is_unchanged, came.lineage) == (None, None)


def test_a_prediction_that_is_not_there_is_told(deployed, logged):
    with pytest.raises(DataError, match="has no prediction 'p9'"):
        origin_of(logged, "p9", home=deployed[0])


def test_the_command_tells_it_in_words_and_as_json(deployed, logged):
    words = ["log", "show", "p1", "--home", str(deployed[0])]
    shown = CliRunner().invoke(app, words, catch_exceptions=False).output
    for text in ("live, generation 1", "truth 2", "churn: Yes", "data  ", "tenure", "shadow"):
        assert text in shown
    told = json.loads(CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False).output)
    first = told["predictions"][0]
    assert first["origin"]["lineage"]["data"]
    assert first["inputs"]["tenure"] == 1


def test_a_prediction_is_found_while_it_is_written(deployed, entries):
    sink = Sink(deployed[0] / "predictions")
    writer = LogWriter(sink)
    writer.put(entries(7, at=time.time()))
    assert writer.flush()
    assert origin_of(sink, "p7", home=deployed[0])[0].row["prediction_id"] == "p7"
    writer.close()
