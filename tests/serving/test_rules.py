from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ordain.config.deployment import Rule
from ordain.core.errors import DataError, UsageError
from ordain.data.expressions import satisfies
from ordain.serving.conditions import _value_of, compile_condition
from ordain.serving.rules import Rules
from ordain.serving.served import Served
from ordain.store.loading import load
from ordain.store.model import Model

ROW = {"tenure": 3, "contract": "month", "charges": 70.5}
COLUMNS = {"tenure": "number", "contract": "text", "charges": "number", "is_new": "boolean"}
ROWS = pl.DataFrame(
    {
        "tenure": [1, 2, 18, None, 70],
        "contract": ["month", "year", None, "it's", "month"],
        "charges": [0.1, 18.5, None, -3.0, 1e3],
        "is_new": [True, False, None, True, False],
    }
)


@pytest.mark.parametrize(
    "condition",
    [
        "tenure < 18",
        "charges >= 18.5 and contract = 'year'",
        "charges = 0.1 or charges = 1e3",
        "contract = 'it''s' or tenure is null",
        "not (tenure between 2 and 18)",
        "tenure not in (1, 70) and contract in ('month', 'year')",
        "is_new and charges > -5",
        "is_new = true or contract <> 'month'",
        "not is_new",
        "contract is not null and 2 > tenure",
        "TENURE <= 2",
        "contract > 'k'",
        "tenure < charges",
    ],
)
def test_a_condition_is_true_for_the_rows_that_sql_finds(condition: str) -> None:
    term = compile_condition(condition, COLUMNS, key="when")
    wanted = satisfies(ROWS, condition).to_list()
    assert [term.of(row) is True for row in ROWS.to_dicts()] == wanted
    found = ROWS.select(term.expression.alias("found").fill_null(value=False))
    assert found["found"].to_list() == wanted
    texts = ROWS.with_columns(pl.col("tenure", "charges").cast(pl.String))
    assert texts.select(term.expression.fill_null(value=False)).to_series().to_list() == wanted


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("tenur < 3", "Did you mean `tenure`"),
        ("age < 3", "other_fields: {age: number}"),
        ("tenure < 'a'", "compares a number with a text"),
        ("tenure + 1 < 3", "more than a rule can: possible: columns"),
        ("lower(contract) = 'a'", "more than a rule can"),
        ("tenure", "gives a number and must be true or false"),
        ("tenure and is_new", "a number where true or false must stand"),
        ("sum(tenure) > 3", "more than a rule can"),
    ],
)
def test_what_a_rule_cannot_ask_is_told(condition: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        compile_condition(condition, COLUMNS, key="rules[0].when")
    assert said in error.value.message
    assert f"`rules[0].when: {condition}`" in error.value.message


def test_what_is_no_expression_is_told() -> None:
    with pytest.raises(DataError, match="not a valid expression"):
        compile_condition("tenure <", COLUMNS, key="when")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ({"type": {"id": "INTEGER"}, "value": -5}, -5),
        ({"type": {"id": "VARCHAR"}, "value": "a"}, "a"),
        ({"type": {"id": "DOUBLE"}, "value": -1000.0}, -1000.0),
        ({"type": {"id": "DECIMAL", "type_info": {"width": 3, "scale": 1}}, "value": 185}, 18.5),
    ],
)
def test_constants_are_read_as_the_older_engine_writes_them(
    written: dict[str, Any], value: object
) -> None:
    node = {"class": "CONSTANT", "value": written}
    assert _value_of(node) == value
    cast = {"class": "CAST", "cast_type": {"id": "BOOLEAN"}}
    true = {"class": "CONSTANT", "value": {"type": {"id": "VARCHAR"}, "value": "t"}}
    assert _value_of({**cast, "child": true}) is True


@pytest.fixture(scope="module")
def model(bundles: dict[str, Path]) -> Model:
    return load(bundles["churn"])


def rules(model: Model, *declared: dict[str, Any]) -> Rules:
    return Rules([Rule.model_validate(one) for one in declared], model, others={})


YES = {"when": "tenure < 10", "then": {"churn": "Yes"}, "reason": "new"}
NO = {"when": "contract = 'month'", "then": {"churn": "No"}}


def test_the_first_rule_that_is_true_decides(model: Model) -> None:
    made = rules(model, YES, NO)
    flat = model.predict_row(ROW)
    found = made.row(ROW, flat)
    assert (found["churn_prediction"], found["churn_rule"]) == ("Yes", "new")
    assert found["churn_before_rules"] == flat["churn_prediction"]
    assert found["churn_probability"] == flat["churn_probability_Yes"]
    found = made.row({**ROW, "tenure": 50}, flat)
    assert (found["churn_prediction"], found["churn_rule"]) == ("No", NO["when"])
    unmarked = {"churn_rule": None, "churn_before_rules": None}
    assert made.row({**ROW, "tenure": 50, "contract": "year"}, flat) == {**flat, **unmarked}


