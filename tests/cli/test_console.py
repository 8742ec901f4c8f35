from __future__ import annotations

import pytest

from ordain.cli.console import cell, console, print_table
from ordain.cli.results import comparison, time_spent

RUN = "a_rather_long_experiment_name/20260101-120000-abcdef"


def test_nothing_is_right_aligned_among_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["model", "rmse"], [["mean", None], ["ours", 12.345]])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    ends = {len(line) for line in lines if line.strip().startswith(("mean", "ours"))}
    assert len(ends) == 1


def test_zero_has_the_decimals_of_its_kin() -> None:
    assert (cell(0.0), cell(0.5), cell(0)) == ("0.0000", "0.5000", "0")


@pytest.mark.parametrize("columns", ["40", "80"])
def test_run_ids_are_not_broken(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    print_table(["run", "model", "started"], [[RUN, "neural", "2026-01-01 12:00"]])
    said = capsys.readouterr().out
    assert RUN in said
    assert "2026-01-01" in said
    print_table(["metric", RUN, RUN], [["churn.roc_auc", 0.5, 0.6]])
    assert capsys.readouterr().out.count(RUN) == 2


def test_piped_output_is_as_wide_as_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    assert console().width == 72
    monkeypatch.delenv("COLUMNS")
    assert console().width == 200


def test_metric_without_any_value_is_left_out() -> None:
    ours = {"test": {"y": {"rmse": 1.0, "mae": 2.0, "mape": None}}}
    other = {"mean": {"test": {"y": {"rmse": 2.0, "mae": None, "mape": None}}}}
    (_, columns, rows, _) = next(comparison(ours, other))
    assert columns == ["", "rmse", "mae"]
    assert rows == [["this model", 1.0, 2.0], ["mean", 2.0, None]]


def test_time_leaves_out_stages_that_took_none() -> None:
    assert time_spent({"read": 0.001, "fit": 1.5}) == "fit 1.5 s"
    assert time_spent({}) == "none"


def test_what_looks_like_markup_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["[/b] name"], [["[/x] [green]ok[/green] :+1:"]], title="[/t] of")
    said = capsys.readouterr().out
    for text in ("[/t] of", "[/b] name", "[/x] [green]ok[/green] :+1:"):
        assert text in said
