"""Explanations through the path a user takes: a run or a bundle, and rows of any source."""

import json

import numpy as np
import polars as pl
import pytest

import ordain
from ordain.core.errors import DataError, UsageError
from ordain.pipeline.known import known_of
from ordain.store.explain import MAX_ROWS

pytestmark = pytest.mark.slow


@pytest.fixture
def rows(tmp_path, frame):
    path = tmp_path / "rows.csv"
    frame.write_csv(path)
    return path


@pytest.fixture
def run(work_folder, config, rows):
    return ordain.train({**config, "data": {"source": str(rows)}})


def texts(n_rows):
    random = np.random.default_rng(0)
    words = np.array(["good", "bad", "the", "a", "of"])
    drawn = [" ".join(random.choice(words, 5)) for _ in range(n_rows)]
    return pl.DataFrame({"note": drawn, "kind": ["yes" if "good" in t else "no" for t in drawn]})


def test_a_run_is_explained_by_its_own_test_rows(run):
    found = ordain.explain(run.run.reference)
    assert found.importance["input"][0] == "tenure"
    assert found.importance["share"].sum() == pytest.approx(1)
    assert set(found.dependence["input"]) == {"tenure", "contract", "charges"}
    assert found.interactions.height == 3
    assert found.notes[0] == f"explained by the test rows of run {run.run.reference}"
    assert any("by `tenure`: falls from" in one for one in found.sentences())


def test_a_row_is_explained_with_training_rows_like_it(run, rows, frame):
    found = ordain.explain(run.bundle, rows, row=7)
    (item,) = found.rows
    assert item.row == 7
    answer = run.model().predict_row(frame.row(7, named=True))
    assert item.answer == answer["churn_prediction"]
    assert item.probability == pytest.approx(answer["churn_probability"], abs=1e-6)
    total = item.base + sum(one.value for one in item.contributions)
    assert total == pytest.approx(item.margin, abs=1e-6)
    assert len(item.neighbours) == 5
    known = frame.row(item.neighbours[0].row, named=True)
    assert item.neighbours[0].values["tenure"] == known["tenure"]
    assert found.notes[-1] == f"neighbours are training rows of run {run.run.reference}"


def test_counterfactuals_hold_when_they_are_predicted(run, frame):
    found = ordain.explain(run.bundle, frame, row=list(range(12)), n_neighbours=0)
    n_found = 0
    for item in found.rows:
        for one in item.counterfactuals:
            row = frame.row(item.row, named=True)
            row |= {change.input: change.after for change in one.changes}
            assert run.model().predict_row(row)["churn_prediction"] == one.after != item.answer
            n_found += 1
    assert n_found >= 12


def test_immutable_inputs_are_not_changed(run, frame):
    found = ordain.explain(run.bundle, frame, row=3, immutable=["tenure"])
    assert "tenure" not in found.counterfactuals["input"].to_list()


def test_counterfactuals_change_what_derived_columns_follow_from(work_folder, config, frame):
    config |= {
        "data": {"columns": {"years": "tenure / 12.0"}},
        "input_features": {"tenure": "number", "years": "number", "contract": "category"},
    }
    model = ordain.train(config, frame).model()
    found = ordain.explain(model, frame, row=list(range(8)), n_neighbours=0)
    assert "years" not in found.counterfactuals["input"].to_list()
    for item in found.rows:
        for one in item.counterfactuals:
            row = frame.row(item.row, named=True)
            row |= {change.input: change.after for change in one.changes}
            assert model.predict_row(row)["churn_prediction"] == one.after


def test_a_row_needs_no_truth_and_importance_says_so(run, frame):
    plain = frame.drop("churn")
    assert ordain.explain(run.bundle, plain, row=0).rows[0].contributions
    found = ordain.explain(run.bundle, plain)
    assert found.importance.height == 0
    assert found.dependence.height > 0
    assert found.notes == ("importance needs the truth, and `churn` is not in the data",)


def test_more_rows_than_needed_are_sampled_and_the_row_is_among_them(run, frame):
    many = pl.concat([frame] * 30)
    assert many.height > MAX_ROWS
    found = ordain.explain(run.bundle, many)
    assert found.n_used == MAX_ROWS
    assert found.notes == (f"of {many.height:,} rows a sample of {MAX_ROWS:,} was taken",)
    last = many.height - 1
    one = ordain.explain(run.bundle, many, row=last, n_neighbours=0).rows[0]
    again = ordain.explain(run.bundle, frame, row=frame.height - 1, n_neighbours=0).rows[0]
    assert one.contributions == again.contributions


def test_rows_that_a_condition_leaves_out_keep_their_number(work_folder, config, frame):
    model = ordain.train({**config, "data": {"where": "tenure > 10"}}, frame).model()
    young = int(np.flatnonzero(frame["tenure"].to_numpy() <= 10)[0])
    item = ordain.explain(model, frame, row=young).rows[0]
    cells = {one.input: one.cell for one in item.contributions}
    assert cells["tenure"] == frame["tenure"][young]
    assert ordain.explain(model, frame).n_used == frame.filter(pl.col("tenure") > 10).height


