"""What every model family must do.

A test suite runs each check on each registered family:

    @pytest.mark.parametrize("name", FAMILIES.names())
    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_family_keeps_the_contract(name, check, tmp_path):
        check(FamilyCase.of(name), tmp_path)

A check raises AssertionError with what was broken. Data is made up here: a number, a wide
number, a binary, a category, a vector and a text column, in the kinds that the family asks for.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.core.component import Spec
from ordain.core.events import Event, Events
from ordain.core.randomness import generator
from ordain.features.encoded import EncodedColumn, Kind
from ordain.features.feature import Form
from ordain.models.attribution import Attribution
from ordain.models.family import (
    FAMILIES,
    Dataset,
    Family,
    FitContext,
    FittedModel,
    Problem,
)
from ordain.testing.rows import (
    OUTPUTS,
    copied,
    frozen,
    make_inputs,
    make_rows,
    only_input,
    row_cells,
    with_constant_truth,
    with_missing_columns,
)

Equip = Callable[[Problem], Problem]


@dataclass(frozen=True)
class FamilyCase:
    """A family, a trainer that is quick, and what makes a problem fit for it.

    Attributes:
        equip: gives inputs their encoders and outputs their decoders, for neural families.
    """

    family: Family
    trainer: Spec
    equip: Equip = field(default=lambda problem: problem)

    @classmethod
    def of(
        cls, name: str, *, trainer: Mapping[str, Any] | None = None, equip: Equip | None = None
    ) -> FamilyCase:
        """Return the case of a registered family."""
        family = FAMILIES.build(name)
        spec = family.Trainer.model_validate(dict(trainer or {}))
        return cls(family, spec, equip or (lambda problem: problem))

    def problem(self, *outputs: str) -> Problem:
        """Return six inputs of different kinds and the outputs named, by default all it takes."""
        names = outputs or self.outputs
        plain = Problem(make_inputs(self._text_form()), tuple(OUTPUTS[name] for name in names))
        return self.equip(plain)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Return the outputs among number, binary and category that the family takes."""
        return tuple(name for name in OUTPUTS if name in self.family.outputs)

    def rows(self, n_rows: int, *, seed: int = 0) -> Dataset:
        """Return rows whose outputs follow from the inputs, with some noise."""
        return make_rows(n_rows, self._text_form(), generator(seed, "rows"))

    def fit(
        self,
        problem: Problem,
        train: Dataset,
        validation: Dataset | None,
        *,
        folder: Path,
        events: Events | None = None,
    ) -> FittedModel:
        """Train with a fixed seed on one thread."""
        context = FitContext(seed=7, events=events or Events(), folder=folder, n_threads=1)
        return self.family.fit(problem, train, validation, trainer=self.trainer, context=context)

    def _text_form(self) -> Form:
        return self.family.form("text", None)


def answers_every_output(case: FamilyCase, folder: Path) -> None:
    """Scores have one row a row, the right width, and are finite."""
    problem, test = case.problem(), case.rows(50, seed=2)
    model = case.fit(problem, case.rows(200), case.rows(60, seed=1), folder=folder)
    scores = model.predict(test.inputs)
    assert list(scores) == list(case.outputs)
    assert all(values.shape == _shape(name, 50) for name, values in scores.items())
    assert all(np.isfinite(values).all() for values in scores.values())


def gives_probabilities(case: FamilyCase, folder: Path) -> None:
    """Probabilities lie between 0 and 1; those of a category sum to 1."""
    model = case.fit(case.problem(), case.rows(200), case.rows(60, seed=1), folder=folder)
    scores = model.predict(case.rows(80, seed=2).inputs)
    for name in {"binary", "category"} & set(case.outputs):
        assert scores[name].min() >= 0, name
        assert scores[name].max() <= 1, name
    if "category" in scores:
        np.testing.assert_allclose(scores["category"].sum(axis=1), 1, atol=1e-5)


