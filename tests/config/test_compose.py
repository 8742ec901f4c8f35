"""Variables, includes, overrides."""

import pytest

from ordain.config import check, yaml
from ordain.config.compose import compose, read_origin
from ordain.config.overrides import apply_overrides
from ordain.core.errors import ConfigError


def composed(source, env=None):
    return compose(read_origin(source), env or {})


def overridden(text, *overrides, env=None):
    tree = yaml.parse(text, "t.yaml")
    apply_overrides(tree, overrides, env or {})
    return tree.plain()


def write(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder / "main.yaml"


def test_variables_are_read_and_typed_as_if_written():
    tree = composed("a: ${N}\nb: '${N}'\nc: x${N}y\nd: ${M:-2.5}\ne: $${N}\n", {"N": "3"})
    assert tree.plain() == {"a": 3, "b": "3", "c": "x3y", "d": 2.5, "e": "${N}"}


def test_what_came_from_the_environment_is_written_back_as_the_variable():
    tree = composed("a: postgresql://u:${PASSWORD}@host\n", {"PASSWORD": "secret"})
    assert tree.written() == {"a": "postgresql://u:${PASSWORD}@host"}


def test_an_unset_variable_is_an_error_at_its_place():
    with pytest.raises(ConfigError, match="`NOPE` is not set") as caught:
        composed("a: 1\nb: ${NOPE}\n", {"NOPES": "1"})
    fault = caught.value.diagnostics[0]
    assert (fault.code, fault.place.line, fault.place.column) == ("E115", 2, 4)
    assert "`NOPES` is set" in fault.notes[0]


def test_a_malformed_variable_is_an_error():
    with pytest.raises(ConfigError, match=r"'\$\{a b\}' is not a variable"):
        composed("a: 1\nb: ${a b}\n")


def test_includes_merge_deeply_and_the_including_file_wins(tmp_path):
    main = write(
        tmp_path,
        main="include: [base.yaml, env.yaml]\ntrainer: {epochs: 3}\n",
        base="trainer: {epochs: 1, batch_size: 8}\nname: base\n",
        env="name: env\n",
    )
    tree = composed(main)
    assert tree.plain() == {"trainer": {"epochs": 3, "batch_size": 8}, "name": "env"}
    assert tree.mark_of(("trainer", "batch_size")).text.name.endswith("base.yaml")
    assert tree.mark_of(("trainer", "epochs")).text.name.endswith("main.yaml")


def test_features_of_includes_merge_by_name(tmp_path):
    main = write(
        tmp_path,
        main="include: base.yaml\ninput_features: {b: {type: text}, c: number}\n",
        base="input_features: [{name: a, type: number}, {name: b, type: category, column: bb}]\n",
    )
    assert composed(main).plain()["input_features"] == [
        {"name": "a", "type": "number"},
        {"name": "b", "type": "text", "column": "bb"},
        {"name": "c", "type": "number"},
    ]


def test_an_environment_is_an_include_named_by_a_variable(tmp_path):
    main = write(
        tmp_path, main="include: env_${STAGE:-dev}.yaml\n", env_dev="a: 1\n", env_prod="a: 2\n"
    )
    assert composed(main).plain() == {"a": 1}
    assert composed(main, {"STAGE": "prod"}).plain() == {"a": 2}


def test_files_that_include_each_other_are_refused(tmp_path):
    main = write(tmp_path, main="include: b.yaml\n", b="include: c.yaml\n", c="include: b.yaml\n")
    with pytest.raises(ConfigError, match=r"in a circle: b.yaml -> c.yaml -> b.yaml"):
        composed(main)


def test_an_include_that_is_not_there_names_the_files_that_are(tmp_path):
    main = write(tmp_path, main="include: bas.yaml\n", base="a: 1\n")
    with pytest.raises(ConfigError, match=r"'bas\.yaml' is not there") as caught:
        composed(main)
    assert "base.yaml" in caught.value.diagnostics[0].allowed


def test_a_missing_config_file_names_the_files_that_are_there(tmp_path):
    (tmp_path / "churn.yaml").write_text("a: 1\n")
    with pytest.raises(ConfigError, match="there is no such file") as caught:
        read_origin(tmp_path / "chrun.yaml")
    assert "churn.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("trainer.epochs=5", {"epochs": 5}),
        ("trainer.optimizer.type=sgd", {"epochs": 1, "optimizer": {"type": "sgd"}}),
        ("trainer={a: [1, x]}", {"a": [1, "x"]}),
        ("trainer.epochs=", {"epochs": None}),
    ],
)
def test_overrides_set_values_written_in_yaml(override, expected):
    assert overridden("trainer: {epochs: 1}\n", override)["trainer"] == expected


def test_overrides_go_into_blocks_not_yet_written():
    assert overridden("a: 1\n", "b.c.d=true") == {"a": 1, "b": {"c": {"d": True}}}


