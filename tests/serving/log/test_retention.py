from __future__ import annotations

import json
import time

import pytest

from ordain.config.deployment import PredictionLogging
from ordain.core.errors import StoreError
from ordain.serving.log.place import OUTCOMES, Sink
from ordain.serving.log.read import read_outcomes, read_predictions
from ordain.serving.log.retention import AUDIT, Retention, _remove, hours_of
from ordain.serving.log.rows import entry_line
from ordain.serving.log.segment import Segment
from ordain.serving.log.writer import LogWriter

DAY = 86_400.0
NOW = time.time()


def filled(sink: Sink, entries, outcomes, days_ago=(0, 1, 3, 40)) -> None:
    writer = LogWriter(sink)
    for number, days in enumerate(days_ago):
        writer.put(entries(number, at=NOW - days * DAY))
        writer.put(outcomes(number, at=NOW - days * DAY + 1))
    writer.close()


def swept(sink: Sink, **keys) -> int:
    retention = Retention(sink)
    retention.adopt(PredictionLogging(**keys))
    return retention.sweep(now=NOW)


def audit(sink: Sink) -> list[dict[str, object]]:
    return [json.loads(line) for line in (sink.folder / AUDIT).read_text().splitlines()]


def test_hours_that_are_too_old_are_removed_with_their_outcomes(sink, entries, outcomes):
    filled(sink, entries, outcomes)
    assert swept(sink, keep_days=2) == 4
    assert read_predictions(sink, "churn")["prediction_id"].to_list() == ["p1", "p0"]
    assert read_outcomes(sink)["prediction_id"].to_list() == ["p1", "p0"]
    lines = audit(sink)
    assert {line["stream"] for line in lines} == {"churn", OUTCOMES}
    assert all(line["why"] == "keep_days" and line["bytes"] > 0 for line in lines)
    assert sink.streams() == ["churn"]


def test_the_oldest_hours_make_room(sink, entries, outcomes):
    filled(sink, entries, outcomes)
    whole = sum(hour.n_bytes for hour in hours_of(sink))
    assert swept(sink, keep_bytes=whole) == 0
    assert swept(sink, keep_bytes=whole - 1) == 1
    assert "p3" not in read_predictions(sink, "churn")["prediction_id"].to_list() or (
        "p3" not in read_outcomes(sink)["prediction_id"].to_list()
    )
    assert audit(sink)[0]["why"] == "keep_bytes"


def test_what_is_still_written_is_never_removed(sink, writing, entries):
    segment = Segment(sink.hour("churn", NOW - 40 * DAY) / "1-1.log")
    segment.append(entry_line(entries(1, at=NOW - 40 * DAY), frozenset()) + b"\n", 1)
    writer = writing(sink)
    writer.put(entries(2))
    assert writer.flush()
    assert swept(sink, keep_days=1, keep_bytes=1) == 0
    assert len(read_predictions(sink, "churn")) == 2
    segment.close()


def test_without_a_bound_everything_is_kept(sink, entries, outcomes):
    filled(sink, entries, outcomes)
    assert swept(sink) == 0
    assert len(read_predictions(sink, "churn")) == 4


def test_a_running_writer_takes_up_what_is_declared(sink, writing, entries, outcomes):
    filled(sink, entries, outcomes)
    writer = writing(sink)
    writer.adopt(PredictionLogging(keep_days=2, sample=0.0))
    writer.put(entries(9))
    assert writer.flush()
    end = time.monotonic() + 10
    while len(read_predictions(sink, "churn")) > 2 and time.monotonic() < end:
        time.sleep(0.05)
    assert read_predictions(sink, "churn")["prediction_id"].to_list() == ["p1", "p0"]
    assert writer.counts.left_out == 1


def test_bytes_bound_a_folder_only():
    with pytest.raises(ValueError, match="keep_days: 30"):
        PredictionLogging(sink="postgresql://h/d", keep_bytes=10)


def test_room_is_made_where_nothing_can_be_written(sink, entries, outcomes):
    filled(sink, entries, outcomes)
    retention = Retention(sink)
    retention.adopt(PredictionLogging(keep_days=2))
    audit = sink.folder / AUDIT
    audit.mkdir()  # a line cannot be written, as on a full disk
    with pytest.raises(StoreError):
        retention.sweep(now=NOW)
    assert len(read_predictions(sink, "churn")) + len(read_outcomes(sink)) == 7


def test_a_segment_that_is_begun_while_its_hour_is_removed_stays(sink, writing, entries):
    writer = LogWriter(sink)
    writer.put(entries(3, at=NOW - 40 * DAY))
    writer.close()
    folder = sink.hour("churn", NOW - 40 * DAY)
    segment = Segment(folder / "late-1.log")
    segment.append(entry_line(entries(7, at=NOW - 40 * DAY), frozenset()) + b"\n", 1)
    assert _remove(folder)
    assert [path.name for path in folder.iterdir()] == ["late-1.log"]
    segment.close()
