"""The `deployment` block: in a config of a training, and in a document of its own."""

from __future__ import annotations

from typing import Any

import pytest
from language_schema import validator

from ordain.config import Config
from ordain.config.check import check
from ordain.config.deployment import Deployment
from ordain.core.errors import ConfigError

ALONE = """\
name: production
deployment:
  models:
    - name: churn
      champion: churn@champion
      canary: {version: churn@challenger, share: 0.05, sticky_by: customer_id}
      shadow: [churn@5]
      fallback: {value: {churn: "No"}}
  limits: {body_bytes: 1_000_000, batch_rows: 10_000, timeout_seconds: 2, queue: 512}
  batching: {max_rows: 256, max_wait_ms: 2}
  auth: {api_keys: ${ORDAIN_API_KEYS}}
  log: {sink: .ordain/predictions, sample: 1.0, redact: [phone]}
"""
TRAINED = "input_features: all\noutput_features: {churn: binary}\n"
KEYS = {"ORDAIN_API_KEYS": "ann:1234, 5678"}


def deployment_of(text: str, env: dict[str, str] | None = None) -> Deployment:
    found = Config.load(text, env=env or {}).document.deployment
    assert found is not None
    return found


def faults(models: Any, **keys: Any) -> list[str]:
    found = check({"deployment": {"models": models, **keys}}, env={})
    return [f"{one.code} {one.message}" for one in found]


def test_a_document_may_hold_a_deployment_alone():
    config = Config.load(ALONE, env=KEYS)
    assert config.document.is_deployment_alone
    assert set(config.to_dict()) == {"version", "name", "seed", "project", "deployment"}
    assert check(ALONE, env=KEYS) == []


def test_it_may_stand_in_a_config_of_a_training_and_changes_nothing_of_it():
    both = Config.load(TRAINED + ALONE, env=KEYS)
    assert not both.document.is_deployment_alone
    filled = both.to_dict()
    deployed = filled.pop("deployment")
    assert filled == Config.load(TRAINED + "name: production\n").to_dict()
    assert deployed["limits"]["queue"] == 512


def test_a_config_without_one_says_nothing_of_it():
    assert "deployment" not in Config.load(TRAINED).to_dict()


def test_there_is_nothing_to_train_in_a_deployment_alone():
    from ordain.config.bind import bind

    with pytest.raises(ConfigError, match="declares a deployment, and nothing to train"):
        bind(Config.load(ALONE, env=KEYS), {})


def test_with_any_key_of_a_training_both_kinds_of_features_must_be_there():
    found = check(ALONE + "model_type: gbm\n", env=KEYS)
    assert [one.message for one in found] == [
        "`input_features` is missing",
        "`output_features` is missing",
    ]


def test_filled_document_reads_back_to_the_same():
    config = Config.load(ALONE, env=KEYS)
    again = Config.load(config.to_yaml(), env=KEYS)
    assert again.document == config.document
    assert again.to_yaml() == config.to_yaml()


def test_models_may_be_named_by_their_keys():
    short = deployment_of(
        "deployment:\n  models: {churn: churn@champion, price: {champion: p/3}}\n"
    )
    assert [(m.name, m.champion) for m in short.models] == [
        ("churn", "churn@champion"),
        ("price", "p/3"),
    ]


def test_a_variable_needs_no_quotes_in_a_flow_mapping():
    auth = deployment_of(ALONE, KEYS).auth
    assert auth.keys == ("ann:1234", "5678")


def test_whom_a_server_trusts_is_a_file():
    text = "deployment:\n  models: {a: b}\n  trust: {signers: signers}\n"
    assert deployment_of(text).trust.signers == "signers"
    assert deployment_of("deployment:\n  models: {a: b}\n").trust.signers is None
    assert "unknown key `signer`" in " ".join(faults({"a": "b"}, trust={"signer": "x"}))
    assert "`signers`" in " ".join(faults({"a": "b"}, trust={"signers": ["x"]}))
    assert validator().is_valid({"deployment": {"models": {"a": "b"}, "trust": {"signers": "x"}}})


def test_keys_of_digits_alone_are_text():
    assert deployment_of(ALONE, {"ORDAIN_API_KEYS": "123456"}).auth.keys == ("123456",)


def test_secrets_are_neither_shown_nor_kept():
    config = Config.load(ALONE, env=KEYS)
    assert "1234" not in config.to_yaml()
    assert "${ORDAIN_API_KEYS}" in config.to_yaml()
    assert "1234" not in repr(config.document)


