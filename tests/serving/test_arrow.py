"""Arrow streams: those of other libraries are read; what a stream says is not believed."""

from __future__ import annotations

import io
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from ordain.serving.arrow import read_stream
from ordain.serving.refusal import Refusal


def stream(frame: pl.DataFrame, **options: Any) -> bytes:
    body = io.BytesIO()
    frame.write_ipc_stream(body, **options)
    return body.getvalue()


FRAME = pl.DataFrame(
    {
        "number": [1, None, 3],
        "real": [0.5, 1.5, None],
        "text": ["a", None, "a text that is longer than twelve bytes"],
        "truth": [True, False, None],
        "none": pl.Series([None, None, None], dtype=pl.Null),
        "day": pl.Series(["2026-11-21", None, "2026-01-01"]).str.to_date(),
        "label": pl.Series(["x", "y", "x"], dtype=pl.Categorical),
        "list": [[1, 2], [], None],
        "pair": [{"a": 1, "b": "c"}, {"a": None, "b": "d"}, None],
    }
)


def test_a_stream_is_read_as_it_was_written() -> None:
    assert read_stream(stream(FRAME), most_rows=3).equals(FRAME)
    assert read_stream(stream(FRAME.clear()), most_rows=3).height == 0


def test_streams_of_another_library_are_read() -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table(
        {
            "number": pa.array([1, 2, None]),
            "text": pa.array(["a", None, "b"]),
            "label": pa.array(["x", "y", "x"]).dictionary_encode(),
            "none": pa.nulls(3),
        }
    )
    body = io.BytesIO()
    with pa.ipc.new_stream(body, table.schema) as writer:
        for batch in table.to_batches(max_chunksize=2):
            writer.write_batch(batch)
    found = read_stream(body.getvalue(), most_rows=3)
    assert found.height == 3
    assert found["label"].cast(pl.String).to_list() == ["x", "y", "x"]


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_compressed_buffers_are_refused_before_they_grow(compression: Any) -> None:
    zeros = pl.DataFrame({"number": np.zeros(50_000_000, dtype=np.int8)})
    with pytest.raises(Refusal, match="compressed Arrow buffers are not read") as refused:
        read_stream(stream(zeros, compression=compression), most_rows=10)
    assert refused.value.status == 415


def test_too_many_rows_are_refused_before_they_are_read() -> None:
    with pytest.raises(Refusal, match="at most 2 rows"):
        read_stream(stream(FRAME), most_rows=2)


@pytest.mark.parametrize("body", [b"", b"x", b"\xff" * 100, b"\0" * 3, stream(FRAME)[:200]])
def test_what_is_no_stream_is_malformed(body: bytes) -> None:
    with pytest.raises(Refusal, match="no Arrow stream"):
        read_stream(body, most_rows=10)


_FUZZ = """
import random, resource, sys
sys.path.insert(0, {folder!r})
from test_arrow import FRAME, changed, stream
from ordain.serving.arrow import read_stream
from ordain.serving.refusal import Refusal
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
whole, source = stream(FRAME), random.Random(0)
for _ in range(4_000):
    try:
        read_stream(changed(whole, source), most_rows=1_000)[::-1].null_count()
    except Refusal:
        pass
print("alive")
"""


def changed(whole: bytes, source: random.Random) -> bytes:
    """Return a stream with some bytes that are not as they were written."""
    found = bytearray(whole)
    for _ in range(source.choice([1, 1, 2, 4])):
        at = source.randrange(len(found) - 8)
        if source.random() < 0.6:
            found[at] = source.randrange(256)
        else:
            found[at : at + 8] = source.choice(
                [b"\xff" * 8, b"\0" * 8, b"\xff" * 7 + b"\x7f", b"\0\0\0\0\1\0\0\0"]
            )
    return bytes(found)


@pytest.mark.slow
def test_no_stream_ends_the_process() -> None:
    code = _FUZZ.format(folder=str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.stdout == "alive\n", done.stderr[-3000:]
