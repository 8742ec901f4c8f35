import numpy as np
import polars as pl
import pytest
from formula_subjects import sigmoid, subject_by

from ordain.evaluation.explain.highlight import MAX_PIECES, highlight, pieces_of


def opinion(texts):
    """A model whose log-odds are the good words less the bad ones."""

    def formula(inputs):
        column = inputs["words"]
        row = np.repeat(np.arange(len(column)), np.diff(column.offsets))
        weights = np.array([2.0, -1.0, 0.0, 0.0])[column.values]
        return sigmoid(np.bincount(row, weights, minlength=len(column)))

    return subject_by(
        pl.DataFrame({"words": texts}), {"words": "text"}, formula, target="binary",
        truth=np.zeros(len(texts), int),
    )  # fmt: skip


def test_words_get_what_they_add_to_the_log_odds():
    found = highlight(opinion(["the good a bad"]), "y", "words", 0, scale="log_odds")
    assert [piece.text for piece in found] == ["the", "good", "a", "bad"]
    assert [piece.value for piece in found] == pytest.approx([0, 2, 0, -1], abs=1e-5)
    assert [piece.start for piece in found] == [0, 4, 9, 11]


def test_words_come_to_the_value_of_their_text():
    found = highlight(opinion(["good bad the"]), "y", "words", 0, scale="log_odds", value=2.0)
    assert sum(piece.value for piece in found) == pytest.approx(2.0)


def test_words_stay_as_measured_where_the_value_says_otherwise():
    found = highlight(opinion(["good bad the"]), "y", "words", 0, scale="log_odds", value=-0.5)
    assert sum(piece.value for piece in found) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("text", [None, "", "  "])
def test_an_empty_text_has_no_words(text):
    texts = pl.Series([text, "good"], dtype=pl.String)
    made = opinion(texts.fill_null("").to_list())
    assert highlight(made, "y", "words", 0) == ()


def test_a_long_text_is_cut_into_sentences():
    text = " ".join(["One two three four five."] * 50)
    assert len(pieces_of(text)) == 50
    assert text[slice(*pieces_of(text)[0])] == "One two three four five."


def test_a_very_long_text_is_cut_into_runs_that_cover_it():
    spans = pieces_of("word " * 5000)
    assert len(spans) <= MAX_PIECES
    assert (spans[0][0], spans[-1][1]) == (0, 5000 * 5 - 1)
