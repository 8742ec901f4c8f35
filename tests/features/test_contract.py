"""Every registered feature type keeps the contract, in every form and with every option."""

import functools

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
STAMPS = pl.Series("x", ["2020-02-29T23:59", None, "1969-07-20T20:17"]).str.to_datetime(
    time_unit="us"
)
SLASHES = pl.Series("x", ["3/4/2019 1:05 PM", "12/25/2019 11:00 AM", None, "1/2/2020 12:30 AM"])
TEXTS = pl.Series(
    "x", ["The cat sat.", "the dog, the CAT!", None, "", "日本語 cat don't", "a a a b"]
)

STRATEGIES = {
    "number": [
        "keep",
        "fill_with_const",
        "fill_with_mean",
        "fill_with_median",
        "fill_with_mode",
        "ffill",
        "bfill",
        "drop_row",
        "error",
    ],
    "binary": [
        "keep",
        "fill_with_const",
        "fill_with_false",
        "fill_with_mode",
        "fill_with_mean",
        "ffill",
        "bfill",
        "drop_row",
        "error",
    ],
    "category": [
        "keep",
        "fill_with_const",
        "fill_with_mode",
        "ffill",
        "bfill",
        "drop_row",
        "error",
    ],
    "date": ["keep", "fill_with_const", "fill_with_median", "ffill", "bfill", "drop_row", "error"],
    "text": ["keep", "fill_with_const", "fill_with_mode", "ffill", "bfill", "drop_row", "error"],
}
COLUMNS = {"number": NUMBERS, "binary": YES_NO, "category": LABELS, "date": DATES, "text": TEXTS}
SCALES = [
    "zscore",
    "minmax",
    "iq",
    "log1p",
    "robust",
    "quantile",
    "quantile_uniform",
    "yeo_johnson",
    "box_cox",
]
OUTLIERS = [
    "clip",
    "keep",
    "fill_with_const",
    "fill_with_mean",
    "fill_with_median",
    "fill_with_mode",
    "drop_row",
]


def case(spec: str, form: Form | None, column: pl.Series) -> FeatureCase:
    return FeatureCase(f"{spec} {form} {column.dtype}", spec, form, column)


OTHERS = pl.DataFrame(
    {
        "town": ["u", "v", "u", None, "u", "w ", "v", "v", "", "u", "x", "u"],
        "age": [1.5, None, 3.0, 4.0, -2.0, 9.5, 1e6, 3.0, 2.0, 7.0, 0.0, 1.0],
        "is_new": ["yes", "no", None, "yes", "no", "no", "yes", "", "no", "yes", "no", "no"],
        "since": ["2020-01-02", None, "2021-05-06 07:08", "junk", *["2019-11-12"] * 8],
    }
)
MODEL = (
    "missing_value_strategy: fill_with_model, missing_inputs: "
    "{town: category, age: number, is_new: binary, since: date}"
)
CUTS = (
    "bins: 3",
    "bins: 4, bin_form: onehot",
    "bins: 4, bin_form: ordinal",
    "spline_knots: 4",
)


def usual_cases() -> list[FeatureCase]:
    """Every type in every form, on the column it is meant for."""
    found = [
        case(f"type: {name}", form, column) for name, column in COLUMNS.items() for form in Form
    ]
    found += [
        *(case(f"type: {name}", None, COLUMNS[name]) for name in ("number", "binary", "category")),
        case("type: number", Form.DENSE, MONEY),
        case("type: number", Form.TREES, WHOLE),
        case("{type: number, normalization: quantile}", Form.LINEAR, NUMBERS),
        case("{type: number, bins: 3}", Form.DENSE, NUMBERS),
        case("type: category", None, CODES),
        case("{type: category, hash_buckets: 5}", Form.DENSE, LABELS),
        case("type: binary", None, FLAGS),
        case("type: date", Form.DENSE, SLASHES),
        case("type: date", Form.TREES, STAMPS),
    ]
    return found


