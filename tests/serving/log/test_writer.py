"""The log of a worker: nothing waits for it, nothing flushed is lost, and it ends in columns."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from ordain.serving.contracts import BatchEntry
from ordain.serving.log.apart import Apart
from ordain.serving.log.feedback import FeedbackFiles
from ordain.serving.log.fields import MOST_UNKNOWN
from ordain.serving.log.finish import Finisher, finish_segment, merge_hour, write_parquet
from ordain.serving.log.place import OUTCOMES, Sink
from ordain.serving.log.read import read_outcomes, read_predictions
from ordain.serving.log.rows import entry_line, frame_of
from ordain.serving.log.segment import Segment, read_segment
from ordain.serving.log.writer import LogWriter, PredictionFiles


def test_predictions_are_read_as_they_were_written(sink, writing, entries):
    log = PredictionFiles(writing(sink))
    log.write(entries(1, flags=("unseen:contract",), error_id=None))
    log.write(entries(2, status="failed", outputs={}, error_id="e7"))
    assert log.writer.flush()
    first, second = read_predictions(sink, "churn").to_dicts()
    assert first["prediction_id"] == "p1"
    assert first["latency_ms"] == pytest.approx(0.5)
    assert first["at"].tzinfo is not None
    assert (first["input.tenure"], first["output.churn_prediction"]) == (1, "No")
    assert first["flags"] == ["unseen:contract"]
    assert (second["status"], second["error_id"]) == ("failed", "e7")
    assert second["output.churn_prediction"] is None


def test_an_ended_log_is_columns_by_model_and_hour(sink, entries):
    writer = LogWriter(sink)
    writer.put(entries(1))
    writer.put(entries(2, model="price", at=entries(2).at - 7200))
    writer.close()
    hour = dt.datetime.fromtimestamp(entries(1).at, dt.UTC).strftime("%Y-%m-%dT%H")
    (path,) = (sink.folder / "churn" / hour).glob("*.parquet")
    assert pl.read_parquet(path)["prediction_id"].to_list() == ["p1"]
    assert not list(sink.folder.rglob("*.log"))
    assert len(read_predictions(sink, "price")) == 1


def test_redacted_fields_are_in_no_file(sink, writing, entries, outcomes):
    writer = writing(sink, redact=["phone", "note"])
    secret = {"tenure": 1, "phone": "555-1234"}
    writer.put(entries(1, inputs=secret))
    frame = pl.DataFrame([secret])
    whole = {
        key: getattr(entries(2), key)
        for key in BatchEntry.__slots__
        if key not in {"inputs", "outputs", "places", "flags"}
    }
    writer.put(BatchEntry(**whole, inputs=frame, outputs=pl.DataFrame({"y_prediction": [1.0]})))
    writer.put(outcomes(1, values={"churn": "No", "note": "555-1234"}))
    writer.flush()
    writer.close()
    assert not any(b"555-1234" in p.read_bytes() for p in sink.folder.rglob("*") if p.is_file())
    assert "input.phone" not in read_predictions(sink, "churn").columns
    assert len(read_predictions(sink, "churn")) == 2


def test_a_batch_is_a_row_each_with_an_id_each(sink, writing, entries):
    log = PredictionFiles(writing(sink))
    whole = {
        key: getattr(entries(3), key)
        for key in BatchEntry.__slots__
        if key not in {"inputs", "outputs", "places", "flags"}
    }
    inputs = pl.DataFrame({"tenure": range(1000), "contract": ["month"] * 1000})
    log.write_batch(
        BatchEntry(**whole, inputs=inputs, outputs=pl.DataFrame({"y_prediction": range(1000)}))
    )
    log.write(entries(4))
    log.writer.flush()
    found = read_predictions(sink, "churn")
    assert found["prediction_id"].to_list()[:2] == ["p3-0", "p3-1"]
    assert len(found) == 1001
    assert log.writer.counts.written == 1001


def test_a_batch_of_a_rare_kind_keeps_no_other_from_being_written(sink, writing, entries):
    log = PredictionFiles(writing(sink))
    whole = {
        key: getattr(entries(3), key)
        for key in BatchEntry.__slots__
        if key not in {"prediction_id", "inputs", "outputs", "flags"} and hasattr(entries(3), key)
    }
    rare = {
        "bytes": [b"\xff"],
        "time": [dt.time(1)],
        "span": [dt.timedelta(1)],
        "pair": [{"a": [1]}],
        "lists": [[["a"]]],
        "label": pl.Series(["x"], dtype=pl.Categorical),
        "none": pl.Series([None], dtype=pl.Null),
    }
    for number, cells in enumerate([*rare.values(), ["a"], [1], [[1, 2]], [dt.date(2026, 1, 1)]]):
        frame = pl.DataFrame({"field": cells})
        outputs = pl.DataFrame({"y_prediction": [1]})
        log.write_batch(
            BatchEntry(**whole, prediction_id=f"b{number}", inputs=frame, outputs=outputs)
        )
    assert log.writer.flush()
    assert (log.writer.counts.failures, log.writer.counts.unwritable) == (0, 0)
    found = read_predictions(sink, "churn")
    assert len(found) == len(rare) + 4
    assert found["input.field"].dtype == pl.String


def test_a_client_that_names_another_field_in_every_row_makes_no_wide_file(sink, writing, entries):
    log = PredictionFiles(writing(sink, redact=["secret"]))
    for number in range(300):
        inputs = {"tenure": number, f"own {number}": number, "secret": 7}
        flags = ("edge:tenure", f"unknown:own {number}", "unknown:secret")
        log.write(entries(number, inputs=inputs, flags=flags))
    columns = {f"mine {number}": [number] * 2 for number in range(150)}
    flags = pl.Series([[f"unknown:{name}" for name in columns]] * 2)
    whole = {
        key: getattr(entries(400), key)
        for key in BatchEntry.__slots__
        if key not in {"prediction_id", "inputs", "outputs", "flags"} and hasattr(entries(400), key)
    }
    frame = pl.DataFrame({"tenure": [1, 2], **columns})
    outputs = pl.DataFrame({"y_prediction": [1, 2]})
    log.write_batch(
        BatchEntry(**whole, prediction_id="b", inputs=frame, outputs=outputs, flags=flags)
    )
    assert log.writer.flush()
    found = read_predictions(sink, "churn")
    assert found["input.tenure"].null_count() == 0
    assert len([name for name in found.columns if name.startswith("input.")]) == MOST_UNKNOWN + 1
    others = found["input.(others)"].drop_nulls()
    assert others[0] == f'{{"own {MOST_UNKNOWN - 1}": {MOST_UNKNOWN - 1}}}'
    assert '"mine 149": 149' in others[-1]
    assert not any("secret" in text for text in others)


def test_the_sample_is_by_the_id_alone_and_the_same_in_every_worker(tmp_path, entries):
    kept = []
    for name in ("one", "two"):
        sink = Sink(tmp_path / name)
        writer = LogWriter(sink, sample=0.25)
        for number in range(4_000):
            writer.put(entries(number))
        writer.close()
        kept.append(set(read_predictions(sink, "churn")["prediction_id"]))
        assert writer.counts.left_out == 4_000 - len(kept[-1])
    assert kept[0] == kept[1]
    assert abs(len(kept[0]) - 1_000) < 4 * (4_000 * 0.25 * 0.75) ** 0.5


def test_a_full_queue_drops_and_counts_and_never_waits(sink, writing, entries):
    writer = writing(sink, queue_rows=100)
    began = time.perf_counter()
    taken = sum(writer.put(entries(number)) for number in range(5_000))
    assert time.perf_counter() - began < 1
    assert 100 <= taken < 5_000
    assert writer.counts.dropped == 5_000 - taken
    assert writer.flush()
    assert writer.counts.written == taken


def test_a_value_that_is_no_data_costs_its_own_row(sink, writing, entries):
    writer = writing(sink)
    writer.put(entries(1, inputs={"x": "\ud800"}))
    writer.put(entries(2, inputs={"x": float("nan"), "y": object}))
    writer.put(entries(3))
    writer.flush()
    assert writer.counts.unwritable == 1
    assert read_predictions(sink, "churn")["prediction_id"].to_list() == ["p2", "p3"]


def test_a_field_of_unlike_types_is_text_and_loses_nothing(sink, writing, entries):
    writer = writing(sink)
    for number, value in enumerate([1, "x", 2.5, True, None, [1, 2], {"a": 1}]):
        writer.put(entries(number, inputs={"v": value, "n": number}))
    writer.flush()
    found = read_predictions(sink, "churn")
    assert found["input.v"].to_list() == ["1", "x", "2.5", "true", None, "[1, 2]", '{"a": 1}']
    assert found["input.n"].to_list() == list(range(7))


def test_workers_whose_columns_differ_are_read_together(sink, entries):
    for number, inputs in enumerate([{"a": 1}, {"a": "one", "b": 2.0}, {"b": 3}, {}]):
        writer = LogWriter(sink)
        writer.put(entries(number, inputs=inputs))
        writer.close()
    found = read_predictions(sink, "churn")
    assert found["input.a"].to_list() == ["1", "one", None, None]
    assert found["input.b"].to_list() == [None, 2.0, 3.0, None]


def test_a_folder_that_cannot_be_written_is_told_and_nothing_ends(tmp_path, entries):
    (tmp_path / "file").write_text("")
    writer = LogWriter(Sink(tmp_path / "file" / "log"))
    assert writer.put(entries(1))
    assert not writer.flush(timeout=0.5)
    assert writer.counts.failures > 0
    assert "Not a directory" in writer.problem
    writer.close(timeout=10)


def test_rows_wait_while_the_disk_is_away(sink, writing, entries):
    sink.folder.parent.mkdir(exist_ok=True)
    sink.folder.write_text("in the way")
    writer = writing(sink)
    writer.put(entries(1))
    assert not writer.flush(timeout=0.5)
    sink.folder.unlink()
    assert writer.flush(timeout=10)
    assert len(read_predictions(sink, "churn")) == 1


def test_outcomes_are_all_kept_and_repeated_ones_are_told(sink, writing, outcomes):
    writer = writing(sink)
    feedback = FeedbackFiles(writer)
    receipts = [
        feedback.write(outcomes(1, "Yes")),
        feedback.write(outcomes(1, "Yes", at=outcomes(1).at + 1)),
        feedback.write(outcomes(1, "No", at=outcomes(1).at + 2)),
    ]
    assert receipts == ["recorded", "repeated", "replaced"]
    writer.flush()
    assert len(read_outcomes(sink)) == 3


def test_an_outcome_without_room_is_not_said_to_be_kept(sink, writing, outcomes, entries):
    writer = writing(sink, queue_rows=1)
    feedback = FeedbackFiles(writer)
    receipts = [feedback.write(outcomes(number)) for number in range(2_000)]
    writer.flush()
    assert receipts.count(None) == writer.counts.dropped > 0
    assert len(read_outcomes(sink)) == receipts.count("recorded")


def test_files_of_an_hour_that_is_over_become_one_and_rows_that_stand_twice_count_once(
    sink, entries
):
    for number in range(3):
        writer = LogWriter(sink)
        writer.put(entries(number))
        writer.close()
    (hour,) = sink.hours("churn")
    copy = next(hour.glob("*.parquet")).read_bytes()
    assert merge_hour(hour) == 0
    assert merge_hour(hour, now=time.time() + 8000) == 3
    (hour / "left-over.parquet").write_bytes(copy)
    assert len(list(hour.glob("*.parquet"))) == 2
    assert read_predictions(sink, "churn")["prediction_id"].to_list() == ["p0", "p1", "p2"]


def test_many_small_files_are_merged_before_their_hour_is_over(sink, writing, entries):
    for number in range(60):
        path = sink.hour("churn", entries(0).at) / f"{number}.parquet"
        write_parquet(frame_of(entry_line(entries(number), frozenset()) + b"\n"), path)
    (hour,) = sink.hours("churn")
    assert merge_hour(hour) == 60
    assert merge_hour(hour) == 0
    assert len(read_predictions(sink, "churn")) == 60


def test_a_segment_finished_twice_stands_once(sink, writing, entries):
    writer = writing(sink)
    writer.put(entries(1))
    writer.flush()
    (path,) = sink.folder.rglob("*.log")
    copy = path.read_bytes()
    finish_segment(path)
    path.write_bytes(copy)
    assert len(read_predictions(sink, "churn")) == 1


_WORKER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {folder!r})
from conftest import entry, outcome
from ordain.serving.log.place import Sink
from ordain.serving.log.writer import LogWriter
writer = LogWriter(Sink(Path(sys.argv[1])))
number = 0
while True:
    for _ in range(200):
        writer.put(entry(number))
        if number % 3 == 0:
            writer.put(outcome(number))
        number += 1
    if number % 1000 == 0 and writer.flush():
        print(number, flush=True)
    time.sleep(0.002)
"""


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.15, 0.6, 1.3])
def test_a_killed_worker_loses_nothing_that_was_flushed_and_tears_no_row(sink, entries, seconds):
    code = _WORKER.format(folder=str(Path(__file__).parent))
    command = [sys.executable, "-c", code, str(sink.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        said = process.stdout.read().split()
    flushed = int(said[-1]) if said else 1000
    for path in sink.folder.rglob("*.log"):
        lines = read_segment(path).payload.split(b"\n")
        assert lines[-1] == b""
    ids = read_predictions(sink, "churn")["prediction_id"].to_list()
    assert ids[:flushed] == [f"p{number}" for number in range(flushed)]
    assert len(read_outcomes(sink)) >= flushed // 3
    # The next worker finishes what was left, and rows stay what they were.
    writer = LogWriter(sink)
    writer.put(replace(entries(0), prediction_id="last"))
    writer.close()
    assert not list(sink.folder.rglob("*.log"))
    assert read_predictions(sink, "churn")["prediction_id"].to_list().count("p0") == 1
    assert set(ids) < set(read_predictions(sink, "churn")["prediction_id"])


def test_a_torn_end_is_put_aside_when_a_segment_is_finished(sink, writing, entries):
    writer = writing(sink)
    writer.put(entries(1))
    writer.flush()
    (path,) = sink.folder.rglob("*.log")
    with path.open("ab") as file:
        file.write(b"ordain1 0000000999 00000000\n{")
    finish_segment(path)
    assert len(list(sink.folder.rglob("*.torn"))) == 1
    assert len(read_predictions(sink, "churn")) == 1


def test_outcomes_stand_beside_the_models(sink, writing, outcomes, entries):
    writer = writing(sink)
    writer.put(outcomes(1))
    writer.put(entries(1))
    writer.flush()
    assert sink.streams() == ["churn"]
    assert len(sink.hours(OUTCOMES)) == 1


def test_more_segments_than_go_into_one_call_are_all_finished(sink, entries, monkeypatch):
    monkeypatch.setattr("ordain.serving.log.finish._AT_ONCE", 2)
    for number in range(5):
        segment = Segment(sink.hour("churn", entries(number).at) / f"left-{number}.log")
        segment.append(entry_line(entries(number), frozenset()) + b"\n", 1)
        segment.close()
    finisher = Finisher(sink)
    finisher.adopt()
    finisher.settle()
    assert not list(sink.folder.rglob("*.log"))
    assert len(read_predictions(sink, "churn")) == 5


def test_a_segment_is_tried_again_whatever_went_wrong(sink, entries):
    path = sink.hour("churn", entries(1).at) / "left-1.log"
    path.mkdir(parents=True)
    finisher = Finisher(sink)
    finisher._apart = Apart("ordain.serving.log.finish", open)  # whose fault is none of ours
    finisher.take_segment(path)
    with pytest.raises(IsADirectoryError, match="left-1"):
        finisher.settle()
    assert list(finisher._ended) == [path]


def test_a_segment_that_is_written_is_never_taken_for_one_that_was_left(sink, entries):
    segment = Segment(sink.hour("churn", entries(1).at) / "live-1.log")
    segment.append(entry_line(entries(1), frozenset()) + b"\n", 1)
    finisher = Finisher(sink)
    finisher.take_segment(segment.path)  # as if it had been looked at before it had its lock
    finisher.settle()
    assert segment.path.exists()
    segment.close()
    finisher.take_segment(segment.path)
    finisher.settle()
    assert not segment.path.exists()
    assert len(read_predictions(sink, "churn")) == 1
