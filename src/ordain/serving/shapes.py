"""The shape of an answer: what `Model.predict` names flatly, grouped by output.

    {"churn": {"prediction": "Yes", "probability": 0.67, "probabilities": {"No": 0.33, "Yes": 0.67},
               "threshold": 0.5}}

A number has `prediction`, and `low` and `high` where the model settled intervals; a class may have
`set` and `is_answered`; what a rule decided has `rule` and `before_rules`. An answer that is not a
finite number is no answer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import polars as pl

from ordain.features.binary import BinaryEncoding
from ordain.serving.faults import message
from ordain.store.model import Model
from ordain.store.problem import typed_labels

Flat = Mapping[str, Any]
Truth = bool | int | float | str | None
_EXTRAS = ("low", "high", "set", "is_answered")
_OF_RULES = ("rule", "before_rules")


class NotANumberError(ArithmeticError):
    """A model answered NaN or infinity."""


class Shape:
    """Groups the answers of one model.

    Args:
        model: that answers.
        ruled: outputs that rules may decide.
    """

    def __init__(self, model: Model, *, ruled: Collection[str] = ()) -> None:
        self.outputs = tuple(
            _Output(model, f.name, is_ruled=f.name in ruled) for f in model.document.output_features
        )

    def of_row(self, flat: Flat) -> dict[str, Any]:
        """Return one row's answer, grouped.

        Raises:
            NotANumberError: a number in it is NaN or infinite.
        """
        return {output.name: output.of_row(flat) for output in self.outputs}

    def of_columns(self, answers: pl.DataFrame) -> dict[str, Any]:
        """Return many rows' answers as lists, grouped in the same way; see `require_numbers`."""
        return {output.name: output.of_columns(answers) for output in self.outputs}

    def of_value(self, flat: Flat) -> dict[str, Any]:
        """Return a declared fallback, which has no probabilities, in the shape of an answer."""
        return {
            output.name: {
                key: flat[f"{output.name}_{key}"]
                for key in ("prediction", *_OF_RULES)
                if f"{output.name}_{key}" in flat
            }
            for output in self.outputs
            if f"{output.name}_prediction" in flat
        }


class _Output:
    def __init__(self, model: Model, name: str, *, is_ruled: bool) -> None:
        encoding = model.encodings[name]
        self.name = name
        self.is_number = not hasattr(encoding, "labels")
        self.labels = [] if self.is_number else [str(one) for one in typed_labels(encoding)]
        names = [] if self.is_number else list(encoding.labels)  # type: ignore[attr-defined]
        self.probabilities = [
            (text, f"{name}_probability_{label}")
            for text, label in zip(self.labels, names, strict=True)
        ]
        self.threshold = encoding.threshold if isinstance(encoding, BinaryEncoding) else None
        self.both = list(typed_labels(encoding)) if isinstance(encoding, BinaryEncoding) else None
        self._prediction, self._probability = f"{name}_prediction", f"{name}_probability"
        made = model.decisions.get(name)
        has_more = made is not None and (made.coverage is not None or made.answer_from is not None)
        extras = (*(_EXTRAS if has_more else ()), *(_OF_RULES if is_ruled else ()))
        self._extras = [(key, f"{name}_{key}") for key in extras]

    def of_row(self, flat: Flat) -> dict[str, Any]:
        found: dict[str, Any] = {"prediction": flat[self._prediction]}
        if self.is_number:
            doubt = found["prediction"]
        else:
            found["probability"] = flat[self._probability]
            found["probabilities"] = shares = {text: flat[key] for text, key in self.probabilities}
            doubt = sum(shares.values())
        if self.threshold is not None:
            found["threshold"] = self.threshold
        for key, name in self._extras:
            if name in flat and not (key in _OF_RULES and flat[f"{self.name}_rule"] is None):
                found[key] = flat[name]
        if doubt - doubt != 0:  # NaN and infinity alone
            raise NotANumberError(self.name)
        return found

    def fault_of(self, truth: Truth) -> dict[str, Any] | None:
        """Return why an outcome cannot be one of this output; None where it can.

        Of two labels no third one can come true. A label of many that training did not have can. A
        number's is a number.
        """
        if self.is_number:
            if truth is None or (isinstance(truth, int | float) and not isinstance(truth, bool)):
                return None
            told = message(self.name, "type", truth, schema={"type": ["number"]}, seen="")
            return {"field": self.name, "code": "type", "message": told}
        if truth is None or self.both is None or as_text(truth) in map(as_text, self.both):
            return None
        told = message(self.name, "category", truth, schema={"enum": self.both}, seen="")
        return {"field": self.name, "code": "category", "message": told}

    def of_columns(self, answers: pl.DataFrame) -> dict[str, Any]:
        found: dict[str, Any] = {"prediction": answers[self._prediction].to_list()}
        if not self.is_number and self._probability in answers.columns:  # a declared value has none
            found["probability"] = answers[self._probability].to_list()
            found["probabilities"] = {
                text: answers[key].to_list() for text, key in self.probabilities
            }
        if self.threshold is not None:
            found["threshold"] = self.threshold
        found |= {
            key: answers[name].to_list() for key, name in self._extras if name in answers.columns
        }
        return found


def as_text(label: Truth) -> str:
    """Return a label as the log compares it: as JSON writes it, 1.0 as 1."""
    if isinstance(label, bool):
        return "true" if label else "false"
    return re.sub(r"^(-?\d+)\.0+$", r"\1", str(label))


def require_numbers(answers: pl.DataFrame) -> None:
    """Check that every number of the answers is one.

    Raises:
        NotANumberError: one is NaN or infinite.
    """
    for column in answers:
        if column.dtype.is_float() and not column.is_finite().all():
            raise NotANumberError(column.name)