def strategy_cases() -> list[FeatureCase]:
    found = []
    for name, strategies in STRATEGIES.items():
        for strategy in strategies:
            rows = COLUMNS[name]
            if strategy == "error":
                rows = rows.drop_nulls()
                rows = rows.filter(~rows.is_in(["", "junk"])) if rows.dtype == pl.String else rows
            found.append(
                case(f"{{type: {name}, missing_value_strategy: {strategy}}}", Form.DENSE, rows)
            )
    return found


def filling_specs(name: str, statistics: list[str]) -> list[str]:
    groups = [f"missing_value_strategy: fill_with_group_{s}" for s in statistics]
    specs = [*(f"{group}, missing_group: town" for group in groups), MODEL]
    if name == "number":
        specs += [f"{spec}, {cut}" for spec in (specs[0], MODEL) for cut in CUTS]
        specs.append(f"{MODEL}, outlier_strategy: keep, outlier_threshold: 1")
    if name == "category":
        specs += [f"{MODEL}, {more}" for more in ("hash_buckets: 4", "unseen: nearest")]
    return [f"{{type: {name}, {spec}}}" for spec in specs]


def filling_cases() -> list[FeatureCase]:
    """Every way to fill from other columns, for every type that has it; forms by turns."""
    statistics = {
        "number": ["mean", "median", "mode"],
        "binary": ["mean", "mode"],
        "category": ["mode"],
        "date": ["median"],
    }
    return [
        FeatureCase(f"{spec} {form}", spec, form, column, others=OTHERS.head(len(column)))
        for name, found in statistics.items()
        for place, spec in enumerate(filling_specs(name, found))
        for form in [(Form.DENSE, Form.TREES)[place % 2]]
        for column in [COLUMNS[name]]
    ]


def number_cases() -> list[FeatureCase]:
    found = []
    for column in (WHOLE, MONEY, NUMBERS.cast(pl.Float32), FLAGS, MONEY.cast(pl.Categorical)):
        found += [case("type: number", form, column) for form in (Form.TREES, Form.DENSE, None)]
    for scale in SCALES:
        spec = f"type: number, normalization: {scale}"
        found.append(case(f"{{{spec}}}", Form.LINEAR, NUMBERS))
        found.append(case(f"{{{spec}, clip_to_training_range: true}}", None, NUMBERS))
    for outliers in OUTLIERS:
        spec = f"{{type: number, outlier_strategy: {outliers}, outlier_threshold: 1}}"
        found += [case(spec, Form.DENSE, NUMBERS)]
    for cut in CUTS:
        for rest in ("keep, cut_places: width", "keep", "fill_with_median", "error"):
            spec = f"{{type: number, {cut}, missing_value_strategy: {rest}}}"
            rows = NUMBERS.drop_nulls() if rest == "error" else NUMBERS
            found.append(case(spec, Form.DENSE, rows))
    found.append(case("{type: number, spline_knots: 5, spline_degree: 1}", Form.LINEAR, NUMBERS))
    comma = pl.Series("x", ["1,5", "1.234,5", "7", None])
    found.append(case("{type: number, number_format: comma}", Form.TREES, comma))
    found.append(case("{type: number, bins: 3, missing_value_strategy: keep}", Form.DENSE, MONEY))
    return found


def label_cases() -> list[FeatureCase]:
    found = []
    for column in (CODES, FLAGS, CODES.cast(pl.Float64), STAMPS, LABELS.cast(pl.Categorical)):
        found += [case("type: category", form, column) for form in (Form.DENSE, None)]
    for options in (
        "lowercase: true",
        "most_common: 2",
        "min_count: 2",
        "unseen: mode",
        "unseen: error",
        "unseen: nearest",
        "unseen: nearest, lowercase: true, min_count: 2",
        "missing_value_strategy: fill_with_const, fill_value: none",
    ):
        found.append(case(f"{{type: category, {options}}}", Form.DENSE, LABELS))
    whole, letters = pl.Series("x", [0, 1, None, 1]), pl.Series("x", ["a", "b", None, "b"])
    for column in (FLAGS, whole, letters, pl.Series("x", [1.0, 2.0, None, 1.0])):
        found.append(case("type: binary", Form.TREES, column))
        found.append(case("{type: binary, missing_indicator: true}", Form.DENSE, column))
        found.append(case("type: binary", None, column))
    return found


