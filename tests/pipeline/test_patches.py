from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from ordain.config import Config
from ordain.core.errors import ConfigError, UsageError
from ordain.evaluation.diagnosis.patch import Patch, Setting
from ordain.pipeline.patches import apply_patch, patched, read_patch, write_patch

pytestmark = pytest.mark.slow

TEXT = """\
# What churns.
name: churn   # of the experiment

input_features:
  # How long they stay.
  tenure: number  # months
  contract: category
  charges: {type: number}

output_features: {churn: binary}
model_type: gbm  # trees
trainer:
  num_leaves: 31   # many
  # below the last key
"""


def setting(*path: str, value: object) -> Patch:
    return Patch(name="p", title="t", expected="e", set=(Setting(path=path, value=value),))


def removal(*path: str, **more: object) -> Patch:
    return Patch(name="p", title="t", expected="e", remove=(path,), **more)  # type: ignore[arg-type]


def test_a_value_is_replaced_and_its_comment_stays() -> None:
    made = patched(TEXT, setting("trainer", "num_leaves", value=7))
    assert made == TEXT.replace("num_leaves: 31   # many", "num_leaves: 7   # many")


def test_a_key_is_added_behind_the_last_of_its_block() -> None:
    made = patched(TEXT, setting("trainer", "lambda_l2", value=10.0))
    assert made == TEXT.replace("31   # many\n", "31   # many\n  lambda_l2: 10.0\n")


def test_a_block_that_is_not_there_is_added_at_the_end() -> None:
    made = patched(TEXT, setting("evaluation", "threshold", value={"maximize": "f1"}))
    assert made.startswith(TEXT.partition("  # below")[0])
    assert "evaluation:\n  threshold:\n    maximize: f1\n" in made


def test_a_short_form_opens_to_hold_another_key() -> None:
    made = patched(TEXT, setting("output_features", "churn", "class_weights", value="balanced"))
    assert "output_features: {churn: {type: binary, class_weights: balanced}}\n" in made
    made = patched(
        TEXT, setting("input_features", "contract", "preprocessing", "min_count", value=5)
    )
    assert "  contract: {type: category, preprocessing: {min_count: 5}}\n" in made


def test_a_feature_is_taken_out_of_any_form() -> None:
    assert patched(TEXT, removal("input_features", "contract")) == TEXT.replace(
        "  contract: category\n", ""
    )
    flow = "input_features: {a: number, b: number, c: text}\noutput_features: {y: binary}\n"
    for name, left in (
        ("a", "{b: number, c: text}"),
        ("b", "{a: number, c: text}"),
        ("c", "{a: number, b: number}"),
    ):
        assert f"input_features: {left}\n" in patched(flow, removal("input_features", name))
    listed = (
        "input_features:\n  - name: a\n    type: number  # one\n  - name: b\n    type: text\n"
        "output_features: [{name: y, type: binary}]\n"
    )
    made = patched(listed, removal("input_features", "b"))
    assert made == listed.replace("  - name: b\n    type: text\n", "")
    assert patched("input_features: [a, b]\noutput_features: [y]\n",
                   removal("input_features", "a")).startswith("input_features: [b]\n")  # fmt: skip


def test_all_inputs_are_listed_before_one_is_taken_out() -> None:
    text = "input_features: all  # every one\noutput_features: {y: binary}\n"
    made = patched(text, removal("input_features", "b", inputs={"a": "number", "b": "text"}))
    assert Config.load(made).document.inputs[0].name == "a"
    assert len(Config.load(made).document.inputs) == 1


def test_a_scalar_gives_way_to_a_block_and_a_block_to_a_scalar() -> None:
    split = {"type": "datetime", "column": "day"}
    made = patched(TEXT + "preprocessing:\n  split: {type: random}\n",
                   setting("preprocessing", "split", value=split))  # fmt: skip
    assert Config.load(made).document.preprocessing.split.type == "datetime"
    assert "model_type: linear  # trees" in patched(TEXT, setting("model_type", value="linear"))
    made = patched(TEXT, setting("trainer", value={}))
    assert "num_leaves" not in made


def test_json_and_windows_lines_stay_what_they_are() -> None:
    made = patched('{"input_features": {"a": "number"}, "output_features": {"y": "binary"}}',
                   setting("trainer", "epochs", value=3))  # fmt: skip
    assert made.startswith("{") and '"epochs": 3' in made  # noqa: PT018
    made = patched(TEXT.replace("\n", "\r\n"), setting("trainer", "num_leaves", value=7))
    assert made.count("\r\n") == TEXT.count("\n")


def test_what_cannot_be_edited_is_told_with_the_lines_to_write() -> None:
    text = (
        "x: &shared {type: number}\ninput_features: {a: *shared, b: *shared}\n"
        "output_features: {y: binary}\n"
    )
    with pytest.raises(UsageError, match=r"cannot be put into this file's layout"):
        patched(text, setting("input_features", "a", "preprocessing", "fill_value", value=1))
    with pytest.raises(UsageError, match=r"`input_features.z` does not stand in this file"):
        patched(TEXT, removal("input_features", "z"))


def test_a_patch_is_applied_to_a_file_and_checked(tmp_path: Path) -> None:
    config = tmp_path / "churn.yaml"
    config.write_text(TEXT)
    kept = write_patch(setting("trainer", "num_leaves", value=7), tmp_path / "patches")
    assert read_patch(kept).set[0].value == 7
    shown = apply_patch(config, kept, write=False)
    assert config.read_text() == TEXT
    assert "-  num_leaves: 31   # many\n+  num_leaves: 7   # many\n" in shown.diff
    applied = apply_patch(config, kept)
    assert applied.is_written
    assert [change.path for change in applied.changes] == ["trainer.num_leaves"]
    assert apply_patch(config, kept).diff == ""


def test_a_patch_that_makes_the_config_wrong_leaves_the_file(tmp_path: Path) -> None:
    config = tmp_path / "churn.yaml"
    config.write_text(TEXT)
    with pytest.raises(ConfigError, match=r"stays as it was\n.*churn.yaml:13"):
        apply_patch(config, setting("trainer", "num_leaves", value=-3))
    assert config.read_text() == TEXT
    assert [path.name for path in tmp_path.iterdir()] == ["churn.yaml"]


def test_a_patch_that_leaves_a_scenario_without_its_column_is_refused(
    work_folder: Path, frame: pl.DataFrame, tmp_path: Path
) -> None:
    frame.write_csv(tmp_path / "churn.csv")
    (tmp_path / "cases.csv").write_text("tenure,contract,expect:churn\n1,month,Yes\n")
    config = tmp_path / "churn.yaml"
    config.write_text(
        "data: {source: churn.csv}\ninput_features: {tenure: number, contract: category}\n"
        "output_features: {churn: binary}\nevaluation: {scenarios: cases.csv}\n"
    )
    before = config.read_text()
    assert apply_patch(config, setting("seed", value=3), write=False).changes
    with pytest.raises(ConfigError, match=r"stays as it was\n.*E414"):
        apply_patch(config, removal("input_features", "contract"))
    assert config.read_text() == before


def test_a_missing_or_foreign_patch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no patch 'none.yaml'"):
        read_patch("none.yaml")
    (tmp_path / "p.yaml").write_text("name: x\nother: 1\n")
    with pytest.raises(UsageError, match=r"p.yaml is no patch"):
        read_patch(tmp_path / "p.yaml")
    with pytest.raises(UsageError, match="there is no file"):
        apply_patch(tmp_path / "no.yaml", setting("seed", value=1))
