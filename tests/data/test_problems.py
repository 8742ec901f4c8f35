from __future__ import annotations

from typing import Any

import pytest

from ordain.data import open_source, read_table
from ordain.data.problems import describe_problem, is_expected


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("a,b\nNA,1\nNA,2\n3,?\n", {}, "3 cells hold a word for missing (`a`: 'NA' 2, `b`: '?' 1)"),
        ("a,b\n1,2\n\n3,4\n", {}, "1 line is blank (line 3): blank lines are passed over"),
        ("a,b\n1,2,3\n4,5\n", {"ragged": "report"}, "1 line has too many fields (line 2 '1,2,3')"),
        (
            "a,b\n1,2\nx,3\n",
            {"types": {"a": "number"}},
            "`a` has 1 cell that is not of its declared type (row 1 'x')",
        ),
        ('a,b\n5" x,1\nz,2\n', {}, "1 quote stands inside fields"),
    ],
)
def test_every_problem_is_a_sentence_with_count_and_examples(
    text: str, options: dict[str, Any], expected: str, tmp_path
) -> None:
    (tmp_path / "a.csv").write_text(text)
    report = read_table(open_source("a.csv", root=tmp_path, **options)).report
    assert any(describe_problem(problem).startswith(expected) for problem in report.problems)


def test_kind_without_words_of_its_own_is_told_too() -> None:
    problem = {"kind": "odd_things", "count": 3, "examples": ["x"], "fix": "look at them"}
    assert describe_problem(problem) == "3 cases of odd things (x): look at them"
    assert not is_expected(problem)
