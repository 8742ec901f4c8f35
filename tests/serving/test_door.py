from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ordain.core.errors import UsageError
from ordain.serving.door import Door
from ordain.serving.refusal import Refusal
from ordain.store.loading import load
from ordain.store.model import Model

ROW = {"tenure": 3, "contract": "month", "charges": 70.5}


@pytest.fixture(scope="module")
def model(bundles: dict[str, Path]) -> Model:
    return load(bundles["churn"])


def faults(door: Door, row: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(Refusal, match="not what the model was trained on") as refused:
        door.pass_row(row)
    return {fault["field"]: fault["code"] for fault in refused.value.faults}


def test_a_row_like_those_of_training_passes_unchanged(model: Model) -> None:
    passed, flags = Door(model, policy="reject").pass_row(ROW)
    assert passed is ROW
    assert flags == ()


def test_all_faults_of_a_row_are_told_at_once(model: Model) -> None:
    row = {"tenure": "three", "contract": "weekly", "charges": -4e6}
    assert faults(Door(model, policy="reject"), row) == {
        "tenure": "type",
        "contract": "category",
        "charges": "range",
    }


def test_a_fault_says_what_was_expected(model: Model) -> None:
    door = Door(model, policy="reject")
    (fault,) = door.faults_of({**ROW, "contract": "weekly"})
    assert set(fault["expected"]["enum"]) == {"month", "year", "two years"}
    assert fault["message"].startswith(
        "`contract` is 'weekly', which training did not have; it must be one of '"
    )


@pytest.mark.parametrize("value", [True, [1], float("nan"), float("inf"), 10**400, "3", "abc"])
def test_what_is_no_number_is_never_read_as_one(model: Model, value: object) -> None:
    assert faults(Door(model, policy="flag"), {**ROW, "tenure": value}) == {"tenure": "type"}


def test_a_number_just_outside_is_told_and_answered(model: Model) -> None:
    _, flags = Door(model, policy="reject").pass_row({**ROW, "tenure": 80})
    assert flags == ({"field": "tenure", "code": "edge"},)


def test_below_zero_is_far_where_training_saw_nothing_below(model: Model) -> None:
    assert faults(Door(model, policy="reject"), {**ROW, "tenure": -1}) == {"tenure": "range"}


def test_missing_is_a_fault_only_where_training_saw_none(model: Model) -> None:
    door = Door(model, policy="reject")
    assert faults(door, {**ROW, "contract": ""}) == {"contract": "missing"}
    assert faults(door, {"contract": "month", "charges": 3.0}) == {"tenure": "missing"}
    assert door.pass_row({**ROW, "charges": None})[1] == ()


def test_impute_takes_what_is_at_fault_as_missing(model: Model) -> None:
    row = {"tenure": "three", "contract": "weekly", "charges": 70.0}
    passed, flags = Door(model, policy="impute").pass_row(row)
    assert passed == {"tenure": None, "contract": None, "charges": 70.0}
    assert flags == (
        {"field": "tenure", "code": "type", "imputed": True},
        {"field": "contract", "code": "category", "imputed": True},
    )
    assert row["tenure"] == "three"


def test_flag_answers_what_can_be_read(model: Model) -> None:
    passed, flags = Door(model, policy="flag").pass_row({**ROW, "contract": "weekly"})
    assert passed["contract"] == "weekly"
    assert flags == ({"field": "contract", "code": "category"},)


def test_an_unknown_field_is_named_and_a_misspelled_one_refused(model: Model) -> None:
    door = Door(model, policy="reject")
    assert door.pass_row({**ROW, "customer": 7})[1] == ({"field": "customer", "code": "unknown"},)
    row = {"tenur": 3, "contract": "month", "charges": 3.0}
    assert faults(door, row) == {"tenur": "unknown", "tenure": "missing"}
    assert door.pass_row({**ROW, "tenur": 3})[1] == (
        {"field": "tenur", "code": "unknown", "nearest": "tenure"},
    )


def test_names_that_are_no_field_are_told_with_the_other_faults(model: Model) -> None:
    door = Door(model, policy="reject")
    told = {one["field"]: one for one in door.faults_of({**ROW, "tenure": "3", "colour": 1})}
    assert set(told) == {"tenure", "colour"}
    assert told["colour"]["message"] == "`colour` is no field of the model, and nothing reads it"
    misspelled = {"Contract": "month", "tenure": 3, "charges": 3.0}
    told = {one["field"]: one for one in door.faults_of(misspelled)}
    assert told["Contract"]["message"].endswith("Did you mean `contract`?")
    assert told["Contract"]["nearest"] == "contract"


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"tenure": "3"}, "is the text '3' and must be a number from 0 to 142: 3, without quotes"),
        ({"tenure": "abc"}, "is the text 'abc' and must be a number from 0 to 142"),
        ({"tenure": None}, "is missing, and never was in training; it must be a number from 0"),
        ({"tenure": 9999}, "far outside of what training saw (0 to 71); 0 to 142 is accepted"),
        ({"contract": "Month"}, ". Did you mean 'month'?"),
        ({"contract": True}, "is true and must be one of '"),
    ],
)
def test_a_fault_says_what_came_what_it_must_be_and_what_was_meant(
    model: Model, bad: dict[str, Any], said: str
) -> None:
    (fault,) = Door(model, policy="reject").faults_of({**ROW, **bad})
    assert said in fault["message"]


