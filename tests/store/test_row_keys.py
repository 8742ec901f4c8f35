"""Keys of one row: misspelled inputs, extra columns."""

from __future__ import annotations

import pytest

from ordain.core.errors import UsageError
from ordain.store.row_keys import RowKeys

KEYS = RowKeys(["tenure", "contract"], ["churn"])


def test_a_misspelled_input_is_named_with_the_right_one() -> None:
    with pytest.raises(UsageError, match=r"no `contract`, but a key `Contract`, which is no input"):
        KEYS.check({"tenure": 3, "Contract": "year"})
    with pytest.raises(UsageError, match=r"Fix: write `contract`"):
        KEYS.check({"tenure": 3, "contrct": "year"})


def test_other_columns_and_the_target_may_be_there() -> None:
    KEYS.check({"tenure": 3, "contract": "year", "churn": "Yes", "customer": 7})
    KEYS.check({"tenure": 3, "customer": 7})
    KEYS.check({"tenure": 3, "customer": 7})


def test_a_near_key_beside_the_input_is_another_column() -> None:
    KEYS.check({"tenure": 3, "contract": "year", "contracts": 2})


def test_a_row_without_any_input_is_refused() -> None:
    for row in ({}, {"customer": 7}, {"churn": "Yes"}):
        with pytest.raises(UsageError, match="none of the model's inputs"):
            KEYS.check(row)
