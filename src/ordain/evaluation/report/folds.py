"""Cross-validation: mean, spread and interval of each metric over the folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ordain.evaluation.report.html import Html, tag
from ordain.evaluation.report.tables import cell, header, sortable
from ordain.evaluation.summary import RunSummary

COLUMNS = ("mean", "sd", "low", "high")


def folds_card(summary: RunSummary, output_name: str) -> Html | None:
    """Return the table of one output over all folds; None without folds."""
    found = summary.cross_validation.get(output_name)
    if not found:
        return None
    n_folds = max(len(spread["folds"]) for spread in found.values())
    head = [header("metric"), *(header(name, is_number=True) for name in COLUMNS)]
    rows = (_row(name, spread) for name, spread in found.items() if spread["mean"] is not None)
    hint = (
        f"This recipe, trained {n_folds} times on other rows. Low and high bound the 95% interval "
        "of the mean, widened because folds share most of their training rows."
    )
    return tag(
        "div",
        sortable(head, rows, caption=f"{output_name} over {n_folds} trained folds"),
        tag("p", hint, class_="hint"),
        class_="card",
    )


def _row(name: str, spread: Mapping[str, Any]) -> Html:
    low, high = spread.get("interval") or (None, None)
    values = (spread["mean"], spread["sd"], low, high)
    return tag("tr", cell(name), *(cell(value, is_number=True) for value in values))
