import time
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from trainings import halves, people, training_of

from ordain.config import yaml
from ordain.config.document import Document
from ordain.core.errors import UsageError
from ordain.evaluation.checks.check import BROKE_OFF, CHECKS, Check, chosen_checks, run_checks

INPUTS = ["age", "income", "city"]
LABELS = {"churn": ("no", "yes"), "plan": ("basic", "gold", "silver"), "spend": ()}
TOP_KEYS = Document.model_fields
KINDS = {"churn": "binary", "plan": "category", "spend": "number"}
NAMES = [n for n in CHECKS.names() if CHECKS.get(n).__module__.startswith("ordain.")]


def made(train, test, column, **more):
    return training_of(train, test, column, KINDS[column], labels=LABELS[column], inputs=INPUTS,
                       dates=("day",), **more)  # fmt: skip


def frame(n_rows=600):
    days = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 3, 1), "1h", eager=True)
    return people(n_rows, seed=2).with_columns(day=days.head(n_rows))


def odd_frames(column):
    """Yield pairs of frames that hardly hold anything to check."""
    whole = frame()
    train, test = halves(whole)
    first = {"churn": "no", "plan": "basic", "spend": 1.0}[column]
    one_class = test.with_columns(pl.lit(first).alias(column))
    empty = [pl.lit(None, whole.schema[name]).alias(name) for name in INPUTS]
    constant = [pl.lit(train[name][0], whole.schema[name]).alias(name) for name in INPUTS]
    yield "ordinary", train, test
    yield "one row", train, test.head(1)
    yield "one training row", train.head(1), test
    yield "no training row", train.head(0), test
    yield "one class", train, one_class
    yield "one class everywhere", train.with_columns(pl.lit(first).alias(column)), one_class
    yield "inputs all missing", train.with_columns(empty), test.with_columns(empty)
    yield "inputs missing in test", train, test.with_columns(empty)
    yield "inputs constant", train.with_columns(constant), test.with_columns(constant)
    yield (
        "truth missing",
        train,
        test.with_columns(pl.lit(None, whole.schema[column]).alias(column)),
    )
    yield "infinite", train.with_columns(age=pl.lit(float("inf"))), test
    lists = pl.concat_list("age", "income").alias("city")
    yield "lists", train.with_columns(lists), test.with_columns(lists)


CASES = [(column, *case) for column in KINDS for case in odd_frames(column)]


@pytest.mark.parametrize("name", NAMES)
def test_docstring_asks_a_question_and_keys_are_kept(name):
    check = CHECKS.build(name)
    assert check.question.endswith("?")
    assert CHECKS.build(check.model_dump()) == check


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]} {case[1]}")
def test_no_check_breaks_off(case):
    column, what, train, test = case
    if what == "lists":
        plain = [one.with_columns(city=pl.lit("x")) for one in (train, test)]
        training = made(*plain, column)
        training = replace(
            training,
            train=replace(training.train, frame=train),
            test=replace(training.test, frame=test),
        )
    else:
        training = made(train, test, column)
    found = run_checks(training)
    assert {one.name for one in found} >= set(NAMES)
    assert [one for one in found if one.reason.startswith(BROKE_OFF)] == []
    for one in found:
        assert one.reason, one.name
        assert "nan" not in one.reason.lower().replace("finance", ""), one.reason
        assert bool(one.fix) == (one.state in {"failed", "warned"}), one
        assert set(yaml.parse(one.fix, "fix").plain() if one.fix else {}) <= set(TOP_KEYS)


@pytest.mark.parametrize("column", KINDS)
def test_honest_data_rings_no_alarm_and_the_same_answer_comes_twice(column):
    training = made(*halves(people()), column)
    found, again = (
        [one.model_copy(update={"seconds": 0.0}) for one in run_checks(training)] for _ in range(2)
    )
    assert [one for one in found if one.state in {"failed", "warned"}] == []
    assert found == again


def test_named_checks_run_in_order_with_their_keys():
    training = made(*halves(people()), "churn")
    found = run_checks(training, [{"type": "leak", "auc_at_least": 0.55}, "test_size"])
    assert [one.name for one in found] == ["leak", "test_size"]
    assert found[0].state == "warned"
    assert run_checks(training, wanted=False) == ()


def test_unknown_check_is_refused_with_those_there_are():
    with pytest.raises(UsageError, match=r"unknown check 'leek'.*Did you mean 'leak'.*test_size"):
        chosen_checks(["leek"])


def test_check_that_breaks_off_costs_nothing_but_its_answer(monkeypatch):
    def broken(self, training):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(CHECKS.get("leak"), "run", broken)
    (found,) = run_checks(made(*halves(people()), "churn"), ["leak"])
    assert found.state == "does not apply"
    assert found.reason == "the check broke off: ZeroDivisionError: division by zero"


def test_checks_of_five_thousand_rows_are_quick():
    random = np.random.default_rng(0)
    more = {f"x{place}": random.normal(size=10_000) for place in range(10)}
    training = training_of(*halves(people(10_000, **more)), "churn",
                           inputs=[*INPUTS, *more])  # fmt: skip
    run_checks(training)
    started = time.process_time()
    run_checks(training)
    # A quiet machine takes a quarter of a second.
    assert time.process_time() - started < 1.5


def test_check_of_a_users_own_is_run():
    class Balance(Check):
        """Is it balanced?"""

        type: str = "balance"

        def run(self, training):
            return [self.passed("yes")]

    found = Balance().run(made(*halves(people()), "churn"))
    assert found[0].question == "Is it balanced?"
