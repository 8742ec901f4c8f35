"""The door: every row is looked at before a model reads it, and all its faults are told at once.

A `Door` is made for one version of a model, of what that version learned in training. It never
changes a row it was given; where cells are taken as missing, the model gets another one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ordain.core.diagnostics import nearest
from ordain.features.facts import N_EXAMPLES, examples
from ordain.serving.contracts import Policy
from ordain.serving.expectations import Expectation, expectation_of, plain_expectation
from ordain.serving.refusal import Refusal
from ordain.store.model import Model
from ordain.store.row_keys import SURE

Flag = dict[str, Any]
"""What was unusual: ``{"field": "tenure", "code": "range"}``; of columns, with count and rows."""
Row = Mapping[str, Any]
_ALWAYS_TOLD = frozenset({"edge"})
_MOST_STRANGE = 200
"""Names that are no field of a model beyond which a row is taken for one of something else."""
_N_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Admitted:
    """Rows that may be predicted, and what was unusual about them."""

    rows: pl.DataFrame
    flags: tuple[Flag, ...]


@dataclass(frozen=True, slots=True)
class Strange:
    """What is said of names that are no field."""

    faults: tuple[dict[str, Any], ...]
    flags: tuple[Flag, ...]


class Door:
    """Checks rows against what one version of a model learned.

    Args:
        model: whose encodings say what is expected.
        policy: what happens to rows that are not as in training.
        others: fields that may stand in a row beside the inputs.
    """

    def __init__(self, model: Model, *, policy: Policy, others: Iterable[str] = ()) -> None:
        self.expectations = expectations_of(model)
        self.policy = policy
        self._by_name = {one.column: one for one in self.expectations}
        self._judges = [(one.column, one.judge) for one in self.expectations]
        self._inputs = frozenset(self._by_name)
        targets = [feature.column for feature in model.document.output_features]
        self._known = self._inputs.union(targets, others)
        self._schema = model.input_schema
        self._looked_at: dict[frozenset[str], Strange] = {}

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

        Raises:
            Refusal: they may not be predicted; holds every fault, with the rows it is found in.
        """
        strange = self._strange(rows.columns)
        faults, flags = list(strange.faults), list(strange.flags)
        if self._inputs.isdisjoint(rows.columns):
            raise Refusal.bad_rows([*faults, self._no_inputs()])
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
            flags += told
        if faults:
            raise Refusal.bad_rows(faults)
        rest = [column for column in rows if column.name not in self._inputs]
        return Admitted(pl.DataFrame([*columns, *rest]), tuple(flags))

    def _pass_column(
        self, one: Expectation, cells: pl.Series
    ) -> tuple[pl.Series, list[Flag], list[Flag]]:
        faults, flags = [], []
        found = {code: mask for code, mask in one.masks(cells).items() if mask.any()}
        if not one.may_miss and cells.null_count():
            found["missing"] = cells.is_null()
        for code, mask in found.items():
            shown = examples(cells, mask)
            count = {"count": int(mask.sum()), "rows": [item["row"] for item in shown]}
            if self._is_refused(code):
                faults.append({**one.fault(shown[0]["value"], code), **count})
                continue
            flags.append({"field": one.column, "code": code, **count})
            if self.policy == "impute" and code not in {"missing", *_ALWAYS_TOLD}:
                cells = cells.set(mask, None)
        return cells, faults, flags

    def _settle(self, row: Row, found: Sequence[tuple[str, str]]) -> tuple[Row, tuple[Flag, ...]]:
        """Return the row and its flags, once something about it is not as in training."""
        strange = self._strange(row.keys())
        faults, flags = list(strange.faults), list(strange.flags)
        if self._inputs.isdisjoint(row):
            faults.append(self._no_inputs())
        emptied: dict[str, None] = {}
        for column, code in found:
            if self._is_refused(code):
                faults.append(self._by_name[column].fault(row.get(column), code))
                continue
            flags.append({"field": column, "code": code})
            if self.policy == "impute" and code not in _ALWAYS_TOLD:
                emptied[column] = None
        if faults:
            raise Refusal.bad_rows(faults)
        return ({**row, **emptied} if emptied else row), tuple(flags)

    def _is_refused(self, code: str) -> bool:
        if code in _ALWAYS_TOLD:
            return False
        return self.policy == "reject" or (self.policy == "flag" and code == "type")

    def _strange(self, names: Collection[str]) -> Strange:
        """Return faults and flags of names that are no field of the model.

        One that is nearly the name of a field that is not there is a fault: the field would count
        as missing. Any other is told, and left aside.
        """
        keys = frozenset(names)
        known = self._looked_at.get(keys)
        if known is None:
            known = self._look_at(keys)
            if len(self._looked_at) < _N_KEPT:
                self._looked_at[keys] = known
        return known

    def _look_at(self, keys: frozenset[str]) -> Strange:
        faults: list[dict[str, Any]] = []
        flags: list[Flag] = []
        strange = sorted(keys - self._known)
        if len(strange) > _MOST_STRANGE:
            message = f"{len(strange)} names are no field of the model"
            return Strange(({"field": strange[0], "code": "unknown", "message": message},), ())
        absent = sorted(self._inputs - keys)
        for name in strange:
            close = nearest(name, absent, cutoff=SURE)
            if close is None:
                flags.append({"field": name, "code": "unknown"})
                continue
            message = f"`{name}` is no field of the model; nearest: `{close}`"
            faults.append({"field": name, "code": "unknown", "message": message})
        return Strange(tuple(faults), tuple(flags))

    def _no_inputs(self) -> dict[str, Any]:
        names = ", ".join(f"`{name}`" for name in sorted(self._inputs))
        return {
            "field": None,
            "code": "no_inputs",
            "message": f"none of the model's fields is there: {names}",
        }


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
