"""Predictions and outcomes as a server hands them over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ordain.serving.contracts import Entry, Outcome
from ordain.serving.log.place import Sink
from ordain.serving.log.writer import LogWriter

NOW = time.time()


def entry(number: int, **keys: Any) -> Entry:
    probability = (number % 10) / 10
    given = {
        "prediction_id": f"p{number}",
        "request_id": f"r{number}",
        "model": "churn",
        "version": "1",
        "arm": "champion",
        "at": NOW + number / 1000,
        "seconds": 0.0005,
        "status": "answered",
        "caller": "ann",
        "inputs": {"tenure": number, "contract": "month", "phone": "555"},
        "outputs": {
            "churn_prediction": "Yes" if probability >= 0.5 else "No",
            "churn_probability": max(probability, 1 - probability),
            "churn_probability_No": 1 - probability,
            "churn_probability_Yes": probability,
        },
    }
    return Entry(**{**given, **keys})


def outcome(number: int, value: object = "Yes", **keys: Any) -> Outcome:
    given = {"prediction_id": f"p{number}", "values": {"churn": value}, "caller": "ann"}
    return Outcome(**{**given, "at": NOW + 3600 + number / 1000, **keys})


@pytest.fixture
def sink(tmp_path: Path) -> Sink:
    return Sink(tmp_path / "predictions")


@pytest.fixture
def writing() -> Iterator[Callable[..., LogWriter]]:
    made: list[LogWriter] = []

    def make(sink: Sink, **keys: Any) -> LogWriter:
        made.append(LogWriter(sink, **keys))
        return made[-1]

    yield make
    for writer in made:
        writer.close()


@pytest.fixture
def entries() -> Callable[..., Entry]:
    return entry


@pytest.fixture
def outcomes() -> Callable[..., Outcome]:
    return outcome
