"""Stop words, stems and accents of texts."""

import polars as pl
import pytest
from pydantic import ValidationError

from ordain.features.category import CategoryFeature
from ordain.features.feature import Form
from ordain.features.nearness import nearest_label
from ordain.features.text import TextFeature

GERMAN = pl.Series("x", ["Die schönen Häuser", "das schöne Haus", "ein Hund und eine Katze"])


def encoded(column, form, **options):
    feature = TextFeature(**options).settle(form)[0]
    encoding = feature.fit(column, seed=0)
    return feature.encode(column, encoding), encoding, feature


def test_forms_of_a_german_word_are_one_token():
    column, encoding, _ = encoded(GERMAN, Form.TOKENS, language="german")
    assert column.values[:2].tolist() == column.values[2:4].tolist()
    assert "haus" in encoding.vocabulary
    assert not {"die", "das", "ein"} & set(encoding.vocabulary)


def test_forms_of_a_german_word_are_one_term():
    column, _, _ = encoded(GERMAN, Form.LINEAR, language="german", ngram_size=1, char_ngrams=None)
    first, second = (column.rows(at, at + 1) for at in (0, 1))
    assert first.values.tolist() == second.values.tolist()


def test_stems_and_stop_words_are_chosen_one_by_one():
    only_stems = encoded(GERMAN, Form.TOKENS, language="german", stop_words=False)[1]
    only_stops = encoded(GERMAN, Form.TOKENS, language="german", stemming=False)[1]
    assert {"die", "haus"} <= set(only_stems.vocabulary)
    assert {"häuser", "haus"} <= set(only_stops.vocabulary)
    assert "die" not in only_stops.vocabulary


def test_own_stop_words_need_no_language():
    encoding = encoded(GERMAN, Form.TOKENS, stop_words=("Hund",))[1]
    assert "hund" not in encoding.vocabulary
    assert "katze" in encoding.vocabulary


def test_accents_are_stripped_on_demand():
    column = pl.Series("x", ["été élève", "ete eleve"])
    bag, _, _ = encoded(column, Form.LINEAR, strip_accents=True, char_ngrams=None)
    assert bag.rows(0, 1).values.tolist() == bag.rows(1, 2).values.tolist()


def test_the_stop_words_and_the_version_of_the_stemmer_are_kept():
    encoding = encoded(GERMAN, Form.DENSE, language="german")[1]
    assert "und" in encoding.form.stop_words
    assert encoding.facts["stemmer"].startswith("PyStemmer ")


def test_texts_that_are_cut_off_are_counted_at_prediction():
    _, encoding, feature = encoded(GERMAN, Form.TOKENS, max_sequence_length=3)
    assert encoding.facts["n_truncated"] == 1
    found = feature.inspect(pl.Series("x", ["a b c", None, "a b c d"]), encoding)
    assert found["truncated"]["examples"] == [{"row": 2, "value": "a b c d"}]


def test_stemming_needs_a_language():
    with pytest.raises(ValidationError, match="`stemming: true` needs `language`"):
        TextFeature(stemming=True)


def test_pieces_of_words_have_no_language():
    with pytest.raises(ValidationError, match="are for whole words"):
        TextFeature(tokenizer="bpe", language="english")


def test_an_unseen_label_takes_the_one_spelled_most_alike():
    feature = CategoryFeature(unseen="nearest").settle(Form.TREES)[0]
    encoding = feature.fit(pl.Series("x", ["Munich", "Zurich", "Bern"]), seed=0)
    column = pl.Series("x", ["Münich", "zürich ", "Tokyo", None])
    found = [encoding.labels[at] for at in feature.encode(column, encoding).values]
    assert found == ["Munich", "Zurich", "<UNK>", "<UNK>"]
    assert feature.inspect(column, encoding)["unseen"]["count"] == 3


def test_of_two_labels_alike_the_first_is_nearest():
    assert nearest_label(["abc", "abd"])("abx") == "abc"
    assert nearest_label([])("a") is None


def test_hashed_labels_are_never_unseen():
    with pytest.raises(ValidationError, match="`hash_buckets` knows no unseen label"):
        CategoryFeature(hash_buckets=8, unseen="error")
