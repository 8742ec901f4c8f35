"""Bundles that were written by earlier versions load, and answer as they did."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

import ordain
from ordain.core.errors import BundleError
from ordain.models.family import FAMILIES
from ordain.store import bundle

KEPT = sorted((Path(__file__).parent / "bundles").glob("format_*/*"))
IDS = [f"{path.parent.name}-{path.name}" for path in KEPT]


@pytest.mark.parametrize("folder", KEPT, ids=IDS)
def test_a_bundle_of_an_earlier_version_answers_as_it_did(folder: Path) -> None:
    model = ordain.load(folder)
    golden = pl.read_parquet(folder / bundle.GOLDEN)
    found = model.predict(golden)
    for name in found.columns:
        expected = golden[f"expected:{name}"]
        if found[name].dtype.is_float():
            off = (found[name] - expected).abs() / (1 + expected.abs())
            assert off.max() < 1e-6, name
        else:
            assert found[name].to_list() == expected.to_list(), name


@pytest.mark.parametrize("folder", KEPT, ids=IDS)
def test_single_rows_of_an_earlier_version_are_answered_too(folder: Path) -> None:
    model = ordain.load(folder)
    golden = pl.read_parquet(folder / bundle.GOLDEN)
    for row in golden.head(5).to_dicts():
        for name, value in model.predict_row(row).items():
            expected = row[f"expected:{name}"]
            if isinstance(value, float):
                assert value == pytest.approx(expected, rel=1e-6, abs=1e-6)
            else:
                assert value == expected


def test_every_family_has_a_bundle_of_this_format() -> None:
    kept = {ordain.load(path).document.model_type.type for path in KEPT
            if path.parent.name == f"format_{bundle.FORMAT}"}  # fmt: skip
    built_in = {name for name in FAMILIES.names()
                if FAMILIES.get(name).__module__.startswith("ordain.models.")}  # fmt: skip
    assert built_in <= kept, "python tests/store/bundles/make.py makes those that are missing"


def test_a_kept_bundle_tells_nothing_of_a_machine() -> None:
    for folder in KEPT:
        lock = json.loads((folder / "lock.json").read_text(encoding="utf-8"))
        assert (lock["machine"], lock["git"]) == ({}, None)


@pytest.mark.parametrize("written", [2, "2", None, True, 0])
def test_a_format_that_is_not_known_is_refused(tmp_path: Path, written: object) -> None:
    copy = tmp_path / "bundle"
    shutil.copytree(KEPT[0], copy)
    sealed = json.loads((copy / bundle.CHECKSUMS).read_text(encoding="utf-8"))
    text = json.dumps({**sealed, "format": written})
    (copy / bundle.CHECKSUMS).write_text(text, encoding="utf-8")
    with pytest.raises(BundleError, match="this version reads formats up to 1") as found:
        ordain.load(copy)
    assert ("pip install --upgrade ordain" in str(found.value)) == (written == 2)
