"""Two-valued columns: yes or no, true or false, 1 or 0, or any two labels.

    output_features:
      - name: churn
        type: binary
        preprocessing: {fallback_true_label: "left"}

Which label is true: the label of `fallback_true_label`; else the words that mean true and false
(yes/no, y/n, true/false, t/f, 1/0, on/off, positive/negative ...), any case; else the label that
sorts last, as in scikit-learn. The choice stands in the facts. Where the labels are such words, all
of them are read: a column trained on true and false reads `1`, `yes` and `F` as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from ordain.features.encoded import EncodedColumn, Kind, RowValue, Shape
from ordain.features.facts import counted, reading_facts, unusable, unusable_value, wrong_kind
from ordain.features.feature import FEATURES, Encoding, Feature, Form, Scores
from ordain.features.filling import (
    TO_MODE,
    Filling,
    InputType,
    check_filling,
    fill_reader,
    fill_values,
    fit_filling,
    unseen_groups,
)
from ordain.features.labels import (
    LabelType,
    categories_of,
    count_labels,
    is_readable,
    label_type,
    of_categories,
    read_label,
    read_labels,
    replace,
    typed,
    whole_numbers,
)
from ordain.features.sides import TRUE_WORDS, assign_sides, name_sides, other_words
from ordain.features.step import Step, filled, parsed

_FIX = "set `missing_value_strategy`, or give one of the two values"
_HALF = 0.5


class BinaryEncoding(Encoding):
    """What fitting a two-valued column found."""

    type: Literal["binary"] = "binary"
    """Type name."""
    labels: tuple[str, str]
    """(negative, positive), as they are spelled most often."""
    label_type: LabelType = "string"
    """What a predicted label is turned back into."""
    values: dict[str, float]
    """Every known label, in lower case, with its value 0 or 1."""
    on_missing: Literal["fill", "ffill", "bfill", "error"] = "fill"
    """What happens to a missing or unknown cell before `fill` applies."""
    fill: float | None = None
    """Value of a missing cell; None leaves it missing (NaN)."""
    filling: Filling | None = None
    """What fills a missing cell from other columns, in place of `fill`."""
    has_indicator: bool = False
    """Whether a second number says that the cell was missing."""
    threshold: float = _HALF
    """Probability from which on the positive label is predicted."""


@FEATURES.register
class BinaryFeature(Feature[BinaryEncoding]):
    """One of two values."""

    type: Literal["binary"] = "binary"
    """Type name."""
    aliases = ("bool", "boolean")
    missing_value_strategy: Literal[
        "auto",
        "keep",
        "fill_with_const",
        "fill_with_false",
        "fill_with_mode",
        "fill_with_mean",
        "fill_with_group_mean",
        "fill_with_group_mode",
        "fill_with_model",
        "ffill",
        "bfill",
        "drop_row",
        "error",
    ] = "auto"
    """What a missing cell becomes; `keep` leaves NaN, `auto` keeps for trees and else takes 0.5."""
    fill_value: bool | float | str | None = None
    """The value of `fill_with_const`: a number from 0 to 1, or one of the labels; null is 0.5."""
    missing_group: str | None = None
    """Column that names a row's group, for `fill_with_group_mean` and `fill_with_group_mode`."""
    missing_inputs: dict[str, InputType] | None = None
    """Columns that `fill_with_model` predicts from, with their types; null takes every other
    declared input but texts."""
    fallback_true_label: str | None = None
    """The label that is true where the labels do not say it."""
    missing_indicator: Literal["auto", "if_missing"] | bool = "auto"
    """Whether a second number, 0 or 1, says that the cell was missing; `if_missing` adds it where
    a training row misses."""
    threshold: float = Field(default=_HALF, ge=0, le=1)
    """Probability from which on an output's positive label is predicted."""

    Fitted = BinaryEncoding
    is_output = True

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_filling(self.missing_value_strategy, self.missing_group)
        return self

    def settle(self, form: Form | None) -> tuple[Self, dict[str, str]]:
        """Return the options without `auto`, with reasons."""
        options: dict[str, tuple[Any, str]]
        if form is None:
            options = {
                "missing_value_strategy": ("drop_row", "a row without truth teaches nothing"),
                "missing_indicator": (False, "an output"),
            }
        elif form is Form.TREES:
            options = {
                "missing_value_strategy": ("keep", "trees split on missing"),
                "missing_indicator": (False, "trees see NaN"),
            }
        else:
            options = {
                "missing_value_strategy": ("fill_with_const", "0.5 lies between the two"),
                "missing_indicator": (False, "0.5 says that it is missing"),
            }
        return self.settled(options, form)

    def fit(
        self, column: pl.Series, *, seed: int, others: pl.DataFrame | None = None
    ) -> BinaryEncoding:
        """Return which labels are false and true."""
        _require_readable(column)
        counts, n_missing = count_labels(column)
        by_label = dict(zip(counts["label"].to_list(), counts["count"].to_list(), strict=True))
        values, reason = assign_sides(by_label, self.fallback_true_label, column.name)
        labels = name_sides(by_label, values, column.dtype)
        # Where training saw one side only, the usual name of the other is read all the same.
        values = {labels[0].lower(): 0.0, labels[1].lower(): 1.0, **values}
        values = {**other_words(values), **values}
        facts: dict[str, Any] = {"n_rows": len(column), "n_missing": n_missing}
        facts |= {"negative": labels[0], "positive": labels[1], "reason": reason}
        present = sum(by_label.values())
        positive = sum(n for label, n in by_label.items() if values[label.lower()] == 1.0)
        if present:
            facts["positive_rate"] = positive / present
        wants = self.missing_indicator
        has_indicator = facts["n_missing"] > 0 if wants == "if_missing" else wants is True
        strategy = self.missing_value_strategy
        encoding = BinaryEncoding(
            shape=Shape(kind=Kind.SCALAR, width=1 + has_indicator, role="binary"),
            facts=facts,
            labels=labels,
            values=values,
            label_type=label_type(column, labels),
            on_missing=strategy if strategy in {"ffill", "bfill", "error"} else "fill",
            fill=self._fill(values, present=present, positive=positive),
            has_indicator=has_indicator,
            threshold=self.threshold,
        )
        return self._with_filling(column, encoding, others, seed=seed)

    def encode(
        self, column: pl.Series, encoding: BinaryEncoding, others: pl.DataFrame | None = None
    ) -> EncodedColumn:
        """Return scalars [N, 1] of 0, 1 and the fill value, or [N, 2] with an indicator."""
        values = _read(column, encoding)
        if encoding.on_missing == "error" and values.null_count():
            raise unusable(column, values.is_null(), what="are missing or unknown", fix=_FIX)
        cells = np.empty((len(values), encoding.shape.width), dtype=np.float32)
        if encoding.has_indicator:
            cells[:, 1] = values.is_null().to_numpy()
        if encoding.on_missing in {"ffill", "bfill"}:
            values = values.fill_null(
                strategy="forward" if encoding.on_missing == "ffill" else "backward"
            )
        if encoding.filling is not None and values.null_count():
            missing = values.is_null()
            fills = fill_values(encoding.filling, others, missing).astype(np.float32)
            values = values.scatter(missing.arg_true(), fills)
        if encoding.fill is not None and values.null_count():
            values = values.fill_null(encoding.fill)
        cells[:, 0] = values.to_numpy()
        return EncodedColumn(Kind.SCALAR, cells)

    def row(self, encoding: BinaryEncoding) -> Callable[..., RowValue]:
        """Return the function from a value to 0, 1 or the fill value."""
        if encoding.filling is not None:
            return _filled_reader(encoding, fill_reader(encoding.filling))
        known = encoding.values
        fill = math.nan if encoding.fill is None else float(np.float32(encoding.fill))
        fails = encoding.on_missing == "error"
        both = encoding.has_indicator

        def read(value: object) -> RowValue:
            label = read_label(value)
            number = None if label is None else known.get(label.lower())
            if number is None:
                if fails:
                    raise unusable_value("binary", value, what="is missing or unknown", fix=_FIX)
                return (fill, 1.0) if both else fill
            return (number, 0.0) if both else number

        if both:
            return read
        # Spellings that come often are looked up at once; `True == 1 == 1.0` must not be mixed up.
        quick = {label: known[label.lower()] for label in _spellings(encoding)}

        def read_quickly(value: object) -> RowValue:
            found = quick.get(value) if type(value) is str else None
            return read(value) if found is None else found

        return read_quickly

    def steps(
        self, value: object, encoding: BinaryEncoding, row: Mapping[str, object]
    ) -> list[Step]:
        """Return which of the two labels a cell is, and what fills it."""
        label = read_label(value)
        known = None if label is None else encoding.values.get(label.lower())
        plain = None if known is None else encoding.labels[int(known)]
        negative, positive = encoding.labels
        told = [
            parsed(
                value, plain, what=f"'{negative}' or '{positive}'", how="one of the known labels"
            )
        ]
        if known is None:
            guess = fill_reader(encoding.filling)(row) if encoding.filling else encoding.fill
            told.append(
                filled(
                    guess,
                    on_missing=encoding.on_missing,
                    strategy=self.missing_value_strategy,
                    is_guessed=encoding.filling is not None,
                )
            )
        return told + super().steps(value, encoding, row)

    def encoded_as(self, encoding: BinaryEncoding) -> str:
        """Return which label is which number."""
        tail = ", then 1 if it was missing" if encoding.has_indicator else ""
        return f"0 is '{encoding.labels[0]}', 1 is '{encoding.labels[1]}'{tail}"

    def rows_to_drop(
        self,
        column: pl.Series,
        encoding: BinaryEncoding | None = None,
        *,
        only_missing: bool = False,
    ) -> pl.Series | None:
        """Return True where the value is missing or neither of the two."""
        if self.missing_value_strategy != "drop_row":
            return None
        _require_readable(column)
        if encoding is None or only_missing:
            return read_labels(column).is_null()
        return _read(column, encoding).is_null()

    def inspect(
        self, column: pl.Series, encoding: BinaryEncoding, others: pl.DataFrame | None = None
    ) -> dict[str, Any]:
        """Return counts of missing and unknown cells, and of unseen groups."""
        missing = read_labels(column).is_null()
        empty = _read(column, encoding).is_null()
        return reading_facts(
            column,
            missing=missing,
            unseen=counted(column, empty & ~missing),
            unseen_group=unseen_groups(encoding.filling, others, empty),
        )

    def decode(self, scores: Scores, encoding: BinaryEncoding, name: str) -> dict[str, pl.Series]:
        """Return prediction, its probability, and both probabilities; scores [N] are of true."""
        positive = np.asarray(scores, dtype=np.float64).reshape(-1)
        is_true = positive >= encoding.threshold
        labels = typed(pl.Series(encoding.labels), encoding.label_type)
        negative = 1.0 - positive
        columns = {
            f"{name}_prediction": labels.gather(is_true.astype(np.int64)),
            f"{name}_probability": pl.Series(np.where(is_true, positive, negative)),
            f"{name}_probability_{encoding.labels[0]}": pl.Series(negative),
            f"{name}_probability_{encoding.labels[1]}": pl.Series(positive),
        }
        return {key: values.rename(key) for key, values in columns.items()}

    def decode_row(self, encoding: BinaryEncoding, name: str) -> Callable[[Any], dict[str, Any]]:
        """Return the function from the probability of true to prediction and probabilities."""
        labels = typed(pl.Series(encoding.labels), encoding.label_type).to_list()
        prediction, probability = f"{name}_prediction", f"{name}_probability"
        keys = [f"{name}_probability_{label}" for label in encoding.labels]
        threshold = encoding.threshold

        def decode(score: Any) -> dict[str, Any]:
            positive = float(score)
            negative = 1.0 - positive
            is_true = positive >= threshold
            return {
                prediction: labels[is_true],
                probability: positive if is_true else negative,
                keys[0]: negative,
                keys[1]: positive,
            }

        return decode

    def _with_filling(
        self,
        column: pl.Series,
        encoding: BinaryEncoding,
        others: pl.DataFrame | None,
        *,
        seed: int,
    ) -> BinaryEncoding:
        if others is None or not self.reads:
            return encoding
        read = _read(column, encoding).cast(pl.Float64)
        filling = fit_filling(
            self,
            read.fill_null(math.nan).to_numpy(),
            others,
            otherwise=_HALF if encoding.fill is None else encoding.fill,
            seed=seed,
            has_classes=True,
        )
        unseen = unseen_groups(filling, others, read.is_null())
        facts = encoding.facts | ({"unseen_group": unseen} if unseen else {})
        return encoding.model_copy(update={"filling": filling, "facts": facts})

    def _fill(self, values: dict[str, float], *, present: int, positive: int) -> float | None:
        strategy = self.missing_value_strategy
        if strategy == "keep" or (self.is_predicted and strategy == "drop_row"):
            return None
        if strategy == "fill_with_false":
            return 0.0
        if strategy in TO_MODE:
            return 1.0 if positive * 2 > present else 0.0
        if strategy in {"fill_with_mean", "fill_with_group_mean"}:
            return positive / present if present else _HALF
        return _HALF if strategy != "fill_with_const" else self._constant(values)

    def _constant(self, values: dict[str, float]) -> float:
        value = self.fill_value
        if value is None:
            return _HALF
        if isinstance(value, bool | float | int):
            return min(max(float(value), 0.0), 1.0)
        return values.get(value.lower(), 1.0 if value.lower() in TRUE_WORDS else 0.0)


