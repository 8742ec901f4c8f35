"""Rules after the model: what the deployment decides, whatever the model says.

    rules:
      - {when: "age < 18", then: {churn: "No"}, reason: "minors are never called"}
      - {when: "churn_probability_Yes > 0.9 and contract = 'year'", then: {churn: "Yes"}}

A rule asks the inputs, declared `other_fields`, and the answer under its flat names. The first
whose condition is true decides an output; one whose condition is missing decides nothing. The
answer and the log keep the reason and what the model said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ordain.config.deployment import Rule
from ordain.core.errors import OrdainError, UsageError
from ordain.serving.conditions import Kind, Term, compile_condition, kind_of
from ordain.store.model import Model
from ordain.store.problem import typed_labels

Flat = Mapping[str, Any]
REASON, BEFORE = "rule", "before_rules"
"""What an output has beside where a rule decided it: why, and what the model said."""


@dataclass(frozen=True)
class _Decided:
    """What one rule says of one output.

    Attributes:
        probability: name of the model's own probability of that class; None of a number.
    """

    output: str
    ask: Term
    value: Any
    reason: str
    probability: str | None


class Rules:
    """The rules of a model, ready to be applied.

    Args:
        declared: in the order they count.
        model: whose answers they decide.
        others: type of each field that they may ask beside the inputs.

    Raises:
        UsageError: a condition or an answer cannot be one of this model; all such are told.
    """

    def __init__(
        self, declared: Sequence[Rule], model: Model, *, others: Mapping[str, pl.DataType]
    ) -> None:
        kinds = _kinds(model, others)
        self._inputs = [*model.input_schema, *others]
        self._columns = [*self._inputs, *kinds]
        self._decided: dict[str, list[_Decided]] = {}
        faults: list[str] = []
        for number, rule in enumerate(declared):
            try:
                ask = compile_condition(rule.when, kinds, key=f"rules[{number}].when")
                for output, given in rule.then.items():
                    found = _decided(model, output, given, rule=rule, ask=ask, number=number)
                    self._decided.setdefault(output, []).append(found)
            except OrdainError as error:
                faults.append(error.message)
        if faults:
            raise UsageError("\n".join(faults))
        self._unmarked = {
            f"{output}_{mark}": None for output in self._decided for mark in (REASON, BEFORE)
        }

    @property
    def outputs(self) -> frozenset[str]:
        """Names of the outputs that a rule may decide."""
        return frozenset(self._decided)

    def on(self, predict: Callable[[Flat], Mapping[str, Any]]) -> Callable[[Flat], dict[str, Any]]:
        """Return what predicts a row and applies the rules to its answer."""
        return lambda row: self.row(row, predict(row))

    def row(self, row: Flat, flat: Flat) -> dict[str, Any]:
        """Return one row's answer as the rules leave it, with the marks of every output."""
        asked = {**row, **flat}
        decided = dict(self._unmarked)
        for output, rules in self._decided.items():
            for rule in rules:
                if rule.ask.of(asked):
                    decided |= _changed(flat, output, rule)
                    break
        return {**flat, **decided}

    def applied(self, answer: Flat) -> list[tuple[str, str, int]]:
        """Return which rules decided an answer: output, reason, 1."""
        found = ((output, answer.get(f"{output}_{REASON}")) for output in self._decided)
        return [(output, reason, 1) for output, reason in found if reason is not None]

    def counted(self, answers: pl.DataFrame) -> list[tuple[str, str, int]]:
        """Return how often each rule decided many answers: output, reason, rows."""
        return [
            (output, reason, count)
            for output in self._decided
            if (name := f"{output}_{REASON}") in answers.columns
            for reason, count in answers[name].drop_nulls().value_counts().iter_rows()
        ]

    def frame(self, rows: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
        """Return many rows' answers as the rules leave them, with the marks of every output."""
        asked = pl.concat(
            [rows.select(name for name in self._inputs if name in rows.columns), answers],
            how="horizontal",
        )
        absent = dict.fromkeys(name for name in self._columns if name not in asked.columns)
        asked = asked.with_columns(pl.lit(None).alias(name) for name in absent)
        found = [answers]
        for output, rules in self._decided.items():
            before = answers[f"{output}_prediction"]
            marks: dict[str, pl.Expr] = {
                f"{output}_{REASON}": pl.lit(None, dtype=pl.String),
                f"{output}_{BEFORE}": pl.lit(None, dtype=before.dtype),
                **{name: pl.col(name) for name in _own(output) if name in answers.columns},
            }
            for rule in reversed(rules):  # the first that is true is the last to write
                for name, value in _written(output, rule, before.dtype).items():
                    if name in marks:
                        when = pl.when(rule.ask.expression)
                        marks[name] = when.then(value).otherwise(marks[name])
            found.append(asked.select(made.alias(name) for name, made in marks.items()))
        changed = {name for frame in found[1:] for name in frame.columns}
        return pl.concat(
            [answers.drop(changed, strict=False), *found[1:]], how="horizontal"
        ).select([*answers.columns, *sorted(changed - set(answers.columns))])


def _own(output: str) -> tuple[str, ...]:
    return f"{output}_prediction", f"{output}_probability", f"{output}_is_answered"


def _changed(flat: Flat, output: str, rule: _Decided) -> dict[str, Any]:
    prediction, probability, answered = _own(output)
    found = {
        prediction: rule.value,
        f"{output}_{REASON}": rule.reason,
        f"{output}_{BEFORE}": flat.get(prediction),
    }
    if rule.probability is not None and rule.probability in flat:
        found[probability] = flat[rule.probability]
    if answered in flat:
        found[answered] = True
    return found


def _written(output: str, rule: _Decided, dtype: pl.DataType) -> dict[str, pl.Expr]:
    prediction, probability, answered = _own(output)
    found = {
        prediction: pl.lit(rule.value, dtype=dtype),
        f"{output}_{REASON}": pl.lit(rule.reason),
        f"{output}_{BEFORE}": pl.col(prediction),
        answered: pl.lit(value=True),
    }
    if rule.probability is not None:
        found[probability] = pl.col(rule.probability)
    return found


def _kinds(model: Model, others: Mapping[str, pl.DataType]) -> dict[str, Kind]:
    """Return the columns a condition may name, with their kinds."""
    found: dict[str, Kind] = {}
    for name, dtype in {**model.input_schema, **others}.items():
        if kind := kind_of(dtype):
            found[name] = kind
    for feature in model.document.output_features:
        encoding = model.encodings[feature.name]
        if not hasattr(encoding, "labels"):
            found[f"{feature.name}_prediction"] = "number"
            continue
        labels = typed_labels(encoding)
        found[f"{feature.name}_prediction"] = kind_of(labels.dtype) or "text"
        found[f"{feature.name}_probability"] = "number"
        found |= {f"{feature.name}_probability_{one}": "number" for one in encoding.labels}
    return found


def _decided(
    model: Model, output: str, given: Any, *, rule: Rule, ask: Term, number: int
) -> _Decided:
    """Return what a rule says of an output.

    Raises:
        UsageError: there is no such output, or it cannot have that value.
    """
    place = f"`rules[{number}].then`"
    known = [feature.name for feature in model.document.output_features]
    if output not in known:
        raise UsageError(f"{place} names `{output}`; the model's outputs: {', '.join(known)}")
    encoding = model.encodings[output]
    reason = rule.reason or rule.when
    if not hasattr(encoding, "labels"):
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise UsageError(f"{place} gives `{output}` the value '{given}'; it must be a number")
        return _Decided(output, ask, float(given), reason, None)
    labels = {str(one): one for one in typed_labels(encoding).to_list()}
    if str(given) not in labels:
        possible = ", ".join(f"'{label}'" for label in labels)
        raise UsageError(
            f"{place} gives `{output}` the value '{given}'; it must be one of {possible}"
        )
    raw = list(encoding.labels)[list(labels).index(str(given))]
    return _Decided(output, ask, labels[str(given)], reason, f"{output}_probability_{raw}")
