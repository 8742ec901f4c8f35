from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ordain
from ordain.core.errors import BundleError
from ordain.store import bundle


@pytest.fixture
def made(config: dict[str, Any], frame: pl.DataFrame) -> Path:
    return ordain.train(config, frame).bundle


def test_whole_bundle_loads(made: Path, frame: pl.DataFrame) -> None:
    assert ordain.load(made).predict(frame).height == frame.height


def test_every_file_refuses_one_flipped_byte(made: Path, tmp_path: Path) -> None:
    for name in bundle.content(made):
        copy = tmp_path / "copy"
        shutil.copytree(made, copy)
        raw = bytearray((copy / name).read_bytes())
        raw[len(raw) // 2] ^= 1
        (copy / name).write_bytes(bytes(raw))
        with pytest.raises(BundleError, match=f"`{name}` differs from what was written"):
            ordain.load(copy)
        shutil.rmtree(copy)


def test_missing_file_is_named(made: Path) -> None:
    (made / "README.md").unlink()
    with pytest.raises(BundleError, match=r"`README.md` is missing; the bundle is refused"):
        ordain.load(made)


def test_added_file_is_named(made: Path) -> None:
    (made / "extra.txt").write_text("x")
    with pytest.raises(BundleError, match=r"`extra.txt` was added after the bundle was made"):
        ordain.load(made)


def test_newer_format_is_refused(made: Path) -> None:
    sealed = json.loads((made / bundle.CHECKSUMS).read_text())
    (made / bundle.CHECKSUMS).write_text(json.dumps({**sealed, "format": 99}))
    with pytest.raises(
        BundleError, match="has bundle format 99; this version reads formats up to 1"
    ):
        ordain.load(made)


def test_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not a bundle"):
        ordain.load(tmp_path)
    with pytest.raises(ordain.UsageError, match="is neither a bundle folder nor a run"):
        ordain.load(tmp_path / "nothing")


def test_other_answers_on_golden_rows_are_refused(made: Path) -> None:
    golden = pl.read_parquet(made / "golden.parquet")
    golden.with_columns(pl.col("expected:churn_probability_Yes") + 0.1).write_parquet(
        made / "golden.parquet"
    )
    bundle.seal(made)
    with pytest.raises(BundleError, match=r"golden row 0 gives `churn_probability_Yes`"):
        ordain.load(made)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gbm", "linear", "baseline"])
def test_light_families_predict_without_torch(
    family: str, config: dict[str, Any], frame: pl.DataFrame, tmp_path: Path
) -> None:
    keys = {key: value for key, value in config.items() if key != "trainer"}
    made = ordain.train({**keys, "model_type": family}, frame).bundle
    frame.write_csv(tmp_path / "rows.csv")
    code = (
        "import sys, ordain, polars\n"
        f"ordain.load({str(made)!r}).predict(polars.read_csv({str(tmp_path / 'rows.csv')!r}))\n"
        "print('torch' in sys.modules, 'sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "False"


def test_save_copies_the_bundle(made: Path, tmp_path: Path) -> None:
    saved = ordain.load(made).save(tmp_path / "kept")
    assert bundle.content(saved) == bundle.content(made)
    with pytest.raises(ordain.StoreError, match="exists already"):
        ordain.load(made).save(saved)


def test_bundle_that_names_a_module_is_refused(made: Path) -> None:
    text = (made / "config.yaml").read_text()
    (made / "config.yaml").write_text(text.replace("type: binary", "type: os:system", 1))
    bundle.seal(made)
    with pytest.raises(BundleError, match="feature type 'os:system' names a module"):
        ordain.load(made)
