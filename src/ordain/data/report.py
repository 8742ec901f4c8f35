"""What a split came out as: sizes, balance, groups, times, drift, rows that stand in two sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from ordain.data.dates import parse_dates
from ordain.data.drift import column_drift, rank_drift, sample_rows
from ordain.data.duplicates import RowHashes, find_duplicates, set_codes
from ordain.data.splitter import TRAIN, Assignment
from ordain.data.table import Table

_MOST_CLASSES = 50
_MOST_COLUMNS = 5


def split_report(
    assignment: Assignment,
    table: Table,
    target: str | None = None,
    *,
    inputs: Sequence[str] | None = None,
    group: str | None = None,
    time: str | None = None,
) -> dict[str, Any]:
    """Return facts on a split, as plain JSON.

    Keys: ``sizes`` and ``shares`` by set; ``rows_without_set``; ``balance`` of the target by set
    (share of each of up to 50 classes, or mean and standard deviation of a number);
    ``shared_groups``, the groups that stand in more than one set; ``times``, first and last moment
    of each set; ``duplicates``, rows of each other set whose inputs are exactly those of a
    training row, as `find_duplicates` gives them; ``drift`` of each other set from training:
    ``n_columns`` compared, ``n_over`` that drift, and the ``worst`` five of these, as
    `column_drift` gives them; ``facts`` of the splitter.

    Args:
        assignment: of the table's rows.
        table: read one column at a time.
        target: column whose balance is compared.
        inputs: columns compared for duplicates and drift; all but the target by default. For drift
            the target is compared too.
        group: column whose values may not stand in two sets.
        time: column of dates, moments or numbers.
    """
    sets = assignment.sets.alias("set")
    sizes = {name: count for name, count in sets.value_counts().rows() if name is not None}
    order = assignment.names
    report: dict[str, Any] = {
        "sizes": {name: sizes[name] for name in order},
        "shares": {name: round(sizes[name] / len(sets), 6) for name in order},
        "rows_without_set": int(sets.null_count()),
        "facts": assignment.facts,
    }
    if target is not None:
        report["balance"] = _balance(sets, table.column(target))
    if group is not None:
        report["shared_groups"] = _shared_groups(sets, table.column(group))
    if time is not None:
        report["times"] = _times(sets, table.column(time))
    names = inputs or [name for name in table.schema.names() if name != target]
    if names and TRAIN in sizes and len(sizes) > 1:
        report |= _compare_sets(sets, table, names, target=target)
    return report


def _balance(sets: pl.Series, target: pl.Series) -> dict[str, Any]:
    frame = pl.DataFrame({"set": sets, "target": target}).drop_nulls("set")
    is_measured = target.dtype.is_numeric() and target.n_unique() > _MOST_CLASSES
    if is_measured:
        rows = frame.group_by("set").agg(
            pl.col("target").mean().alias("mean"), pl.col("target").std().alias("std")
        )
        return {row["set"]: {"mean": row["mean"], "std": row["std"]} for row in rows.to_dicts()}
    # Counted before they are text: the labels are few, the rows may be millions.
    counts = frame.group_by("set", "target").len().cast({"set": pl.String, "target": pl.String})
    classes = counts.group_by("target").agg(pl.col("len").sum())
    classes = classes.sort("len", "target", descending=[True, False]).head(_MOST_CLASSES)
    counts = counts.with_columns(share=(pl.col("len") / pl.col("len").sum().over("set")).round(6))
    counts = counts.join(classes.select("target"), on="target", nulls_equal=True)
    shares: dict[str, Any] = {name: {} for name in counts["set"].unique().sort()}
    for row in counts.sort("set", "target", nulls_last=True).to_dicts():
        label = "(missing)" if row["target"] is None else row["target"]
        shares[row["set"]][label] = row["share"]
    return shares


def _shared_groups(sets: pl.Series, groups: pl.Series) -> dict[str, Any]:
    frame = pl.DataFrame({"set": sets, "group": groups}).drop_nulls()
    counts = (
        frame.group_by("group").agg(pl.col("set").n_unique().alias("n")).filter(pl.col("n") > 1)
    )
    examples = counts["group"].cast(pl.String).sort().head(3).to_list()
    return {"count": counts.height, "examples": examples}


def _times(sets: pl.Series, times: pl.Series) -> dict[str, Any]:
    if times.dtype == pl.String():
        times = parse_dates(times).values
    frame = pl.DataFrame({"set": sets, "time": times}).drop_nulls()
    rows = frame.group_by("set").agg(
        pl.col("time").min().alias("first"), pl.col("time").max().alias("last")
    )
    return {row["set"]: [str(row["first"]), str(row["last"])] for row in rows.to_dicts()}


def _compare_sets(
    sets: pl.Series, table: Table, inputs: Sequence[str], *, target: str | None
) -> dict[str, Any]:
    """Return duplicates and drift; each column is read once, and one at a time is in memory."""
    codes, kinds = set_codes(sets)
    samples = {name: sample_rows(np.flatnonzero(codes == i)) for i, name in enumerate(kinds)}
    others = sorted(name for name, rows in samples.items() if name != TRAIN and len(rows))
    drift: dict[str, list[dict[str, Any]]] = {name: [] for name in others}
    hashes, truth = RowHashes(table.n_rows), RowHashes(table.n_rows)
    columns = [*inputs, *([target] if target is not None and target not in inputs else [])]
    for name in columns:
        column = table.column(name)
        (truth if name == target else hashes).add(column)
        train = column.gather(samples[TRAIN])
        for other in others:
            found = column_drift(train, column.gather(samples[other]), n_columns=len(columns))
            if found is not None:
                drift[other].append(found)
    summary = {}
    for name, found_columns in drift.items():
        over = rank_drift(found_columns)
        summary[name] = {
            "n_columns": len(found_columns), "n_over": len(over), "worst": over[:_MOST_COLUMNS]
        }  # fmt: skip
    is_told = target is not None and target not in inputs
    duplicates = find_duplicates(sets, hashes.values, truth.values if is_told else None)
    return {"duplicates": duplicates, "drift": summary}
