"""Splits: complete, disjoint, of the sizes asked for, stable where they say so."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ordain.core.errors import DataError, UsageError
from ordain.data import (
    SPLITTERS,
    Assignment,
    Table,
    fold_assignment,
    holdout,
    open_source,
    read_table,
    split_report,
)

SETS = ("train", "validation", "test")


def table(**columns) -> Table:
    return read_table(open_source(pl.DataFrame(columns)))


def assign(read: Table, spec, seed: int = 0) -> Assignment:
    return SPLITTERS.build(spec).assign(read, seed=seed)


def sizes(assignment: Assignment) -> dict[str, int]:
    found = assignment.sets.cast(pl.String)
    return {name: int((found == name).sum()) for name in assignment.names}


shares = (
    st.lists(st.integers(0, 10), min_size=3, max_size=3)
    .filter(lambda s: s[0] > 0)
    .map(lambda s: [x / sum(s) for x in s])
)
quick = settings(max_examples=40, deadline=None, database=None)


@quick
@given(n=st.integers(1, 300), share=shares, seed=st.integers(0, 10))
def test_random_is_complete_and_of_exact_sizes(n, share, seed):
    found = assign(table(a=range(n)), {"type": "random", "probabilities": share}, seed)
    assert found.sets.null_count() == 0
    counts = [int((found.sets == name).sum()) for name in SETS]
    assert sum(counts) == n
    positive = sum(s > 0 for s in share)
    if n >= positive:
        assert all((count > 0) == (s > 0) for count, s in zip(counts, share, strict=True))
        assert all(abs(count - s * n) <= 3 for count, s in zip(counts, share, strict=True))


@quick
@given(classes=st.lists(st.sampled_from("abcde"), min_size=3, max_size=200), share=shares)
def test_stratified_split_keeps_every_class_near_its_share(classes, share):
    found = assign(table(c=classes), {"type": "stratify", "column": "c", "probabilities": share})
    sets, column = found.sets.to_list(), np.array(classes)
    assert len(sets) == len(classes)
    for label in set(classes):
        mine = [s for s, c in zip(sets, column, strict=True) if c == label]
        if len(mine) == 1 and len(classes) > 10:
            assert mine == ["train"]
        for name, s in zip(SETS, share, strict=True):
            assert abs(mine.count(name) - s * len(mine)) <= 2


@quick
@given(groups=st.lists(st.integers(0, 30), min_size=3, max_size=200), seed=st.integers(0, 5))
def test_group_split_is_disjoint_complete_and_blind_to_row_order(groups, seed):
    spec = {"type": "group", "column": "g"}
    found = assign(table(g=groups), spec, seed)
    frame = pl.DataFrame({"g": groups, "s": found.sets.cast(pl.String)})
    assert frame["s"].null_count() == 0
    assert frame.group_by("g").agg(pl.col("s").n_unique())["s"].max() == 1
    assert "train" in frame["s"].to_list()
    if len(set(groups)) >= 3:
        assert frame["s"].n_unique() == 3
    order = np.random.default_rng(0).permutation(len(groups))
    again = assign(table(g=[groups[i] for i in order]), spec, seed)
    assert again.sets.cast(pl.String).to_list() == frame["s"].gather(order).to_list()


@quick
@given(
    ids=st.lists(st.text(max_size=5), min_size=30, max_size=100), more=st.lists(st.text(max_size=5))
)
def test_hash_split_keeps_rows_where_they_are_as_data_grows(ids, more):
    spec = {"type": "hash", "column": "id", "probabilities": [0.8, 0.1, 0.1]}
    pad = [f"id{i}" for i in range(50)]
    before = assign(table(id=ids + pad), spec).sets.to_list()
    after = assign(table(id=more + ids + pad), spec, seed=9).sets.to_list()
    assert after[len(more) :] == before


def test_hash_split_does_not_change_with_versions():
    found = assign(table(id=[f"customer-{i}" for i in range(12)]), {"type": "hash", "column": "id"})
    assert "".join(name[:2] for name in found.sets.to_list()) == HASHED


HASHED = "tetetrtrtrtrvatrvavatrtr"


def test_hash_split_of_numbers_is_that_of_their_text():
    texts = assign(table(id=[str(i) for i in range(50)]), {"type": "hash", "column": "id"}).sets
    for ids in (list(range(50)), [float(i) for i in range(50)]):
        assert (
            assign(table(id=ids), {"type": "hash", "column": "id"}).sets.to_list()
            == texts.to_list()
        )


def test_hash_split_is_near_the_shares():
    found = assign(table(id=list(range(20_000))), {"type": "hash", "column": "id"})
    assert sizes(found)["train"] == pytest.approx(14_000, rel=0.02)
    assert sizes(found)["test"] == pytest.approx(4_000, rel=0.05)


def test_hash_split_without_training_rows_says_why():
    with pytest.raises(DataError, match="put no row into 'train': there are 1 distinct values"):
        assign(table(id=["customer-0"]), {"type": "hash", "column": "id"})


def test_random_split_does_not_change_with_versions():
    found = assign(table(a=range(12)), "random", seed=42)
    assert "".join(name[:2] for name in found.sets.to_list()) == RANDOM


RANDOM = "tevatrtrtrtrtrtetrtrtrtr"


def test_defaults_are_random_seventy_ten_twenty():
    assert sizes(assign(table(a=range(1000)), "random")) == {
        "train": 700,
        "validation": 100,
        "test": 200,
    }


def test_named_sets_beyond_three():
    spec = {"type": "random", "sets": {"train": 0.7, "validation": 0.1, "test": 0.15, "gold": 0.05}}
    found = assign(table(a=range(100)), spec)
    assert sizes(found) == {"train": 70, "validation": 10, "test": 15, "gold": 5}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"probabilities": [0.7, 0.1, 0.1]}, "the shares must sum to 1 and sum to 0.9"),
        ({"probabilities": [0.0, 0.5, 0.5]}, "share of the training set must be above 0"),
        ({"probabilities": [1.2, -0.2, 0.0]}, "less than or equal to 1"),
        ({"sets": {"gold": 1.0}}, "`sets` must give 'train' a share above 0"),
        ({"k_fold": 1}, "greater than or equal to 2"),
    ],
)
def test_wrong_shares_are_refused(keys, message):
    with pytest.raises(ValidationError, match=message):
        SPLITTERS.build({"type": "random", **keys})


@pytest.mark.parametrize("kind", ["random", "stratify", "group", "hash", "datetime", "fixed"])
def test_unknown_column_names_the_nearest(kind):
    key = "stratify" if kind == "random" else "column"
    with pytest.raises(
        DataError, match=f"`split.{key}` names the column `pirce`.*Did you mean `price`"
    ):
        assign(table(price=[1, 2, 3]), {"type": kind, key: "pirce"})


def test_one_row_trains():
    for spec in ("random", {"type": "stratify", "column": "a"}, {"type": "group", "column": "a"}):
        assert assign(table(a=[1]), spec).sets.to_list() == ["train"]


def test_two_rows_train_and_test():
    assert sorted(assign(table(a=[1, 2]), "random").sets.to_list()) == ["test", "train"]


def test_class_of_one_row_trains_and_is_reported():
    column = ["a"] * 50 + ["b"] * 49 + ["rare"]
    for spec in ({"type": "stratify", "column": "c"}, {"type": "random", "stratify": "c"}):
        found = assign(table(c=column), spec)
        assert found.sets[-1] == "train"
        assert found.facts["classes_of_one_row"]["examples"] == ["rare"]


def test_stratify_cuts_a_number_into_bins():
    values = np.random.default_rng(0).normal(size=1000)
    found = assign(table(x=values), {"type": "stratify", "column": "x", "bins": 5})
    assert len(found.facts["bin_edges"]) == 4
    means = [values[(found.sets == name).to_numpy()].mean() for name in SETS]
    assert max(means) - min(means) < 0.2


def test_bins_of_text_are_refused():
    with pytest.raises(
        DataError, match=r"`split.bins` needs a column of numbers, and `c` is String"
    ):
        assign(table(c=["a", "b"]), {"type": "stratify", "column": "c", "bins": 3})


def test_fixed_reads_names_synonyms_and_numbers():
    found = assign(table(split=["Train", "val", "TEST", None]), "fixed")
    assert found.sets.to_list() == ["train", "validation", "test", None]
    assert found.facts["rows_without_set"] == 1
    assert assign(table(p=[0, 1, 2]), {"type": "fixed", "column": "p"}).sets.to_list() == list(SETS)


def test_fixed_refuses_a_misspelled_set_and_accepts_a_declared_one():
    read = table(split=["train", "tset"])
    with pytest.raises(DataError, match=r"holds 'tset', which names no set. Did you mean 'test'"):
        assign(read, "fixed")
    assert sizes(assign(read, {"type": "fixed", "sets": ["tset"]})) == {"train": 1, "tset": 1}


def test_fixed_without_training_rows_is_an_error():
    with pytest.raises(
        DataError, match="the column `split` puts no row into 'train'; it holds 'test'"
    ):
        assign(table(split=["test", "test"]), "fixed")


def test_datetime_keeps_order_and_moments_together():
    days = [date(2024, 1, 1) + timedelta(days=i // 3) for i in range(90)]
    order = np.random.default_rng(0).permutation(90)
    read = table(d=[days[i] for i in order])
    found = assign(read, {"type": "datetime", "column": "d"})
    frame = pl.DataFrame({"d": read.column("d"), "s": found.sets.cast(pl.String)})
    last, first = (
        frame.group_by("s").agg(pl.col("d").max()),
        frame.group_by("s").agg(pl.col("d").min()),
    )
    ends, starts = dict(last.rows()), dict(first.rows())
    assert ends["train"] < starts["validation"] <= ends["validation"] < starts["test"]
    assert sizes(found)["train"] == pytest.approx(63, abs=3)
    assert found.facts["starts"]["test"] == f"{starts['test']} 00:00:00"


def test_datetime_gap_leaves_out_the_end_of_each_earlier_set():
    days = [date(2024, 1, 1) + timedelta(days=i) for i in range(100)]
    found = assign(table(d=days), {"type": "datetime", "column": "d", "gap": "5d"})
    sets = found.sets.to_list()
    assert sets[:66] == ["train"] * 66
    assert sets[66:70] == [None] * 4
    assert found.facts["rows_in_gap"] == 8


@pytest.mark.parametrize(
    "texts",
    [
        ["9/30/1990 0:00:00", "11/29/1993 0:00:00", "1/2/1994 0:00:00"],
        ["30.09.1990", "29.11.1993", "02.01.1994"],
        ["1990-09-30T10:00:00Z", "1993-11-29T10:00:00Z", "1994-01-02T10:00:00Z"],
        ["30 Sep 1990", "29 Nov 1993", "2 Jan 1994"],
    ],
)
def test_datetime_reads_dates_in_text(texts):
    found = assign(table(d=texts), {"type": "datetime", "column": "d"})
    assert found.sets.to_list() == ["train", "validation", "test"]


def test_datetime_that_may_be_read_two_ways_asks_for_the_format():
    read = table(d=["01/02/2024", "03/04/2024", "05/06/2024"])
    expected = "the dates of `d` can be read as '%m/%d/%Y' and as '%d/%m/%Y', such as '01/02/2024'"
    with pytest.raises(DataError, match=expected):
        assign(read, {"type": "datetime", "column": "d"})
    spec = {"type": "datetime", "column": "d", "datetime_format": "%d/%m/%Y"}
    assert assign(read, spec).facts["starts"]["test"] == "2024-06-05 00:00:00"


def test_datetime_without_any_date_is_an_error():
    with pytest.raises(DataError, match="in no date format that is known: 'soon', 'later'"):
        assign(table(d=["soon", "later"]), {"type": "datetime", "column": "d"})
    spec = {"type": "datetime", "column": "d", "datetime_format": "%Y"}
    with pytest.raises(DataError, match="no value of `d` is a date in the format '%Y'"):
        assign(table(d=["soon", "later"]), spec)


def test_datetime_counts_rows_without_a_date():
    days = [f"2024-01-{i:02d}" for i in range(1, 29)]
    found = assign(table(d=[*days, "soon", None]), {"type": "datetime", "column": "d"})
    assert found.sets.to_list()[-2:] == [None, None]
    assert found.facts["rows_without_date"] == 2
    assert found.facts["unparsed"]["examples"] == [{"row": 28, "value": "soon"}]


def test_datetime_of_numbers_orders_by_value_and_takes_no_gap():
    found = assign(table(year=list(range(10))), {"type": "datetime", "column": "year"})
    assert found.sets.to_list() == ["train"] * 7 + ["validation"] + ["test"] * 2
    with pytest.raises(DataError, match=r"`split.gap` needs dates"):
        assign(table(year=[1, 2]), {"type": "datetime", "column": "year", "gap": "1d"})


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "random"},
        {"type": "random", "stratify": "c"},
        {"type": "stratify", "column": "c"},
        {"type": "group", "column": "g"},
    ],
)
def test_folds_are_complete_even_and_seeded(spec):
    read = table(c=["a", "b"] * 50, g=[i // 2 for i in range(100)])
    splitter = SPLITTERS.build({**spec, "k_fold": 5})
    folds = splitter.assign_folds(read, seed=1)
    assert folds.value_counts().sort("fold").rows() == [(i, 20) for i in range(5)]
    assert folds.equals(splitter.assign_folds(read, seed=1))
    assert not folds.equals(splitter.assign_folds(read, seed=2))
    frame = pl.DataFrame({"fold": folds, "c": read.column("c"), "g": read.column("g")})
    if spec["type"] == "group":
        assert frame.group_by("g").agg(pl.col("fold").n_unique())["fold"].max() == 1
    elif "c" in (spec.get("stratify"), spec.get("column")):
        assert set(frame.group_by("fold", "c").len()["len"]) == {10}


def test_fixed_folds_are_the_values_of_the_column():
    read = table(split=[2, 5, 9, 2, None])
    folds = SPLITTERS.build({"type": "fixed", "k_fold": 3}).assign_folds(read, seed=0)
    assert folds.to_list() == [0, 1, 2, 0, None]
    with pytest.raises(
        DataError, match="`k_fold: 4` needs 4 distinct values in the column `split`, which has 3"
    ):
        SPLITTERS.build({"type": "fixed", "k_fold": 4}).assign_folds(read, seed=0)


def test_folds_that_cannot_be_dealt_are_refused():
    with pytest.raises(DataError, match="`k_fold: 5` needs at least 5 rows, and there are 3"):
        SPLITTERS.build({"type": "random", "k_fold": 5}).assign_folds(table(a=[1, 2, 3]), seed=0)
    with pytest.raises(UsageError, match="a 'hash' split has no folds"):
        SPLITTERS.build({"type": "hash", "column": "a"}).assign_folds(table(a=[1]), seed=0)
    with pytest.raises(UsageError, match=r"`split.k_fold` is not set"):
        SPLITTERS.build("random").assign_folds(table(a=[1]), seed=0)


def test_fold_assignment_tests_one_fold_and_trains_on_the_others():
    found = fold_assignment(pl.Series("fold", [0, 1, None, 2]), 1)
    assert found.sets.to_list() == ["train", "test", None, "train"]


def test_holdout_cuts_from_training_rows_only():
    before = assign(table(a=range(100)), {"type": "random", "probabilities": [0.8, 0.0, 0.2]})
    after = holdout(before, seed=3)
    assert sizes(after) == {"train": 72, "validation": 8, "test": 20}
    assert ((before.sets == "test") == (after.sets == "test")).all()
    assert after.facts["validation_cut_from_train"] == 8
    assert holdout(after, seed=4).sets.equals(after.sets)


def test_holdout_respects_groups_classes_and_time():
    n = 100
    before = assign(table(a=range(n)), {"type": "random", "probabilities": [0.8, 0.0, 0.2]})
    groups = pl.Series([i // 4 for i in range(n)])
    sets = holdout(before, seed=1, groups=groups).sets
    frame = pl.DataFrame({"g": groups, "s": sets.cast(pl.String)}).filter(pl.col("s") != "test")
    assert frame.group_by("g").agg(pl.col("s").n_unique())["s"].max() == 1
    assert "validation" in frame["s"].to_list()
    times = pl.Series([datetime(2024, 1, 1) + timedelta(hours=i) for i in range(n)])  # noqa: DTZ001
    late = pl.DataFrame(
        {"t": times, "s": holdout(before, seed=1, times=times).sets.cast(pl.String)}
    )
    ends = dict(late.group_by("s").agg(pl.col("t").max()).rows())
    starts = dict(late.group_by("s").agg(pl.col("t").min()).rows())
    assert ends["train"] < starts["validation"]
    classes = pl.Series(["x", "y"] * (n // 2))
    held = pl.DataFrame(
        {"c": classes, "s": holdout(before, seed=1, classes=classes).sets.cast(pl.String)}
    )
    assert set(held.filter(pl.col("s") == "validation")["c"]) == {"x", "y"}


def test_holdout_needs_two_training_rows():
    one = assign(table(a=[1]), "random")
    with pytest.raises(DataError, match=r"cannot be cut from 1 training row\(s\): 2 are needed"):
        holdout(one, seed=0)


def test_split_report_finds_shared_groups_and_duplicates():
    read = table(
        x=[1.0, 2.0, 1.0, 4.0], g=["a", "b", "a", "c"], y=["p", "q", "q", "q"],
        t=["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"],
        split=["train", "train", "test", "test"],
    )  # fmt: skip
    report = split_report(assign(read, "fixed"), read, "y", inputs=["x", "g"], group="g", time="t")
    assert report["sizes"] == {"train": 2, "test": 2}
    assert report["shares"] == {"train": 0.5, "test": 0.5}
    assert report["balance"]["train"] == {"p": 0.5, "q": 0.5}
    assert report["shared_groups"] == {"count": 1, "examples": ["a"]}
    example = {"row": 2, "training_row": 0}
    assert report["duplicates"] == {
        "sets": {
            "test": {
                "rows": 1, "same_target": 0, "other_target": 1, "example": example, "share": 0.5
            }
        },
        "distinct_in_train": 1.0,
    }  # fmt: skip
    assert report["times"]["test"] == ["2024-01-03 00:00:00", "2024-01-04 00:00:00"]


def test_split_report_of_a_number_compares_mean_and_spread():
    read = table(y=np.arange(1000.0))
    report = split_report(assign(read, "random"), read, "y")
    assert report["balance"]["train"]["mean"] == pytest.approx(500, abs=30)
    assert set(report["balance"]["test"]) == {"mean", "std"}


def test_sets_may_be_compared_with_any_standard_name():
    found = assign(table(a=[1]), "random")
    assert (found.sets == "validation").to_list() == [False]


def deviations(codes: np.ndarray, sets: pl.Series, share: dict[str, float]) -> float:
    """Return the most rows by which a label is off its share of a set."""
    names = sets.cast(pl.String).to_numpy()
    return max(
        abs(np.sum((codes == label) & (names == name)) - part * np.sum(codes == label))
        for label in np.unique(codes)
        for name, part in share.items()
    )


SHARE = {"train": 0.7, "validation": 0.1, "test": 0.2}


@pytest.mark.parametrize(
    "spec", [{"type": "random", "stratify": ["a", "b", "c"]},
             {"type": "stratify", "column": ["a", "b", "c"]}]
)  # fmt: skip
def test_several_columns_are_each_balanced(spec):
    draw = np.random.default_rng(0)
    columns = {
        "a": (draw.random(3000) < 0.01).astype(int),
        "b": draw.integers(0, 12, 3000),
        "c": draw.choice(["x", "y", "z"], 3000, p=[0.9, 0.08, 0.02]),
    }
    found = assign(table(**columns), spec)
    assert all(deviations(column, found.sets, SHARE) <= 2 for column in columns.values())
    assert all(abs(sizes(found)[name] - 3000 * part) <= 2 for name, part in SHARE.items())
    assert found.facts["columns"]["b"]["n_classes"] == 12


def test_labels_that_never_agree_are_balanced_all_the_same():
    draw = np.random.default_rng(1)
    columns = {f"c{i}": draw.integers(0, 10, 4000) for i in range(6)}
    found = assign(table(**columns), {"type": "random", "stratify": list(columns)})
    assert max(deviations(column, found.sets, SHARE) for column in columns.values()) <= 5


def test_numbers_among_several_columns_are_cut_into_bins():
    draw = np.random.default_rng(2)
    price, kind = draw.lognormal(size=2000), draw.choice(["x", "y"], 2000)
    spec = {"type": "stratify", "column": ["price", "kind"], "bins": 5}
    found = assign(table(price=price, kind=kind), spec)
    bins = np.searchsorted(np.quantile(price, [0.2, 0.4, 0.6, 0.8]), price, side="right")
    assert deviations(bins, found.sets, SHARE) <= 2
    assert deviations(kind, found.sets, SHARE) <= 2


def test_folds_are_balanced_on_each_of_several_columns():
    draw = np.random.default_rng(3)
    columns = {"a": draw.integers(0, 2, 1000), "b": draw.integers(0, 9, 1000)}
    spec = {"type": "random", "stratify": ["a", "b"], "k_fold": 5}
    folds = SPLITTERS.build(spec).assign_folds(table(**columns), seed=0)
    share = {str(fold): 0.2 for fold in range(5)}
    assert all(deviations(c, folds.cast(pl.String), share) <= 2 for c in columns.values())


@quick
@given(
    rows=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3)), min_size=1, max_size=60),
    share=shares,
    seed=st.integers(0, 5),
)
def test_split_by_several_columns_is_complete(rows, share, seed):
    kinds, numbers = zip(*rows, strict=True)
    spec = {"type": "random", "stratify": ["k", "n"], "probabilities": share}
    found = assign(table(k=kinds, n=numbers), spec, seed)
    assert found.sets.null_count() == 0
    if len(rows) >= 3:
        assert set(found.names) == {name for name, s in zip(SETS, share, strict=True) if s > 0}


def test_one_column_in_a_list_splits_as_the_column_itself():
    column = list("abcab" * 30)
    alone = assign(table(c=column), {"type": "random", "stratify": "c"})
    listed = assign(table(c=column), {"type": "random", "stratify": ["c"]})
    assert alone.sets.equals(listed.sets)


@pytest.mark.parametrize(
    "spec", [{"type": "random"}, {"type": "group", "column": "g"}, {"type": "hash", "column": "g"}]
)
def test_sets_of_any_name_stand_beside_the_three(spec):
    wanted = {"train": 0.6, "validation": 0.1, "test": 0.1, "gold": 0.1, "canary": 0.1}
    rows = table(g=[i // 2 for i in range(4000)])
    found = assign(rows, {**spec, "sets": wanted})
    assert found.names == ["train", "validation", "test", "gold", "canary"]
    for name, part in wanted.items():
        assert sizes(found)[name] == pytest.approx(part * 4000, rel=0.25)


def test_sets_of_any_name_come_from_a_column():
    rows = table(part=["train", "gold", "shift", "test", None])
    found = assign(rows, {"type": "fixed", "column": "part", "sets": ["gold", "shift"]})
    assert found.sets.to_list() == ["train", "gold", "shift", "test", None]
    assert found.facts["rows_without_set"] == 1


def grouped(n_groups: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return groups of unlike size, and a class that leans to one side in each group."""
    draw = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), draw.integers(1, 20, n_groups))
    lean = draw.beta(0.5, 2.0, n_groups)
    return groups, np.where(draw.random(len(groups)) < lean[groups], "ill", "well")


