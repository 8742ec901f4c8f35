"""What `gbm` promises beyond the contract of every family."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from ordain.core.errors import BundleError, TrainingError
from ordain.core.events import Events
from ordain.features.encoded import EncodedColumn, Kind, Shape
from ordain.models.families.gbm import Gbm, GbmTrainer
from ordain.models.family import Backend, FitContext, Input, Problem
from ordain.models.gbm.matrix import Layout
from ordain.models.gbm.native import Booster, LightGBMError
from ordain.models.gbm.recipe import Task, recipe
from ordain.testing.families import FamilyCase
from ordain.testing.rows import row_cells


@pytest.fixture
def case():
    return FamilyCase.of("gbm", trainer={"num_boost_round": 30})


def fit(case, trainer, folder, *, train=None, validation=None, outputs=("binary",), **context):
    return Gbm().fit(
        case.problem(*outputs),
        train or case.rows(300),
        validation,
        trainer=GbmTrainer(**trainer),
        context=FitContext(
            seed=1, events=context.pop("events", Events()), folder=folder, **context
        ),
    )


def test_scores_equal_those_of_the_lightgbm_package(case, tmp_path):
    lightgbm = pytest.importorskip("lightgbm")
    model = fit(case, {"num_boost_round": 20}, tmp_path, outputs=("category",))
    model.save(tmp_path / "saved")
    problem, test = case.problem("category"), case.rows(50, seed=3)
    matrix = Layout.of(problem.inputs).gather(test.inputs, slice(0, 50))
    peer = lightgbm.Booster(model_file=tmp_path / "saved" / "0.txt")
    expected = peer.predict(matrix)
    np.testing.assert_allclose(model.predict(test.inputs)["category"], expected, rtol=0, atol=1e-15)


def test_early_stopping_keeps_the_best_round(case, tmp_path):
    noise = np.random.default_rng(0).integers(0, 2, (300, 1)).astype(np.float32)
    train = replace(case.rows(300), outputs={"binary": EncodedColumn(Kind.SCALAR, noise)})
    model = fit(
        case,
        {"num_boost_round": 500, "early_stop": 5, "boosting_rounds_per_checkpoint": 1},
        tmp_path,
        train=train,
        validation=case.rows(100, seed=5),
    )
    facts = model.facts["outputs"]["binary"]
    losses = [record["losses"]["validation"] for record in model.history]
    assert facts["stop_reason"] == "early_stop"
    assert facts["rounds"] == 1 + int(np.argmin(losses))
    assert len(losses) == facts["rounds"] + 5


def test_dart_keeps_all_rounds(case, tmp_path):
    model = fit(
        case,
        {"num_boost_round": 12, "early_stop": 1, "boosting_type": "dart"},
        tmp_path,
        validation=case.rows(50, seed=1),
    )
    assert model.facts["outputs"]["binary"]["rounds"] == 12


@pytest.mark.parametrize("boosting_type", ["rf", "goss"])
def test_other_kinds_of_boosting_train(case, tmp_path, boosting_type):
    trainer = {"num_boost_round": 5, "boosting_type": boosting_type}
    scores = fit(case, trainer, tmp_path).predict(case.rows(20).inputs)
    assert np.isfinite(scores["binary"]).all()


def test_stop_keeps_what_has_been_grown_and_says_so(case, tmp_path):
    stop = threading.Event()

    def listen(event):
        if event.kind == "epoch" and event.data["epoch"] >= 3:
            stop.set()

    trainer = {"num_boost_round": 400, "boosting_rounds_per_checkpoint": 1}
    model = fit(case, trainer, tmp_path, events=Events(listen), stop=stop)
    assert model.facts["stop_reason"] == "interrupted"
    assert model.facts["outputs"]["binary"]["rounds"] == 3
    assert not list(tmp_path.glob("gbm-*"))


def test_time_budget_ends_training(case, tmp_path):
    model = fit(case, {"num_boost_round": 10_000, "time_budget_seconds": 0.05}, tmp_path)
    assert model.facts["stop_reason"] == "time_budget"


def test_a_finished_output_is_not_grown_again(case, tmp_path):
    heard = []
    for _ in range(2):
        heard.clear()
        events = Events(lambda event: heard.append(event.kind))
        fit(case, {"num_boost_round": 10}, tmp_path, events=events)
    assert heard == []


def test_a_checkpoint_of_other_settings_is_not_used(case, tmp_path):
    fit(case, {"num_boost_round": 10}, tmp_path)
    model = fit(case, {"num_boost_round": 11}, tmp_path)
    assert model.facts["outputs"]["binary"]["rounds"] == 11


@pytest.mark.parametrize("kind", [Kind.BAG, Kind.TOKENS])
def test_ragged_input_is_refused(case, tmp_path, kind):
    problem = Problem(
        (Input("remarks", "text", Shape(kind=kind, cardinality=9)),), case.problem("binary").outputs
    )
    with pytest.raises(TrainingError, match=f"cannot read input `remarks`.*'{kind}'.*form 'trees'"):
        case.fit(problem, case.rows(10), None, folder=tmp_path)


def test_no_rows_are_refused(case, tmp_path):
    with pytest.raises(TrainingError, match="there is no row to learn `binary` from"):
        fit(case, {}, tmp_path, train=case.rows(0))


def test_missing_truth_is_refused(case, tmp_path):
    rows = case.rows(20)
    truth = np.array(rows.outputs["binary"].values)
    truth[3:5] = np.nan
    bad = replace(rows, outputs={"binary": EncodedColumn(Kind.SCALAR, truth)})
    with pytest.raises(TrainingError, match="`binary` is missing or not finite in 2 of 20 rows"):
        fit(case, {}, tmp_path, train=bad)


def test_forest_without_drawn_rows_is_refused():
    with pytest.raises(ValidationError, match="`boosting_type: rf` needs `bagging_fraction` below"):
        GbmTrainer(boosting_type="rf", bagging_fraction=1.0)


def test_class_weights_raise_the_share_of_a_rare_class(case, tmp_path):
    problem = case.problem("binary")
    weighted = replace(problem, outputs=(replace(problem.outputs[0], class_weights=(1.0, 20.0)),))
    train, means = case.rows(300), []
    for index, chosen in enumerate((problem, weighted)):
        model = case.fit(chosen, train, None, folder=tmp_path / str(index))
        means.append(model.predict(train.inputs)["binary"].mean())
    assert means[1] > means[0] + 0.1


def test_missing_and_unseen_categories_are_missing_to_the_trees(case):
    layout = Layout.of(case.problem().inputs)
    column = layout.categorical[0]
    rows = case.rows(4)
    ids = EncodedColumn(Kind.INDEX, np.array([0, 1, 2, 0], dtype=np.int32))
    block = layout.gather({**rows.inputs, "category_in": ids}, slice(0, 4))
    np.testing.assert_array_equal(block[:, column], [np.nan, 1, 2, np.nan])


def test_rows_compiled_alone_equal_rows_of_the_matrix(case):
    inputs, rows = case.problem().inputs, case.rows(20)
    layout = Layout.of(inputs)
    block, compiled = layout.gather(rows.inputs, slice(0, 20)), layout.row_compiler()
    for index in range(20):
        alone = np.array(compiled(row_cells(inputs, rows.inputs, index)), dtype=np.float32)
        np.testing.assert_array_equal(alone, block[index])


def test_row_predictor_is_safe_between_threads(case, tmp_path):
    model, rows = fit(case, {"num_boost_round": 30}, tmp_path), case.rows(200, seed=4)
    answer, expected = model.row_predictor(), model.predict(rows.inputs)["binary"]
    cells = [row_cells(case.problem().inputs, rows.inputs, i) for i in range(200)]
    wrong = []

    def ask(offset):
        mine = range(offset, 200, 4)
        wrong.extend(i for i in mine if abs(answer(cells[i])["binary"] - expected[i]) > 1e-9)

    threads = [threading.Thread(target=ask, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_threads_follow_the_backend_and_the_size_of_the_data(case, tmp_path):
    model = fit(case, {"num_boost_round": 2}, tmp_path, backend=Backend(threads=8), n_threads=2)
    assert model.facts["outputs"]["binary"]["threads"] == 1


def test_recipe_follows_rows_and_gives_reasons():
    few = recipe(Task(1_000, 2, has_validation=True))
    many = recipe(Task(5_000_000, 2, has_validation=True))
    assert few["learning_rate"][0] < many["learning_rate"][0]
    assert few["num_leaves"][0] < many["num_leaves"][0]
    assert all(reason for _, reason in few.values())


def test_settled_keys_and_reasons_stand_in_the_facts(case, tmp_path):
    facts = fit(case, {"num_leaves": 5}, tmp_path).facts["outputs"]["binary"]
    assert facts["settings"]["num_leaves"] == 5
    assert "num_leaves" not in facts["reasons"]
    assert "auto" not in facts["settings"].values()
    assert facts["reasons"]["num_boost_round"] == "no validation rows say when to stop"


def test_damaged_weights_are_refused(case, tmp_path):
    fit(case, {"num_boost_round": 2}, tmp_path).save(tmp_path / "saved")
    (tmp_path / "saved" / "0.txt").write_text("tree\nnothing")
    with pytest.raises(BundleError, match="the `gbm` weights cannot be read"):
        Gbm().load(tmp_path / "saved", case.problem("binary"))


def test_weights_of_another_problem_are_refused(case, tmp_path):
    fit(case, {"num_boost_round": 2}, tmp_path).save(tmp_path / "saved")
    with pytest.raises(BundleError, match=r"answer \['binary'\].*asks for \['number'\]"):
        Gbm().load(tmp_path / "saved", case.problem("number"))


def test_lightgbm_errors_keep_its_own_words(tmp_path):
    with pytest.raises(LightGBMError, match=r"LightGBM: .*[Mm]odel"):
        Booster.parse("this is not a model")


_SCRIPT = """
    import sys
    from pathlib import Path
    from ordain.core.events import Events
    from ordain.models.family import FitContext
    from ordain.testing.families import FamilyCase

    folder, families = Path(sys.argv[1]), sys.argv[2:]

    def say(event):
        print(event.kind, flush=True)

    for family in families:
        trainer = {"num_boost_round": 60, "boosting_rounds_per_checkpoint": 1}
        case = FamilyCase.of(family, trainer=trainer if family == "gbm" else {})
        context = FitContext(seed=3, events=Events(say), folder=folder / "run")
        sets = case.problem(), case.rows(400), case.rows(100, seed=1)
        model = case.family.fit(*sets, trainer=case.trainer, context=context)
        model.save(folder / "saved" / family)
        loaded = case.family.load(folder / "saved" / family, case.problem())
        loaded.predict(case.rows(3).inputs)
        loaded.row_predictor()
    heavy = {"torch", "sklearn", "lightgbm", "pandas", "scipy.optimize"} & set(sys.modules)
    print("heavy:", sorted(heavy))
"""


def run(folder, *families, kill_after=None):
    """Train in a fresh process; with `kill_after`, kill it after so many events."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_SCRIPT), str(folder), *families],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    if kill_after is None:
        return process.communicate(timeout=60)[0]
    for count, _ in enumerate(process.stdout):
        if count == kill_after:
            process.send_signal(signal.SIGKILL)
            break
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    return ""


def test_families_train_and_load_without_heavy_libraries(tmp_path):
    assert "heavy: []" in run(tmp_path, "gbm", "linear", "baseline")


@pytest.mark.slow
def test_killed_training_ends_with_the_same_bytes(tmp_path):
    run(tmp_path / "whole", "gbm")
    run(tmp_path / "killed", "gbm", kill_after=70)
    run(tmp_path / "killed", "gbm")
    for file in sorted((tmp_path / "whole" / "saved" / "gbm").iterdir()):
        twin = tmp_path / "killed" / "saved" / "gbm" / file.name
        assert file.read_bytes() == twin.read_bytes(), file.name
