"""Categories: labels from a fixed set, as indices.

    input_features:
      - name: city
        type: category
        preprocessing: {min_count: 5, unseen: bucket}

An input's id 0 is the bucket of missing, rare and unseen labels; the others follow by frequency,
ties by label. An output has no bucket: its labels stand in sorted order, and a missing or unseen
truth encodes as -1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from ordain.features.category_ids import (
    MISSING_FIX,
    UNKNOWN,
    UNSEEN_FIX,
    CategoryEncoding,
    bucket_of,
    contiguous,
    fill_nearest,
    id_reader,
    ids_of,
    look_up,
)
from ordain.features.encoded import EncodedColumn, Kind, RowValue, Shape
from ordain.features.facts import counted, reading_facts, unusable, wrong_kind
from ordain.features.feature import FEATURES, Feature, Form, Scores
from ordain.features.filling import (
    TO_MODE,
    InputType,
    check_filling,
    fill_values,
    fit_filling,
    unseen_groups,
)
from ordain.features.labels import (
    LabelType,
    count_labels,
    is_readable,
    label_type,
    read_label,
    read_labels,
    typed,
)
from ordain.features.step import Step, filled, parsed


@FEATURES.register
class CategoryFeature(Feature[CategoryEncoding]):
    """One label out of a set."""

    type: Literal["category"] = "category"
    """Type name."""
    missing_value_strategy: Literal[
        "auto",
        "keep",
        "fill_with_const",
        "fill_with_mode",
        "fill_with_group_mode",
        "fill_with_model",
        "ffill",
        "bfill",
        "drop_row",
        "error",
    ] = "auto"
    """What a missing cell becomes; `keep` puts it into the bucket."""
    missing_group: str | None = None
    """Column that names a row's group, for `fill_with_group_mode`."""
    missing_inputs: dict[str, InputType] | None = None
    """Columns that `fill_with_model` predicts from, with their types; null takes every other
    declared input but texts."""
    fill_value: str = UNKNOWN
    """The label of `fill_with_const`; `<UNK>` is the bucket."""
    lowercase: bool = False
    """Whether upper and lower case count as the same label."""
    most_common: int | None = Field(default=10_000, ge=1)
    """Most labels kept, by frequency; the others are rare."""
    min_count: int = Field(default=1, ge=1)
    """Training rows a label needs; below it is rare and falls into the bucket."""
    hash_buckets: int | None = Field(default=None, ge=1)
    """Number of buckets that labels are hashed into instead of being looked up."""
    unseen: Literal["bucket", "error", "mode", "nearest"] = "bucket"
    """What a label that training did not keep becomes: the bucket, an error, the most frequent
    label, or the kept one that is spelled most alike (the bucket where none is half alike)."""
    cache_encoder_embeddings: bool = False
    """Whether a frozen encoder's output is computed once per label; read by the encoder."""

    Fitted = CategoryEncoding
    is_output = True
    input_options = frozenset({"hash_buckets"})

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_filling(self.missing_value_strategy, self.missing_group)
        if self.hash_buckets and self.unseen in {"nearest", "error"}:
            raise ValueError("`hash_buckets` knows no unseen label: leave `unseen` out")
        return self

    def settle(self, form: Form | None) -> tuple[Self, dict[str, str]]:
        """Return the options without `auto`, with reasons."""
        missing = ("keep", "that a label is missing may tell something")
        if form is None:
            missing = ("drop_row", "a row without truth teaches nothing")
        return self.settled({"missing_value_strategy": missing}, form)

    def fit(
        self, column: pl.Series, *, seed: int, others: pl.DataFrame | None = None
    ) -> CategoryEncoding:
        """Return the labels of the training rows that are frequent enough."""
        _require_readable(column)
        counts, n_missing = count_labels(column, lowercase=self.lowercase, fill=self._fill_label())
        facts: dict[str, Any] = {"n_rows": len(column), "n_missing": n_missing}
        kept = counts.filter(pl.col("count") >= self.min_count)
        kept = kept.head(self.most_common) if self.most_common else kept
        facts |= _label_facts(counts, kept)
        labels: tuple[str, ...] = tuple(kept["label"].to_list())
        if self.hash_buckets and not self.is_predicted:
            facts["n_buckets"] = self.hash_buckets
            labels = ()
        encoding = self._encoding(labels, counts, column=column, facts=facts)
        return self._with_filling(column, encoding, others, seed=seed)

    def encode(
        self, column: pl.Series, encoding: CategoryEncoding, others: pl.DataFrame | None = None
    ) -> EncodedColumn:
        """Return index int32 [N]."""
        if encoding.on_missing in {"ffill", "bfill"}:
            labels = read_labels(column, lowercase=encoding.lowercase)
            column = labels.fill_null(
                strategy="forward" if encoding.on_missing == "ffill" else "backward"
            ).rename(column.name)
        ids, missing = look_up(column, encoding)
        if encoding.on_missing == "error" and missing.any():
            raise unusable(column, missing, what="are missing", fix=MISSING_FIX)
        if encoding.on_unseen == "error":
            unseen = ids.is_null() & ~missing
            if unseen.any():
                raise unusable(
                    column, unseen, what="are labels not seen in training", fix=UNSEEN_FIX
                )
        if encoding.on_unseen == "nearest" and ids.null_count():
            ids = fill_nearest(column, ids, encoding)
        if ids.null_count():
            ids = ids.fill_null(encoding.unseen_id)
            ids = ids.set(missing, encoding.missing_id)
        if encoding.filling is not None and missing.any():
            fills = fill_values(encoding.filling, others, missing).astype(np.int32)
            ids = ids.cast(pl.Int32).scatter(missing.arg_true(), fills)
        return EncodedColumn(Kind.INDEX, contiguous(ids))

    def row(self, encoding: CategoryEncoding) -> Callable[..., RowValue]:
        """Return the function from a value to its id."""
        return id_reader(encoding)

    def steps(
        self, value: object, encoding: CategoryEncoding, row: Mapping[str, object]
    ) -> list[Step]:
        """Return how a cell becomes a label, and what an unseen or missing one becomes."""
        label = read_label(value)
        label = label.lower() if label is not None and encoding.lowercase else label
        told = [parsed(value, label, what="a label", how="as text, without spaces around it")]
        if label is None:
            told.append(
                filled(
                    None if encoding.filling else _label_of(encoding.missing_id, encoding),
                    on_missing=encoding.on_missing,
                    strategy=self.missing_value_strategy,
                    is_guessed=encoding.filling is not None,
                )
            )
        elif not encoding.buckets and label not in ids_of(encoding):
            told.append(Step("filled", None, f"not kept from training: {encoding.on_unseen}"))
        return told + super().steps(value, encoding, row)

    def encoded_as(self, encoding: CategoryEncoding) -> str:
        """Return what its id is one of."""
        if encoding.buckets:
            return f"one of {encoding.buckets} hash buckets"
        return f"id of one of {len(encoding.labels)} labels"

    @property
    def drop_needs_fit(self) -> bool:
        """Whether an output may hold labels that fitting does not keep."""
        return self.is_predicted and (self.min_count > 1 or self.most_common is not None)

    def rows_to_drop(
        self,
        column: pl.Series,
        encoding: CategoryEncoding | None = None,
        *,
        only_missing: bool = False,
    ) -> pl.Series | None:
        """Return True where the label is missing; for an output, where its truth has no id.

        An output's label has no id where it is missing and not filled, or was not kept and
        `unseen` is not `mode`.
        """
        drops_missing = self.missing_value_strategy == "drop_row"
        if not (self.is_predicted or drops_missing):
            return None
        _require_readable(column)
        if not self.is_predicted or (drops_missing and only_missing):
            return read_labels(column).is_null()
        encoding = self.fit(column, seed=0) if encoding is None else encoding
        lenient = {"on_unseen": "id"}
        if encoding.on_missing == "error":
            lenient["on_missing"] = "id"
        ids = self.encode(column, encoding.model_copy(update=lenient)).values
        lost = pl.Series(column.name, ids == -1)
        missing = read_labels(column).is_null()
        if encoding.on_missing == "error":
            lost = lost & ~missing
        return lost & missing if only_missing else lost

    def inspect(
        self, column: pl.Series, encoding: CategoryEncoding, others: pl.DataFrame | None = None
    ) -> dict[str, Any]:
        """Return counts of missing and unseen cells, and of unseen groups."""
        ids, missing = look_up(column, encoding)
        unseen = ids.is_null() & ~missing
        return reading_facts(
            column,
            missing=missing,
            unseen=counted(column, unseen),
            unseen_group=unseen_groups(encoding.filling, others, missing),
        )

    def decode(self, scores: Scores, encoding: CategoryEncoding, name: str) -> dict[str, pl.Series]:
        """Return prediction, its probability, and one probability a label; probabilities [N, C]."""
        table = np.asarray(scores, dtype=np.float64).reshape(-1, len(encoding.labels))
        best = table.argmax(axis=1)
        labels = typed(pl.Series(encoding.labels, dtype=pl.String), encoding.label_type)
        columns = {
            f"{name}_prediction": labels.gather(best),
            f"{name}_probability": pl.Series(table[np.arange(len(table)), best]),
        }
        for at, label in enumerate(encoding.labels):
            columns[f"{name}_probability_{label}"] = pl.Series(np.ascontiguousarray(table[:, at]))
        return {key: values.rename(key) for key, values in columns.items()}

    def decode_row(self, encoding: CategoryEncoding, name: str) -> Callable[[Any], dict[str, Any]]:
        """Return the function from C probabilities to prediction and probabilities."""
        labels = typed(pl.Series(encoding.labels, dtype=pl.String), encoding.label_type).to_list()
        prediction, probability = f"{name}_prediction", f"{name}_probability"
        keys = [f"{name}_probability_{label}" for label in encoding.labels]

        def decode(scores: Any) -> dict[str, Any]:
            values = [float(score) for score in scores]
            best = int(np.argmax(values))
            return {
                prediction: labels[best],
                probability: values[best],
                **dict(zip(keys, values, strict=True)),
            }

        return decode

    def _with_filling(
        self,
        column: pl.Series,
        encoding: CategoryEncoding,
        others: pl.DataFrame | None,
        *,
        seed: int,
    ) -> CategoryEncoding:
        if others is None or not self.reads:
            return encoding
        ids, missing = look_up(column, encoding)
        filling = fit_filling(
            self,
            ids.cast(pl.Float64).fill_null(math.nan).to_numpy(),
            others,
            otherwise=float(encoding.missing_id),
            seed=seed,
            has_classes=True,
        )
        unseen = unseen_groups(filling, others, missing)
        facts = encoding.facts | ({"unseen_group": unseen} if unseen else {})
        return encoding.model_copy(update={"filling": filling, "facts": facts})

    def _fill_label(self) -> str | None:
        if self.missing_value_strategy != "fill_with_const" or self.fill_value == UNKNOWN:
            return None
        return self.fill_value.lower() if self.lowercase else self.fill_value

    def _encoding(
        self,
        labels: tuple[str, ...],
        counts: pl.DataFrame,
        *,
        column: pl.Series,
        facts: dict[str, Any],
    ) -> CategoryEncoding:
        strategy = self.missing_value_strategy
        mode = labels[0] if labels else None
        kind: LabelType = "string"
        if self.is_predicted:
            kind = label_type(column, labels)
            labels = tuple(
                sorted(labels, key=(lambda x: (int(x), x)) if kind == "integer" else None)
            )
            cardinality, default = len(labels), -1
        elif self.hash_buckets:
            cardinality, default = self.hash_buckets + 1, 0
            labels = (UNKNOWN,)
        else:
            # A label spelled like the bucket is the bucket.
            labels = (UNKNOWN, *(label for label in labels if label != UNKNOWN))
            cardinality, default = len(labels), 0
        mode_id = labels.index(mode) if mode in labels else default
        if self.hash_buckets and not self.is_predicted and len(counts):
            mode_id = bucket_of(str(counts["label"][0]), self.hash_buckets)
        missing_id = default
        if strategy in TO_MODE:
            missing_id = mode_id
        elif (fill := self._fill_label()) is not None:
            if self.hash_buckets and not self.is_predicted:
                missing_id = bucket_of(fill, self.hash_buckets)
            else:
                missing_id = labels.index(fill) if fill in labels else default
        return CategoryEncoding(
            shape=Shape(kind=Kind.INDEX, cardinality=cardinality),
            facts=facts,
            labels=labels,
            label_type=kind,
            lowercase=self.lowercase,
            buckets=0 if self.is_predicted else self.hash_buckets or 0,
            on_missing=strategy if strategy in {"ffill", "bfill", "error"} else "id",
            missing_id=missing_id,
            on_unseen=_on_unseen(self.unseen, is_predicted=self.is_predicted),
            unseen_id=mode_id if self.unseen == "mode" else default,
        )


def _label_of(at: int, encoding: CategoryEncoding) -> str | None:
    return encoding.labels[at] if 0 <= at < len(encoding.labels) else None


def _require_readable(column: pl.Series) -> None:
    if not is_readable(column.dtype):
        raise wrong_kind(column, type_name="category", fix="derive a label from it first")


def _on_unseen(unseen: str, *, is_predicted: bool) -> Literal["id", "nearest", "error"]:
    if unseen == "error":
        return "error"
    # A truth is taken as it is spelled.
    return "nearest" if unseen == "nearest" and not is_predicted else "id"


def _label_facts(counts: pl.DataFrame, kept: pl.DataFrame) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "n_labels": len(kept),
        "top": {row["label"]: row["count"] for row in counts.head(20).to_dicts()},
    }
    rare = counts[len(kept) :]
    if len(rare):
        facts["rare"] = {
            "count": int(rare["count"].sum()),
            "n_labels": len(rare),
            "examples": rare["label"].head(3).to_list(),
        }
    return facts
