"""The data: what reading found, how rows were split, and whether the sets are alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ordain.evaluation.report.html import Html, join, tag
from ordain.evaluation.report.tables import cell, facts, header, sortable
from ordain.evaluation.summary import RunSummary

MAX_SHARES = 6
SHOWN = ("sizes", "shares", "balance", "duplicates", "drift", "rows_without_set")
"""Facts of the split that have a place of their own."""
HOW_TO_READ = (
    "Sets that are drawn alike have like shares of every class. Rows also in training flatter the "
    "judgement; columns that drift say that the sets were not drawn alike."
)


def data_facts(summary: RunSummary) -> Html | None:
    """Return what reading found and how rows were split."""
    split = summary.split
    rest = {name: value for name, value in split.items() if name not in SHOWN and value}
    cards = [
        tag("div", tag("h3", title), facts(found), class_="card")
        for title, found in (("Reading", summary.read), ("More of the split", rest))
        if found
    ]
    parts = [
        _sets(split) if split.get("sizes") else None,
        _drift(split.get("drift") or {}),
        tag("div", *cards, class_="two") if cards else None,
    ]
    return join(parts) if any(parts) else None


def _sets(split: Mapping[str, Any]) -> Html:
    sizes: Mapping[str, int] = split["sizes"]
    total = sum(sizes.values()) or 1
    balance: Mapping[str, Mapping[str, float]] = split.get("balance") or {}
    columns = list(dict.fromkeys(name for found in balance.values() for name in found))
    columns = columns[:MAX_SHARES]
    duplicates = (split.get("duplicates") or {}).get("sets") or {}
    drift = split.get("drift") or {}
    is_measured = set(columns) <= {"mean", "std"}
    head = [
        header("set"),
        header("rows", is_number=True),
        header("share", is_number=True),
        *(header(f"{name} of target" if is_measured else f"share of {name}", is_number=True)
          for name in columns),
        *([header("rows also in training", is_number=True)] if duplicates else []),
        *([header("columns that drift", is_number=True)] if drift else []),
    ]  # fmt: skip
    rows = (
        tag(
            "tr",
            cell(name),
            cell(size, is_number=True),
            tag("td", f"{size / total:.1%}", class_="number", data_value=size / total),
            *(_target_cell(balance.get(name, {}).get(column), is_measured=is_measured)
              for column in columns),
            cell((duplicates.get(name) or {}).get("rows"), is_number=True) if duplicates else None,
            _drift_cell(drift.get(name)) if drift else None,
        )
        for name, size in sizes.items()
    )  # fmt: skip
    lost = split.get("rows_without_set")
    caption = f"{total:,} rows in {len(sizes)} sets"
    caption += f"; {lost:,} rows are in none" if lost else ""
    return tag("div", sortable(head, rows, caption=caption), tag("p", HOW_TO_READ, class_="hint"),
               class_="card")  # fmt: skip


def _target_cell(value: float | None, *, is_measured: bool) -> Html:
    if value is None or is_measured:
        return cell(value, is_number=True)
    return tag("td", f"{value:.1%}", class_="number", data_value=value)


def _drift_cell(found: Mapping[str, Any] | None) -> Html:
    if found is None:
        return tag("td", "-", class_="number", data_value="")
    n_over = found.get("n_over", 0)
    return tag("td", f"{n_over} of {found.get('n_columns', 0)}", class_="number", data_value=n_over)


def _drift(drift: Mapping[str, Any]) -> Html | None:
    worst = [(name, one) for name, found in drift.items() for one in found.get("worst") or ()]
    if not worst:
        return None
    head = [
        header("set"),
        header("column"),
        header("measure"),
        header("distance from training", is_number=True),
        header("drift from", is_number=True),
    ]
    rows = (
        tag("tr", cell(name), cell(one["column"]), cell(str(one["measure"]).replace("_", " ")),
            cell(one["value"], is_number=True), cell(one["limit"], is_number=True))
        for name, one in worst
    )  # fmt: skip
    return tag("div", sortable(head, rows, caption="Columns that drift most."), class_="card")