def test_overrides_find_features_by_name_and_position():
    text = "input_features: [{name: tenure, type: number}, {name: x.y, encoder: embed}]\n"
    tree = overridden(
        text,
        "input_features.tenure.type=category",
        "input_features[1].encoder.dropout=0.5",
        "input_features['x.y'].column=z",
    )
    assert tree["input_features"] == [
        {"name": "tenure", "type": "category"},
        {"name": "x.y", "encoder": {"type": "embed", "dropout": 0.5}, "column": "z"},
    ]


def test_overrides_open_the_short_form_of_features():
    assert overridden("input_features: {a: number}\n", "input_features.a.column=b") == {
        "input_features": {"a": {"type": "number", "column": "b"}}
    }


def test_an_override_of_an_unknown_feature_has_the_nearest_name():
    with pytest.raises(ConfigError, match="`input_features` has no 'tenur'") as caught:
        overridden("input_features: {tenure: number}\n", "input_features.tenur.type=text")
    fault = caught.value.diagnostics[0]
    assert (fault.code, fault.fix) == ("E118", "-o input_features.tenure=...")
    assert (fault.place.file, fault.place.column) == ("-o", 16)


@pytest.mark.parametrize("text", ["trainer.epochs", "=3", "a..b=1", "a[x=1"])
def test_an_override_of_another_form_is_refused(text):
    with pytest.raises(ConfigError, match="is not an override"):
        overridden("a: 1\n", text)


def test_a_fault_in_an_override_points_into_its_text():
    tree = yaml.parse("a: 1\n", "t.yaml")
    apply_overrides(tree, ["trainer.epochs=ten"], {})
    mark = tree.mark_of(("trainer", "epochs"))
    assert (mark.text.name, mark.text.lines[0], mark.column) == ("-o", "trainer.epochs=ten", 16)


@pytest.mark.parametrize(
    ("override", "code", "column", "length"),
    [
        ("trainer.epohs=3", "E201", 9, 5),
        ("trainer.epochs=ten", "E205", 16, 3),
        ("preprocessing.split.type=group", "E207", 15, 5),
        ("input_features.a.type=numbr", "E204", 23, 5),
        ("input_features.b.encoder.foo=3", "E201", 26, 3),
        ("data.sampel=0.1", "E201", 6, 6),
        ("a[x=1", "E117", 1, 5),
    ],
)
def test_a_fault_in_an_override_is_underlined_in_its_text(override, code, column, length):
    text = (
        "input_features: {a: number, b: {type: text, encoder: embed}}\n"
        "output_features: {y: binary}\ntrainer: {epochs: 3}\n"
    )
    found = check(text, overrides=[override], env={})
    assert [(d.code, d.place.file, d.place.column, d.place.length) for d in found] == [
        (code, "-o", column, length)
    ]


def test_a_family_that_an_override_chose_is_named_where_it_has_no_use_for_a_block():
    text = "input_features: {a: {type: text, encoder: embed}}\noutput_features: {y: binary}\n"
    found = check(text, overrides=["model_type=gbm"], env={})
    assert [(d.code, d.notes) for d in found] == [
        ("E308", ("`-o model_type=gbm` chose the family.",))
    ]


def test_a_block_of_another_type_replaces_the_one_under_it(tmp_path):
    main = write(
        tmp_path,
        main="""include: base.yaml
input_features:
  a: {type: category}
  b: {encoder: {type: lstm}}
trainer: null
""",
        base="""input_features:
  a: {type: number, column: aa, preprocessing: {normalization: zscore}}
  b: {type: text, encoder: {type: embed, dropout: 0.1}}
trainer: {epochs: 3}
""",
    )
    assert composed(main).plain() == {
        "input_features": [
            {"name": "a", "type": "category", "column": "aa"},
            {"name": "b", "type": "text", "encoder": {"type": "lstm"}},
        ],
        "trainer": None,
    }


def test_includes_are_looked_for_beside_the_file_that_names_them(tmp_path):
    (tmp_path / "parts").mkdir()
    write(tmp_path / "parts", deep="b: 2\n", base="include: deep.yaml\na: 1\n")
    main = write(tmp_path, main="include: parts/base.yaml\nc: 3\n")
    assert composed(main).plain() == {"b": 2, "a": 1, "c": 3}


def test_one_file_may_be_included_twice_on_separate_ways(tmp_path):
    main = write(
        tmp_path,
        main="include: [a.yaml, b.yaml]\n",
        a="include: c.yaml\n",
        b="include: c.yaml\n",
        c="x: 1\n",
    )
    assert composed(main).plain() == {"x": 1}


def test_a_variable_in_json_stands_for_any_scalar_as_in_yaml():
    tree = composed('{"seed": "${SEED}", "name": "n${SEED}", "text": "3"}', {"SEED": "3"})
    assert tree.plain() == {"seed": 3, "name": "n3", "text": "3"}


def test_a_variable_in_a_mapping_stands_for_any_scalar_as_in_yaml():
    assert composed({"seed": "${SEED}"}, {"SEED": "3"}).plain() == {"seed": 3}


def test_overrides_of_one_alias_leave_the_other():
    assert overridden("a: &x {k: 1}\nb: *x\n", "b.k=2") == {"a": {"k": 1}, "b": {"k": 2}}