def _require_readable(column: pl.Series) -> None:
    if not is_readable(column.dtype):
        raise wrong_kind(column, type_name="binary", fix="derive a label from it first")


def _filled_reader(
    encoding: BinaryEncoding, guess: Callable[[Mapping[str, object]], float]
) -> Callable[[object, Mapping[str, object]], RowValue]:
    known, has_indicator = encoding.values, encoding.has_indicator

    def read(value: object, row: Mapping[str, object]) -> RowValue:
        label = read_label(value)
        number = None if label is None else known.get(label.lower())
        if number is not None:
            return (number, 0.0) if has_indicator else number
        filled = float(np.float32(guess(row)))
        return (filled, 1.0) if has_indicator else filled

    return read


def _spellings(encoding: BinaryEncoding) -> list[str]:
    return sorted({*encoding.values, *(x for x in encoding.labels if x.lower() in encoding.values)})


def _read(column: pl.Series, encoding: BinaryEncoding) -> pl.Series:
    """Return float32 values, null where missing or unknown."""
    given = categories_of(column)
    if given is not None:
        known = [encoding.values.get(label.lower()) for label in given]  # few as a rule
        return of_categories(column, _read(given, encoding) if None in known else _floats(known))
    if column.dtype == pl.String:
        quick = _spellings(encoding)
        found = _replace(column, quick, [encoding.values[label.lower()] for label in quick])
        if found.null_count() == column.null_count():
            return found
        missed = found.is_null().arg_true()
        labels = read_labels(column.gather(missed), lowercase=True)
        rest = _replace(labels, list(encoding.values), list(encoding.values.values()))
        return found.scatter(missed, rest)
    if column.dtype.is_integer():
        whole = whole_numbers(encoding.values)
        keys = pl.Series(whole.keys(), dtype=pl.Int64)
        return replace(column.cast(pl.Int64, strict=False), keys, _floats(whole.values()))
    labels = read_labels(column, lowercase=True)
    return _replace(labels, list(encoding.values), list(encoding.values.values()))


def _floats(values: Iterable[float | None]) -> pl.Series:
    return pl.Series(values, dtype=pl.Float32)


def _replace(labels: pl.Series, known: list[str], values: list[float]) -> pl.Series:
    return replace(labels, pl.Series(known, dtype=pl.String), _floats(values))