@pytest.mark.parametrize("stratify", ["y", ["y", "z"]])
def test_stratified_group_split_keeps_groups_whole_and_classes_even(stratify):
    groups, classes = grouped(300)
    rows = table(g=groups, y=classes, z=np.char.add(classes, "!"))
    found = assign(rows, {"type": "group", "column": "g", "stratify": stratify})
    frame = pl.DataFrame({"g": groups, "s": found.sets.cast(pl.String)})
    assert frame.group_by("g").agg(pl.col("s").n_unique())["s"].max() == 1
    assert deviations(classes, found.sets, SHARE) <= 6
    plain = assign(rows, {"type": "group", "column": "g"})
    assert deviations(classes, plain.sets, SHARE) > 12


def test_stratified_group_folds_keep_groups_whole_and_classes_even():
    groups, classes = grouped(200, seed=1)
    spec = {"type": "group", "column": "g", "stratify": "y", "k_fold": 5}
    folds = SPLITTERS.build(spec).assign_folds(table(g=groups, y=classes), seed=0)
    frame = pl.DataFrame({"g": groups, "f": folds})
    assert frame.group_by("g").agg(pl.col("f").n_unique())["f"].max() == 1
    assert deviations(classes, folds.cast(pl.String), {str(i): 0.2 for i in range(5)}) <= 4
    order = np.random.default_rng(0).permutation(len(groups))
    mixed = table(g=groups[order], y=classes[order])
    again = SPLITTERS.build(spec).assign_folds(mixed, seed=0)
    assert again.to_list() == folds.gather(order).to_list()


