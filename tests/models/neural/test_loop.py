"""The loop: it repeats itself, stops as told, resumes, and says what went wrong."""

import json
import threading
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch

from ordain.core.errors import TrainingError, UsageError
from ordain.features.encoded import EncodedColumn, Kind
from ordain.models.family import Backend, Dataset
from ordain.models.neural.combiners.concat import ConcatCombiner
from ordain.models.neural.component import Encoder
from ordain.models.neural.losses.classification import SoftmaxCrossEntropy
from ordain.models.neural.schedules.decay import Plateau


def weights(model):
    return {name: value.numpy().copy() for name, value in model.network.state_dict().items()}


def assert_equal(first, second):
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)


@pytest.mark.slow
def test_default_learns_a_product_of_columns(fit, table):
    model = fit(train=table(2000).data, validation=table(400, seed=1).data, epochs=15)
    test = table(1000, seed=2)
    guess = model.predict(test.inputs)["yes"] > 0.5
    assert (guess == test.outputs["yes"].values[:, 0]).mean() > 0.85


def test_same_seed_gives_the_same_weights(fit, tmp_path):
    first = fit(epochs=3, folder=tmp_path / "a")
    second = fit(epochs=3, folder=tmp_path / "b")
    assert_equal(weights(first), weights(second))
    clock = {"time": None, "time_shares": None}
    assert first.facts | clock == second.facts | clock


def test_order_of_rows_is_the_only_thing_shuffling_changes(fit, tmp_path):
    shuffled = fit(epochs=2, folder=tmp_path / "a")
    in_order = fit(epochs=2, folder=tmp_path / "b", should_shuffle=False)
    assert any(
        (a != b).any()
        for a, b in zip(weights(shuffled).values(), weights(in_order).values(), strict=True)
    )


def test_facts_say_threads_and_reasons(fit):
    facts = fit(epochs=1, backend=Backend(threads=2)).facts
    assert facts["threads"] == 2
    assert torch.get_num_threads() != 2 or torch.get_num_threads() == facts["threads"]
    assert "batch_size" in facts["reasons"]
    assert facts["stop_reason"] == "completed"


def test_global_random_state_is_left_alone(fit):
    torch.manual_seed(11)
    before = torch.get_rng_state()
    fit(epochs=1)
    assert torch.equal(before, torch.get_rng_state())


def test_stop_signal_ends_with_the_best_weights_so_far(fit, table):
    stop = threading.Event()

    def listener(event):
        if event.kind == "epoch" and event.data["step"] >= 10:
            stop.set()

    model = fit(epochs=50, stop=stop, listener=listener)
    assert model.facts["stop_reason"] == "interrupted"
    assert model.facts["steps"] < model.facts["epochs"] * model.facts["steps_per_epoch"]
    assert np.isfinite(model.predict(table().inputs)["yes"]).all()


def test_time_budget_ends_training(fit):
    model = fit(epochs=10_000, time_budget_seconds=0.2)
    assert model.facts["stop_reason"] == "time_budget"


def test_early_stop_counts_evaluations_since_the_best(fit):
    model = fit(epochs=500, early_stop=3, learning_rate_scheduler={"type": "constant"})
    assert model.facts["stop_reason"] == "early_stop"
    scores = [e["metrics"]["yes"]["calibrated_log_loss"] for e in model.history]
    assert len(scores) - 1 - int(np.argmin(scores)) == 3


def test_plateau_cuts_the_learning_rate(fit):
    schedule = Plateau(reduce_on_plateau=2, reduce_on_plateau_patience=1)
    model = fit(epochs=40, early_stop=-1, learning_rate_scheduler=schedule)
    rates = [entry["learning_rate"] for entry in model.history]
    assert rates == sorted(rates, reverse=True)
    assert {round(rates[0] / rate) for rate in rates} > {1}
    assert rates[-1] >= rates[0] * 0.009


def test_train_steps_win_over_epochs(fit):
    assert fit(epochs=9, train_steps=7).facts["steps"] == 7


