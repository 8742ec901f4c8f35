"""The contract of a feature type as checks, for the types of this package and those of others.

import pytest
from ordain.testing.features import CHECKS, FeatureCase

CASES = [FeatureCase("mine", "{type: my_package.mine:MyFeature}", Form.DENSE, column)]

@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_contract(case, check):
    check(case)
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import yaml

from ordain.core.errors import DataError
from ordain.features.encoded import EncodedColumn, Kind, RowValue, concatenate
from ordain.features.feature import FEATURES, Encoding, Feature, Form
from ordain.features.store import from_json, to_json
from ordain.testing.cells import as_column, assert_same, extremes, nasty_values, one_row

SEED = 7


@dataclass(frozen=True)
class FeatureCase:
    """A feature type with options, and a column to try them on.

    Attributes:
        name: of the case, for messages.
        spec: YAML of the feature's options with its `type`.
        form: what a model asks of it; None for an output.
        column: training rows of the kind the type is meant for, at least four.
        extra: values to compare `row` with `encode` on, beside those of the column.
        others: the same rows of the columns that the feature reads.
    """

    name: str
    spec: str
    form: Form | None
    column: pl.Series
    extra: tuple[object, ...] = field(default=())
    others: pl.DataFrame | None = None

    def feature(self) -> Feature[Any]:
        """Return the settled feature."""
        return FEATURES.build(yaml.safe_load(self.spec)).settle(self.form)[0]

    def fitted(self) -> tuple[Feature[Any], Encoding]:
        """Return the settled feature and its encoding of the column, fitted once for all checks."""
        return self._fitted

    @functools.cached_property
    def _fitted(self) -> tuple[Feature[Any], Encoding]:
        return self.fitted_anew()

    def fitted_anew(self) -> tuple[Feature[Any], Encoding]:
        """Return the same, fitted for this call."""
        feature = self.feature()
        return feature, feature.fit(self.column, seed=SEED, others=self.others)

    def others_of(self, n_rows: int, *, start: int = 0) -> pl.DataFrame | None:
        """Return rows of the other columns from `start` on, over and over where they end."""
        if self.others is None:
            return None
        places = [(start + at) % self.others.height for at in range(n_rows)]
        return self.others[places] if places else self.others.clear()


def check_spec_round_trip(case: FeatureCase) -> None:
    """A spec becomes JSON and back, and settled again is what it was."""
    given = FEATURES.build(yaml.safe_load(case.spec))
    assert type(given).model_validate_json(given.model_dump_json()) == given
    settled = case.feature()
    again = type(settled).model_validate_json(settled.model_dump_json())
    assert again.settle(case.form)[0] == settled


def check_settling_leaves_no_auto(case: FeatureCase) -> None:
    """Every `auto` is settled with a reason, and settling again changes nothing."""
    given = FEATURES.build(yaml.safe_load(case.spec))
    settled, reasons = given.settle(case.form)
    autos = {key for key, value in given if value == "auto"}
    assert not [key for key, value in settled if value == "auto"]
    assert autos == set(reasons)
    assert settled.settle(case.form)[0] == settled


def check_encoding_round_trip(case: FeatureCase) -> None:
    """An encoding becomes JSON and arrays and back, and encodes to the same."""
    feature, encoding = case.fitted()
    text = encoding.model_dump_json()
    loaded = feature.Fitted.model_validate_json(text).with_arrays(encoding.arrays)
    assert loaded == encoding
    again = from_json(to_json(encoding), arrays=encoding.arrays)
    for other in (loaded, again):
        assert_same(
            feature.encode(case.column, other, case.others),
            feature.encode(case.column, encoding, case.others),
        )


def check_shape_is_kept(case: FeatureCase) -> None:
    """Arrays have the declared kind, dtype, width and range of ids, and lie contiguously."""
    feature, encoding = case.fitted()
    is_output = case.form is None
    for column in (case.column, case.column.clear(), case.column.head(1)):
        encoded = feature.encode(column, encoding, case.others_of(len(column)))
        assert len(encoded) == len(column)
        _assert_shape(encoded, encoding, is_output=is_output)


def check_small_columns_fit(case: FeatureCase) -> None:
    """An empty, a one-row, a constant and an all-missing column fit and encode the whole column."""
    feature = case.feature()
    present = case.column.drop_nulls()
    small = {
        "empty": case.column.clear(),
        "one row": present.head(1),
        "constant": present.head(1).new_from_index(0, 5),
        "all missing": case.column.clear(4),
        "without a type": pl.Series(case.column.name, [None, None]),
    }
    for column in small.values():
        encoding = feature.fit(column, seed=SEED, others=case.others_of(len(column)))
        for other in (column, case.column):
            try:
                encoded = feature.encode(other, encoding, case.others_of(len(other)))
            except DataError:
                continue  # an option says `error`
            assert len(encoded) == len(other)
            _assert_shape(encoded, encoding, is_output=case.form is None)


def check_blocks_equal_whole(case: FeatureCase) -> None:
    """Encoding in blocks gives what encoding the whole gives."""
    feature, encoding = case.fitted()
    if feature.depends_on_order:
        return
    whole = feature.encode(case.column, encoding, case.others)
    blocks = [
        feature.encode(frame.to_series(), encoding, case.others_of(frame.height, start=3 * at))
        for at, frame in enumerate(case.column.to_frame().iter_slices(3))
    ]
    assert_same(concatenate(blocks), whole)
    part = feature.encode(case.column.slice(1, 2), encoding, case.others_of(2, start=1))
    assert_same(whole.rows(1, 3), part)


def check_row_equals_encode(case: FeatureCase) -> None:
    """`row` gives, bit for bit, what `encode` gives for a one-row column, on the nastiest values.

    Values stored as the same type are encoded as one column, which `check_blocks_equal_whole` shows
    to be the same; where a cell depends on its neighbours or fails, one by one.
    """
    feature, encoding = case.fitted()
    if case.others is not None:
        _check_rows_with_others(case, feature, encoding)
        return
    read = feature.row(encoding)
    groups: dict[pl.DataType, list[tuple[object, pl.Series]]] = {}
    for value in [*case.column.to_list(), *nasty_values(), *case.extra]:
        column = one_row("x", value)
        if column is not None:
            groups.setdefault(column.dtype, []).append((value, column))
    for pairs in groups.values():
        together = None
        if not feature.depends_on_order:
            together = _encode_or_fail(feature, pl.concat([c for _, c in pairs]), encoding)
        for at, (value, _) in enumerate(pairs):
            if together is None:
                assert_row_equal(feature, encoding, read, value)
            else:
                _assert_cell(read(value), together.rows(at, at + 1), value)


def _check_rows_with_others(case: FeatureCase, feature: Feature[Any], encoding: Encoding) -> None:
    read = feature.row(encoding)
    values = [*case.column.to_list(), *nasty_values(), *case.extra]
    groups: dict[pl.DataType, list[tuple[object, pl.Series, pl.DataFrame]]] = {}
    for at, value in enumerate(values):
        others, column = case.others_of(1, start=at), one_row("x", value)
        if column is None or others is None:
            continue
        both = (others, _unseen_row(others))
        groups.setdefault(column.dtype, []).extend((value, column, beside) for beside in both)
    for cells in groups.values():
        columns, rows = [c for _, c, _ in cells], [r for *_, r in cells]
        together = _encode_or_fail(
            feature, pl.concat(columns), encoding, pl.concat(rows, how="vertical_relaxed")
        )
        for at, (value, column, beside) in enumerate(cells):
            if together is None:
                expected = _encode_or_fail(feature, column, encoding, beside)
            else:
                expected = together.rows(at, at + 1)
            if expected is not None:
                _assert_cell(read(value, beside.row(0, named=True)), expected, value)
    missing = pl.Series("x", [None], dtype=case.column.dtype)
    _assert_cell(read(None, {}), feature.encode(missing, encoding), None)


def _unseen_row(others: pl.DataFrame) -> pl.DataFrame:
    """Return one row of values that training did not hold."""
    return pl.DataFrame({name: extremes(others[name]).head(1) for name in others.columns})


def check_input_is_unchanged(case: FeatureCase) -> None:
    """Neither fitting nor encoding changes the column."""
    before = case.column.clone()
    feature, encoding = case.fitted_anew()
    feature.encode(case.column, encoding, case.others)
    assert case.column.equals(before, null_equal=True)
    assert case.column.dtype == before.dtype


def check_fitting_is_deterministic(case: FeatureCase) -> None:
    """The same rows and seed give the same encoding and cells."""
    (feature, first), (_, second) = case.fitted_anew(), case.fitted_anew()
    assert first.model_dump_json() == second.model_dump_json()
    assert first.arrays.keys() == second.arrays.keys()
    for name, array in first.arrays.items():
        assert array.tobytes() == second.arrays[name].tobytes()
    assert_same(
        feature.encode(case.column, first, case.others),
        feature.encode(case.column, second, case.others),
    )


def check_other_rows_change_nothing(case: FeatureCase) -> None:
    """What other rows hold (extremes, new labels) changes neither encoding nor a row's cell."""
    feature, encoding = case.fitted()
    if feature.depends_on_order:
        return
    before = encoding.model_dump_json()
    n = len(case.column)
    alone = feature.encode(case.column, encoding, case.others)
    more = extremes(case.column)
    try:
        both = feature.encode(
            pl.concat([case.column, more]), encoding, case.others_of(n + len(more))
        )
    except DataError:
        return  # an option says `error`
    assert_same(both.rows(0, n), alone)
    assert encoding.model_dump_json() == before


