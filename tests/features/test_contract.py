"""Every registered feature type keeps the contract, in every form and with every option."""

import datetime as dt

import polars as pl
import pytest

from ordain.features.feature import FEATURES, Form
from ordain.testing.features import CHECKS, FeatureCase

NUMBERS = pl.Series("x", [1.5, -2.0, None, 300.25, 1.5, 0.0, 7.125, -0.5])
WHOLE = pl.Series("x", [3, 1, None, 2, 3, 2**40, -7])
MONEY = pl.Series("x", ["1,234.5", "$3", None, "(5)", "12%", " 7 ", "junk", "NA", "0.25"])
LABELS = pl.Series("x", ["b", "a", None, "b", " a ", "", "c", "b", "Ünïcode", "7"])
CODES = pl.Series("x", [3, 1, None, 3, 2, 10])
YES_NO = pl.Series("x", ["Yes", "no", None, "YES", "No", "", "yes"])
FLAGS = pl.Series("x", [True, False, None, True])
DATES = pl.Series("x", ["2019-03-04 05:06:07", "2020-12-31", None, "junk", "2019-03-05 00:00:01"])
STAMPS = pl.Series("x", [dt.datetime(2020, 2, 29, 23, 59), None, dt.datetime(1969, 7, 20, 20, 17)])
SLASHES = pl.Series("x", ["3/4/2019 1:05 PM", "12/25/2019 11:00 AM", None, "1/2/2020 12:30 AM"])
TEXTS = pl.Series("x", ["The cat sat.", "the dog, the CAT!", None, "", "日本語 cat don't", "a a a b"])

STRATEGIES = {
    "number": ["keep", "fill_with_const", "fill_with_mean", "fill_with_median", "fill_with_mode",
               "ffill", "bfill", "drop_row", "error"],
    "binary": ["keep", "fill_with_const", "fill_with_false", "fill_with_mode", "fill_with_mean",
               "ffill", "bfill", "drop_row", "error"],
    "category": ["keep", "fill_with_const", "fill_with_mode", "ffill", "bfill", "drop_row", "error"],
    "date": ["keep", "fill_with_const", "fill_with_median", "ffill", "bfill", "drop_row", "error"],
    "text": ["keep", "fill_with_const", "fill_with_mode", "ffill", "bfill", "drop_row", "error"],
}
COLUMNS = {"number": NUMBERS, "binary": YES_NO, "category": LABELS, "date": DATES, "text": TEXTS}
SCALES = ["zscore", "minmax", "iq", "log1p", "robust", "quantile", "yeo_johnson"]
OUTLIERS = ["clip", "keep", "fill_with_const", "fill_with_mean", "fill_with_median",
            "fill_with_mode", "drop_row"]


def cases() -> list[FeatureCase]:
    found = []

    def add(spec: str, form: Form | None, column: pl.Series) -> None:
        found.append(FeatureCase(f"{spec} {form} {column.dtype}", spec, form, column))

    for type_name, column in COLUMNS.items():
        for form in Form:
            add(f"type: {type_name}", form, column)
        if FEATURES.get(type_name).is_output:
            add(f"type: {type_name}", None, column)
        for strategy in STRATEGIES[type_name]:
            rows = column.drop_nulls() if strategy == "error" else column
            rows = rows.filter(~rows.is_in(["", "junk"])) if rows.dtype == pl.String and (
                strategy == "error") else rows
            add(f"{{type: {type_name}, missing_value_strategy: {strategy}}}", Form.DENSE, rows)
    for column in (WHOLE, MONEY, NUMBERS.cast(pl.Float32), FLAGS, MONEY.cast(pl.Categorical)):
        add("type: number", Form.TREES, column)
        add("type: number", Form.DENSE, column)
        add("type: number", None, column)
    for scale in SCALES:
        add(f"{{type: number, normalization: {scale}}}", Form.LINEAR, NUMBERS)
        add(f"{{type: number, normalization: {scale}, clip_to_training_range: true}}", None, NUMBERS)
    for outliers in OUTLIERS:
        add(f"{{type: number, outlier_strategy: {outliers}, outlier_threshold: 1}}", Form.DENSE, NUMBERS)
    add("{type: number, bins: 3}", Form.DENSE, NUMBERS)
    add("{type: number, bins: 3, missing_value_strategy: keep}", Form.DENSE, MONEY)
    add("{type: number, number_format: comma}", Form.TREES, pl.Series("x", ["1,5", "1.234,5", "7", None]))
    for column in (CODES, FLAGS, CODES.cast(pl.Float64), STAMPS, LABELS.cast(pl.Categorical)):
        add("type: category", Form.DENSE, column)
        add("type: category", None, column)
    for options in ("lowercase: true", "most_common: 2", "min_count: 2", "hash_buckets: 5",
                    "unseen: mode", "unseen: error", "missing_value_strategy: fill_with_const, fill_value: none"):
        add(f"{{type: category, {options}}}", Form.DENSE, LABELS)
    for column in (FLAGS, pl.Series("x", [0, 1, None, 1]), pl.Series("x", ["a", "b", None, "b"]),
                   pl.Series("x", [1.0, 2.0, None, 1.0])):
        add("type: binary", Form.TREES, column)
        add("{type: binary, missing_indicator: true}", Form.DENSE, column)
        add("type: binary", None, column)
    for column in (STAMPS, STAMPS.cast(pl.Date), STAMPS.dt.replace_time_zone("Europe/Berlin"), SLASHES,
                   pl.Series("x", [20190323, 20200101, None, 20191231]),
                   pl.Series("x", [1553372469, 1553472469, None, 1600000000]),
                   pl.Series("x", [1553372469.5, 1553472469.0, None])):
        add("type: date", Form.TREES, column)
        add("type: date", Form.DENSE, column)
    add("{type: date, parts: [year, quarter, week, second, time_of_day], cyclic: false}", Form.DENSE, STAMPS)
    add("{type: date, parts: [quarter, week, hour, minute, second], cyclic: true}", Form.TREES, STAMPS)
    add('{type: date, datetime_format: "%d.%m.%y %H:%M"}', Form.TREES, pl.Series("x", ["1.2.99 3:04", None, "31.12.05 23:59"]))
    for tokenizer in ("space", "word", "characters", "comma", "underscore", "untokenized", "bpe"):
        add(f"{{type: text, tokenizer: {tokenizer}, max_sequence_length: 5}}", Form.TOKENS, TEXTS)
    for options in ("hash_buckets: 11", "char_ngrams: [2, 4]", "ngram_size: 3, compute_idf: false",
                    "max_terms: 3", "representation: svd, svd_components: 3, char_ngrams: [3, 5]"):
        add(f"{{type: text, {options}}}", Form.DENSE, TEXTS)
        add(f"{{type: text, {options}}}", Form.LINEAR, TEXTS)
    return found


CASES = cases()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_feature_keeps(check):
    failures = []
    for case in CASES:
        try:
            check(case)
        except Exception as error:
            failures.append(f"{case.name}: {type(error).__name__}: {error}")
    assert not failures, f"{len(failures)} of {len(CASES)} cases\n" + "\n".join(failures[:20])


def test_every_registered_type_has_a_case():
    assert {FEATURES.build(case.feature()).type for case in CASES} == set(FEATURES.names())