def takes_one_output_at_a_time(case: FamilyCase, folder: Path) -> None:
    """Each output type can be the only one."""
    for name in case.outputs:
        model = case.fit(case.problem(name), case.rows(80), None, folder=folder / name)
        assert list(model.predict(case.rows(5).inputs)) == [name]


def takes_any_single_input(case: FamilyCase, folder: Path) -> None:
    """Each input can be the only one."""
    name = case.outputs[-1]
    whole = case.problem(name)
    for column in whole.inputs:
        problem = case.equip(replace(whole, inputs=(column,)))
        train = only_input(case.rows(80), column.name)
        model = case.fit(problem, train, None, folder=folder / column.name)
        assert np.isfinite(model.predict(train.inputs)[name]).all(), column.name


def trains_without_validation(case: FamilyCase, folder: Path) -> None:
    """No validation rows, and none in a set that has no rows, both work."""
    for name, validation in (("none", None), ("empty", case.rows(0))):
        model = case.fit(case.problem(), case.rows(80), validation, folder=folder / name)
        assert _is_finite(model.predict(case.rows(5).inputs))


def trains_on_one_row(case: FamilyCase, folder: Path) -> None:
    """One training row gives a model that answers."""
    model = case.fit(case.problem(), case.rows(1), None, folder=folder)
    assert _is_finite(model.predict(case.rows(3, seed=1).inputs))


def bears_constant_targets(case: FamilyCase, folder: Path) -> None:
    """A target that never varies is answered, with probabilities inside their bounds."""
    problem, train = case.problem(), with_constant_truth(case.rows(60))
    outputs = tuple(
        replace(output, bounds=(1.5, 1.5)) if output.type == "number" else output
        for output in problem.outputs
    )
    model = case.fit(
        replace(problem, outputs=outputs), train, with_constant_truth(case.rows(20)), folder=folder
    )
    scores = model.predict(case.rows(10, seed=2).inputs)
    if "number" in scores:
        assert np.abs(scores["number"] - 1.5).max() < 0.5  # noqa: PLR2004
    if "binary" in scores:
        assert scores["binary"].min() > 0.5  # noqa: PLR2004
    if "category" in scores:
        assert (scores["category"].argmax(axis=1) == 1).all()


def bears_missing_columns(case: FamilyCase, folder: Path) -> None:
    """A column in which everything is missing neither fails nor spoils the scores."""
    train = with_missing_columns(
        case.rows(100), is_nan=case.family.form("number", None) is Form.TREES
    )
    model = case.fit(case.problem(), train, None, folder=folder)
    assert all(np.isfinite(values).all() for values in model.predict(train.inputs).values())


def bears_unseen_categories(case: FamilyCase, folder: Path) -> None:
    """A category and a text that training never saw are answered."""
    train, test = case.rows(100), case.rows(10, seed=3)
    ids = np.array(train.inputs["category_in"].values, dtype=np.int32)
    ids[ids == 3] = 1  # noqa: PLR2004
    seen = {**train.inputs, "category_in": EncodedColumn(Kind.INDEX, ids)}
    model = case.fit(case.problem(), replace(train, inputs=seen), None, folder=folder)
    unseen = EncodedColumn(Kind.INDEX, np.full(10, 3, dtype=np.int32))
    scores = model.predict({**test.inputs, "category_in": unseen})
    assert all(np.isfinite(values).all() for values in scores.values())


def bears_an_absent_class(case: FamilyCase, folder: Path) -> None:
    """A declared class without a training row gets a probability."""
    if "category" not in case.outputs:
        return
    train = case.rows(90)
    truth = np.minimum(train.outputs["category"].values, 1).astype(np.int32)
    outputs = {**train.outputs, "category": EncodedColumn(Kind.INDEX, truth)}
    model = case.fit(case.problem("category"), replace(train, outputs=outputs), None, folder=folder)
    assert model.predict(train.inputs)["category"].shape == (90, 3)


