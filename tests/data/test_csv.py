"""Delimited text: detection, types, missing values, and every way a file can be wrong."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import polars as pl
import pytest
import zstandard
from polars.testing import assert_frame_equal

from ordain.core.errors import DataError, UsageError
from ordain.data import open_source, read_table


def table(folder: Path, text: str | bytes, name: str = "a.csv", **options):
    content = text.encode() if isinstance(text, str) else text
    (folder / name).write_bytes(content)
    return read_table(open_source(name, root=folder, **options))


def rows(folder: Path, text: str | bytes, name: str = "a.csv", **options) -> pl.DataFrame:
    return table(folder, text, name, **options).frame.collect()


def problem(read, kind: str):
    (found,) = [one for one in read.report.problems if one["kind"] == kind]
    return found


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separator_is_detected_and_reported(tmp_path, separator):
    read = table(tmp_path, f"a{separator}b\n1{separator}x y: 1\n2{separator}z\n")
    assert read.report.details["separator"] == separator
    assert read.frame.collect().rows() == [(1, "x y: 1"), (2, "z")]


def test_types_are_those_of_all_values(tmp_path):
    frame = rows(tmp_path, "i,f,b,s,n\n1,1.5,true,x,+1\n2,2,FALSE,y,1e5\n")
    assert [str(t) for t in frame.dtypes] == ["Int64", "Float64", "Boolean", "String", "Float64"]


def test_separators_quotes_and_line_ends_in_quoted_fields_are_kept(tmp_path):
    frame = rows(tmp_path, 'a,b\n1,"x, ""y""\nz"\n2,w\n')
    assert frame.rows() == [(1, 'x, "y"\nz'), (2, "w")]


def test_leading_zeros_are_kept_as_text_and_reported(tmp_path):
    read = table(tmp_path, "zip,n\n01234,1\n99999,2\n")
    assert read.column("zip").to_list() == ["01234", "99999"]
    assert read.report.details["identifiers_kept_as_text"] == ["zip"]


def test_numbers_too_long_for_64_bits_are_kept_as_text(tmp_path):
    frame = rows(tmp_path, "a,b\n12345678901234567890123,1\n1,2\n")
    assert frame["a"].to_list() == ["12345678901234567890123", "1"]


def test_declared_type_wins_over_the_inferred_one(tmp_path):
    frame = rows(tmp_path, "zip,n\n01234,1\n99999,x\n", types={"zip": "integer", "n": "number"})
    assert frame.rows() == [(1234, 1.0), (99999, None)]


def test_declared_type_counts_what_does_not_parse(tmp_path):
    read = table(tmp_path, "a,b\n1,1\nx,2\n", types={"a": "number"})
    found = problem(read, "not_parsed")
    assert (found["count"], found["examples"]) == (1, [{"row": 1, "value": "x"}])


def test_declared_type_of_an_unknown_column_names_the_nearest(tmp_path):
    with pytest.raises(DataError, match=r"`types` names the column `zipp`.*Did you mean `zip`"):
        table(tmp_path, "zip,n\n1,2\n", types={"zipp": "text"})


@pytest.mark.parametrize(
    ("text", "has_header", "names"),
    [
        ("a,b\n1,2\n", True, ["a", "b"]),
        (
            "5.1,3.5,setosa\n4.9,3.0,setosa\n6.3,3.3,virginica\n",
            False,
            ["column_1", "column_2", "column_3"],
        ),
        ("country,2019,2020\nFR,1.5,2.5\nDE,2.5,3.5\n", True, ["country", "2019", "2020"]),
        ("name,city\nann,rome\nbob,oslo\n", True, ["name", "city"]),
        ("yes,no\nyes,yes\nno,no\n", False, ["column_1", "column_2"]),
    ],
)
def test_header_is_detected(tmp_path, text, has_header, names):
    read = table(tmp_path, text)
    assert read.report.details["header"] is has_header
    assert read.schema.names() == names


def test_header_can_be_declared(tmp_path):
    assert rows(tmp_path, "1,2\n3,4\n", header=True).columns == ["1", "2"]
    assert rows(tmp_path, "1,2\n3,4\n", header=False, names=["x", "y"]).rows() == [(1, 2), (3, 4)]


def test_repeated_and_empty_names_are_made_unique_and_reported(tmp_path):
    read = table(tmp_path, ",a,a\n0,1,2\n1,3,4\n")
    assert read.schema.names() == ["column_1", "a", "a_2"]
    assert read.report.details["renamed_columns"] == {"1": "column_1", "3": "a_2"}


def test_spellings_of_missing_are_counted(tmp_path):
    read = table(tmp_path, "a,b\n1,x\nNA,?\n3, N/A\nnan,\n")
    assert read.frame.collect().rows() == [(1, "x"), (None, None), (3, None), (None, None)]
    found = problem(read, "missing_spellings")
    assert found["count"] == 4
    assert found["columns"] == {"a": 2, "b": 2}


def test_spellings_of_missing_below_the_head_are_counted(tmp_path):
    body = "".join(f"{i},{i}.5\n" for i in range(30_000))
    read = table(tmp_path, f"a,b\n{body}NA,\n7,NaN\n")
    assert read.schema == {"a": pl.Int64(), "b": pl.Float64()}
    assert read.column("a").null_count() == 1
    assert read.column("b").null_count() == 2
    assert problem(read, "missing_spellings")["columns"] == {"a": 1, "b": 1}


def test_no_spelling_of_missing_when_none_is_declared(tmp_path):
    assert rows(tmp_path, "a,b\nNA,1\nx,2\n", null_values=[])["a"].to_list() == ["NA", "x"]


def test_column_without_values_in_the_head_gets_its_type_from_below(tmp_path):
    body = "".join(f"{i},\n" for i in range(60_000))
    frame = rows(tmp_path, f"a,b\n{body}1,2.5\n")
    assert frame["b"].dtype == pl.Float64
    assert frame["b"].drop_nulls().to_list() == [2.5]


def test_all_missing_column_is_read(tmp_path):
    assert rows(tmp_path, "a,b\n1,\n2,\n")["b"].null_count() == 2


def test_broken_numbers_below_the_head_widen_the_column(tmp_path):
    body = "".join(f"{i},x\n" for i in range(60_000))
    frame = rows(tmp_path, f"a,b\n{body}1.5,y\n")
    assert frame["a"].dtype == pl.Float64
    assert frame["a"][-1] == 1.5
    assert frame.height == 60_001


def test_mixed_types_below_the_head_keep_every_value_and_are_shown(tmp_path):
    body = "".join(f"{i},x\n" for i in range(60_000))
    read = table(tmp_path, f"a,b\n{body}twelve,y\n")
    assert read.column("a").to_list()[-2:] == ["59999", "twelve"]
    found = problem(read, "mixed_types")
    assert found["column"] == "a"
    assert found["examples"] == [{"row": 60_000, "value": "twelve"}]
    assert "types: {a: number}" in found["fix"]


def test_decimal_comma(tmp_path):
    frame = rows(tmp_path, "a;b\n1,5;x\n2,25;y\n", decimal=",")
    assert frame["a"].to_list() == [1.5, 2.25]


def test_comment_and_skipped_lines(tmp_path):
    text = "made by hand\n# note\na,b\n1,2\n# more\n3,\n"
    frame = rows(tmp_path, text, skip_rows=1, comment="#")
    assert frame.rows() == [(1, 2), (3, None)]


@pytest.mark.parametrize(
    ("encoding", "reported"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-bom"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
    ],
)
def test_encoding_is_detected(tmp_path, encoding, reported):
    read = table(tmp_path, "name,n\nCafé,1\nnaïve,2\n".encode(encoding))
    assert read.report.details["encoding"] == reported
    assert read.column("name").to_list() == ["Café", "naïve"]
    assert read.schema.names() == ["name", "n"]


def test_text_that_is_not_utf8_is_read_as_cp1252_and_reported(tmp_path):
    read = table(tmp_path, "name,n\nCafé,1\nok,2\n€5,3\n".encode("cp1252"))
    assert read.column("name").to_list() == ["Café", "ok", "€5"]
    found = problem(read, "not_utf8")
    assert found["count"] == 2
    assert found["examples"][0] == {"line": 2, "text": "Café,1"}


def test_foreign_byte_far_below_the_head_is_found(tmp_path):
    body = "".join(f"word{i},1\n" for i in range(60_000))
    read = table(tmp_path, f"name,n\n{body}".encode() + b"caf\xe9,2\n")
    assert read.column("name")[-1] == "café"
    assert problem(read, "not_utf8")["examples"] == [{"line": 60_002, "text": "café,2"}]


def test_broken_utf8_among_utf8_is_an_error_with_the_lines(tmp_path):
    with pytest.raises(
        DataError, match=r"'a.csv' is UTF-8 but for 1 line\(s\):\n  line 3: caf\\xe9,2"
    ):
        table(tmp_path, "name,n\nCafé,1\n".encode() + b"caf\xe9,2\n")


def test_broken_utf8_is_read_where_that_is_declared(tmp_path):
    content = "name,n\nCafé,1\n".encode() + b"caf\xe9,2\n"
    frame = rows(tmp_path, content, encoding="utf-8-lossy")
    assert frame["name"].to_list() == ["Café", "caf\ufffd"]


def test_declared_encoding_that_does_not_fit_names_the_line(tmp_path):
    with pytest.raises(DataError, match="line 2 is not valid us_ascii: byte 0xc3"):
        table(tmp_path, "name,n\nCafé,1\n".encode(), encoding="us_ascii")


def test_unknown_encoding_is_an_error(tmp_path):
    with pytest.raises(DataError, match="`encoding: klingon` is not a known encoding"):
        table(tmp_path, "a,b\n1,2\n", encoding="klingon")


def test_line_7001_with_too_many_fields_is_named(tmp_path):
    lines = ["a,b", *(f"{i},{i}" for i in range(6_999)), "1,2,3", *("1,2" for _ in range(100))]
    expected = re.escape(
        "'a.csv' has 1 line(s) with more fields than the 2 columns of its header:\n"
        "  line 7001 (3 fields): 1,2,3\n"
        "  Fix: mend the lines, quote fields that hold ',', or write `ragged: report`, which drops "
        "the fields past the last column and counts them"
    )
    with pytest.raises(DataError, match=expected):
        table(tmp_path, "\n".join(lines) + "\n")


def test_line_7001_with_too_few_fields_is_named(tmp_path):
    lines = ["a,b,c", *(f"{i},{i},x" for i in range(6_999)), "1,2", *("1,2,y" for _ in range(100))]
    with pytest.raises(
        DataError, match=r"fewer fields than the 3 columns.*\n  line 7001 \(2 fields\): 1,2"
    ):
        table(tmp_path, "\n".join(lines) + "\n")


def test_ragged_lines_can_be_mended_and_are_counted(tmp_path):
    read = table(tmp_path, 'a,b,c\n1,2,3\n4,5,"x\ny",9\n6,7\n', ragged="report")
    assert read.frame.collect().rows() == [(1, 2, "3"), (4, 5, "x\ny"), (6, 7, None)]
    assert problem(read, "short_lines")["examples"] == [{"line": 5, "fields": 2, "text": "6,7"}]
    assert problem(read, "long_lines")["examples"][0]["line"] == 3


def test_missing_last_fields_are_not_taken_for_short_lines(tmp_path):
    read = table(tmp_path, 'a,b\n1,\n2,"x"\n"3",\n')
    assert read.frame.collect().rows() == [(1, None), (2, "x"), (3, None)]
    assert not [p for p in read.report.problems if p["kind"] == "short_lines"]


def test_blank_lines_are_passed_over_and_counted(tmp_path):
    read = table(tmp_path, "a,b\n1,2\n\n3,4\n\n")
    assert read.frame.collect().rows() == [(1, 2), (3, 4)]
    assert problem(read, "blank_lines")["count"] == 2
    assert read.n_rows == 2


def test_blank_line_of_a_single_column_is_a_missing_value(tmp_path):
    assert rows(tmp_path, "a\n1\n\n3\n")["a"].to_list() == [1, None, 3]


def test_quotes_inside_fields_are_characters_where_no_field_starts_with_one(tmp_path):
    read = table(tmp_path, 'id,disk,n\n1,5" disk,2\n2,plain,3\n3,6" disk,4\n')
    assert read.column("disk").to_list() == ['5" disk', "plain", '6" disk']
    assert problem(read, "stray_quotes")["count"] == 2


def test_open_quote_is_an_error_with_its_line(tmp_path):
    with pytest.raises(
        DataError, match=r'quote that is not closed.*\n  line 2: 1,"abc,x\n  Fix: close'
    ):
        table(tmp_path, 'a,b,c\n1,"abc,x\n2,y,z\n4,p,q\n')


def test_one_gigabyte_line_is_refused_without_reading_it(tmp_path):
    with (tmp_path / "a.csv").open("wb") as file:
        file.write(b"a,b\n1,2\n")
        file.truncate(1 << 30)
    with pytest.raises(DataError, match=r"line 3 of 'a.csv' is longer than 16,777,216 bytes"):
        read_table(open_source("a.csv", root=tmp_path))


def test_long_line_in_a_packed_file_is_refused(tmp_path):
    packed = gzip.compress(b"a,b\n1," + b"x" * (1 << 25) + b"\n", 1)
    with pytest.raises(DataError, match=r"line 2 of 'a.csv.gz' is longer than"):
        table(tmp_path, packed, "a.csv.gz")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"  \n"])
def test_empty_file_is_an_error(tmp_path, content):
    with pytest.raises(DataError, match=r"'a.csv' is empty: it holds no line of data"):
        table(tmp_path, content)


def test_header_only_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"has a header and no rows: it names 2 columns \(a, b\)"):
        table(tmp_path, "a,b\n")


def test_one_row(tmp_path):
    assert rows(tmp_path, "a,b\n1,x").rows() == [(1, "x")]


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.zst", "unnamed"])
def test_packed_files(tmp_path, name):
    text = b"a,b\n1,x\n2,y\n"
    packed = zstandard.compress(text) if name.endswith("zst") else gzip.compress(text)
    assert rows(tmp_path, packed, name).rows() == [(1, "x"), (2, "y")]


def test_damaged_packed_file_is_an_error(tmp_path):
    packed = gzip.compress(b"a,b\n" + b"1,x\n" * 10_000)[:-30]
    with pytest.raises(DataError, match=r"'a.csv.gz' is damaged and cannot be unpacked"):
        table(tmp_path, packed, "a.csv.gz")


def test_line_ends_of_windows_and_of_old_macs(tmp_path):
    assert rows(tmp_path, "a,b\r\n1,x\r\n2,y\r\n").rows() == [(1, "x"), (2, "y")]
    assert rows(tmp_path, "a,b\r1,x\r2,y\r").rows() == [(1, "x"), (2, "y")]


def test_glob_and_folder_read_all_files_in_order(tmp_path):
    for name, value in (("b.csv", 2), ("a.csv", 1), (".hidden.csv", 9), ("_note.csv", 9)):
        (tmp_path / name).write_text(f"x,y\n{value},z\n")
    for reference in ("[ab].csv", "."):
        read = read_table(open_source(reference, root=tmp_path))
        assert read.column("x").to_list() == [1, 2]
        assert read.report.details["files"] == 2


def test_files_with_other_columns_are_named(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("x,z\n1,2\n")
    expected = (
        r"2 files do not have the same columns:\n  `y` is not in 'b.csv'\n  `z` is not in 'a.csv'"
    )
    with pytest.raises(DataError, match=expected):
        read_table(open_source("*.csv", root=tmp_path))


def test_files_with_other_types_take_the_wider_one(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("x,y\n1.5,u\n")
    read = read_table(open_source("*.csv", root=tmp_path))
    assert read.frame.collect().rows() == [(1.0, "2"), (1.5, "u")]
    assert [p["column"] for p in read.report.problems] == ["x", "y"]


def test_fingerprint_is_of_content_and_options(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("x,y\n1,2\n")
    prints = [open_source(name, root=tmp_path).fingerprint() for name in ("a.csv", "b.csv")]
    assert prints[0] == prints[1]
    assert open_source("a.csv", root=tmp_path, null_values=["1"]).fingerprint() != prints[0]
    (tmp_path / "a.csv").write_text("x,y\n1,3\n")
    assert open_source("a.csv", root=tmp_path).fingerprint() != prints[0]


def test_cached_rows_are_those_of_the_file(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,NA\n2,b\n")
    source = open_source("a.csv", root=tmp_path)
    cache = tmp_path / "cache"
    first = read_table(source, cache_folder=cache)
    second = read_table(source, cache_folder=cache)
    assert_frame_equal(first.frame.collect(), second.frame.collect())
    assert second.report.problems == first.report.problems
    assert second.fingerprint == first.fingerprint
    assert len(list(cache.iterdir())) == 2


def test_unknown_option_names_the_nearest(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    with pytest.raises(
        UsageError, match=r"`seperator` is not an option of a csv source. Did you mean `separator`"
    ):
        open_source({"source": "a.csv", "seperator": ";"}, root=tmp_path)


def test_wrong_option_value_is_explained(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    with pytest.raises(UsageError, match="`ragged` may not be 'skip'"):
        open_source("a.csv", root=tmp_path, ragged="skip")


def test_missing_file_names_the_nearest(tmp_path):
    (tmp_path / "telco.csv").write_text("x,y\n1,2\n")
    with pytest.raises(
        DataError, match=r"the file 'telko.csv' is not there.*Did you mean 'telco.csv'"
    ):
        open_source("telko.csv", root=tmp_path)
    with pytest.raises(DataError, match=r"no file matches '\*.tsv'"):
        open_source("*.tsv", root=tmp_path)


@pytest.mark.parametrize(
    "text",
    ["a;b;t\n1,5;1,25;nein\n2,5;2,25;ja\n3,5;3,25;ja\n", "a;b;t\n" + "0.034,00;0,5;nein\n" * 30],
)
def test_decimal_commas_do_not_hide_the_semicolon(tmp_path, text):
    read = table(tmp_path, text, decimal=",")
    assert read.report.details["separator"] == ";"
    assert read.schema.names() == ["a", "b", "t"]


def test_wrong_separator_is_told_the_one_that_fits(tmp_path):
    with pytest.raises(DataError, match=r'Fix: write `separator: ";"`, which gives every line'):
        rows(tmp_path, "a;b;t\n1,5;1,25;nein\n2,5;2,25;ja\n", separator=",")


def test_binary_file_is_said_to_be_no_text(tmp_path):
    with pytest.raises(DataError, match=r"'a\.csv' is no text"):
        rows(tmp_path, bytes(range(256)) * 8)


def test_folder_of_several_formats_is_said_to_mix_them(tmp_path):
    frame = pl.DataFrame({"x": [1, 2]})
    frame.write_csv(tmp_path / "a.csv")
    frame.write_ipc(tmp_path / "b.arrow")
    with pytest.raises(DataError, match=r"mixes files of 2 formats .*\n  Fix: .*\*.csv'"):
        open_source(str(tmp_path))