def test_columns_are_decided_as_rows_are(model: Model) -> None:
    made = rules(model, YES, NO, {"when": "churn_probability_Yes > 0", "then": {"churn": "Yes"}})
    rows = pl.DataFrame([{**ROW, "tenure": n, "contract": c} for n in (3, 50, 70) for c in
                         ("month", "year")])  # fmt: skip
    answers = model.predict(rows)
    found = made.frame(rows, answers).to_dicts()
    for row, flat, told in zip(rows.to_dicts(), answers.to_dicts(), found, strict=True):
        assert told == made.row(row, flat)
    assert list(made.frame(rows, answers).columns)[: answers.width] == answers.columns


@pytest.mark.parametrize(
    ("then", "said"),
    [({"churn": "Maybe"}, "one of 'No', 'Yes'"), ({"other": "No"}, "the model's outputs: churn")],
)
def test_an_answer_that_the_model_cannot_have_is_refused(
    model: Model, then: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        rules(model, {"when": "tenure < 1", "then": then})


def test_a_rule_decides_in_every_form_and_is_marked_and_logged(
    application: Callable[..., Any], kept: Any
) -> None:
    asked = application(
        {
            "churn": {
                "rules": [{"when": "age < 18", "then": {"churn": "No"}, "reason": "a minor"}],
                "other_fields": {"age": "number"},
            }
        }
    )
    row = {**ROW, "tenure": 1, "age": 17}
    one = asked.predict(row=row).raise_for_status().json()
    assert "flags" not in one
    told = one["outputs"]["churn"]
    assert (told["prediction"], told["rule"], told["before_rules"]) == ("No", "a minor", "Yes")
    assert told["probability"] == told["probabilities"]["No"]
    assert kept.entries[-1].outputs["churn_rule"] == "a minor"
    assert kept.entries[-1].inputs["age"] == 17
    grown = asked.predict(row={**row, "age": 18}).json()["outputs"]["churn"]
    assert grown["prediction"] == "Yes"
    assert "rule" not in grown
    many = asked.predict(rows=[row, {**row, "age": None}]).json()["predictions"]
    assert [item["outputs"]["churn"].get("rule") for item in many] == ["a minor", None]
    assert many[0]["outputs"]["churn"] == told
    columns = {name: [value, value] for name, value in row.items()} | {"age": [17, 40]}
    several = asked.predict(columns=columns).json()["outputs"]["churn"]
    assert several["rule"] == ["a minor", None]
    assert several["prediction"] == ["No", "Yes"]
    count = 'ordain_rules_total{model="churn",output="churn",rule="a minor",version="'
    (line,) = (line for line in asked.get("/metrics").text.splitlines() if count in line)
    assert line.endswith(" 3.0")
    text = ",".join(row) + "\n" + ",".join(map(str, row.values())) + "\n"
    path = "/v1/models/churn/predict"
    csv = asked.post(path, content=text, headers={"content-type": "text/csv"}).text
    assert "a minor" in csv
    faulty = asked.predict(row={**row, "age": "young"})
    assert faulty.status_code == 422
    assert "`age` is the text 'young' and must be a number" in faulty.text


def test_a_rule_may_name_a_label_that_training_did_not_have(
    application: Callable[..., Any],
) -> None:
    rules = [
        {"when": "contract = 'weekly'", "then": {"churn": "Yes"}, "reason": "never seen"},
        {"when": "contract in ('two years', 'ten')", "then": {"churn": "No"}, "reason": "two"},
    ]
    asked = application({"churn": {"rules": rules}})
    columns = {name: [value, value] for name, value in ROW.items()} | {
        "contract": ["month", "two years"]
    }
    told = asked.predict(columns=columns).raise_for_status().json()["outputs"]["churn"]
    assert told["rule"] == [None, "two"]


def test_rules_hold_for_the_fallback_too(application: Callable[..., Any]) -> None:
    rule = {"when": "tenure < 18", "then": {"churn": "Yes"}, "reason": "new"}
    asked = application({"churn": {"rules": [rule], "fallback": {"value": {"churn": "No"}}}})
    version = next(iter(asked.process.hosting.state.versions["churn"].values()))
    version.predict_row = lambda _: 1 / 0
    told = asked.predict(row=ROW).json()
    assert told["fallback"] == "failed"
    assert told["outputs"]["churn"] == {
        "prediction": "Yes",
        "rule": "new",
        "before_rules": "No",
    }


def test_rules_cost_a_row_some_microseconds_and_leave_it_on_the_fast_way(
    bundles: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    declared = [Rule.model_validate(one) for one in (YES, NO)]
    served = Served.load("churn", "1", folder=bundles["churn"], policy="reject", rules=declared)
    assert "predicted as a table" not in caplog.text
    assert served.is_inline