def date_cases() -> list[FeatureCase]:
    found = []
    for column in (
        STAMPS.cast(pl.Date),
        STAMPS.dt.replace_time_zone("Europe/Berlin"),
        pl.Series("x", [20190323, 20200101, None, 20191231]),
        pl.Series("x", [1553372469, 1553472469, None, 1600000000]),
        pl.Series("x", [1553372469.5, 1553472469.0, None]),
    ):
        found += [case("type: date", form, column) for form in (Form.TREES, Form.DENSE)]
    found += place_cases()
    parts = "parts: [year, quarter, week, second, time_of_day]"
    found.append(case(f"{{type: date, {parts}, cyclic: false}}", Form.DENSE, STAMPS))
    found.append(case(f"{{type: date, {parts}, cyclic: true}}", Form.TREES, STAMPS))
    short = pl.Series("x", ["1.2.99 3:04", None, "31.12.05 23:59"])
    found.append(case('{type: date, datetime_format: "%d.%m.%y %H:%M"}', Form.TREES, short))
    return found


def place_cases() -> list[FeatureCase]:
    """Dates on the clock of a zone, with the holidays of a place."""
    zoned = "type: date, timezone: America/New_York"
    offsets = pl.Series(
        "x", ["2021-03-14T01:30:00-05:00", "2021-03-14T07:30:00Z", None, "2021-11-07T05:59:59Z"]
    )
    found = [
        case(f"{{{zoned}}}", form, column)
        for column in (offsets, STAMPS, STAMPS.dt.replace_time_zone("Europe/Berlin"), DATES)
        for form in (Form.TREES, Form.DENSE)
    ]
    epochs = pl.Series("x", [1553372469, 1553472469, None, 1600000000])
    found.append(case(f"{{{zoned}, datetime_format: epoch_s}}", Form.TREES, epochs))
    for place in ("DE/BY", "US"):
        spec = f"{{type: date, holidays: {place}}}"
        found += [case(spec, form, column) for form in Form for column in (DATES, SLASHES)]
    parts = "parts: [days_to_holiday, is_holiday]"
    spec = f"{{type: date, holidays: DE, timezone: Asia/Tokyo, {parts}}}"
    return [*found, case(spec, Form.DENSE, offsets)]


def text_cases() -> list[FeatureCase]:
    found = []
    for tokenizer in ("space", "word", "characters", "comma", "underscore", "untokenized", "bpe"):
        spec = f"{{type: text, tokenizer: {tokenizer}, max_sequence_length: 5}}"
        found += [case(spec, Form.TOKENS, TEXTS)]
    for words in (
        "language: english",
        "language: german, stop_words: false",
        "stop_words: [the, cat], strip_accents: true",
        "language: french, stemming: false, strip_accents: true, ngram_size: 3",
    ):
        found += [case(f"{{type: text, {words}}}", form, TEXTS) for form in Form]
    for options in (
        "hash_buckets: 11",
        "char_ngrams: [2, 4]",
        "ngram_size: 3, compute_idf: false",
        "max_terms: 3",
        "representation: svd, svd_components: 3, char_ngrams: [3, 5]",
    ):
        found.append(case(f"{{type: text, {options}}}", Form.LINEAR, TEXTS))
    return found


USUAL = usual_cases()


def assert_all(check, cases):
    failures = []
    for each in cases:
        try:
            check(each)
        except Exception as error:  # noqa: BLE001 - all failing cases are reported at once
            failures.append(f"{each.name}: {type(error).__name__}: {error}")
    assert not failures, f"{len(failures)} of {len(cases)} cases\n" + "\n".join(failures[:20])


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_feature_keeps(check):
    assert_all(check, USUAL)


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    "cases",
    [strategy_cases, filling_cases, number_cases, label_cases, date_cases, text_cases],
)
def test_every_option_keeps(check, cases):
    assert_all(check, made(cases))


@functools.cache
def made(cases):
    """Return the cases, which all checks share: each is fitted once."""
    return cases()


def test_every_registered_type_has_a_case():
    assert {each.feature().type for each in USUAL} == set(FEATURES.names())