@pytest.mark.slow
def test_stratified_split_of_very_many_groups_is_even():
    groups, classes = grouped(30_000)
    found = assign(table(g=groups, y=classes), {"type": "group", "column": "g", "stratify": "y"})
    frame = pl.DataFrame({"g": groups, "s": found.sets.cast(pl.String)})
    assert frame.group_by("g").agg(pl.col("s").n_unique())["s"].max() == 1
    assert deviations(classes, found.sets, SHARE) <= 10


def test_folds_in_time_train_on_the_past_and_leave_the_gap():
    day = [date(2024, 1, 1) + timedelta(days=i) for i in range(60)]
    spec = {"type": "datetime", "column": "t", "k_fold": 5, "gap": "3d"}
    splitter = SPLITTERS.build(spec)
    rows = table(t=day[::-1])
    folds = splitter.assign_folds(rows, seed=0)
    assert [(folds == fold).sum() for fold in range(5)] == [10] * 5
    assert folds.null_count() == 10
    for fold in range(5):
        found = splitter.assign_fold(rows, fold, seed=0)
        train, test = (
            [d for d, s in zip(day[::-1], found.sets, strict=True) if s == name]
            for name in ("train", "test")
        )
        assert len(test) == 10
        assert len(train) == 10 * (fold + 1) - 2
        assert max(train) == min(test) - timedelta(days=3)
        assert found.facts == {"fold": fold, "rows_in_gap": 2}


def test_folds_in_time_need_moments_enough():
    spec = {"type": "datetime", "column": "t", "k_fold": 5}
    with pytest.raises(
        DataError, match="needs at least 6 distinct moments in `t`, and there are 3"
    ):
        SPLITTERS.build(spec).assign_folds(table(t=[1, 2, 3] * 9), seed=0)
    with pytest.raises(DataError, match="too many rows of `t` share one moment for 6 blocks"):
        SPLITTERS.build(spec).assign_folds(table(t=[1] * 90 + list(range(2, 12))), seed=0)


def test_fixed_split_names_all_unknown_sets_at_once(tmp_path):
    (tmp_path / "a.csv").write_text("x,split\n1,train\n2,north\n3,south\n")
    table = read_table(open_source("a.csv", root=tmp_path))
    with pytest.raises(DataError, match=r"(?s)'north', 'south', which name .*sets: \[north, sou"):
        SPLITTERS.build("fixed").assign(table, seed=1)