def test_a_secret_in_the_document_is_refused_and_not_printed():
    text = "deployment:\n  models: {a: b}\n  auth: {api_keys: hunter2, nokey: 1}\n"
    with pytest.raises(ConfigError, match=r"E328 .*may not hold a key itself") as caught:
        Config.load(text)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in str([one.to_json() for one in caught.value.diagnostics])
    assert "unknown key `nokey`" in str(caught.value)


@pytest.mark.parametrize(
    ("sink", "is_secret"),
    [
        ("postgresql://me:hunter2@host/db", True),
        ("postgresql://host/db?password=hunter2", True),
        ("postgresql://me@host/db", False),
        ("folder/of:colons", False),
    ],
)
def test_a_password_in_the_sink_is_refused_a_user_is_not(sink, is_secret):
    found = faults({"a": "b"}, log={"sink": sink})
    assert any(one.startswith("E328") for one in found) == is_secret
    assert "hunter2" not in " ".join(found)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"canary": {"version": "c", "share": 1.0}}, "`share` is 1.0, which is out of range"),
        ({"canary": {"version": "c"}}, "`share` is missing"),
        ({"shadows": ["c"]}, "unknown key `shadows`"),
        ({"fallback": {}}, "`fallback` must have either `value` or `model`, not both"),
        ({"checks": "rejct"}, "`checks` may not be 'rejct'"),
        (
            {
                "canary": {"version": "c", "share": 0.5},
                "ab": {"arms": [{"version": "d", "share": 0.6}]},
            },
            "`canary` and `ab` take 1.1 of the requests, more than all",
        ),
        (
            {"ab": {"arms": [{"version": "d", "share": 0.6, "name": "canary"}]}},
            "`ab` has an arm named 'canary', which is taken",
        ),
        (
            {
                "canary": {"version": "c", "share": 0.5, "sticky_by": "id"},
                "ab": {"arms": [{"version": "d", "share": 0.1}]},
            },
            "`canary` and `ab` must have the same `sticky_by`",
        ),
        (
            {"canary": {"version": "c", "share": 0.5, "halt": {"metric": "absolute_error"}}},
            "`error_scale` goes with `metric: absolute_error`",
        ),
        ({"canary": {"version": "c", "share": 0.5, "halt": {"false_alarms": 0}}}, "out of range"),
    ],
)
def test_faults_of_a_model_are_told(keys, said):
    found = faults([{"name": "churn", "champion": "x", **keys}])
    assert any(said in one for one in found), found


def test_faults_of_the_rest_are_told():
    assert "two of `models` are named 'a'" in faults([{"name": "a", "champion": "x"}] * 2)[0]
    assert "`models` must name a model" in faults([])[0]
    assert "`models` must be a list" in faults("churn")[0]
    assert any("`name`" in one for one in faults([{"name": "../x", "champion": "x"}]))
    assert "'mysql'" in faults({"a": "b"}, log={"sink": "mysql://host/db"})[0]


def test_every_fault_has_its_line():
    text = ALONE.replace("share: 0.05", "share: 5").replace("queue:", "queu:")
    found = check(text, env=KEYS)
    assert [(one.code, one.place.line) for one in found] == [("E206", 6), ("E201", 9)]
    assert found[1].fix == "queue: 512"


def test_the_block_is_in_the_schema_alone_and_beside_a_training():
    from ordain.config import yaml

    for text in (ALONE, TRAINED + ALONE, "deployment:\n  models: {churn: churn@champion}\n"):
        assert list(validator().iter_errors(yaml.parse(text, "x").plain())) == []
    for wrong in (
        ALONE.replace("share: 0.05", "share: 5"),
        ALONE.replace("queue:", "queu:"),
        ALONE + "model_type: gbm\n",
    ):
        assert list(validator().iter_errors(yaml.parse(wrong, "x").plain()))


def test_typed_parts_declare_it():
    from ordain import spec

    config = Config.build(
        input_features="all",
        output_features=[spec.binary("churn")],
        deployment=spec.deployment(models=[{"name": "churn", "champion": "churn@champion"}]),
    )
    (model,) = config.document.deployment.models
    assert model.checks == "reject"


def test_it_touches_no_stage_of_a_run():
    from ordain.config.diff import diff, reruns

    changes = diff(Config.load(TRAINED), Config.load(TRAINED + ALONE, env=KEYS))
    assert [change.path for change in changes if change.path != "name"] == ["deployment"]
    assert reruns([one for one in changes if one.path != "name"]) == []
