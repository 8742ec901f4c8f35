"""One version of a model, loaded, checked, warm: what answers.

It is made off the event loop and never changed; a new version is another object that takes its
place. Loading checks every byte of the bundle and predicts its golden rows, so that what is damaged
or answers otherwise is refused here and the old version keeps serving.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ordain.config.deployment import Rule
from ordain.core.errors import BundleError
from ordain.core.files import read_json
from ordain.serving.contracts import Policy
from ordain.serving.door import Door
from ordain.serving.refusal import Refusal
from ordain.serving.shapes import Shape, require_numbers
from ordain.serving.turn import Turn
from ordain.store import bundle
from ordain.store.loading import load_bundle
from ordain.store.model import Model

if TYPE_CHECKING:
    from ordain.serving.rules import Rules

LOG = logging.getLogger("ordain.serving")
INLINE_SECONDS = 0.001
"""A row that takes less is predicted on the event loop: a hop to a thread costs more."""
TYPES: dict[str, pl.DataType] = {
    "number": pl.Float64(),
    "text": pl.String(),
    "boolean": pl.Boolean(),
}
_TOLERANCE = 1e-4
_WARM_UPS = 50
_WARM_SECONDS = 0.2


class Served:
    """A version that answers.

    Args:
        name: of the model.
        label: of the version.
        model: loaded.
        policy: of its door.
        others: fields that may stand in a row beside the inputs.
        fields: policies of single fields.
        typed: types of fields that rules ask beside the inputs.
        rules: applied to every answer.

    Raises:
        UsageError: what is declared does not fit the model.
    """

    def __init__(
        self,
        name: str,
        label: str,
        *,
        model: Model,
        policy: Policy,
        others: Iterable[str] = (),
        fields: Mapping[str, Policy] | None = None,
        typed: Mapping[str, str] | None = None,
        rules: Sequence[Rule] = (),
    ) -> None:
        self.name = name
        self.label = label
        self.model = model
        self.others = tuple(others)
        self._typed = {column: TYPES[kind] for column, kind in (typed or {}).items()}
        self.schema = {**model.input_schema, **self._typed}
        self.door = Door(model, policy=policy, others=self.others, fields=fields, typed=self._typed)
        self.predict_row = model.row_function()
        self.rules = _rules(rules, model, self._typed) if rules else None
        if self.rules is not None:
            self.predict_row = self.rules.on(self.predict_row)
        self.shape = Shape(model, ruled=self.rules.outputs if self.rules else ())
        assert model.path is not None, "it was loaded from a bundle"
        self.fingerprint = fingerprint(model.path)
        self.digest = bundle.digest(model.path)
        self.golden = pl.read_parquet(model.path / bundle.GOLDEN).select(model.input_columns)
        self.turn = self._turn()
        self._compare()
        self.row_seconds = self._warm_up()

    @classmethod
    def load(
        cls,
        name: str,
        label: str,
        *,
        folder: Path,
        policy: Policy,
        others: Iterable[str] = (),
        fields: Mapping[str, Policy] | None = None,
        typed: Mapping[str, str] | None = None,
        rules: Sequence[Rule] = (),
        signers: Path | None = None,
        digest: str | None = None,
    ) -> Served:
        """Return the version of a bundle's folder; where a digest is given, of that bundle alone.

        Raises:
            BundleError: damaged, foreign, of another format, another than that of `digest`, not
                signed by one of `signers`, or it answers golden rows otherwise.
            UsageError: what is declared does not fit the model, or `signers` cannot be read.
        """
        served = cls(
            name,
            label,
            model=load_bundle(folder, is_light=True, signers=signers, digest=digest),
            policy=policy,
            others=others,
            fields=fields,
            typed=typed,
            rules=rules,
        )
        if digest is not None and served.digest != digest:
            raise BundleError(f"{folder} was changed while it was read; the bundle is refused")
        return served

    @property
    def is_inline(self) -> bool:
        """Whether a row is predicted on the event loop."""
        return self.row_seconds <= INLINE_SECONDS

    def predict_frame(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the answers of rows that passed the door.

        Raises:
            NotANumberError: one of them is NaN or infinite.
        """
        answers: pl.DataFrame = self.model.predict(rows)
        require_numbers(answers)
        return answers if self.rules is None else self.rules.frame(rows, answers)

    def declared(self, value: Mapping[str, Any], rows: pl.DataFrame) -> pl.DataFrame:
        """Return a declared answer for each row, as the rules leave it."""
        answers = pl.DataFrame(
            {f"{name}_prediction": [given] * rows.height for name, given in value.items()}
        )
        return answers if self.rules is None else self.rules.frame(rows, answers)

    def frame_of(self, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
        """Return rows that passed the door as columns of the types of training."""
        return pl.DataFrame(
            [
                _column(name, [row.get(name) for row in rows], dtype)
                for name, dtype in self.schema.items()
            ]
        )

    def columns_of(self, columns: Mapping[str, Sequence[Any]]) -> pl.DataFrame:
        """Return JSON columns as columns of the types of training; others as they come.

        Raises:
            Refusal: a value cannot be of its column's type; names every such column.
        """
        faults: list[dict[str, Any]] = []
        found = []
        for name, values in columns.items():
            dtype = self.schema.get(name)
            if dtype is None:
                texts = [None if value is None else key_text(value) for value in values]
                found.append(pl.Series(name, texts, dtype=pl.String))
                continue
            faults += self.door.unreadable(name, values)
            found.append(_column(name, list(values), dtype))
        if faults:
            raise Refusal.bad_rows(faults)
        return pl.DataFrame(found)

    def explain(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return what each input adds to the answer of a row, by output; golden rows beside it."""
        from ordain.evaluation.explain.explanation import Asked
        from ordain.store.explain import explain_frame

        asked = self.frame_of([row]).select(self.golden.columns)
        rows = pl.concat([self.golden, asked], how="vertical_relaxed")
        explained = explain_frame(
            self.model,
            rows,
            row=rows.height - 1,
            output=None,
            asked=Asked(n_counterfactuals=0, n_neighbours=0),
        )
        return {
            one.output: {
                "scale": one.scale,
                "method": one.method,
                "label": one.label or None,
                "base": one.base,
                "contributions": {part.input: part.value for part in one.contributions},
            }
            for one in explained.rows
        }

    def example(self) -> dict[str, Any]:
        """Return a real row as JSON can hold it: the first of the golden rows."""
        if self.golden.height == 0:
            return {}
        return {name: _as_json(value) for name, value in self.golden.row(0, named=True).items()}

    def _turn(self) -> Turn | None:
        """Return what predicts rows that come together, where that is faster than one by one."""
        some, rules = self.model.rows_function(), self.rules
        if some is None:
            return None
        if rules is None:
            return Turn(self.predict_row, some)

        def ruled(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
            return [rules.row(row, flat) for row, flat in zip(rows, some(rows), strict=True)]

        return Turn(self.predict_row, ruled)

    def _compare(self) -> None:
        """Let golden rows go every way there is; ways that answer otherwise are not gone again."""
        rows = self.golden.to_dicts()
        if not rows or self.model.depends_on_order:
            return
        whole = self.predict_frame(self.golden).to_dicts()
        if self.turn is not None and not _are_alike(self.turn.answers(rows), whole):
            LOG.warning("%s version %s: rows are predicted one by one", self.name, self.label)
            self.turn = None
        if not _are_alike([self.predict_row(row) for row in rows], whole):
            LOG.warning("%s version %s: a row is predicted as a table", self.name, self.label)
            self.turn, self.predict_row = None, self._row_as_frame

    def _row_as_frame(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return self.predict_frame(self.frame_of([row])).row(0, named=True)

    def _warm_up(self) -> float:
        """Predict golden rows, alone and together; return the seconds that one alone takes."""
        rows = self.golden.to_dicts()
        if not rows:
            return 0.0
        self.predict_frame(self.golden)
        end = time.perf_counter() + _WARM_SECONDS
        taken = []
        for turn in range(_WARM_UPS):
            started = time.perf_counter()
            self.shape.of_row(self.predict_row(rows[turn % len(rows)]))
            taken.append(time.perf_counter() - started)
            if started > end:
                break
        return sorted(taken)[len(taken) // 2]


def _rules(declared: Sequence[Rule], model: Model, typed: Mapping[str, pl.DataType]) -> Rules:
    # What reads their conditions takes 40 MB and 50 ms, which servers without rules save.
    from ordain.serving.rules import Rules

    return Rules(declared, model, others=typed)


def _are_alike(found: Sequence[Any], wanted: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether answers are the same: numbers to 1e-4 of their size, all else exactly."""

    def is_like(one: Any, other: Any) -> bool:
        if isinstance(one, float) and isinstance(other, float):
            return abs(one - other) <= _TOLERANCE * (1 + abs(other))
        return bool(one == other)

    return all(
        not isinstance(one, Exception)
        and one.keys() == other.keys()
        and all(is_like(one[name], other[name]) for name in other)
        for one, other in zip(found, wanted, strict=True)
    )


def fingerprint(folder: Path) -> str:
    """Return twelve hexadecimal digits of what a bundle holds."""
    sealed = repr(sorted(read_json(folder / bundle.CHECKSUMS)["files"].items()))
    return hashlib.sha256(sealed.encode()).hexdigest()[:12]


def key_text(value: object) -> str:
    """Return the value of a field by which versions are chosen, alike in every form of request.

    >>> key_text(7), key_text(7.0), key_text("7")
    ('7', '7', '7')
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _column(name: str, values: list[Any], dtype: pl.DataType) -> pl.Series:
    """Return values as the type of training where they all fit, else as numbers or as text."""
    wider = [dtype, pl.Float64()] if dtype.is_numeric() else [dtype]
    for kind in wider:
        try:
            return pl.Series(name, values, dtype=kind, strict=True)
        except (TypeError, OverflowError, pl.exceptions.PolarsError):
            continue
    return pl.Series(name, [_text(value) for value in values], dtype=pl.String)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _as_json(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return None if isinstance(value, float) and value != value else value  # noqa: PLR0124
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
