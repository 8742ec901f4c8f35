"""Words that move the answer, for models whose words are known."""

import numpy as np
import polars as pl
import pytest
from formula_subjects import sigmoid, subject_by

from ordain.evaluation.errors import analyse_errors
from ordain.evaluation.explain.vocabulary import MAX_WORDS, read_words
from ordain.evaluation.report.wording import wording

TEXTS = ["the good a bad", "Good, good the", "bad bad", "", "the a", "good"]


def opinion(texts, *, truth=None):
    """A model whose log-odds are twice the good words less the bad ones."""

    def formula(inputs):
        column = inputs["words"]
        row = np.repeat(np.arange(len(column)), np.diff(column.offsets))
        weights = np.array([2.0, -1.0, 0.0, 0.0])[column.values]
        return sigmoid(np.bincount(row, weights, minlength=len(column)))

    return subject_by(
        pl.DataFrame({"words": texts}), {"words": "text"}, formula, target="binary",
        truth=np.zeros(len(texts), int) if truth is None else truth,
    )  # fmt: skip


def test_words_are_summed_over_rows_for_and_against():
    (found,) = read_words(opinion(["the good a bad", "good the", "bad"]), "y", None).vocabulary
    assert [(one.word, one.n_rows) for one in found.for_it] == [("good", 2)]
    assert [(one.word, one.n_rows) for one in found.against] == [("bad", 2)]
    assert found.for_it[0].value == pytest.approx(2.0, abs=1e-5)
    assert found.against[0].value == pytest.approx(-1.0, abs=1e-5)


def test_worst_rows_are_read_word_by_word_for_the_answer_they_got():
    subject = opinion(TEXTS)
    found = read_words(subject, "y", analyse_errors(subject, "y"))
    worst = next(row for row in found.rows if row.row == 5)
    assert worst.prediction == subject.targets["y"].labels[1]
    assert [(piece.text, piece.start) for piece in worst.pieces["words"]] == [("good", 0)]
    assert worst.pieces["words"][0].value == pytest.approx(2.0, abs=1e-5)


def test_words_for_a_negative_answer_count_the_other_way():
    subject = opinion(["bad bad"], truth=np.array([1]))
    (row,) = read_words(subject, "y", analyse_errors(subject, "y")).rows
    assert [piece.value for piece in row.pieces["words"]] == pytest.approx([1, 1], abs=1e-5)


def test_rows_are_found_by_their_number_in_the_table():
    subject = opinion(TEXTS)
    from dataclasses import replace

    moved = replace(subject, row_ids=np.arange(len(TEXTS)) * 10 + 3)
    found = read_words(moved, "y", analyse_errors(moved, "y"))
    texts = {row.row: " ".join(one.text for one in row.pieces["words"]) for row in found.rows}
    assert texts[53] == "good"
    assert texts[3] == "the good a bad"


def test_empty_texts_have_no_words_and_long_ones_are_read_so_far():
    assert read_words(opinion(["", ""]), "y", None).vocabulary == ()
    subject = opinion(["good " * 500])
    (row,) = read_words(subject, "y", analyse_errors(subject, "y")).rows
    assert len(row.pieces["words"]) == MAX_WORDS


def test_model_without_texts_has_no_words(odds):
    assert read_words(odds, "y", None) is None


def test_report_marks_words_by_sign_and_escapes_them():
    subject = opinion(["good bad <script>", "good"])
    found = read_words(subject, "y", analyse_errors(subject, "y"))
    html = wording(found)
    assert '<mark class="for" title="+2"' in html
    assert 'class="against"' in html
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
