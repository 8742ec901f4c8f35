"""What `baseline` promises beyond the contract of every family."""

from dataclasses import replace

import numpy as np
import pytest

from ordain.core.errors import BundleError, TrainingError
from ordain.features.encoded import EncodedColumn, Kind
from ordain.models.families.baseline import Baseline, baseline_suite
from ordain.testing.families import CHECKS, FamilyCase


@pytest.fixture
def prior():
    return FamilyCase.of("baseline", trainer={"strategy": "prior"})


@pytest.fixture
def per_group():
    return FamilyCase.of("baseline", trainer={"strategy": "per_group"})


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_prior_keeps_the_contract(check, prior, tmp_path):
    check(prior, tmp_path)


def test_prior_answers_shares_and_the_mean(prior, tmp_path):
    rows = prior.rows(1_000)
    scores = prior.fit(prior.problem(), rows, None, folder=tmp_path).predict(rows.inputs)
    truth = {name: column.values for name, column in rows.outputs.items()}
    assert scores["number"][0] == pytest.approx(truth["number"].mean(), abs=1e-5)
    assert scores["binary"][0] == pytest.approx(truth["binary"].mean(), abs=1e-3)
    shares = np.bincount(truth["category"]) / 1_000
    np.testing.assert_allclose(scores["category"][0], shares, atol=1e-3)


def with_category_that_decides(rows):
    truth = (np.asarray(rows.inputs["category_in"].values) == 2).astype(np.float32)[:, None]
    return replace(rows, outputs={"binary": EncodedColumn(Kind.SCALAR, truth)})


@pytest.mark.parametrize("has_validation", [True, False])
def test_the_column_that_tells_most_is_chosen(per_group, tmp_path, has_validation):
    rows = with_category_that_decides(per_group.rows(500))
    validation = with_category_that_decides(per_group.rows(200, seed=1))
    model = per_group.fit(
        per_group.problem("binary"), rows, validation if has_validation else None, folder=tmp_path
    )
    assert model.facts["outputs"]["binary"]["column"] == "category_in"
    by_group = model.predict(rows.inputs)["binary"]
    assert by_group[rows.inputs["category_in"].values == 2].min() > 0.8


def test_small_groups_are_pulled_towards_the_prior(tmp_path):
    means = {}
    for smoothing in (0.0, 1_000.0):
        case = FamilyCase.of("baseline", trainer={"strategy": "per_group", "smoothing": smoothing})
        rows = with_category_that_decides(case.rows(300))
        model = case.fit(case.problem("binary"), rows, None, folder=tmp_path)
        means[smoothing] = np.ptp(model.predict(rows.inputs)["binary"])
    assert means[0.0] > 0.9
    assert means[1_000.0] < 0.3


def test_missing_numbers_are_a_group_of_their_own(per_group, tmp_path):
    rows = per_group.rows(400)
    number = np.array(rows.inputs["number_in"].values)
    number[::4] = np.nan
    truth = np.isnan(number).astype(np.float32)
    rows = replace(
        rows,
        inputs={**rows.inputs, "number_in": EncodedColumn(Kind.SCALAR, number)},
        outputs={"binary": EncodedColumn(Kind.SCALAR, truth)},
    )
    model = per_group.fit(per_group.problem("binary"), rows, None, folder=tmp_path)
    assert model.facts["outputs"]["binary"]["column"] == "number_in"
    scores = model.predict(rows.inputs)["binary"]
    assert scores[truth[:, 0] == 1].min() > 0.8
    assert scores[truth[:, 0] == 0].max() < 0.2


@pytest.mark.parametrize("newest", [None, 7])
def test_last_answers_what_was_true_of_the_newest_row(tmp_path, newest):
    case = FamilyCase.of("baseline", trainer={"strategy": "last"})
    rows = replace(case.rows(90), newest=newest)
    place = 89 if newest is None else newest
    scores = case.fit(case.problem(), rows, None, folder=tmp_path).predict(rows.inputs)
    truth = {name: column.values.reshape(90)[place] for name, column in rows.outputs.items()}
    assert scores["number"].tolist() == [pytest.approx(truth["number"])] * 90
    assert (scores["binary"][0] > 0.5) == (truth["binary"] == 1)
    assert scores["category"][0].argmax() == truth["category"]
    assert scores["category"][0].min() > 0


def test_last_keeps_the_contract(tmp_path):
    case = FamilyCase.of("baseline", trainer={"strategy": "last"})
    for check in CHECKS:
        if check.__name__ != "heeds_row_weights":  # one row decides, whatever it weighs
            check(case, tmp_path / check.__name__)


def test_rows_above_the_bound_are_counted(tmp_path):
    case = FamilyCase.of("baseline", trainer={"max_rows": 50})
    facts = case.fit(case.problem(), case.rows(80), None, folder=tmp_path).facts
    assert (facts["n_rows"], facts["rows_left_out"]) == (50, 30)


def test_suite_names_a_prior_a_rule_and_a_linear_model():
    suite = baseline_suite(("binary", "number"))
    assert [(name, family.type) for name, family, _ in suite] == [
        ("prior", "baseline"),
        ("per_group", "baseline"),
        ("linear", "linear"),
    ]
    assert all(isinstance(trainer, family.Trainer) for _, family, trainer in suite)
    in_time = [name for name, _, _ in baseline_suite(("number",), is_in_time=True)]
    assert in_time == ["prior", "per_group", "last", "linear"]


def test_no_rows_are_refused(prior, tmp_path):
    with pytest.raises(TrainingError, match="there is no row to learn `number` from"):
        prior.fit(prior.problem(), prior.rows(0), None, folder=tmp_path)


def test_tables_of_another_problem_are_refused(prior, tmp_path):
    prior.fit(prior.problem("binary"), prior.rows(40), None, folder=tmp_path).save(tmp_path / "s")
    with pytest.raises(BundleError, match=r"answers for \['binary'\] does not fit"):
        Baseline().load(tmp_path / "s", prior.problem("number"))


def test_missing_file_is_named(prior, tmp_path):
    with pytest.raises(BundleError, match=r"the `baseline` tables cannot be read.*baseline\.json"):
        Baseline().load(tmp_path, prior.problem())