def test_a_field_may_have_a_policy_of_its_own(model: Model) -> None:
    door = Door(model, policy="reject", fields={"tenure": "impute", "charges": "flag"})
    row = {"tenure": "three", "contract": "month", "charges": -4e6}
    passed, flags = door.pass_row(row)
    assert passed == {"tenure": None, "contract": "month", "charges": -4e6}
    assert [flag["code"] for flag in flags] == ["type", "range"]
    admitted = door.pass_frame(pl.DataFrame([row]))
    assert admitted.rows["tenure"].to_list() == [None]
    assert faults(door, {**row, "contract": "weekly"}) == {"contract": "category"}
    with pytest.raises(UsageError, match="Did you mean `tenure`"):
        Door(model, policy="reject", fields={"tenur": "flag"})


def test_a_row_of_something_else_is_refused(model: Model) -> None:
    door = Door(model, policy="flag")
    assert faults(door, {})[None] == "no_inputs"
    many = {f"name {number}": 1 for number in range(300)}
    assert list(faults(door, {**ROW, **many}).values()) == ["unknown"]


def test_the_target_and_other_known_fields_pass_quietly(model: Model) -> None:
    door = Door(model, policy="reject", others=("customer",))
    assert door.pass_row({**ROW, "churn": "Yes", "customer": 7})[1] == ()


@pytest.mark.parametrize("policy", ["reject", "impute", "flag"])
@pytest.mark.parametrize(
    "bad",
    [{"tenure": "abc"}, {"contract": "weekly"}, {"tenure": 9999}, {"tenure": 80}, {"tenure": None}],
)
def test_columns_are_judged_as_rows_are(model: Model, policy: Any, bad: dict[str, Any]) -> None:
    row = {**ROW, **bad}
    door = Door(model, policy=policy)
    frame = pl.DataFrame({name: [None if v is None else str(v)] for name, v in row.items()})
    row = {name: (float(v) if _is_number(name, v) else v) for name, v in row.items()}

    def outcome(judge: Callable[[], Any]) -> Any:
        try:
            return [flag["code"] for flag in judge()]
        except Refusal as refusal:
            return {(fault["field"], fault["code"]) for fault in refusal.faults}

    by_row = outcome(lambda: door.pass_row(row)[1])
    by_frame = outcome(lambda: door.pass_frame(frame).flags)
    assert by_frame == by_row


def test_known_labels_come_as_an_enumeration_and_are_answered_as_texts(model: Model) -> None:
    rows = pl.DataFrame([{**ROW, "contract": label} for label in ("month", "year", "month")])
    admitted = Door(model, policy="reject").pass_frame(rows)
    assert isinstance(admitted.rows.schema["contract"], pl.Enum)
    assert admitted.rows["contract"].cast(pl.String).to_list() == rows["contract"].to_list()
    assert model.predict(admitted.rows).equals(model.predict(rows))


