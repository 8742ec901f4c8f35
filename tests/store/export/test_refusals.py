"""What is refused, in which words, and that nothing is left behind."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from exported_rows import Trained, document

import ordain
from ordain.core.errors import MissingExtraError, StoreError, UsageError


@pytest.fixture
def linear(trained: Trained) -> Path:
    return trained(document("linear", "churn", "binary"))


def test_an_unknown_format_is_told_the_nearest(linear: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown export format 'onxx'. Did you mean 'onnx'\?"):
        ordain.export(linear, tmp_path / "m.onnx", format="onxx")


def test_a_format_that_does_not_fit_names_those_that_do(trained: Trained, tmp_path: Path) -> None:
    folder = trained(document("neural", "churn", "binary"))
    with pytest.raises(
        UsageError, match=r"does not fit the format `sql`.*\n  Possible for it: "
    ) as e:
        ordain.export(folder, tmp_path / "m.sql", format="sql")
    fitting = str(e.value).rpartition(": ")[2].split(", ")
    assert {"docker", "onnx", "runtime", "torch_export"} <= set(fitting)
    assert "sql" not in fitting
    assert not list(tmp_path.iterdir())


def test_neighbours_fit_where_code_goes_along(trained: Trained, tmp_path: Path) -> None:
    folder = trained(document("knn", "churn", "binary"))
    with pytest.raises(UsageError, match="a `knn` model does not fit the format `sql`"):
        ordain.export(folder, tmp_path / "m.sql", format="sql")


def test_a_path_that_is_taken_is_left_alone(linear: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="exists already\n  Fix: name a path where nothing"):
        ordain.export(linear, path, format="onnx")
    assert path.read_text(encoding="utf-8") == "mine"


def test_a_missing_folder_is_not_made(linear: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no folder '.*none'\n  Fix: mkdir -p"):
        ordain.export(linear, tmp_path / "none" / "m.onnx", format="onnx")
    assert not list(tmp_path.iterdir())


def test_a_wrong_suffix_is_told_the_right_one(linear: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ends in '.sql', and not 'm.txt'\n  Fix: .*m.sql"):
        ordain.export(linear, tmp_path / "m.txt", format="sql")


def test_all_wrong_options_are_told_at_once(linear: Path, tmp_path: Path) -> None:
    options = {"tolerence": 1, "quantize": "int4"}
    with pytest.raises(UsageError, match=r"(?s)Did you mean `tolerance`\?|`quantize` of") as found:
        ordain.export(linear, tmp_path / "m.onnx", format="onnx", options=options)
    assert "Did you mean `tolerance`" in str(found.value)
    assert "`quantize` of `onnx`" in str(found.value)
    assert "Options: tolerance, quantize" in str(found.value)


def test_a_damaged_bundle_is_refused(linear: Path, tmp_path: Path) -> None:
    copy = tmp_path / "bundle"
    shutil.copytree(linear, copy)
    (copy / "model" / "linear.safetensors").write_bytes(b"no")
    with pytest.raises(StoreError, match="differs from what was written; the bundle is refused"):
        ordain.export(copy, tmp_path / "m.onnx", format="onnx")


def test_a_missing_package_names_the_extra(
    linear: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnx" else found(name)
    )
    with pytest.raises(MissingExtraError, match=r"pip install 'ordain\[onnx\]'"):
        ordain.export(linear, tmp_path / "m.onnx", format="onnx")


@pytest.mark.parametrize("format_", ["onnx", "sql", "safetensors", "docker", "runtime"])
def test_a_full_disk_is_told_and_nothing_is_left(
    linear: Path, tmp_path: Path, format_: str
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    size = "3k" if format_ in {"onnx", "sql"} else "200k"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(small)], check=False,
        capture_output=True,
    )  # fmt: skip
    if mounted.returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    try:
        (small / "filler").write_bytes(b"0" * (2000 if format_ in {"onnx", "sql"} else 190_000))
        name = {"onnx": "m.onnx", "sql": "m.sql"}.get(format_, "m")
        with pytest.raises(StoreError, match="No space left on device\n  Fix: free some space"):
            ordain.export(linear, small / name, format=format_)
        assert [path.name for path in small.iterdir()] == ["filler"]
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_name_of_a_bundle_cannot_break_out_of_a_comment(trained: Trained, tmp_path: Path) -> None:
    config = document("linear", "churn", "binary")
    folder = trained(config)
    made = ordain.export(
        folder, tmp_path / "m.sql", format="sql", options={"table": "a\n; DROP TABLE b; --"}
    )
    first, second, *_ = made.path.read_text(encoding="utf-8").splitlines()
    assert first.startswith("-- ")
    assert second.startswith("WITH s0")
    assert '"a\n; DROP TABLE b; --"' in made.path.read_text(encoding="utf-8")
