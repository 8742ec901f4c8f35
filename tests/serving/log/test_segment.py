"""Segments: whole frames are read, torn ends are not, whoever is killed."""

from __future__ import annotations

import os

import pytest

from ordain.core.errors import StoreError
from ordain.serving.log.segment import Segment, is_abandoned, read_segment


def test_what_was_appended_is_read_also_while_it_is_written(tmp_path):
    segment = Segment(tmp_path / "a.log")
    segment.append(b'{"a":1}\n', 1)
    segment.append(b'{"a":2}\n{"a":3}\n', 2)
    assert read_segment(segment.path).payload == b'{"a":1}\n{"a":2}\n{"a":3}\n'
    assert (segment.n_rows, segment.n_bytes) == (3, segment.path.stat().st_size)
    segment.close()


@pytest.mark.parametrize("n_cut", range(1, 45))
def test_a_torn_end_costs_its_own_frame_alone(tmp_path, n_cut):
    segment = Segment(tmp_path / "a.log")
    segment.append(b'{"a":1}\n', 1)
    segment.append(b'{"a":2, "b": "x"}\n', 1)
    segment.close()
    size = segment.path.stat().st_size
    os.truncate(segment.path, size - n_cut)
    found = read_segment(segment.path)
    assert found.payload == b'{"a":1}\n'
    assert found.n_torn_bytes == 46 - n_cut


def test_a_byte_that_changed_ends_what_is_read(tmp_path):
    segment = Segment(tmp_path / "a.log")
    for i in range(3):
        segment.append(b'{"a":%d}\n' % i, 1)
    segment.close()
    data = bytearray(segment.path.read_bytes())
    data[40 + 28] ^= 1
    segment.path.write_bytes(data)
    found = read_segment(segment.path)
    assert found.payload == b'{"a":0}\n'
    assert found.n_torn_bytes > 0


def test_a_segment_is_left_over_once_its_writer_is_gone(tmp_path):
    segment = Segment(tmp_path / "a.log")
    assert not is_abandoned(segment.path)
    segment.close()
    assert is_abandoned(segment.path)
    assert not is_abandoned(tmp_path / "nowhere.log")


def test_a_segment_is_never_written_over(tmp_path):
    Segment(tmp_path / "a.log").close()
    with pytest.raises(StoreError, match="File exists"):
        Segment(tmp_path / "a.log")
