import pytest

import ordain
from ordain.core.errors import UsageError

pytestmark = pytest.mark.slow


@pytest.fixture
def run(work_folder, config, large, tmp_path):
    path = tmp_path / "rows.csv"
    large.write_csv(path)
    return ordain.train({**config, "data": {"source": str(path)}})


def test_the_input_that_decides_costs_most(run):
    found = ordain.leave_one_out(run.run.reference)
    assert found.set == "test"
    assert found.items[0].input == "tenure"
    first = found.items[0].difference
    assert first.verdict == "better"
    assert first.interval.low > 0
    assert first.value == pytest.approx(run.metrics["test"]["churn"][first.metric], abs=1e-6)


def test_only_fit_is_repeated_and_kept(run):
    heard = []
    ordain.leave_one_out(run.run.reference, n_inputs=1, listeners=(heard.append,))
    done = [e.data for e in heard if e.kind == "stage_finished" and e.data["outcome"] == "computed"]
    assert {one["stage"] for one in done} == {"fit"}
    heard.clear()
    ordain.leave_one_out(run.run.reference, n_inputs=1, listeners=(heard.append,))
    assert not [e for e in heard if e.kind == "stage_finished" and e.data["outcome"] == "computed"]
    told = [event.data for event in heard if event.kind == "progress"]
    assert {"task": "leave out", "done": 1, "total": 1, "unit": "inputs"} in told


def test_inputs_that_are_not_tried_are_counted(run):
    found = ordain.leave_one_out(run.run.reference, n_inputs=2)
    assert len(found.items) == 2
    assert found.n_left == 1
    assert found.frame.height == 2


def test_a_bundle_apart_from_its_run_trains_nothing(run, tmp_path):
    with pytest.raises(UsageError, match="is a bundle without its run, and trains nothing again"):
        ordain.leave_one_out(run.save(tmp_path / "alone"))


def test_the_only_input_cannot_be_left_out(work_folder, config, frame):
    run = ordain.train({**config, "input_features": {"tenure": "number"}}, frame)
    with pytest.raises(UsageError, match="the model has one input only"):
        ordain.leave_one_out(run.run.reference)


def test_rows_that_were_a_frame_are_asked_for(work_folder, config, frame):
    run = ordain.train(config, frame)
    with pytest.raises(UsageError, match="was given a data frame, which is not kept"):
        ordain.leave_one_out(run.run.reference)


def test_an_input_that_the_trainer_names_is_left_out_there_too(
    work_folder, config, large, tmp_path
):
    path = tmp_path / "rows.csv"
    large.write_csv(path)
    config["data"] = {"source": str(path)}
    config["trainer"]["interaction_constraints"] = [["tenure", "contract"], ["charges"]]
    found = ordain.leave_one_out(ordain.train(config).run.reference)
    assert len(found.items) == 3
    assert not any(item.note for item in found.items)