def check_decode_row_equals_decode(case: FeatureCase) -> None:
    """`decode_row` gives the values of `decode`, for an output."""
    if case.form is not None:
        return
    feature, encoding = case.fitted()
    assert feature.is_output
    scores = _scores(encoding)
    columns = feature.decode(scores, encoding, "y")
    assert next(iter(columns)) == "y_prediction"
    decode = feature.decode_row(encoding, "y")
    for at, score in enumerate(scores):
        row = decode(score if score.ndim else float(score))
        assert row == {name: column[at] for name, column in columns.items()}
    assert all(len(column) == 0 for column in feature.decode(scores[:0], encoding, "y").values())


def check_dropped_rows_are_named(case: FeatureCase) -> None:
    """`rows_to_drop` is None, or says True or False for every row, with and without encoding."""
    feature, encoding = case.fitted()
    for drop in (feature.rows_to_drop(case.column), feature.rows_to_drop(case.column, encoding)):
        if drop is not None:
            assert drop.dtype == pl.Boolean
            assert len(drop) == len(case.column)
            assert drop.null_count() == 0


def check_inspection_counts(case: FeatureCase) -> None:
    """`inspect` counts rows and missing cells, in plain JSON."""
    feature, encoding = case.fitted()
    found = feature.inspect(case.column, encoding, case.others)
    assert found["n_rows"] == len(case.column)
    assert found["n_missing"] >= case.column.null_count()


