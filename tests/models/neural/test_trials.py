"""What trials find of a network before, in and after its training."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from ordain.core.events import Events
from ordain.features.encoded import EncodedColumn, Kind
from ordain.models.families.gbm import Gbm
from ordain.models.families.linear import Linear
from ordain.models.families.neural import NeuralFamily
from ordain.models.family import FAMILIES, FitContext
from ordain.models.neural import trials as module

SEED = 5  # of the fixture `fit`


def tried(fitted, table, problem, tmp_path, *, data=None, family=None, **trainer):
    family = family or NeuralFamily()
    return family.trials(
        problem,
        data if data is not None else table().data,
        fitted=fitted,
        trainer=family.Trainer(**trainer),
        context=FitContext(seed=SEED, events=Events(), folder=tmp_path),
    )


@pytest.mark.parametrize("outputs", [("yes",), ("amount",), ("yes", "amount")])
def test_healthy_network_begins_at_knowing_nothing_and_learns_a_batch(
    fit, table, tmp_path, outputs
):
    problem = table.problem(*outputs)
    found = tried(fit(problem, epochs=2), table, problem, tmp_path)
    assert set(found["initial_loss"]) == set(outputs)
    for loss in found["initial_loss"].values():
        assert loss["loss"] <= 2 * max(loss["constant"], loss["equal_shares"])
    over = found["overfit"]
    assert over["rows"] == 64
    assert over["last"] < 0.5 * over["constant"]
    assert found["unmoved"] == []
    assert found["n_tensors"] > 5


def test_constant_of_classes_is_their_entropy(fit, table, tmp_path):
    problem = table.problem()
    found = tried(fit(problem, epochs=1), table, problem, tmp_path)["initial_loss"]["yes"]
    share = float(table().outputs["yes"].values.mean())
    entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
    assert found["constant"] == pytest.approx(entropy, rel=1e-4)
    assert found["equal_shares"] == pytest.approx(math.log(2), rel=1e-4)


def test_tensor_that_training_left_alone_is_named(fit, table, tmp_path):
    problem = table.problem()
    fitted = fit(problem, epochs=1)
    name, tensor = next(iter(fitted.network.named_parameters()))
    fresh = module.build_network(
        NeuralFamily().settle(problem), fitted.layout, seed=module.derive_seed(SEED, "weights")
    )
    with torch.no_grad():
        tensor.copy_(dict(fresh.named_parameters())[name])
    assert tried(fitted, table, problem, tmp_path)["unmoved"] == [name]


def test_steps_that_are_too_small_leave_the_batch_unlearned(fit, table, tmp_path):
    problem = table.problem()
    over = tried(fit(problem, epochs=1), table, problem, tmp_path, learning_rate=1e-7)["overfit"]
    assert over["last"] > 0.9 * over["constant"]
    assert over["steps"] == 150 or over["is_cut_short"]


def test_trials_leave_the_model_and_the_random_state_alone(fit, table, tmp_path):
    problem = table.problem()
    fitted = fit(problem, epochs=1)
    before = {n: p.clone() for n, p in fitted.network.named_parameters()}
    state = torch.get_rng_state()
    first, again = (tried(fitted, table, problem, tmp_path) for _ in range(2))
    assert all(torch.equal(before[n], p) for n, p in fitted.network.named_parameters())
    assert torch.equal(state, torch.get_rng_state())
    assert first["initial_loss"] == again["initial_loss"]
    if not (first["overfit"]["is_cut_short"] or again["overfit"]["is_cut_short"]):
        assert first == again


def test_batch_with_one_class_and_no_rows_are_passed_over(fit, table, tmp_path):
    problem = table.problem()
    fitted, data = fit(problem, epochs=1), table().data
    alike = EncodedColumn(Kind.SCALAR, np.ones((data.n_rows, 1), np.float32))
    one = tried(fitted, table, problem, tmp_path, data=replace(data, outputs={"yes": alike}))
    assert one["skipped"] == {"overfit": "the batch has one truth in all rows"}
    none = tried(fitted, table, problem, tmp_path, data=data.take(np.arange(0)))
    assert "no training rows" in none["skipped"]["initial_loss"]
    assert tried(fitted, table, problem, tmp_path, data=data.take(np.arange(1)))["initial_loss"]


def test_large_network_is_not_tried(fit, table, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_PARAMETERS", 10)
    problem = table.problem()
    found = tried(fit(problem, epochs=1), table, problem, tmp_path)
    assert "too many for a short trial" in found["skipped"]["overfit"]


@pytest.mark.parametrize("family", [Gbm(), Linear()], ids=lambda family: family.type)
def test_families_without_steps_count_what_they_learned(family, table, tmp_path):
    problem, data = table.problem("yes", "amount"), table().data
    still = replace(data, outputs={**data.outputs, "yes": EncodedColumn(
        Kind.SCALAR, np.ones((data.n_rows, 1), np.float32))})  # fmt: skip
    for rows, is_learned in ((data, True), (still, False)):
        context = FitContext(seed=SEED, events=Events(), folder=tmp_path / str(is_learned))
        fitted = family.fit(problem, rows, None, trainer=family.Trainer(), context=context)
        learned = tried(fitted, table, problem, tmp_path, family=family)["learned"]
        assert (learned["yes"]["count"] > 0) == is_learned
        assert learned["amount"]["count"] > 0
        assert learned["yes"]["fix"].startswith("trainer: {")


def test_other_families_have_no_trials(table, tmp_path):
    family, problem = FAMILIES.build("naive_bayes"), table.problem()
    context = FitContext(seed=SEED, events=Events(), folder=tmp_path)
    fitted = family.fit(problem, table().data, None, trainer=family.Trainer(), context=context)
    assert tried(fitted, table, problem, tmp_path, family=family) == {}