def repeats_itself(case: FamilyCase, folder: Path) -> None:
    """The same rows and seed give the same files, byte for byte."""
    digests = []
    for name in ("first", "second"):
        model = case.fit(
            case.problem(), case.rows(150), case.rows(50, seed=1), folder=folder / name / "run"
        )
        model.save(folder / name / "saved")
        digests.append(_digests(folder / name / "saved"))
    assert digests[0], "save wrote no file"
    assert digests[0] == digests[1]


def resumes_to_the_same_bytes(case: FamilyCase, folder: Path) -> None:
    """A run killed in its middle and started again ends as one that was never killed."""
    problem, train, validation = case.problem(), case.rows(150), case.rows(50, seed=1)
    case.fit(problem, train, validation, folder=folder / "whole").save(folder / "a")
    for n_events in (1, 4):
        broken = folder / f"broken-{n_events}"
        with contextlib.suppress(_Killed):
            case.fit(problem, train, validation, folder=broken, events=Events(_Killer(n_events)))
        case.fit(problem, train, validation, folder=broken).save(folder / f"b{n_events}")
        assert _digests(folder / "a") == _digests(folder / f"b{n_events}"), n_events


def loads_what_it_saved(case: FamilyCase, folder: Path) -> None:
    """A loaded model gives the same scores, and saves to the same bytes."""
    problem, test = case.problem(), case.rows(40, seed=2)
    model = case.fit(problem, case.rows(150), case.rows(50, seed=1), folder=folder / "run")
    model.save(folder / "saved")
    loaded = case.family.load(folder / "saved", problem)
    for name, scores in model.predict(test.inputs).items():
        np.testing.assert_array_equal(scores, loaded.predict(test.inputs)[name], err_msg=name)
    loaded.save(folder / "again")
    assert _digests(folder / "saved") == _digests(folder / "again")


def answers_a_row_as_a_batch(case: FamilyCase, folder: Path) -> None:
    """One row alone scores as it does in a batch, to 1e-6, also after loading."""
    problem, test = case.problem(), case.rows(30, seed=2)
    model = case.fit(problem, case.rows(150), case.rows(50, seed=1), folder=folder / "run")
    model.save(folder / "saved")
    batch = model.predict(test.inputs)
    for source in (model, case.family.load(folder / "saved", problem)):
        answer = source.row_predictor()
        for row in range(test.n_rows):
            single = answer(row_cells(problem.inputs, test.inputs, row))
            assert list(single) == list(batch)
            for name, scores in batch.items():
                np.testing.assert_allclose(
                    np.asarray(single[name], dtype=float), scores[row], atol=1e-6, err_msg=name
                )


def leaves_inputs_unchanged(case: FamilyCase, folder: Path) -> None:
    """Neither training nor prediction writes into the arrays, which may be read-only."""
    train = frozen(case.rows(100))
    before = copied(train.inputs)
    model = case.fit(case.problem(), train, frozen(case.rows(30, seed=1)), folder=folder)
    model.predict(train.inputs)
    for name, column in train.inputs.items():
        np.testing.assert_array_equal(column.values, before[name].values, err_msg=name)


def answers_an_empty_batch(case: FamilyCase, folder: Path) -> None:
    """No rows in, no rows out, of the right width."""
    model = case.fit(case.problem(), case.rows(60), None, folder=folder)
    scores = model.predict(case.rows(0).inputs)
    assert all(values.shape == _shape(name, 0) for name, values in scores.items())


def heeds_row_weights(case: FamilyCase, folder: Path) -> None:
    """Rows of weight zero, or nearly, do not decide the prediction."""
    if "binary" not in case.outputs:
        return
    train = case.rows(200)
    truth = np.zeros((200, 1), dtype=np.float32)
    truth[100:] = 1
    weights = np.where(truth[:, 0] == 1, 1.0, 1e-3).astype(np.float32)
    outputs = {"binary": EncodedColumn(Kind.SCALAR, truth)}
    weighted = replace(train, outputs=outputs, weights=weights)
    model = case.fit(case.problem("binary"), weighted, None, folder=folder)
    assert model.predict(train.inputs)["binary"].mean() > 0.8  # noqa: PLR2004


