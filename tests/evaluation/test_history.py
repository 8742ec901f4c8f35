"""What is drawn together of how a model learned."""

from ordain.evaluation.figures import learning_curve, learning_curves
from ordain.evaluation.history import panels_of

NEURAL = [
    {
        "epoch": float(epoch), "step": 22 * epoch, "losses": {"train": 0.9 / epoch},
        "metrics": {"y": {"log_loss": 1 / epoch, "accuracy": 0.5 + epoch / 10}},
        "learning_rate": 0.1,
    }
    for epoch in range(1, 4)
]  # fmt: skip
LINEAR = [
    {"output": "y", "epoch": n, "regularization": value, "losses": {"train": 0.1, "validation": n}}
    for n, value in enumerate((1.0, 0.01, 10.0), start=1)
]


def test_losses_of_both_sets_share_a_panel_and_other_metrics_have_their_own():
    loss, accuracy = panels_of(NEURAL)
    assert (loss.title, accuracy.title) == ("loss", "accuracy")
    assert [(name, set_name) for name, set_name, _ in loss.lines] == [
        ("loss, train", "train"),
        ("log loss, validation", "validation"),
    ]
    assert [name for name, _, _ in accuracy.lines] == ["validation"]


def test_epochs_are_named_with_the_steps_each_has():
    assert {panel.axis for panel in panels_of(NEURAL)} == {"epoch (22 steps each)"}
    figure = learning_curve(panels_of(NEURAL)[0])
    assert figure["layout"]["xaxis"] == {"title": {"text": "epoch (22 steps each)"}, "dtick": 1}


def test_settings_that_were_tried_are_the_axis_in_their_order_not_that_of_trying():
    (panel,) = panels_of(LINEAR)
    assert (panel.axis, panel.is_search) == ("regularization", True)
    ((_, figure),) = learning_curves(LINEAR)
    assert figure["layout"]["xaxis"]["type"] == "log"
    assert figure["data"][1]["x"] == [0.01, 1.0, 10.0]
    assert figure["data"][1]["y"] == [2, 1, 3]


def test_one_setting_for_all_is_no_search():
    history = [{"epoch": n, "regularization": 1.0, "losses": {"train": 1 / n}} for n in (1, 2)]
    assert [panel.axis for panel in panels_of(history)] == ["epoch"]


def test_trees_keep_their_name_where_the_history_calls_them_epochs():
    history = [{"epoch": n, "metric": "l2", "losses": {"train": 1 / n}} for n in (1, 2)]
    assert [(one.title, one.axis) for one in panels_of(history, axis="trees")] == [("l2", "trees")]


def test_loss_that_falls_far_is_laid_out_by_factors():
    history = [{"epoch": n, "losses": {"train": 10.0**-n}} for n in range(4)]
    ((_, figure),) = learning_curves(history)
    assert figure["layout"]["yaxis"]["type"] == "log"
    assert "type" not in learning_curves(NEURAL)[0][1]["layout"]["yaxis"]


def test_losses_of_two_outputs_stay_apart():
    history = [{"epoch": 1, "metrics": {name: {"log_loss": 0.3, "r2": 0.1} for name in "ab"}}]
    assert [one.title for one in panels_of(history)] == [
        "loss of a", "r2 of a", "loss of b", "r2 of b",
    ]  # fmt: skip


def test_errors_of_one_unit_share_a_panel_and_squares_go_with_the_loss():
    measured = {"mean_squared_error": 4.0, "root_mean_squared_error": 2.0,
                "mean_absolute_error": 1.5, "r2": 0.3}  # fmt: skip
    history = [{"epoch": n, "losses": {"train": 5.0}, "metrics": {"y": measured}} for n in (1, 2)]
    assert [(one.title, len(one.series)) for one in panels_of(history)] == [
        ("loss", 2), ("error", 2), ("r2", 1),
    ]  # fmt: skip
