import numpy as np
import polars as pl
import pytest

from ordain.core.errors import DataError
from ordain.features.binary import BinaryFeature
from ordain.features.category import CategoryFeature
from ordain.features.feature import Form


def fitted(feature, values, form=Form.DENSE):
    feature = feature.settle(form)[0]
    column = pl.Series("x", values)
    return feature, feature.fit(column, seed=0), column


def test_input_labels_follow_by_frequency_behind_the_bucket():
    feature, encoding, column = fitted(CategoryFeature(), ["b", "a", "b", None, "c", "a", "b"])
    assert encoding.labels == ("<UNK>", "b", "a", "c")
    assert feature.encode(column, encoding).values.tolist() == [1, 2, 1, 0, 3, 2, 1]


def test_unseen_label_falls_into_the_bucket_and_is_counted():
    feature, encoding, _ = fitted(CategoryFeature(), ["a", "b"])
    new = pl.Series("x", ["z", "a", None])
    assert feature.encode(new, encoding).values.tolist() == [0, 1, 0]
    assert feature.inspect(new, encoding)["unseen"] == {
        "count": 1,
        "examples": [{"row": 0, "value": "z"}],
    }


def test_unseen_label_raises_where_declared():
    feature, encoding, _ = fitted(CategoryFeature(unseen="error"), ["a", "b"])
    with pytest.raises(
        DataError, match="1 of 1 values are labels not seen in training, such as 'z'"
    ):
        feature.encode(pl.Series("x", ["z"]), encoding)
    with pytest.raises(DataError, match="the value 'z' was not seen in training"):
        feature.row(encoding)("z")


def test_rare_labels_share_the_bucket():
    _, encoding, _ = fitted(CategoryFeature(min_count=2), ["a", "a", "b", "c"])
    assert encoding.labels == ("<UNK>", "a")
    assert encoding.facts["rare"] == {"count": 2, "n_labels": 2, "examples": ["b", "c"]}


def test_missing_can_be_a_label_of_its_own():
    feature = CategoryFeature(missing_value_strategy="fill_with_const", fill_value="none")
    feature, encoding, column = fitted(feature, ["a", None, None])
    assert encoding.labels == ("<UNK>", "none", "a")
    assert feature.encode(column, encoding).values.tolist() == [2, 1, 1]


def test_hashed_labels_stay_in_their_buckets():
    feature, encoding, _ = fitted(CategoryFeature(hash_buckets=4), ["a", "b"])
    ids = feature.encode(pl.Series("x", ["a", "new", None]), encoding).values
    assert encoding.shape.cardinality == 5
    assert ids[2] == 0
    assert ids[:2].min() >= 1


def test_whole_floats_and_integers_are_one_label():
    feature, encoding, _ = fitted(CategoryFeature(), [1, 2, 2])
    for column in (pl.Series("x", [2.0, 1.0]), pl.Series("x", ["2", " 1"]), pl.Series("x", [2, 1])):
        assert feature.encode(column, encoding).values.tolist() == [1, 2]


def test_output_labels_are_sorted_without_bucket():
    feature, encoding, _ = fitted(CategoryFeature(), [10, 9, 9, None], None)
    assert encoding.labels == ("9", "10")
    assert feature.encode(pl.Series("x", [9, 11, None]), encoding).values.tolist() == [0, -1, -1]


def test_category_is_decoded_to_its_own_type():
    feature, encoding, _ = fitted(CategoryFeature(), [10, 9, 9], None)
    found = feature.decode(np.array([[0.25, 0.75], [0.5, 0.5]]), encoding, "y")
    assert {name: column.to_list() for name, column in found.items()} == {
        "y_prediction": [10, 9],
        "y_probability": [0.75, 0.5],
        "y_probability_9": [0.25, 0.5],
        "y_probability_10": [0.75, 0.5],
    }


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (["Yes", "no", "YES", "Yes"], ("no", "Yes")),
        ([True, False], ("false", "true")),
        ([0, 1], ("0", "1")),
        ([1, 2], ("1", "2")),
        (["<=50K", ">50K"], ("<=50K", ">50K")),
        (["Yes"], ("No", "Yes")),
        (["a"], ("not a", "a")),
        ([9, 10], ("9", "10")),
    ],
)
def test_positive_label_is_recognised(values, labels):
    assert fitted(BinaryFeature(), values, None)[1].labels == labels


def test_declared_label_is_true():
    _, encoding, _ = fitted(BinaryFeature(fallback_true_label="a"), ["a", "b"], None)
    assert encoding.labels == ("b", "a")
    assert encoding.facts["reason"] == "`fallback_true_label` says which is true"


def test_three_labels_are_not_binary():
    with pytest.raises(
        DataError, match=r"a binary column has two values, this one has 3: 'a' \(2\)"
    ):
        fitted(BinaryFeature(), ["a", "a", "b", "c"])


def test_missing_binary_is_half_or_nan():
    for form, expected in ((Form.DENSE, 0.5), (Form.TREES, np.nan), (None, np.nan)):
        feature, encoding, column = fitted(BinaryFeature(), ["yes", "no", None, "maybe"][:3], form)
        np.testing.assert_array_equal(
            feature.encode(column, encoding).values[:, 0], np.array([1, 0, expected], np.float32)
        )


def test_binary_is_decoded_at_its_threshold():
    feature, encoding, _ = fitted(BinaryFeature(threshold=0.75), [True, False], None)
    found = feature.decode(np.array([0.5, 0.75]), encoding, "y")
    assert found["y_prediction"].to_list() == [False, True]
    assert found["y_probability"].to_list() == [0.5, 0.75]
    assert found["y_probability_false"].to_list() == [0.5, 0.25]


@pytest.mark.parametrize(
    "feature",
    [
        CategoryFeature(),
        CategoryFeature(lowercase=True),
        CategoryFeature(min_count=2),
        CategoryFeature(hash_buckets=4),
        CategoryFeature(unseen="nearest"),
        CategoryFeature(missing_value_strategy="fill_with_mode"),
        CategoryFeature(missing_value_strategy="ffill"),
        BinaryFeature(),
        BinaryFeature(missing_indicator=True),
    ],
    ids=lambda feature: repr(feature.model_dump(exclude_defaults=True)),
)
@pytest.mark.parametrize(
    ("new", "n_more"),
    [(["no", "Yes", "yes"], 0), (["no", None, "Nos", " yes", ""], 0), (["no"], 9)],
)
def test_an_enumeration_is_read_as_its_texts(feature, new, n_more):
    feature, encoding, _ = fitted(feature, ["yes", "no", "yes", None, "no"])
    texts = pl.Series("x", new)
    known = [*{text: None for text in new if text is not None}, *map(str, range(n_more))]
    listed = texts.cast(pl.Enum(known))
    np.testing.assert_array_equal(
        feature.encode(listed, encoding).values, feature.encode(texts, encoding).values
    )


@pytest.mark.parametrize("kind", [pl.Int8, pl.Int64, pl.UInt32, pl.Float64])
@pytest.mark.parametrize("new", [[10, 2, 2], [10, 3, 2], [1, 99, None], [2**7 - 1]])
def test_whole_numbers_are_read_as_their_texts(kind, new):
    feature, encoding, _ = fitted(CategoryFeature(), [2, 10, None, 2, 1])
    numbers = pl.Series("x", new, dtype=kind)
    texts = numbers.cast(pl.Int64).cast(pl.String)
    np.testing.assert_array_equal(
        feature.encode(numbers, encoding).values, feature.encode(texts, encoding).values
    )
