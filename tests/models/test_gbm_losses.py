"""Losses of numbers and constraints on inputs, in `gbm`."""

from dataclasses import replace

import numpy as np
import pytest

from ordain.core.errors import DataError, TrainingError
from ordain.features.encoded import EncodedColumn, Kind
from ordain.models.families.gbm import Gbm, GbmTrainer
from ordain.models.gbm.matrix import Layout
from ordain.models.gbm.objective import NUMBER_LOSSES, constraints
from ordain.models.neural.component import LOSSES
from ordain.testing.families import FamilyCase

TRAINER = {"num_boost_round": 60, "learning_rate": 0.1}


def fit(folder, *, loss=None, rows=None, monotone=None, **trainer):
    case = FamilyCase.of("gbm", trainer={**TRAINER, **trainer})
    problem = case.problem("number")
    if loss is not None:
        outputs = tuple(replace(o, loss=LOSSES.build(loss)) for o in problem.outputs)
        problem = replace(problem, outputs=outputs)
    if monotone is not None:
        inputs = tuple(replace(c, monotone=monotone.get(c.name)) for c in problem.inputs)
        problem = replace(problem, inputs=inputs)
    rows = rows or case.rows(1_000)
    return problem, rows, case.fit(problem, rows, None, folder=folder)


def positive(rows):
    truth = np.exp(0.5 * rows.outputs["number"].values)
    return replace(rows, outputs={"number": EncodedColumn(Kind.SCALAR, truth)})


@pytest.mark.parametrize("name", sorted(NUMBER_LOSSES))
def test_every_loss_of_numbers_learns_and_loads_to_the_same_scores(name, tmp_path):
    case = FamilyCase.of("gbm")
    problem, rows, model = fit(tmp_path, loss=name, rows=positive(case.rows(600)))
    scores = model.predict(rows.inputs)["number"]
    truth = rows.outputs["number"].values[:, 0]
    assert np.corrcoef(scores, truth)[0, 1] > 0.7
    model.save(tmp_path / "saved")
    loaded = Gbm().load(tmp_path / "saved", problem)
    np.testing.assert_array_equal(loaded.predict(rows.inputs)["number"], scores)


@pytest.mark.parametrize("level", [0.1, 0.9])
def test_a_quantile_has_its_share_of_rows_below(tmp_path, level):
    _, rows, model = fit(tmp_path, loss={"type": "quantile", "level": level})
    scores, truth = model.predict(rows.inputs)["number"], rows.outputs["number"].values[:, 0]
    assert (truth <= scores).mean() == pytest.approx(level, abs=0.08)


def test_keys_of_a_loss_reach_lightgbm(tmp_path):
    levels = [
        fit(tmp_path / str(power), loss={"type": "tweedie", "power": power},
            rows=positive(FamilyCase.of("gbm").rows(300)))[2]
        for power in (1.1, 1.9)
    ]  # fmt: skip
    assert "tweedie" in levels[0].facts["outputs"]["number"]["objective"]
    rows = FamilyCase.of("gbm").rows(50)
    scores = [model.predict(rows.inputs)["number"] for model in levels]
    assert np.abs(scores[0] - scores[1]).max() > 1e-3


def test_losses_in_the_own_unit_ask_for_it():
    asked = Gbm().target_options("number", LOSSES.build("poisson"), GbmTrainer())
    assert asked["normalization"][0] is None
    assert Gbm().target_options("number", LOSSES.build("quantile"), GbmTrainer()) == {}


def test_a_truth_outside_the_domain_is_named(tmp_path):
    with pytest.raises(
        DataError, match=r"`number` has .* 'poisson' cannot judge: -.* training row"
    ):
        fit(tmp_path, loss="poisson")


@pytest.mark.parametrize("way", ["increasing", "decreasing"])
def test_answers_keep_the_way_of_a_monotone_input(tmp_path, way):
    _, rows, model = fit(tmp_path, monotone={"number_in": way})
    sign = 1 if way == "increasing" else -1
    grid = np.linspace(-3, 3, 60, dtype=np.float32)[:, None]
    for row in range(20):
        same = {
            name: column.take(np.full(60, row, dtype=np.int64))
            for name, column in rows.inputs.items()
        }
        scores = model.predict({**same, "number_in": EncodedColumn(Kind.SCALAR, grid)})["number"]
        assert (sign * np.diff(scores) >= -1e-9).all()


def test_monotone_needs_an_order(tmp_path):
    with pytest.raises(TrainingError, match="`monotone` of `category_in` has no meaning"):
        fit(tmp_path, monotone={"category_in": "increasing"})


def test_inputs_of_two_groups_stand_in_no_branch_together(tmp_path):
    groups = (("number_in", "binary_in"), ("category_in",))
    _, rows, model = fit(tmp_path, interaction_constraints=groups, num_leaves=4)
    number = rows.inputs["number_in"]

    def effect(row):
        """Return how a step of the number moves the answer, for two categories."""
        one = {n: c.take(np.full(2, row, dtype=np.int64)) for n, c in rows.inputs.items()}
        moved = {**one, "category_in": EncodedColumn(Kind.INDEX, np.array([1, 2], np.int32))}
        steps = []
        for value in (-1.0, 1.0):
            cell = np.full((2, 1), value, dtype=np.float32)
            steps.append(
                model.predict({**moved, "number_in": EncodedColumn(number.kind, cell)})["number"]
            )
        return steps[1] - steps[0]

    for row in range(10):
        first, second = effect(row)
        assert first == pytest.approx(second, abs=1e-9)


def test_an_unknown_input_in_a_group_is_named():
    problem = FamilyCase.of("gbm").problem("number")
    with pytest.raises(TrainingError, match="names what is no input: age"):
        constraints(problem.inputs, Layout.of(problem.inputs), [["age"]])
