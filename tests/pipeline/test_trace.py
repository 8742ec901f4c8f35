import json

import pytest

import ordain
from ordain.core.errors import DataError, UsageError

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("family", ["gbm", "linear"])
def test_a_trace_ends_with_what_predict_gives(work_folder, config, frame, family):
    config |= {"model_type": family, "trainer": {}}
    model = ordain.train(config, frame).model()
    found = ordain.trace(model, frame, 5)
    answer = model.predict_row(frame.row(5, named=True))
    last = found.outputs[0].steps[-1]
    assert last.name == "answer"
    assert last.value["churn_prediction"] == answer["churn_prediction"]
    assert last.value["churn_probability"] == pytest.approx(answer["churn_probability"], abs=1e-6)
    json.dumps(found.to_json(), allow_nan=False)


def test_a_trace_names_every_step_of_a_cell(work_folder, config, frame):
    config |= {"model_type": "linear", "trainer": {}}
    row = frame["charges"].is_null().arg_max()
    found = ordain.trace(ordain.train(config, frame).model(), frame, row)
    charges = next(cell for cell in found.cells if cell.feature == "charges")
    assert [step.name for step in charges.steps] == ["read", "parsed", "filled", "encoded"]
    assert charges.steps[0].value is None
    assert charges.steps[3].value[1] == 1.0
    assert "fill_with_median" in found.frame["why"].str.join(" ").item()


def test_a_derived_column_tells_its_expression(work_folder, config, frame):
    config |= {
        "data": {"columns": {"years": "tenure / 12.0"}},
        "input_features": {"years": "number", "contract": "category"},
    }
    found = ordain.trace(ordain.train(config, frame).model(), frame, 0)
    years = next(cell for cell in found.cells if cell.feature == "years")
    assert years.steps[0].name == "derived"
    assert years.steps[0].why == "years = tenure / 12.0"
    assert years.steps[0].value == pytest.approx(frame["tenure"][0] / 12)


def test_a_network_tells_what_its_encoders_give(work_folder, config, frame):
    config |= {"model_type": "neural", "trainer": {"epochs": 1}}
    found = ordain.trace(ordain.train(config, frame).model(), frame, 0)
    assert len(found.inside) >= 2
    assert all(length >= 0 for length in found.inside.values())


def test_a_threshold_is_told(work_folder, config, frame):
    config["output_features"] = [
        {"name": "churn", "type": "binary", "preprocessing": {"threshold": 0.99}}
    ]
    found = ordain.trace(ordain.train(config, frame).model(), frame, 0)
    decided = next(step for step in found.outputs[0].steps if step.name == "decided")
    assert decided.value == "No"
    assert "under the threshold 0.99" in decided.why


def test_a_row_that_is_not_there_is_told(work_folder, config, frame):
    model = ordain.train(config, frame).model()
    with pytest.raises(UsageError, match="there is no row 400"):
        ordain.trace(model, frame, 400)
    with pytest.raises(DataError, match="column `tenure` is missing"):
        ordain.trace(model, frame.drop("tenure"), 0)


def test_a_preview_shows_training_rows_without_a_model(work_folder, config, frame):
    found = ordain.preview(config, frame, n_rows=3)
    assert len(found.rows) == 3
    assert set(found.frame["column"]) == {"tenure", "contract", "charges", "churn"}
    assert not (work_folder / "runs").exists()
    json.dumps(found.to_json(), allow_nan=False)


def test_a_preview_encodes_as_the_training_will(work_folder, config, frame):
    found = ordain.preview(config, frame, n_rows=1)
    model = ordain.train(config, frame).model()
    (row, cells), *_ = found.rows
    traced = ordain.trace(model, frame, row)
    for cell in traced.cells:
        same = next(one for one in cells if one.feature == cell.feature)
        assert same.steps == cell.steps


def test_a_preview_of_no_rows_is_refused(work_folder, config, frame):
    with pytest.raises(UsageError, match="0 rows cannot be shown"):
        ordain.preview(config, frame, n_rows=0)