def test_a_model_that_reads_text_alone_is_explained(work_folder):
    frame = texts(200)
    config = {
        "name": "notes", "input_features": {"note": "text"}, "output_features": {"kind": "binary"},
        "model_type": "linear", "evaluation": {"baselines": False},
    }  # fmt: skip
    model = ordain.train(config, frame).model()
    whole = ordain.explain(model, frame)
    assert whole.importance["input"].to_list() == ["note"]
    assert whole.dependence.height == whole.interactions.height == 0
    row = int(np.flatnonzero(frame["kind"].to_numpy() == "yes")[0])
    found = ordain.explain(model, frame, row=row)
    best = found.words.sort("value", descending=True)["text"][0]
    assert best == "good"
    assert "counterfactuals change no texts" in found.notes[-1]


def test_one_row_is_enough_to_explain_it(run, frame):
    one = frame.head(1)
    found = ordain.explain(run.bundle, one, row=0)
    assert len(found.rows[0].contributions) == 3
    whole = ordain.explain(run.bundle, one)
    assert whole.notes == ("importance needs more than one row",)


def test_a_model_in_memory_explains_a_frame(run, frame):
    found = run.model().explain(frame, row=2)
    same = ordain.explain(run.bundle, frame, row=2)
    assert found.attributions.equals(same.attributions)


def test_what_is_found_is_plain_json_and_figures(run, frame):
    for found in (ordain.explain(run.bundle, frame), ordain.explain(run.bundle, frame, row=1)):
        json.dumps(found.to_json(), allow_nan=False)
        assert found.figures
        assert "<table" in found._repr_html_()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"row": 400}, r"there is no row 400: the data holds 400 rows, counted from 0"),
        ({"row": -1}, "there is no row -1"),
        ({"output": "chrun"}, "the model has no output `chrun`. Did you mean `churn`"),
        ({"row": 0, "immutable": ["tenur"]}, "`tenur` is no input of the model; nearest: `tenure`"),
        ({"row": 0, "wanted": "Maybe"}, "'Maybe' is no class"),
        ({"row": 0, "at_least": 3}, "bounds are for numbers"),
    ],
)
def test_what_is_not_there_is_told(run, frame, asked, message):
    with pytest.raises(UsageError, match=message):
        ordain.explain(run.bundle, frame, **asked)


def test_rows_without_the_inputs_are_refused(run, frame):
    with pytest.raises(DataError, match="column `tenure` is missing"):
        ordain.explain(run.bundle, frame.drop("tenure"))


def test_no_rows_are_refused(run, frame):
    with pytest.raises(DataError, match="no rows"):
        ordain.explain(run.bundle, frame.head(0))


def test_a_bundle_apart_from_its_run_needs_rows(run, tmp_path):
    saved = run.save(tmp_path / "alone")
    with pytest.raises(UsageError, match="no rows are given, and the bundle does not stand in"):
        ordain.explain(saved)


def test_a_row_of_the_run_has_the_number_the_errors_give_it(run, frame):
    worst = run.findings.errors["churn"].worst[0].row
    item = ordain.explain(run.run.reference, row=worst, n_neighbours=0).rows[0]
    assert item.row == worst
    same = ordain.explain(run.bundle, frame, row=worst, n_neighbours=0).rows[0]
    assert (item.answer, item.margin) == (same.answer, pytest.approx(same.margin))
    assert ordain.trace(run.run.reference, row=worst).row == worst
    outside = min(set(known_of(run.run).split.rows("train").tolist()))
    for look in (ordain.explain, ordain.trace):
        with pytest.raises(UsageError, match=f"row {outside} is none of the .* test rows of run"):
            look(run.run.reference, row=outside)


def test_a_wanted_answer_needs_one_output(work_folder, config, frame):
    config["output_features"] = {"churn": "binary", "charges": "number"}
    config["input_features"] = {"tenure": "number", "contract": "category"}
    model = ordain.train(config, frame).model()
    with pytest.raises(UsageError, match="the model has 2 outputs, and an answer is wanted of one"):
        ordain.explain(model, frame, row=0, wanted="Yes")
    found = ordain.explain(model, frame, row=0, output="charges", at_least=60, at_most=70)
    assert all(60 <= one.after <= 70 for one in found.rows[0].counterfactuals)


def test_rows_are_explained_without_their_targets_of_any_type(work_folder, config, frame):
    config["output_features"] = [
        {"name": "churn", "type": "binary"},
        {
            "name": "contract",
            "type": "category",
            "preprocessing": {"missing_value_strategy": "error"},
        },
        {"name": "charges", "type": "number"},
    ]
    config["input_features"] = {"tenure": "number"}
    model = ordain.train(config, frame).model()
    found = ordain.explain(model, frame.select("tenure"), row=0)
    assert [one.output for one in found.rows] == ["churn", "contract", "charges"]
    assert all(one.truth is None for item in found.rows for one in item.neighbours)


def test_a_cell_filled_from_its_neighbour_is_explained_as_it_is_predicted(
    work_folder, config, frame
):
    config["input_features"] = [
        {
            "name": "charges",
            "type": "number",
            "preprocessing": {"missing_value_strategy": "ffill"},
        },
        "tenure",
    ]
    model = ordain.train(config, frame).model()
    row = int(frame["charges"].is_null().arg_max() or 0)
    found = ordain.explain(model, frame, row=row, n_neighbours=0).rows[0]
    assert found.probability == pytest.approx(model.predict(frame)["churn_probability"][row])
    last = ordain.trace(model, frame, row).outputs[0].steps[-1].value
    assert last["churn_probability"] == pytest.approx(found.probability)