def test_rounds_may_be_shorter_than_epochs(fit):
    model = fit(epochs=2, batch_size=30, steps_per_checkpoint=4)
    assert [entry["step"] for entry in model.history] == [4, 8, 12, 16, 20]


def test_finished_training_is_not_trained_again(fit):
    first = fit(epochs=3)
    n_epochs = sum(event.kind == "epoch" for event in fit.heard)
    second = fit(epochs=3)
    assert sum(event.kind == "epoch" for event in fit.heard) == n_epochs
    assert_equal(weights(first), weights(second))


def test_checkpoints_of_other_settings_are_passed_over_aloud(fit):
    fit(epochs=2)
    fit(epochs=2, batch_size=50)
    warnings = [event.data["message"] for event in fit.heard if event.kind == "warning"]
    assert warnings == ["training starts anew: the checkpoints there are of other data or settings"]


def test_damaged_checkpoint_falls_back_to_the_one_before(fit, tmp_path):
    folder = tmp_path / "checkpoints"
    whole = fit(epochs=3, checkpoint_interval=1)
    newest = max(folder.iterdir())
    state = newest / "state.safetensors"
    state.write_bytes(state.read_bytes()[:100])
    again = fit(epochs=3, checkpoint_interval=1)
    assert_equal(weights(whole), weights(again))


def test_infinite_number_is_named_with_its_remedy(fit, table):
    data = table()
    values = data.inputs["x1"].values.copy()
    values[7] = np.inf
    inputs = {**data.inputs, "x1": EncodedColumn(Kind.SCALAR, values)}
    with pytest.raises(TrainingError, match=r"(?s)step \d+ of .*Suspect: input `x1` holds .*Fix: "):
        fit(train=Dataset(inputs, data.outputs, 300), epochs=2)


def test_missing_number_that_is_kept_is_named_with_what_fills_it(fit, table):
    data = table()
    values = data.inputs["x1"].values.copy()
    values[:] = np.nan
    inputs = {**data.inputs, "x1": EncodedColumn(Kind.SCALAR, values)}
    with pytest.raises(TrainingError, match=r"(?s)`x1` holds .*Fix: .*missing_value_strategy: f"):
        fit(train=Dataset(inputs, data.outputs, 300), epochs=2)


def test_rate_too_high_is_named_with_a_lower_one(fit, table):
    with pytest.raises(TrainingError, match=r"(?s)learning rate of 1e\+30 is the likely .*1e\+29"):
        fit(table.problem("amount"), epochs=5, learning_rate=1e30, optimizer="sgd")


def test_no_rows_is_an_error(fit, table):
    with pytest.raises(TrainingError, match="no rows to learn from"):
        fit(train=table(0).data, epochs=1)


class Greedy(Encoder):
    """Runs out of memory above a number of rows."""

    type: Literal["greedy"] = "greedy"
    most: int = 20
    kinds = frozenset({Kind.SCALAR})

    def build(self, shapes):
        most = self.most

        class Module(torch.nn.Module):
            width = sum(shape.width for shape in shapes)

            def forward(self, x):
                if self.training and len(x) > most:
                    raise torch.OutOfMemoryError
                return x

        return Module()


def _with_encoder(problem, encoder):
    inputs = [replace(c, encoder=encoder) if c.type == "number" else c for c in problem.inputs]
    return replace(problem, inputs=tuple(inputs))


def test_full_device_splits_the_batch_and_says_so(fit, table):
    problem = _with_encoder(table.problem(), Greedy())
    model = fit(problem, epochs=2, batch_size=64)
    assert model.facts["batch_parts"] == 4
    messages = [e.data["message"] for e in fit.heard if e.kind == "warning"]
    assert "run in 4 parts" in messages[-1]


