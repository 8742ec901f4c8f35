from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from ordain.config.deployment import Batching
from ordain.serving.batcher import Batcher
from ordain.serving.refusal import Refusal
from ordain.serving.served import Served

ROW = {"tenure": 3, "contract": "month", "charges": 70.5}


@pytest.fixture
def served(bundles: dict[str, Path]) -> Served:
    return Served.load("churn", "1", folder=bundles["churn"], policy="flag")


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


def made(served: Served, executor: ThreadPoolExecutor, **options: Any) -> Batcher:
    most = options.pop("most_waiting", 100)
    return Batcher(served, executor, batching=Batching(**options), most_waiting=most)


def test_rows_that_wait_are_predicted_together_as_alone(
    served: Served, executor: ThreadPoolExecutor
) -> None:
    sizes = []
    whole = served.predict_frame
    served.predict_frame = lambda rows: (sizes.append(rows.height), whole(rows))[1]
    rows = [{**ROW, "tenure": tenure} for tenure in range(20)]

    async def ask() -> list[Mapping[str, Any]]:
        batcher = made(served, executor, max_rows=8)
        return await asyncio.gather(*(batcher.answer(row) for row in rows))

    answers = asyncio.run(ask())
    for row, answer in zip(rows, answers, strict=True):
        assert answer == pytest.approx(served.predict_row(row))
    assert sizes
    assert max(sizes) == 8


def test_a_row_that_fails_does_not_take_the_others_with_it(
    served: Served, executor: ThreadPoolExecutor
) -> None:
    alone = served.predict_row

    def fails_for_one(row: Mapping[str, Any]) -> dict[str, Any]:
        if row["tenure"] == 1:
            raise ArithmeticError("no")
        return alone(row)

    def fails(_: Any) -> Any:
        raise ArithmeticError("no")

    served.predict_row, served.predict_frame = fails_for_one, fails

    async def ask() -> list[Any]:
        batcher = made(served, executor)
        work = (batcher.answer({**ROW, "tenure": tenure}) for tenure in range(3))
        return await asyncio.gather(*work, return_exceptions=True)

    first, second, third = asyncio.run(ask())
    assert isinstance(second, ArithmeticError)
    assert first["churn_prediction"]
    assert third["churn_prediction"]


def test_the_row_after_the_last_that_may_wait_is_refused(
    served: Served, executor: ThreadPoolExecutor
) -> None:
    goes_on = threading.Event()
    alone = served.predict_row
    served.predict_row = lambda row: (goes_on.wait(10), alone(row))[1]

    async def ask() -> None:
        batcher = made(served, executor, most_waiting=2)
        first = asyncio.create_task(batcher.answer(ROW))
        await asyncio.sleep(0.05)
        waiting = [asyncio.create_task(batcher.answer(ROW)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Refusal, match="try again later"):
            await batcher.answer(ROW)
        goes_on.set()
        await asyncio.gather(first, *waiting)

    asyncio.run(ask())


@pytest.mark.parametrize("fallback", [None, {"value": {"churn": "No"}}])
def test_a_slow_version_gives_way_in_time(
    application: Callable[..., Any], kept: Any, fallback: Any
) -> None:
    asked = application({"churn": {"fallback": fallback}}, limits={"timeout_seconds": 0.1})
    (version,) = asked.process.hosting.state.versions["churn"].values()
    alone = version.predict_row
    version.row_seconds = 1.0
    version.predict_row = lambda row: (time.sleep(0.5), alone(row))[1]
    began = time.monotonic()
    answer: httpx.Response = asked.predict(row=ROW)
    assert time.monotonic() - began < 0.45
    assert kept.entries[-1].status == "timed_out"
    if fallback is None:
        assert answer.status_code == 504
        assert answer.json()["error"]["code"] == "timed_out"
    else:
        assert answer.json()["fallback"] == "timed_out"
        assert answer.json()["outputs"]["churn"] == {"prediction": "No"}
