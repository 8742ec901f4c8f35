"""A config meets its data."""

import polars as pl
import pytest
from column_profiles import profiles_of

from ordain.config import Config, bind, check
from ordain.config.bind import settle
from ordain.config.diff import diff
from ordain.config.initial import init_config
from ordain.config.render import render
from ordain.core.errors import ConfigError

N = 60
FRAME = pl.DataFrame(
    {
        "customer_id": [f"C{i:04d}" for i in range(N)],
        "tenure": [(i * 7) % 50 for i in range(N)],
        "contract": ["month", "year", "two years"] * (N // 3),
        "notes": [f"the customer wrote about case {i} and was not amused at all" for i in range(N)],
        "since": [f"2024-{i % 12 + 1:02d}-{i % 28 + 1:02d}" for i in range(N)],
        "empty": pl.Series([None] * N, dtype=pl.String),
        "fixed": ["same"] * N,
        "churn_prediction": [0.5 + i / 1000 for i in range(N)],
        "churn": ["yes" if i % 3 == 0 else "no" for i in range(N)],
        "charge": [i * 1.25 + 3 for i in range(N)],
    }
)
PROFILES = profiles_of(FRAME)
WEIGHED = """
input_features: {tenure: number}
output_features: {churn: {type: binary, class_weights: {yes: 2, noo: 1}}}
"""
ALL = "input_features: all\noutput_features: [churn]\n"


def load(text):
    return Config.load(text, env={})


def codes(text, profiles=PROFILES, *, severity="error"):
    return [fault.code for fault in check(text, profiles, env={}) if fault.severity == severity]


def with_column(name, values):
    return profiles_of(FRAME.with_columns(pl.Series(name, values)))


def test_all_takes_every_column_that_may_be_an_input():
    bound = bind(load(ALL), PROFILES)
    types = {feature.name: feature.type for feature in bound.document.input_features}
    assert types == {
        "tenure": "number",
        "contract": "category",
        "notes": "text",
        "since": "date",
        "charge": "number",
    }
    assert bound.document.output_features[0].type == "binary"


def test_what_is_left_out_is_told_with_its_reason():
    bound = bind(load(ALL), PROFILES)
    left_out = {w.message.split("'")[1]: w.code for w in bound.warnings}
    assert left_out == {
        "customer_id": "W502",
        "empty": "W504",
        "fixed": "W501",
        "churn_prediction": "W503",
    }
    assert "customer_id (" in bound.reasons["input_features"]


def test_columns_of_the_split_are_no_inputs():
    text = ALL + "preprocessing: {split: {type: group, column: contract}}\n"
    names = [feature.name for feature in bind(load(text), PROFILES).document.input_features]
    assert "contract" not in names


def test_every_inferred_type_has_a_reason():
    bound = bind(load(ALL), PROFILES)
    for feature in bound.document.input_features:
        assert bound.reasons[f"input_features.{feature.name}.type"]


def test_defaults_lie_under_what_a_feature_says():
    text = """
    input_features:
      tenure: {type: number, preprocessing: {outlier_strategy: clip}}
      charge: {type: number, preprocessing: {normalization: minmax}}
      notes: {type: text, encoder: {type: rnn, state_size: 7}}
    output_features: {churn: binary}
    defaults:
      number: {preprocessing: {normalization: zscore, outlier_threshold: 4.0}}
      text: {encoder: {type: rnn, num_layers: 2, state_size: 9}}
    """
    tenure, charge, notes = bind(load(text), PROFILES).document.input_features
    assert (tenure.preprocessing.normalization, tenure.preprocessing.outlier_strategy) == (
        "zscore",
        "clip",
    )
    assert (charge.preprocessing.normalization, charge.preprocessing.outlier_threshold) == (
        "minmax",
        4.0,
    )
    assert (notes.encoder.num_layers, notes.encoder.state_size) == (2, 7)


def test_settling_replaces_auto_with_reasons():
    document, reasons = settle(bind(load(ALL), PROFILES).document)
    tenure = next(f for f in document.input_features if f.name == "tenure")
    assert tenure.preprocessing.normalization != "auto"
    assert "input_features.tenure.preprocessing.normalization" in reasons


@pytest.mark.parametrize("family", ["neural", "gbm", "linear"])
def test_the_filled_config_is_a_fixpoint(family):
    bound = bind(load(ALL + f"model_type: {family}\n"), PROFILES)
    filled = render(bound.config, bound)
    again = bind(load(filled), PROFILES)
    assert diff(bound.to_dict(), again.to_dict()) == []
    assert render(again.config, again).count("\n") == filled.count("\n")
    assert bound.settled()[0] == again.settled()[0]


def test_options_that_an_encoder_asks_for_are_laid_under_the_users():
    text = """
    input_features: {notes: {type: text, encoder: {type: bert, pretrained_model_name_or_path: ./m}}}
    output_features: {churn: binary}
    """
    document, reasons = settle(bind(load(text), PROFILES).document)
    options = document.input_features[0].preprocessing
    assert (options.tokenizer, options.pretrained_model_name_or_path) == ("hf_tokenizer", "./m")
    assert (
        reasons["input_features.notes.preprocessing.tokenizer"] == "the encoder 'bert' asks for it"
    )


def test_rendered_reasons_stand_behind_their_lines():
    bound = bind(load(ALL), PROFILES)
    lines = render(bound.config, bound).splitlines()
    at = lines.index("  - name: tenure")
    assert lines[at + 1].startswith("    type: number  # it holds whole numbers")


def test_without_data_what_depends_on_it_stays_auto():
    text = render(load("input_features: [tenure]\noutput_features: {churn: binary}\n"))
    assert "    type: auto" in text
    assert load(text).to_dict() == load(load(text).to_yaml()).to_dict()


@pytest.mark.parametrize(
    ("text", "profiles", "expected"),
    [
        ("input_features: {tenur: number}\noutput_features: {churn: binary}\n", PROFILES, ["E401"]),
        (
            "input_features: {tenure: number}\noutput_features: {chrun: binary}\n",
            PROFILES,
            ["E403"],
        ),
        (
            "input_features: {tenure: number}\noutput_features: {empty: category}\n",
            PROFILES,
            ["E404"],
        ),
        (
            "input_features: {tenure: number}\noutput_features: {fixed: category}\n",
            PROFILES,
            ["E405"],
        ),
        (
            "input_features: {contract: number}\noutput_features: {churn: binary}\n",
            PROFILES,
            ["E402"],
        ),
        (
            "input_features: {contract: date}\noutput_features: {churn: binary}\n",
            PROFILES,
            ["E402"],
        ),
        (
            "input_features: {tenure: number}\noutput_features: {contract: binary}\n",
            PROFILES,
            ["E411"],
        ),
        (ALL + "preprocessing: {split: {type: stratify, column: contrac}}\n", PROFILES, ["E401"]),
        (ALL, profiles_of(FRAME.head(0)), ["E408"]),
        (ALL, profiles_of(FRAME.head(1)), ["E408"]),
        (ALL, profiles_of(FRAME.select("customer_id", "churn")), ["E409"]),
        (
            WEIGHED,
            PROFILES,
            ["E410"],
        ),
    ],
)
def test_what_does_not_fit_the_data_is_refused(text, profiles, expected):
    assert codes(text, profiles) == expected


def test_a_class_with_one_row_is_an_error_only_where_it_cannot_be_stratified():
    profiles = with_column("kind", ["a"] * 30 + ["b"] * 29 + ["c"])
    text = "input_features: {tenure: number}\noutput_features: {kind: category}\n"
    assert codes(text, profiles) == []
    assert codes(text, profiles, severity="warning") == ["W506"]
    split = "preprocessing: {split: {type: stratify, column: kind}}\n"
    assert codes(text + split, profiles) == ["E406"]


def test_rows_without_a_target_are_told():
    profiles = with_column("churn", ["yes", "no", None] * 20)
    assert codes(
        "input_features: [tenure]\noutput_features: [churn]\n", profiles, severity="warning"
    ) == ["W508"]


def test_all_faults_are_told_at_once_in_file_order():
    text = "input_features: {tenur: number, contrct: category}\noutput_features: {chrun: binary}\n"
    with pytest.raises(ConfigError, match="'tenur' is not in the data") as caught:
        bind(load(text), PROFILES)
    faults = caught.value.diagnostics
    assert [fault.code for fault in faults] == ["E401", "E401", "E403"]
    assert [fault.fix for fault in faults] == ["tenure", "contract", "churn"]


def test_the_first_config_is_sound_and_explains_itself():
    text = init_config(PROFILES, "churn", source="telco.csv")
    assert text.startswith("# yaml-language-server: $schema=")
    assert "  # customer_id: category" in text
    config = load(text)
    bound = bind(config, PROFILES)
    assert [f.name for f in bound.document.input_features] == [
        "tenure",
        "contract",
        "notes",
        "since",
        "charge",
    ]


def test_the_first_config_of_an_unknown_target_has_the_nearest_name():
    with pytest.raises(ConfigError, match="'chrun' is not in the data") as caught:
        init_config(PROFILES, "chrun")
    assert caught.value.diagnostics[0].fix == "--target churn"


def test_secrets_stay_out_of_the_filled_config():
    text = "data: {source: 'postgresql://u:${PASSWORD}@h/d'}\n" + ALL
    config = Config.load(text, env={"PASSWORD": "hunter2"})
    bound = bind(config, PROFILES)
    assert "hunter2" in str(config.document.data.source)
    for shown in (config.to_yaml(), config.to_yaml(filled=False), render(config, bound)):
        assert "hunter2" not in shown
        assert "${PASSWORD}" in shown