def test_parts_of_a_batch_add_up_to_the_whole(fit, table, tmp_path):
    plain = ConcatCombiner(num_fc_layers=1, output_size=8)
    whole = fit(
        _with_encoder(table.problem(combiner=plain), Greedy(most=999)),
        epochs=2,
        folder=tmp_path / "a",
    )
    parts = fit(
        _with_encoder(table.problem(combiner=plain), Greedy()), epochs=2, folder=tmp_path / "b"
    )
    for first, second in zip(weights(whole).values(), weights(parts).values(), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-4)


def test_one_row_that_does_not_fit_is_an_error(fit, table):
    problem = _with_encoder(table.problem(), Greedy(most=0))
    with pytest.raises(TrainingError, match=r"one row does not fit into the memory"):
        fit(problem, epochs=1)


def test_metric_that_does_not_fit_the_output_is_an_error(fit):
    with pytest.raises(
        UsageError, match=r"`validation_metric` 'r2' does not fit `yes`. Possible: "
    ):
        fit(epochs=1, validation_metric="r2")


def test_unknown_validation_field_is_an_error(fit):
    with pytest.raises(UsageError, match="must be 'combined' or an output: yes; it is 'no'"):
        fit(epochs=1, validation_field="no")


@pytest.mark.parametrize("metric", ["loss", "log_loss", "accuracy", "roc_auc"])
def test_best_weights_are_those_of_the_metric(fit, metric):
    model = fit(epochs=6, validation_metric=metric)
    sign = -1 if metric in {"accuracy", "roc_auc"} else 1
    name = "log_loss" if metric == "loss" else metric
    scores = [sign * entry["metrics"]["yes"][name] for entry in model.history]
    best = max(i for i, score in enumerate(scores) if score == min(scores))
    assert model.facts["best_step"] == model.history[best]["step"]


@pytest.mark.parametrize("options", [
    {"gradient_clipping": {"clipglobalnorm": 0.1, "clipnorm": 0.1, "clipvalue": 0.1}},
    {"regularization_lambda": 0.01, "regularization_type": "l1_l2"},
    {"optimizer": {"type": "sgd", "momentum": 0.9}, "learning_rate": 0.01},
    {"learning_rate_scheduler": {"decay": "linear", "warmup_fraction": 0.2}},
    {"learning_rate_scheduler": {"type": "cosine", "warmup_evaluations": 1}},
    {"use_mixed_precision": True},
    {"regularization_schedule": "constant", "evaluate_training_set": True},
    {"eval_batch_size": 16, "calibrate": False},
])  # fmt: skip
def test_every_option_trains_and_changes_the_result(fit, tmp_path, options):
    plain = fit(epochs=3, folder=tmp_path / "a")
    other = fit(epochs=3, folder=tmp_path / "b", **options)
    is_same = all(
        (a == b).all()
        for a, b in zip(weights(plain).values(), weights(other).values(), strict=True)
    )
    changes_reporting_only = {"eval_batch_size"} & set(options)
    assert is_same == bool(changes_reporting_only)
    json.dumps([other.facts, other.history], allow_nan=False)


def test_class_weights_by_label_are_checked(fit, table):
    problem = table.problem()
    output = replace(
        problem.outputs[0],
        type="category",
        shape=problem.inputs[3].shape,
        labels=("a", "b", "c", "d", "e"),
        loss=SoftmaxCrossEntropy(class_weights={"a": 2.0, "z": 1.0}),
    )
    data = table().data
    train = replace(data, outputs={"yes": data.inputs["few"]})
    with pytest.raises(UsageError, match=r"names 'z', which is no class. Classes: a, b, c, d, e"):
        fit(replace(problem, outputs=(output,)), train, train, epochs=1)


def test_prediction_of_a_number_stays_within_its_bounds(fit, table):
    problem = table.problem("amount")
    output = replace(problem.outputs[0], bounds=(-0.1, 0.1))
    model = fit(replace(problem, outputs=(output,)), epochs=3)
    values = model.predict(table().inputs)["amount"]
    assert values.min() >= np.float32(-0.1)
    assert values.max() <= np.float32(0.1)
