"""Sources too large for memory: read block by block, with what reading at once gives."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ordain.core.errors import DataError
from ordain.data import open_source
from ordain.data.read import read_table
from ordain.data.source import Source

ROWS = range(4000)
PLAIN = "a,b,c\n" + "".join(f"{i},{i / 8},t{i % 7}\n" for i in ROWS)

TEXTS = {
    "plain": PLAIN,
    "no end of line": PLAIN.rstrip("\n"),
    "windows": PLAIN.replace("\n", "\r\n"),
    "no header": PLAIN.split("\n", 1)[1],
    "quoted line ends": "a,b\n" + "".join(f'{i},"x\ny, ""{i}"""\n' for i in ROWS),
    "spellings": "a,b\n" + "".join(f"{i},{'NA' if i % 500 == 0 else i}\n" for i in ROWS),
    "nan": "a,b\n" + "".join(f"{i},{'NaN' if i > 3000 else i / 4}\n" for i in ROWS),
    "late text": "a,b\n" + "".join(f"{i},{'x' if i > 3995 else i}\n" for i in ROWS),
    "late number": "a,b\n" + "".join(f"{i},{i + 0.5 if i > 3995 else i}\n" for i in ROWS),
    "late leading zero": "a,b\n" + "".join(f"{i},{'007' if i > 3995 else i}\n" for i in ROWS),
    "unknown at first": "a,b\n" + "".join(f"{i},{i if i > 3000 else ''}\n" for i in ROWS),
    "blank lines": PLAIN.replace("\n2000,", "\n\n\n2000,").replace("\n3999,", "\n\n3999,"),
    "stray quotes": "a,b\n" + "".join(f"{i},5{chr(34) * (i % 900 == 899)} in\n" for i in ROWS),
    "identifiers": "a,b\n" + "".join(f"{i},{i:06}\n" for i in ROWS),
}


def spilling(path: Path, **options: object) -> Source:
    source = open_source(str(path), **options)
    source.spill_into(path.parent / "scratch", from_bytes=1, block_bytes=4096)
    return source


def check_equal(path: Path, **options: object) -> Source:
    """Check that reading in blocks gives what reading at once gives."""
    whole, report = open_source(str(path), **options).scan()
    source = spilling(path, **options)
    parts, streamed = source.scan()
    assert source.is_spilled
    assert_frame_equal(parts.collect(), whole.collect())
    assert streamed == report
    return source


@pytest.mark.parametrize("name", TEXTS)
def test_text_in_blocks_reads_as_in_one_piece(tmp_path, name):
    path = tmp_path / "t.csv"
    path.write_bytes(TEXTS[name].encode())
    check_equal(path)


@pytest.mark.parametrize("types", [{"b": "number"}, {"b": "integer"}, {"b": "text"}])
def test_declared_types_hold_in_every_block(tmp_path, types):
    path = tmp_path / "t.csv"
    path.write_text(TEXTS["late text"])
    check_equal(path, types=types)


def test_comments_and_lines_above_the_header_are_passed_over(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("made by hand\n" + PLAIN.replace("\n1500,", "\n# half\n1500,"))
    check_equal(path, skip_rows=1, comment="#")


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig"])
def test_other_encodings_are_recoded_block_by_block(tmp_path, encoding):
    path = tmp_path / "t.csv"
    path.write_text(PLAIN.replace("t3", "café"), encoding=encoding, newline="")
    check_equal(path)


@pytest.mark.slow
def test_foreign_byte_far_below_is_found(tmp_path):
    path = tmp_path / "t.csv"
    text = PLAIN + "".join(f"{i},{i / 8},t{i % 7}\n" for i in range(30_000))
    path.write_bytes(text.encode() + b"1,2,caf\xe9\n")
    source = check_equal(path)
    assert source.scan()[1].problems[0]["examples"][0]["line"] == 34_002


def test_packed_text_is_unpacked_block_by_block(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(PLAIN.encode()))
    check_equal(path)


@pytest.mark.parametrize("wrong", ["7,8,9,10\n", "7\n", '"7,8,9\n'])
def test_faulty_lines_are_named_with_their_line_in_the_file(tmp_path, wrong):
    path = tmp_path / "t.csv"
    path.write_text(PLAIN + wrong + PLAIN.split("\n", 1)[1])
    with pytest.raises(DataError, match="line 4002") as whole:
        open_source(str(path)).scan()
    with pytest.raises(DataError, match="line 4002") as streamed:
        spilling(path).scan()
    assert str(streamed.value) == str(whole.value)


def test_ragged_lines_are_counted_over_all_blocks(tmp_path):
    path = tmp_path / "t.csv"
    lines = PLAIN.splitlines()
    for at in (5, 1800, 3600, 3990):
        lines[at] = "1"
        lines[at + 1] += ",x,y"
    path.write_text("\n".join(lines))
    source = check_equal(path, ragged="report")
    counts = {problem["kind"]: problem["count"] for problem in source.scan()[1].problems}
    assert counts == {"short_lines": 4, "long_lines": 4}


def test_small_text_is_read_at_once(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(PLAIN)
    source = open_source(str(path))
    source.scan()
    assert not source.is_spilled


def test_fingerprint_does_not_depend_on_how_text_is_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(PLAIN)
    assert spilling(path).fingerprint() == open_source(str(path)).fingerprint()


def test_table_is_kept_and_blocks_are_cleared(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(PLAIN)
    source = spilling(path)
    table = read_table(source, cache_folder=tmp_path / "cache")
    assert not source.is_spilled
    assert list((tmp_path / "cache" / "scratch").iterdir()) == []
    assert table.n_rows == len(ROWS) == table.column("a").len()


RECORDS = {
    "plain": [{"a": i, "b": f"t{i}"} for i in ROWS],
    "late key": [{"a": i} if i < 3990 else {"a": i, "late": i / 2} for i in ROWS],
    "late number": [{"a": i if i < 3990 else i + 0.5} for i in ROWS],
    "late text": [{"a": i if i < 3990 else "x"} for i in ROWS],
    "nested": [{"a": {"b": i, "c": {"d": str(i)}}, "e": [i]} for i in ROWS],
    "late field": [{"a": {"b": i} if i < 3990 else {"b": i, "c": True}} for i in ROWS],
    "null at first": [{"a": None if i < 3990 else i, "b": i} for i in ROWS],
}


@pytest.mark.parametrize("name", RECORDS)
def test_json_lines_in_blocks_read_as_in_one_piece(tmp_path, name):
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in RECORDS[name]))
    check_equal(path)


def test_line_that_is_no_json_is_named(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text("".join(f'{{"a": {i}}}\n' for i in ROWS) + '{"a": \n{"a": 1}\n')
    with pytest.raises(DataError, match=r"line 4001 of 't\.jsonl' is not valid JSON"):
        spilling(path).scan()


def test_same_text_gives_the_same_codes_as_the_column_itself():
    frame = pl.DataFrame({"a": ["x", None, "y", "x"] * 3000, "b": [str(i) for i in range(12_000)]})
    table = read_table(open_source(frame))
    coded = table.coded("a")
    assert coded is not None
    assert coded.cast(pl.String).equals(frame["a"])
    assert table.coded("b") is None