CHECKS: tuple[Callable[[FeatureCase], None], ...] = (
    check_spec_round_trip,
    check_settling_leaves_no_auto,
    check_encoding_round_trip,
    check_shape_is_kept,
    check_small_columns_fit,
    check_blocks_equal_whole,
    check_row_equals_encode,
    check_input_is_unchanged,
    check_fitting_is_deterministic,
    check_other_rows_change_nothing,
    check_decode_row_equals_decode,
    check_dropped_rows_are_named,
    check_inspection_counts,
)
"""All checks; each takes a case and fails with an `AssertionError`."""


def assert_row_equal(
    feature: Feature[Any], encoding: Encoding, read: Callable[[object], RowValue], value: object
) -> None:
    """Assert that one value gets the same cell from `row` and from `encode`, bit for bit."""
    column = one_row("x", value)
    if column is None:
        return
    expected = _encode_or_fail(feature, column, encoding)
    if expected is None:
        try:
            read(value)
        except DataError:
            return
        raise AssertionError(f"{value!r}: `encode` raises and `row` does not")
    _assert_cell(read(value), expected, value)


def _assert_cell(cell: RowValue, expected: EncodedColumn, value: object) -> None:
    try:
        assert_same(as_column(cell, expected.kind), expected)
    except AssertionError as error:
        raise AssertionError(f"{value!r}: {error}") from error


def _assert_shape(encoded: EncodedColumn, encoding: Encoding, *, is_output: bool) -> None:
    shape, values = encoding.shape, encoded.values
    assert encoded.kind == shape.kind
    assert values.flags.c_contiguous
    if shape.kind in {Kind.SCALAR, Kind.VECTOR}:
        assert values.dtype == np.float32
        assert values.shape == (len(encoded), shape.width)
        assert not np.isinf(values).any()
        return
    assert values.dtype == np.int32
    low = -1 if is_output else 0
    assert ((values >= low) & (values < max(shape.cardinality, 1))).all()
    if shape.kind is not Kind.INDEX:
        assert encoded.offsets is not None
        assert encoded.offsets.dtype == np.int64
        assert encoded.offsets[0] == 0
        assert encoded.offsets[-1] == len(values)
    if shape.kind is Kind.BAG:
        assert encoded.weights is not None
        assert encoded.weights.dtype == np.float32
        assert len(encoded.weights) == len(values)


def _encode_or_fail(
    feature: Feature[Any],
    column: pl.Series,
    encoding: Encoding,
    others: pl.DataFrame | None = None,
) -> EncodedColumn | None:
    try:
        return feature.encode(column, encoding, others)
    except DataError:
        return None


def _scores(encoding: Encoding) -> npt.NDArray[np.float64]:
    rng = np.random.default_rng(SEED)
    if encoding.shape.kind is Kind.INDEX:
        raw = rng.random((6, encoding.shape.cardinality)) + 1e-3
        return np.asarray(raw / raw.sum(axis=1, keepdims=True))
    if encoding.shape.role == "binary":
        return np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    return np.array([-3.5, -1.0, 0.0, 0.1, 2.0, 40.0])