def test_fewer_rows_than_labels_are_not_worth_an_enumeration(model: Model) -> None:
    admitted = Door(model, policy="reject").pass_frame(pl.DataFrame([ROW]))
    assert admitted.rows.schema["contract"] == pl.String


@pytest.mark.parametrize("policy", ["impute", "flag"])
def test_unknown_labels_come_as_they_are(model: Model, policy: Any) -> None:
    rows = pl.DataFrame([{**ROW, "contract": label} for label in ("month", "weekly", " year ")])
    admitted = Door(model, policy=policy).pass_frame(rows)
    assert admitted.rows.schema["contract"] == pl.String
    assert [(flag["code"], flag["rows"]) for flag in admitted.flags] == [("category", [1])]


def test_marks_stand_beside_the_rows_they_are_about(model: Model) -> None:
    rows = pl.DataFrame([ROW] * 70).with_columns(
        pl.Series("tenure", [1] * 30 + [80] + [9999] * 2 + [3] * 37),
        pl.Series("contract", ["month"] * 31 + ["weekly"] * 2 + ["year"] * 37),
    )
    admitted = Door(model, policy="flag").pass_frame(rows)
    assert admitted.marks is not None
    both = ["range:tenure", "category:contract"]
    assert admitted.marks.to_list() == [
        [], *[[]] * 29, ["edge:tenure"], both, both, *[[]] * 37
    ]  # fmt: skip


def _is_number(name: str, value: object) -> bool:
    return name != "contract" and str(value).replace(".", "").isdigit()


def test_columns_at_fault_name_count_and_rows(model: Model) -> None:
    frame = pl.DataFrame([ROW] * 5).with_columns(pl.Series("tenure", [1, 9999, 2, 9999, 3]))
    with pytest.raises(Refusal, match="1 fault") as refused:
        Door(model, policy="reject").pass_frame(frame)
    (fault,) = refused.value.faults
    assert (fault["count"], fault["rows"]) == (2, [1, 3])


def test_a_column_that_is_not_there_counts_as_missing(model: Model) -> None:
    frame = pl.DataFrame([ROW]).drop("charges")
    admitted = Door(model, policy="reject").pass_frame(frame)
    assert admitted.rows["charges"].to_list() == [None]


def test_nan_in_a_column_is_a_missing_value(model: Model) -> None:
    nan = float("nan")
    frame = pl.DataFrame({"tenure": [3.0, nan], "contract": ["month"] * 2, "charges": [nan, 70.5]})
    with pytest.raises(Refusal, match="1 fault") as refused:
        Door(model, policy="reject").pass_frame(frame)
    (fault,) = refused.value.faults
    assert (fault["field"], fault["code"], fault["rows"]) == ("tenure", "missing", [1])


@pytest.mark.parametrize(
    "cells",
    [[["month"]], [{"a": "month"}], [b"month"], [dt.timedelta(1)], [dt.time(1)]],
    ids=["list", "struct", "bytes", "duration", "time"],
)
@pytest.mark.parametrize("column", ["contract", "tenure"])
def test_cells_of_another_kind_are_no_values_of_a_column(
    model: Model, column: str, cells: list[Any]
) -> None:
    frame = pl.DataFrame([ROW]).with_columns(pl.Series(column, cells))
    for policy in ("reject", "flag"):
        with pytest.raises(Refusal, match="1 fault") as refused:
            Door(model, policy=policy).pass_frame(frame)
        assert [fault["code"] for fault in refused.value.faults] == ["type"]
    admitted = Door(model, policy="impute").pass_frame(frame)
    assert admitted.rows[column].to_list() == [None]
    assert model.predict(admitted.rows).height == 1


def test_long_names_of_strangers_are_not_remembered(model: Model) -> None:
    door = Door(model, policy="reject")
    for number in range(3):
        door.pass_row({**ROW, f"{number}-{'x' * 5_000}": 1})
        door.pass_row({**ROW, f"{number}": 1})
    assert sorted(len(names - ROW.keys()) for names in door._looked_at) == [1, 1, 1]
    assert all(len(name) < 100 for names in door._looked_at for name in names)
