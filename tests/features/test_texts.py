import re

import numpy as np
import polars as pl
import pytest

from ordain.core.errors import DataError, UsageError
from ordain.features.encoded import Kind
from ordain.features.feature import Form
from ordain.features.text import TextFeature

TEXTS = pl.Series("x", ["the cat sat on the mat", "a dog, a cat!", None, "the end the end the end"])


def fitted(form, column=TEXTS, **options):
    feature = TextFeature(**options).settle(form)[0]
    return feature, feature.fit(column, seed=0)


def dense(column, n):
    table = np.zeros((len(column), n))
    rows = np.repeat(np.arange(len(column)), np.diff(column.offsets))
    table[rows, column.values] = column.weights
    return table


def test_word_weights_equal_scikit_learn():
    from sklearn.feature_extraction.text import TfidfVectorizer

    feature, encoding = fitted(Form.DENSE)
    ours = dense(feature.encode(TEXTS, encoding), encoding.shape.cardinality)
    theirs = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+")
    expected = theirs.fit_transform(TEXTS.fill_null("").to_list()).toarray()
    np.testing.assert_allclose(np.sort(ours, axis=1), np.sort(expected, axis=1), atol=1e-6)
    np.testing.assert_allclose(ours @ ours.T, expected @ expected.T, atol=1e-6)


def test_character_weights_equal_scikit_learn():
    from sklearn.feature_extraction.text import TfidfVectorizer

    feature, encoding = fitted(Form.LINEAR)
    n_words = len(encoding.arrays["words"])
    ours = dense(feature.encode(TEXTS, encoding), encoding.shape.cardinality)[:, n_words:]
    plain = [" ".join(re.findall(r"\w+", text or "")) for text in TEXTS]
    theirs = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    expected = theirs.fit_transform(plain).toarray()
    # Theirs also counts a padded word that is shorter than the n-gram.
    np.testing.assert_allclose((ours @ ours.T)[0, 0], 1.0, atol=1e-6)
    assert abs((ours @ ours.T) - (expected @ expected.T)).max() < 0.05


def test_terms_in_few_rows_are_left_out():
    _, encoding = fitted(Form.DENSE, min_count=2)
    assert encoding.facts["n_terms"] == 2


def test_missing_text_is_an_empty_row():
    feature, encoding = fitted(Form.DENSE)
    assert np.diff(feature.encode(TEXTS, encoding).offsets)[2] == 0


def test_vector_is_the_projection_of_the_bag():
    column = pl.Series("x", [f"w{i % 7} w{i % 5} w{i % 3} common" for i in range(60)])
    feature, encoding = fitted(Form.TREES, column, svd_components=3)
    cells = feature.encode(column, encoding).values
    bag = TextFeature().settle(Form.DENSE)[0]
    table = dense(bag.encode(column, bag.fit(column, seed=0)), encoding.facts["n_terms"])
    _, _, directions = np.linalg.svd(table, full_matrices=False)
    np.testing.assert_allclose(np.abs(cells), np.abs(table @ directions[:3].T), atol=5e-3)


def test_tokens_are_ids_by_frequency():
    feature, encoding = fitted(Form.TOKENS, max_sequence_length=3)
    assert encoding.vocabulary[:4] == ("<PAD>", "<UNK>", "the", "end")
    column = feature.encode(pl.Series("x", ["The END of it all"]), encoding)
    assert column.kind is Kind.TOKENS
    assert column.values.tolist() == [2, 3, 1]
    assert encoding.facts["n_truncated"] == 3


def test_vocabulary_comes_from_a_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("dog\t1\ncat\n", encoding="utf-8")
    feature, encoding = fitted(Form.TOKENS, vocab_file=str(path))
    assert encoding.vocabulary == ("<PAD>", "<UNK>", "dog", "cat")
    assert feature.row(encoding)("a cat") == [1, 3]


def test_missing_vocabulary_file_is_an_error():
    with pytest.raises(DataError, match=r"`vocab_file` 'nowhere\.txt' cannot be read"):
        fitted(Form.TOKENS, vocab_file="nowhere.txt")


def test_pretrained_tokeniser_travels_in_the_encoding(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1, "cat": 5}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    feature, encoding = fitted(Form.TOKENS, pretrained_model_name_or_path=str(tmp_path))
    (tmp_path / "tokenizer.json").unlink()
    assert feature.tokenizer == "hf_tokenizer"
    assert encoding.shape.cardinality == 6
    column = feature.encode(pl.Series("x", ["cat dog", "cat", "cat dog"]), encoding)
    assert column.values.tolist() == [5, 1, 5, 5, 1]
    assert feature.row(encoding)("cat dog") == [5, 1]


def test_unknown_pretrained_tokeniser_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UsageError, match="no tokeniser is found under"):
        fitted(Form.TOKENS, pretrained_model_name_or_path=str(tmp_path / "nothing"))


def test_pretrained_tokeniser_must_be_named():
    with pytest.raises(DataError, match="set `pretrained_model_name_or_path`"):
        fitted(Form.TOKENS, tokenizer="hf_tokenizer")
