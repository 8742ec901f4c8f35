"""Rows of one turn of the event loop are predicted together, and answered as alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ordain.serving.turn import Turn

Row = Mapping[str, Any]


def one(row: Row) -> dict[str, Any]:
    if row["x"] < 0:
        raise ValueError("below zero")
    return {"y": row["x"] + 1}


def ask(turn: Turn, rows: Sequence[Row]) -> list[Any]:
    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(turn.answer(row) for row in rows), return_exceptions=True)

    return asyncio.run(all_of_them())


def test_rows_of_one_turn_are_predicted_together() -> None:
    sizes: list[int] = []

    def some(rows: Sequence[Row]) -> list[dict[str, Any]]:
        sizes.append(len(rows))
        return [one(row) for row in rows]

    rows = [{"x": place} for place in range(40)]
    assert ask(Turn(one, some), rows) == [{"y": place + 1} for place in range(40)]
    assert sizes == [32, 8]


def test_a_few_rows_are_predicted_one_by_one() -> None:
    def some(rows: Sequence[Row]) -> list[dict[str, Any]]:
        raise AssertionError(f"{len(rows)} rows are few")

    assert ask(Turn(one, some), [{"x": 1}, {"x": 2}]) == [{"y": 2}, {"y": 3}]


def test_a_row_that_fails_does_not_take_the_others_of_its_turn_with_it() -> None:
    rows = [{"x": place} for place in (3, -1, 4, 5, 6)]
    answers = ask(Turn(one, lambda rows: [one(row) for row in rows]), rows)
    assert isinstance(answers[1], ValueError)
    del answers[1]
    assert answers == [{"y": 4}, {"y": 5}, {"y": 6}, {"y": 7}]


def test_who_waits_no_more_is_passed_over() -> None:
    async def scene() -> Any:
        turn = Turn(one, lambda rows: [one(row) for row in rows])
        gone = asyncio.ensure_future(turn.answer({"x": 1}))
        stays = asyncio.ensure_future(turn.answer({"x": 2}))
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    assert asyncio.run(scene()) == pytest.approx({"y": 3})
