import math

import pytest

from ordain.evaluation.summary import RunSummary, metrics_json
from ordain.evaluation.table import comparison_table, render_table
from ordain.evaluation.verdict import format_value


def test_frame_has_a_row_for_each_output_set_and_model(summary):
    frame = comparison_table(summary)
    churn = frame.filter(output="churn", set="test")
    assert churn["model"].to_list() == ["gbm", "prior", "linear"]
    assert churn["is_baseline"].to_list() == [False, True, True]
    assert frame.filter(output="price")["roc_auc"].null_count() == 2


def test_drawn_table_marks_the_best_of_each_column(summary):
    drawn = render_table(summary, "churn")
    assert drawn.header[:2] == ("model", "roc_auc")
    column = drawn.header.index("log_loss")
    values = [row[column].value for row in drawn.rows]
    assert [row[column].is_best for row in drawn.rows] == [v == min(values) for v in values]


def test_undefined_cell_says_why(summary):
    drawn = render_table(summary, "churn", metrics=["mcc"])
    prior = next(row for row in drawn.rows if row[0].text == "prior")
    assert (prior[1].text, prior[1].note) == ("-", "no value: all rows are predicted as one class")


def test_machine_form_has_the_declared_shape(summary):
    found = metrics_json(summary)
    assert 0.5 < found["metrics"]["test"]["churn"]["roc_auc"] < 1
    assert found["metrics"]["validation"].keys() == {"churn"}
    assert found["baselines"]["prior"]["test"]["churn"]["mcc"] is None
    assert found["headline"]["price"] == "r2"


def test_summary_reads_back_from_its_json(summary):
    assert RunSummary.model_validate(summary.to_json()) == summary


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.92345, "0.9234"),
        (1.0, "1.0000"),
        (0.0, "0.0000"),
        (-0.0, "0.0000"),
        (-0.01234, "-0.0123"),
        (281.25, "281.2"),
        (12345.6, "12,346"),
        (1.5e12, "1.500e+12"),
        (0.00002, "2.000e-05"),
        (None, "-"),
        (math.nan, "-"),
    ],
)
def test_values_are_shown_with_four_digits(value, text):
    assert format_value(value) == text


def test_metric_without_a_value_for_any_model_is_left_out(summary):
    churn = summary.outputs["churn"]

    def blank(judged):
        return judged.model_copy(update={"metrics": {**judged.metrics, "log_loss": None}})

    emptied = churn.model_copy(
        update={
            "sets": {name: blank(judged) for name, judged in churn.sets.items()},
            "baselines": {
                name: {where: blank(judged) for where, judged in sets.items()}
                for name, sets in churn.baselines.items()
            },
        }
    )
    changed = summary.model_copy(update={"outputs": {"churn": emptied}})
    assert "log_loss" in render_table(summary, "churn").header
    assert "log_loss" not in render_table(changed, "churn").header


def test_verdict_has_a_line_for_each_output(summary):
    assert len(summary.verdict.splitlines()) == len(summary.outputs)
