from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import ordain
from ordain.core.errors import BundleError, GateError, UsageError
from ordain.store.registry import open_registry
from ordain.store.runs import Runs

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("registry_home")]


@pytest.fixture(autouse=True)
def own_work_folder(registry_home: Path) -> Path:
    return registry_home


@pytest.fixture
def rows(registry_template: Path) -> Path:
    return registry_template / "churn.csv"


def champion() -> int:
    return open_registry().find("churn@champion").version


def test_version_whose_gates_are_met_takes_the_alias() -> None:
    ordain.register("good", "churn")
    done = ordain.promote("churn", 1, note="the first")
    assert (done.alias, done.previous, done.version.aliases) == ("champion", None, ("champion",))
    assert [one.passed for one in done.conditions] == [True, True]
    assert done.notes == ("no version is `champion` yet: there is nothing to compare with",)
    assert done.line is not None
    assert (done.line.by, done.line.why, done.line.failed) == ("ann", "the first", ())
    again = ordain.promote("churn/1")
    assert again.line is None
    assert len(open_registry().audit("churn")) == 2


def test_gate_that_is_not_met_refuses_with_how_much() -> None:
    ordain.register("gated", "churn")
    with pytest.raises(
        GateError,
        match=r"churn/1 is not promoted to `champion`: 1 of 2 conditions not met\n"
        r"  `roc_auc` .* at least 0\.7: .* outside the bound",
    ) as refused:
        ordain.promote("churn", 1)
    assert refused.value.exit_code == 3
    with pytest.raises(UsageError, match="no version of churn is `champion`"):
        champion()


def test_version_that_is_worse_on_the_same_rows_is_refused() -> None:
    for name in ("good", "weak"):
        ordain.register(name, "churn")
    ordain.promote("churn", 1)
    with pytest.raises(
        GateError,
        match=r"not worse than `champion` \(churn/1\) by `roc_auc` of `churn`: .* a gain of "
        r"-0\..* on 300 rows: worse",
    ):
        ordain.promote("churn", 2)
    assert champion() == 1
    models = [ordain.load(f"churn/{number}").metrics["metrics"]["test"]["churn"]["roc_auc"]
              for number in (2, 1)]  # fmt: skip
    done = ordain.promote("churn", 2, force=True, note="to see")
    (seen,) = done.failed
    assert seen.value == pytest.approx(models[0])
    assert seen.margin == pytest.approx(models[0] - models[1])
    assert seen.interval is not None
    assert seen.interval.low < models[0] - models[1] < seen.interval.high < 0
    assert "compared on 300 rows: the test rows of all runs" in done.notes
    line = open_registry().audit("churn")[-1]
    assert (line.is_forced, line.why, line.version, line.previous) == (True, "to see", 2, 1)
    assert line.failed[0].startswith("not worse than `champion` (churn/1)")


def test_better_or_equal_version_replaces_and_rollback_brings_back() -> None:
    for name in ("weak", "good", "good"):
        ordain.register(name, "churn")
    ordain.promote("churn", 1)
    better = ordain.promote("churn", 2)
    assert better.conditions[-1].reason.endswith("better")
    assert (
        "churn/2 has the same bundle: there is nothing to compare"
        in ordain.promote("churn", 3).notes
    )
    assert ordain.rollback("churn", note="slow").version == 2
    assert ordain.rollback("churn").version == 1
    assert champion() == 1
    with pytest.raises(UsageError, match="nothing held `champion` of churn before churn/1"):
        ordain.rollback("churn")
    with pytest.raises(UsageError, match="no version of churn is `canary`"):
        ordain.rollback("churn", "canary")
    told = [(line.action, line.version) for line in open_registry().audit("churn")][3:]
    assert told == [
        ("promote", 1),
        ("promote", 2),
        ("promote", 3),
        ("rollback", 2),
        ("rollback", 1),
    ]
    assert ordain.promote("churn", 3).previous == 1
    assert ordain.rollback("churn").version == 1


def test_aliases_are_apart_and_one_may_stand_for_the_version() -> None:
    for name in ("weak", "good"):
        ordain.register(name, "churn")
    ordain.promote("churn", 1)
    done = ordain.promote("churn", 2, to="challenger")
    assert done.previous is None
    assert ordain.promote("churn", "challenger").version.aliases == ("challenger", "champion")
    assert ordain.promote("churn@challenger").line is None
    with pytest.raises(UsageError, match="which version of 'churn' is to be promoted"):
        ordain.promote("churn")
    with pytest.raises(UsageError, match="'v2' cannot be an alias"):
        ordain.promote("churn", 1, to="v2")


def test_what_cannot_be_compared_is_not_met_until_rows_are_given(
    own_work_folder: Path, rows: Path
) -> None:
    for name in ("weak", "good"):
        ordain.register(name, "churn")
    ordain.promote("churn", 1)
    for name in ("weak", "good"):
        shutil.rmtree(Runs(own_work_folder).find(name).folder)
    with pytest.raises(
        GateError, match=r"cannot be compared: the run of churn/2 \(good/.*--dataset"
    ):
        ordain.promote("churn", 2)
    done = ordain.promote("churn", 2, data=rows)
    assert done.previous == 1
    assert "compared on 1,500 rows: the rows given" in done.notes
    assert done.conditions[-1].reason.endswith("on 1,500 rows: better")


def test_champion_whose_run_is_gone_is_compared_where_the_split_is_the_same(
    own_work_folder: Path,
) -> None:
    for name in ("weak", "good"):
        ordain.register(name, "churn")
    ordain.promote("churn", 1)
    shutil.rmtree(Runs(own_work_folder).find("weak").folder)
    assert ordain.promote("churn", 2).conditions[-1].n_rows == 300


def test_bundle_without_its_run_is_judged_by_rows_that_are_given(
    tmp_path: Path, rows: Path
) -> None:
    for place, name in enumerate(("good", "gated"), 1):
        ordain.register(ordain.load(name).save(tmp_path / name), "churn")
        with pytest.raises(
            GateError, match="not judged: the bundle was registered without its run"
        ):
            ordain.promote("churn", place)
    done = ordain.promote("churn", 1, data=rows)
    assert [one.name for one in done.conditions] == [
        "`roc_auc` of `churn` on `given` at least 0.7", "`latency_ms` at most 1000"
    ]  # fmt: skip
    with pytest.raises(GateError, match="outside the bound"):
        ordain.promote("churn", 2, data=rows)


def test_damaged_bundle_stops_a_rollback() -> None:
    for name in ("weak", "good"):
        ordain.register(name, "churn")
        ordain.promote("churn", open_registry().versions("churn")[0].version)
    (open_registry().find("churn/1").bundle / "golden.parquet").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"`golden\.parquet` differs"):
        ordain.rollback("churn")
    assert champion() == 2
