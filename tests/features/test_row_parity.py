"""A row alone gets the cell it gets in a column, bit for bit: properties and imports."""

import subprocess
import sys

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.features.binary import BinaryFeature
from ordain.features.category import CategoryFeature
from ordain.features.date import DateFeature
from ordain.features.feature import Form
from ordain.features.number import NumberFeature
from ordain.features.text import TextFeature
from ordain.testing.features import assert_row_equal

SCALES = [
    *("zscore", "minmax", "iq", "log1p", "robust", "quantile", "quantile_uniform"),
    *("yeo_johnson", "box_cox", None),
]
CUTS = [
    {"bins": 3},
    {"bins": 3, "bin_form": "onehot"},
    {"bins": 3, "bin_form": "ordinal"},
    {"spline_knots": 4},
    {"spline_knots": 3, "cut_places": "width", "spline_degree": 2},
]
NUMBERS = pl.Series("x", [0.1, -7.5, 3.0, 1e6, None, 12.0])
MONEY = pl.Series("x", ["1,234.5", "$3", "12%", "(5)", None])
DATES = pl.Series("x", ["3/4/2019", "12/25/2019 1:05 PM", "Mar 3, 2019", None])
TEXTS = pl.Series("x", ["The cat sat.", "a dog \u00e9t\u00e9", "\u65e5\u672c\u8a9e", None])

FLOATS = st.floats(width=64)
NUMERALS = st.from_regex(
    r"[-+($\u20ac ]{0,3}[0-9]{0,4}([.,' ][0-9]{0,3}){0,3}(e[0-9]{1,2})?[%) ]?", fullmatch=True
)
DATE_TEXTS = st.from_regex(
    r"[0-9]{1,4}[-/. ][0-9]{1,2}[-/. ][0-9]{1,4}([ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2})?( [AP]M|Z)?)?",
    fullmatch=True,
)
STAMPS = st.datetimes() | st.dates()
EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True)


def compiled(feature, column, form=Form.DENSE):
    feature = feature.settle(form)[0]
    encoding = feature.fit(column, seed=0)
    return feature, encoding, feature.row(encoding)


NUMBER_FEATURES = [compiled(NumberFeature(normalization=scale), NUMBERS) for scale in SCALES]
NUMBER_FEATURES += [compiled(NumberFeature(**cut), NUMBERS) for cut in CUTS]
MONEY_FEATURES = [
    compiled(NumberFeature(number_format=style), MONEY, Form.TREES) for style in ("point", "comma")
]
DATE_FEATURES = [
    compiled(DateFeature(), DATES, Form.TREES),
    compiled(DateFeature(datetime_format="%d.%m.%y %H:%M"), pl.Series("x", ["1.2.03 4:05"])),
    compiled(
        DateFeature(datetime_format=("%Y-%m-%d %H:%M:%S", "%d/%m/%Y")),
        pl.Series("x", ["2019-01-02 03:04:05"]),
    ),
    compiled(DateFeature(timezone="America/New_York", holidays="US"), DATES),
    compiled(
        DateFeature(timezone="Australia/Lord_Howe", datetime_format="epoch_ms"),
        pl.Series("x", [1553372469000]),
    ),
    compiled(DateFeature(datetime_format="epoch_s"), pl.Series("x", [1553372469, 1600000000])),
]
LABEL_FEATURES = [
    compiled(CategoryFeature(lowercase=True), pl.Series("x", ["a", "B", "1", "true"])),
    compiled(CategoryFeature(unseen="nearest"), pl.Series("x", ["true", "12", "Bern", "été"])),
    compiled(CategoryFeature(hash_buckets=7), pl.Series("x", ["a"])),
    compiled(BinaryFeature(), pl.Series("x", ["yes", "no"])),
]
TEXT_FEATURES = [
    compiled(TextFeature(), TEXTS),
    compiled(TextFeature(language="english", strip_accents=True), TEXTS),
    compiled(TextFeature(language="german"), TEXTS, Form.TOKENS),
    compiled(TextFeature(hash_buckets=64), TEXTS, Form.LINEAR),
    compiled(TextFeature(), TEXTS, Form.TOKENS),
]


def assert_all_equal(features, value):
    for feature, encoding, read in features:
        assert_row_equal(feature, encoding, read, value)


@EXAMPLES
@given(
    FLOATS
    | st.integers(-(2**64), 2**64)
    | st.decimals(allow_nan=False, allow_infinity=False, places=4)
)
def test_number_alone_equals_number_in_column(value):
    assert_all_equal(NUMBER_FEATURES + LABEL_FEATURES, value)


@EXAMPLES
@given(NUMERALS | st.text(max_size=6))
def test_numeral_alone_equals_numeral_in_column(value):
    assert_all_equal(MONEY_FEATURES, value)


@EXAMPLES
@given(DATE_TEXTS | STAMPS | FLOATS | st.integers(-(10**12), 10**12))
def test_date_alone_equals_date_in_column(value):
    assert_all_equal(DATE_FEATURES, value)


@EXAMPLES
@given(st.text(max_size=12) | STAMPS | st.booleans())
def test_label_alone_equals_label_in_column(value):
    assert_all_equal(LABEL_FEATURES, value)


@EXAMPLES
@given(
    st.text(max_size=40) | st.text("the cat\u00e9t. ,\u00c9\u0130\u03a3\u65e5\u672c", max_size=40)
)
def test_text_alone_equals_text_in_column(value):
    assert_all_equal(TEXT_FEATURES, value)


def test_importing_features_loads_nothing_heavy():
    code = (
        "import sys, ordain.features.inference, ordain.features.store; "
        "from ordain.features.feature import FEATURES; FEATURES.names(); "
        "heavy = 'torch scipy sklearn tokenizers pandas pyarrow holidays Stemmer'.split(); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
