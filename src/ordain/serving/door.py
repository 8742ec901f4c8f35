"""The door: every row is looked at before a model reads it, and all its faults are told at once.

A `Door` is made for one version of a model, of what that version learned in training. It never
changes a row it was given; where cells are taken as missing, the model gets another one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ordain.core.diagnostics import nearest
from ordain.core.errors import UsageError
from ordain.features.facts import N_EXAMPLES, examples
from ordain.serving.contracts import Policy
from ordain.serving.expectations import Expectation, expectation_of, plain_expectation
from ordain.serving.faults import strange
from ordain.serving.refusal import Refusal
from ordain.store.model import Model
from ordain.store.row_keys import SURE

Flag = dict[str, Any]
"""What was unusual: ``{"field": "tenure", "code": "range"}``; of columns, with count and rows. A
cell that was taken as missing has ``"imputed": true``; a name that is no field, the `nearest`."""
Row = Mapping[str, Any]
_ALWAYS_TOLD = frozenset({"edge"})
_NEVER_IMPUTED = frozenset({"edge", "missing"})
_MOST_STRANGE = 200
"""Names that are no field of a model beyond which a row is taken for one of something else."""
_N_KEPT = 1_000
_KEPT_CHARS = 4_096
"""Characters of strange names that are remembered of one row: a client chooses them."""
_FLAT = frozenset({"number", "category", "binary", "date", "text"})
"""Types of which a cell is one value."""
_LABELLED = frozenset({"category", "binary"})
_FOREIGN = frozenset({pl.Binary, pl.Duration, pl.Time, pl.Object})
"""Kinds of cells that no type reads unless it was trained on them."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Rows that may be predicted, and what was unusual about them.

    Attributes:
        marks: what was unusual about each row, as the log keeps it; None where nothing was.
    """

    rows: pl.DataFrame
    flags: tuple[Flag, ...]
    marks: pl.Series | None = None


@dataclass(frozen=True, slots=True)
class Strange:
    """What is said of names that are no field.

    Attributes:
        is_fault: whether a row with them is refused for them.
        faults: what a row that is refused, for them or for another reason, is told of them.
        flags: what one that is answered is told.
    """

    faults: tuple[dict[str, Any], ...] = ()
    flags: tuple[Flag, ...] = ()
    is_fault: bool = False


class Door:
    """Checks rows against what one version of a model learned.

    Args:
        model: whose encodings say what is expected.
        policy: what happens to rows that are not as in training.
        others: fields that may stand in a row beside the inputs.
        fields: policies of single fields that have another.
        typed: types of fields that may stand beside the inputs and are checked as these are.

    Raises:
        UsageError: `fields` names what is no field of the model.
    """

    def __init__(
        self,
        model: Model,
        *,
        policy: Policy,
        others: Iterable[str] = (),
        fields: Mapping[str, Policy] | None = None,
        typed: Mapping[str, pl.DataType] | None = None,
    ) -> None:
        more = typed or {}
        self.expectations = (
            *expectations_of(model),
            *(plain_expectation(name, dtype) for name, dtype in more.items()),
        )
        self.policy = policy
        self._policies = _policies(self.expectations, policy, fields or {})
        self._by_name = {one.column: one for one in self.expectations}
        self._judges = [(one.column, one.judge) for one in self.expectations]
        self._inputs = frozenset(self._by_name).difference(more)
        targets = [feature.column for feature in model.document.output_features]
        self._known = self._inputs.union(targets, others, more)
        self._schema = {**model.input_schema, **more}
        self._looked_at: dict[frozenset[str], Strange] = {}
        readable = _enumerable(model)
        self._spellings = {
            one.column: (one.spellings, len(one.spellings.categories))
            for one in self.expectations
            if one.spellings is not None and one.column in readable
        }

    def pass_row(self, row: Row) -> tuple[Row, tuple[Flag, ...]]:
        """Return the row to predict and what was unusual about it.

        Raises:
            Refusal: it may not be predicted; holds every fault.
        """
        get = row.get
        found: list[tuple[str, str]] | None = None
        for column, judge in self._judges:
            code = judge(get(column))
            if code is not None:
                found = found or []
                found.append((column, code))
        if found is None and row.keys() <= self._known and not self._inputs.isdisjoint(row):
            return row, ()
        return self._settle(row, found or [])

    def policy_of(self, column: str) -> Policy:
        """Return what happens to cells of a field that are not as in training."""
        return self._policies[column]

    def faults_of(self, row: Row) -> list[dict[str, Any]]:
        """Return every fault of a row for which it is refused."""
        try:
            self.pass_row(row)
        except Refusal as refusal:
            return [dict(fault) for fault in refusal.faults]
        return []

    def unreadable(self, column: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        """Return the fault of JSON values that are not of the type of a column; none mostly."""
        one = self._by_name[column]
        kinds = one.kinds
        if all(kind in kinds for kind in set(map(type, values))):
            return []
        places = [at for at, value in enumerate(values) if type(value) not in kinds]
        fault = one.fault(values[places[0]], "type")
        return [{**fault, "count": len(places), "rows": places[:N_EXAMPLES]}]

    def pass_frame(self, rows: pl.DataFrame) -> Admitted:
        """Return the rows to predict, with all input columns, and what was unusual by column.

        Labels in which nothing is unusual come as an enumeration, so that the model need not look
        each of them up again.

        Raises:
            Refusal: they may not be predicted; holds every fault, with the rows it is found in.
        """
        names = self._strange(rows.columns)
        if self._inputs.isdisjoint(rows.columns):
            raise Refusal.bad_rows([self._no_inputs(), *names.faults])
        faults: list[dict[str, Any]] = []
        flags: list[Flag] = []
        masks: list[pl.Series] = []
        columns = []
        for one in self.expectations:
            cells = (
                rows[one.column]
                if one.column in rows.columns
                else pl.repeat(
                    None, rows.height, dtype=self._schema[one.column], eager=True
                ).rename(one.column)
            )
            mended, refused, told = self._pass_column(one, cells)
            columns.append(mended)
            faults += refused
            flags += (flag for flag, _ in told)
            masks += (mask for _, mask in told)
        if faults or names.is_fault:
            raise Refusal.bad_rows([*faults, *names.faults])
        flags += names.flags
        rest = [column for column in rows if column.name not in self._by_name]
        marks = _marks(flags, masks, rows.height) if flags else None
        return Admitted(pl.DataFrame([*columns, *rest]), tuple(flags), marks)

    def _pass_column(
        self, one: Expectation, cells: pl.Series
    ) -> tuple[pl.Series, list[Flag], list[tuple[Flag, pl.Series]]]:
        faults, flags = [], []
        spellings, n_spellings = self._spellings.get(one.column, (None, 0))
        if spellings is not None and cells.dtype == pl.String and n_spellings <= len(cells):
            labels = cells.cast(spellings, strict=False)
            are_known = labels.null_count() == cells.null_count()
            if are_known and (one.may_miss or not cells.null_count()):
                return labels, [], []
        if cells.dtype.is_float() and cells.is_nan().any():
            cells = cells.fill_nan(None)  # what arrays without nulls say for a missing value
        is_foreign = _is_foreign(one.type, cells.dtype, self._schema[one.column])
        masks = {"type": cells.is_not_null()} if is_foreign else one.masks(cells)
        found = {code: mask for code, mask in masks.items() if mask.any()}
        if not one.may_miss and cells.null_count():
            found["missing"] = cells.is_null()
        for code, mask in found.items():
            shown = examples(cells, mask)
            count = {"count": int(mask.sum()), "rows": [item["row"] for item in shown]}
            if self._is_refused(one.column, code):
                faults.append({**one.fault(shown[0]["value"], code), **count})
                continue
            flag = self._flag(one.column, code) | count
            flags.append((flag, mask))
            if "imputed" in flag and not is_foreign:
                cells = cells.set(mask, None)
        if is_foreign:
            cells = pl.Series(one.column, [None] * len(cells), dtype=self._schema[one.column])
        return cells, faults, flags

    def _settle(self, row: Row, found: Sequence[tuple[str, str]]) -> tuple[Row, tuple[Flag, ...]]:
        """Return the row and its flags, once something about it is not as in training."""
        names = self._strange(row.keys())
        faults: list[dict[str, Any]] = []
        flags: list[Flag] = []
        emptied: dict[str, None] = {}
        if self._inputs.isdisjoint(row):
            faults.append(self._no_inputs())
        for column, code in found:
            if self._is_refused(column, code):
                faults.append(self._by_name[column].fault(row.get(column), code))
                continue
            flags.append(self._flag(column, code))
            if "imputed" in flags[-1]:
                emptied[column] = None
        if faults or names.is_fault:
            raise Refusal.bad_rows([*faults, *names.faults])
        flags += names.flags
        return ({**row, **emptied} if emptied else row), tuple(flags)

    def _is_refused(self, column: str, code: str) -> bool:
        if code in _ALWAYS_TOLD:
            return False
        policy = self._policies[column]
        return policy == "reject" or (policy == "flag" and code == "type")

    def _flag(self, column: str, code: str) -> Flag:
        is_imputed = self._policies[column] == "impute" and code not in _NEVER_IMPUTED
        flag: Flag = {"field": column, "code": code}
        return flag | {"imputed": True} if is_imputed else flag

    def _strange(self, names: Collection[str]) -> Strange:
        """Return faults and flags of names that are no field of the model.

        One that is nearly the name of a field that is not there is a fault: the field would count
        as missing. Any other is told, and left aside.
        """
        keys = frozenset(names)
        known = self._looked_at.get(keys)
        if known is None:
            known = self._look_at(keys)
            n_chars = sum(map(len, keys - self._known))
            if len(self._looked_at) < _N_KEPT and n_chars <= _KEPT_CHARS:
                self._looked_at[keys] = known
        return known

    def _look_at(self, keys: frozenset[str]) -> Strange:
        names = sorted(keys - self._known)
        if len(names) > _MOST_STRANGE:
            told = f"{len(names)} names are no field of the model: the rows are of something else"
            fault = {"field": names[0], "code": "unknown", "message": told}
            return Strange((fault,), (), is_fault=True)
        absent = self._inputs - keys
        meant = {name: self._meant(name, absent) for name in names}
        faults = [
            {
                "field": name,
                "code": "unknown",
                "message": strange(name, close),
                **({"nearest": close} if close else {}),
            }
            for name, close in meant.items()
        ]
        flags = [{key: fault[key] for key in fault if key != "message"} for fault in faults]
        is_fault = any(close in absent for close in meant.values())
        return Strange(tuple(faults), tuple(flags), is_fault=is_fault)

    def _meant(self, name: str, absent: Collection[str]) -> str | None:
        """Return the field that a name nearly is, one that is not there before one that is."""
        close = nearest(name, sorted(self._inputs), cutoff=SURE)
        if close is None or close in absent:
            return close
        return nearest(name, sorted(absent), cutoff=SURE) or close

    def _no_inputs(self) -> dict[str, Any]:
        names = ", ".join(f"`{name}`" for name in sorted(self._inputs))
        return {
            "field": None,
            "code": "no_inputs",
            "message": f"none of the model's fields is there: {names}",
        }


def told_flag(flag: Flag) -> str:
    """Return a flag as the log keeps it: `range:tenure`, `range:tenure:imputed`."""
    return f"{flag['code']}:{flag['field']}" + (":imputed" if "imputed" in flag else "")


def _marks(flags: Sequence[Flag], masks: Sequence[pl.Series], n_rows: int) -> pl.Series:
    """Return what was unusual about each row; flags without a mask are about all of them."""
    if len(flags) == len(masks):
        return _marks_of_some(flags, masks, n_rows)
    columns = [
        pl.when(masks[at]).then(pl.lit(told_flag(flag))).otherwise(None)
        if at < len(masks)
        else pl.lit(told_flag(flag))
        for at, flag in enumerate(flags)
    ]
    rows = pl.select(pl.int_range(n_rows).alias("row"))
    return rows.select(pl.concat_list(columns).list.drop_nulls().alias("flags")).to_series()


def _marks_of_some(flags: Sequence[Flag], masks: Sequence[pl.Series], n_rows: int) -> pl.Series:
    """Return the same where each flag is about some rows: a set of flags is put in words once."""
    plain = [mask.fill_null(value=False).to_numpy() for mask in masks]
    unusual = np.flatnonzero(np.logical_or.reduce(plain))
    found = np.zeros((len(unusual), 8 * -(-len(masks) // 64) * 8), dtype=bool)
    for at, mask in enumerate(plain):
        found[:, at] = mask[unusual]
    sets = np.packbits(found, axis=1, bitorder="little").view(np.uint64)
    if sets.shape[1] == 1:
        sets = sets[:, 0]
    _, first, of_row = np.unique(sets, axis=0, return_index=True, return_inverse=True)
    told = [told_flag(flag) for flag in flags]
    words = [[], *([told[at] for at in np.flatnonzero(found[place])] for place in first)]
    places = np.zeros(n_rows, dtype=np.uint32)
    places[unusual] = of_row + 1
    return pl.Series("flags", words, dtype=pl.List(pl.String())).gather(places)


def _enumerable(model: Model) -> frozenset[str]:
    """Return the columns that are read as labels and as nothing else."""
    if model.document.data.columns:  # their expressions ask for text
        return frozenset()
    others = {
        one.column for one in model.document.inputs if one.preprocessing.type not in _LABELLED
    }
    return frozenset(one.column for one in model.document.inputs).difference(others)


def _is_foreign(kind: str, dtype: pl.DataType, trained: pl.DataType) -> bool:
    """Return whether cells are of a kind that the column cannot be read from, such as lists."""
    if dtype.is_nested():
        return kind in _FLAT and not trained.is_nested()
    return dtype != trained and dtype.base_type() in _FOREIGN


def _policies(
    expectations: Sequence[Expectation], policy: Policy, fields: Mapping[str, Policy]
) -> dict[str, Policy]:
    """Return the policy of each field.

    Raises:
        UsageError: one is given for what is no field.
    """
    found = {one.column: policy for one in expectations}
    for name in fields:
        if name not in found:
            close = nearest(name, found)
            hint = f". Did you mean `{close}`?" if close else f"; possible: {', '.join(found)}"
            raise UsageError(f"`field_checks` names `{name}`, which the model does not read{hint}")
    return {**found, **fields}


def expectations_of(model: Model) -> tuple[Expectation, ...]:
    """Return what is expected of each input column, in the order of the bundle's signature."""
    found = {}
    for feature in model.document.inputs:
        if feature.column in model.input_schema:
            found[feature.column] = expectation_of(
                feature.column,
                feature.preprocessing,
                model.encodings[feature.name],
                dtype=model.input_schema[feature.column],
            )
    return tuple(
        found.get(column) or plain_expectation(column, dtype)
        for column, dtype in model.input_schema.items()
    )