def reports_plain_facts(case: FamilyCase, folder: Path) -> None:
    """Facts and history are plain JSON, without a number that is not finite."""
    heard: list[Event] = []
    model = case.fit(
        case.problem(), case.rows(100), case.rows(40, seed=1), folder=folder,
        events=Events(heard.append),
    )  # fmt: skip
    assert model.facts
    json.dumps([model.facts, model.history], allow_nan=False)
    json.dumps([event.data for event in heard], allow_nan=False)


def attributions_add_up(case: FamilyCase, folder: Path) -> None:
    """What inputs add comes to the score that is predicted; a family without a way says None."""
    problem, test = case.problem(), case.rows(40, seed=2)
    model = case.fit(problem, case.rows(200), case.rows(60, seed=1), folder=folder)
    background, scores = case.rows(20, seed=3).inputs, model.predict(test.inputs)
    for name in case.outputs:
        found = model.attribute(test.inputs, name, background=background)
        if found is None:
            continue
        assert set(found.inputs) <= {column.name for column in problem.inputs}
        total = found.values.sum(axis=1) + found.base
        np.testing.assert_allclose(total, found.margin, atol=1e-3, err_msg=name)
        np.testing.assert_allclose(_answered(found, name), scores[name], atol=1e-4, err_msg=name)


def attributes_a_row_as_a_batch(case: FamilyCase, folder: Path) -> None:
    """A row alone is explained as it is among others."""
    model = case.fit(case.problem(), case.rows(200), case.rows(60, seed=1), folder=folder)
    test, background = case.rows(12, seed=2), case.rows(20, seed=3).inputs
    for name in case.outputs:
        whole = model.attribute(test.inputs, name, background=background)
        for row in range(test.n_rows):
            one = {key: column.rows(row, row + 1) for key, column in test.inputs.items()}
            alone = model.attribute(one, name, background=background)
            assert (whole is None) == (alone is None)
            if whole is not None and alone is not None:
                np.testing.assert_allclose(
                    alone.values[0], whole.values[row], atol=2e-3, err_msg=name
                )


def _answered(found: Attribution, name: str) -> npt.NDArray[np.float64]:
    """Return the scores that margins stand for."""
    if found.scale == "log":
        return np.exp(found.margin)
    if found.scale != "log_odds":
        return found.margin
    if name == "binary":
        return np.asarray(1 / (1 + np.exp(-found.margin)))
    powers = np.exp(found.margin - found.margin.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


CHECKS: tuple[Callable[[FamilyCase, Path], None], ...] = (
    answers_every_output,
    gives_probabilities,
    takes_one_output_at_a_time,
    takes_any_single_input,
    trains_without_validation,
    trains_on_one_row,
    bears_constant_targets,
    bears_missing_columns,
    bears_unseen_categories,
    bears_an_absent_class,
    repeats_itself,
    resumes_to_the_same_bytes,
    loads_what_it_saved,
    answers_a_row_as_a_batch,
    leaves_inputs_unchanged,
    answers_an_empty_batch,
    heeds_row_weights,
    reports_plain_facts,
    attributions_add_up,
    attributes_a_row_as_a_batch,
)


def _shape(output: str, n_rows: int) -> tuple[int, ...]:
    return (n_rows, 3) if output == "category" else (n_rows,)


def _is_finite(scores: Mapping[str, Any]) -> bool:
    return all(bool(np.isfinite(values).all()) for values in scores.values())


class _Killed(BaseException):
    pass


class _Killer:
    def __init__(self, n_events: int) -> None:
        self._left = n_events

    def __call__(self, event: Event) -> None:
        self._left -= event.kind == "epoch"
        if self._left < 0:
            raise _Killed


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.blake2b(path.read_bytes()).hexdigest()
        for path in files
    }
