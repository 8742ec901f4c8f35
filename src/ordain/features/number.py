"""Numbers: read from numeric columns or text, cleaned, scaled, cut.

    input_features:
      - name: income
        type: number
        preprocessing: {normalization: robust, missing_value_strategy: fill_with_median}
      - name: age
        type: number
        preprocessing: {spline_knots: 6}

Key names and meanings follow Ludwig where it has them. The scales (`robust`, `quantile`, `box_cox`
...) are described in `scaling.py`, bins and splines in `cuts.py`, outliers in `outliers.py`,
filling from other columns in `filling.py`, the reading of text in `numerals.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from ordain.features.cuts import (
    Places,
    bin_array,
    fit_edges,
    fit_knots,
)
from ordain.features.encoded import EncodedColumn, Kind, RowValue
from ordain.features.feature import FEATURES, Feature, Form, Scores
from ordain.features.filling import (
    InputType,
    check_filling,
    fill_reader,
    fit_filling,
)
from ordain.features.number_cells import (
    NumberEncoding,
    cell_reader,
    fill_missing,
    shape_of,
    to_numbers,
)
from ordain.features.number_facts import (
    count_encoding,
    count_reading,
    require_readable,
    require_some,
    summarize,
)
from ordain.features.numerals import (
    Style,
    infer_style,
    number_reader,
    read_numbers,
)
from ordain.features.outliers import (
    Cleaning,
    OutlierStrategy,
    clean_array,
    cleaned_reader,
    fit_cleaning,
    is_outside,
    statistic,
)
from ordain.features.powers import Floats
from ordain.features.scaling import (
    Method,
    fit_scaling,
    scale_array,
    unscale_array,
    unscaler,
)
from ordain.features.step import Step, filled, parsed


@FEATURES.register
class NumberFeature(Feature[NumberEncoding]):
    """A quantity, measured or counted."""

    type: Literal["number"] = "number"
    """Type name."""
    missing_value_strategy: Literal[
        "auto",
        "keep",
        "fill_with_const",
        "fill_with_mean",
        "fill_with_median",
        "fill_with_mode",
        "fill_with_group_mean",
        "fill_with_group_median",
        "fill_with_group_mode",
        "fill_with_model",
        "ffill",
        "bfill",
        "drop_row",
        "error",
    ] = "auto"
    """What a missing cell becomes; `keep` leaves NaN, `auto` keeps for trees and else takes the
    median."""
    fill_value: float = 0.0
    """The constant of `fill_with_const`."""
    missing_group: str | None = None
    """Column that names a row's group, for `fill_with_group_mean` and its kin."""
    missing_inputs: dict[str, InputType] | None = None
    """Columns that `fill_with_model` predicts from, with their types; null takes every other
    declared input but texts."""
    missing_indicator: Literal["auto", "if_missing"] | bool = "auto"
    """Whether a second number, 0 or 1, says that the cell was missing; `if_missing` adds it where
    a training row misses."""
    normalization: Literal["auto"] | Method | None = "auto"
    """How numbers are scaled; null leaves them."""
    outlier_strategy: OutlierStrategy | None = None
    """What an outlier becomes; `keep` makes it missing."""
    outlier_threshold: float | None = Field(default=3.0, gt=0)
    """Standard deviations from the mean beyond which a number is an outlier."""
    number_format: Literal["infer"] | Style = "infer"
    """How text is read: `plain` 1234.5, `point` 1,234.5, `comma` 1.234,5; `infer` decides by the
    training rows."""
    bins: int | None = Field(default=None, ge=2, le=10_000)
    """Number of bins that an input's numbers are cut into instead of being scaled."""
    bin_form: Literal["index", "onehot", "ordinal"] = "index"
    """What a bin becomes: an index, as a category has it; a 1 among zeros; or its rank, from 0 to
    1."""
    spline_knots: int | None = Field(default=None, ge=2, le=1_000)
    """Number of knots of a B-spline whose basis functions an input's numbers become instead of
    being scaled."""
    spline_degree: int = Field(default=3, ge=1, le=5)
    """Degree of the spline's pieces."""
    cut_places: Places = "quantile"
    """Where borders of bins and knots lie: at quantiles, or at equal widths of the range."""
    clip_to_training_range: bool = False
    """Whether predictions are bounded to the range seen in training; for an output."""

    Fitted = NumberEncoding
    is_output = True
    input_options = frozenset({"bins", "spline_knots"})
    version = 2

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_filling(self.missing_value_strategy, self.missing_group)
        if self.bins and self.spline_knots:
            raise ValueError("`bins` and `spline_knots` exclude each other")
        return self

    def settle(self, form: Form | None) -> tuple[Self, dict[str, str]]:
        """Return the options without `auto`, with reasons."""
        options: dict[str, tuple[Any, str]]
        if form is None:
            options = {
                "missing_value_strategy": ("drop_row", "a row without truth teaches nothing"),
                "normalization": ("zscore", "losses expect a unit scale"),
                "missing_indicator": (False, "no input"),
            }
        elif form is Form.TREES:
            options = {
                "missing_value_strategy": ("keep", "trees split on missing"),
                "normalization": (None, "the order decides in trees"),
                "missing_indicator": (False, "trees see NaN"),
            }
        else:
            scale = ("robust", "robust to outliers and bounded")
            if form is Form.LINEAR:
                scale = ("zscore", "weights compare on a unit scale")
            options = {
                "missing_value_strategy": (
                    "fill_with_median", "the middle of the scale is neutral"
                ),
                "normalization": scale,
                "missing_indicator": (
                    "if_missing", "the median alone would hide that it was missing"
                ),
            }  # fmt: skip
        return self.settled(options, form)

    def fit(
        self, column: pl.Series, *, seed: int, others: pl.DataFrame | None = None
    ) -> NumberEncoding:
        """Return fill value, bounds of outliers and scale or cuts of the training rows."""
        require_readable(column)
        style, is_ambiguous = (
            infer_style(column) if self.number_format == "infer" else (self.number_format, False)
        )
        values = read_numbers(column, style=style)
        facts = count_reading(column, values)
        require_some(column, values)
        cleaning = fit_cleaning(
            values[~np.isnan(values)],
            self.outlier_strategy,
            threshold=self.outlier_threshold,
            constant=self.fill_value,
        )
        cleaned = clean_array(values, cleaning)
        clean = cleaned[~np.isnan(cleaned)]
        if self.outlier_strategy is not None and self.outlier_threshold is not None:
            facts["n_outliers"] = int(is_outside(values, cleaning).sum())
        facts |= summarize(clean)
        if is_ambiguous:
            facts["ambiguous_format"] = "read `,` as the sign between thousands"
        encoding = self._encoding(clean, style=style, cleaning=cleaning, facts=facts)
        filling = fit_filling(
            self,
            cleaned,
            others,
            otherwise=0.0 if encoding.fill is None else encoding.fill,
            seed=seed,
        )
        encoding = encoding.model_copy(update={"filling": filling})
        return encoding.model_copy(
            update={"facts": facts | count_encoding(column, cleaned, encoding, others)}
        )

    def encode(
        self, column: pl.Series, encoding: NumberEncoding, others: pl.DataFrame | None = None
    ) -> EncodedColumn:
        """Return scalars [N, 1], or [N, 2] with an indicator; index or vector where cut."""
        values = clean_array(read_numbers(column, style=encoding.style), encoding.cleaning)
        missing = np.isnan(values)
        if missing.any():
            values = fill_missing(column, values, missing, encoding, others=others)
        if encoding.cut == "index":
            return EncodedColumn(Kind.INDEX, bin_array(values, encoding.edges))
        shape = encoding.shape
        cells = np.empty((len(values), shape.width), dtype=np.float32)
        cells[:, : shape.width - encoding.has_indicator] = to_numbers(values, encoding)
        if encoding.has_indicator:
            cells[:, -1] = missing
        return EncodedColumn(shape.kind, cells)

    def row(self, encoding: NumberEncoding) -> Callable[..., RowValue]:
        """Return the function from a value to its cell."""
        return cell_reader(encoding)

    def steps(
        self, value: object, encoding: NumberEncoding, row: Mapping[str, object]
    ) -> list[Step]:
        """Return how a cell is parsed, cleaned, filled and scaled."""
        read = number_reader(encoding.style)
        number, cleaned = read(value), cleaned_reader(read, encoding.cleaning)(value)
        plain = None if math.isnan(number) else number
        told = [parsed(value, plain, what="a number", how=f"number format '{encoding.style}'")]
        bounds = f"{encoding.cleaning.low:.6g} to {encoding.cleaning.high:.6g}"
        if plain is not None and cleaned != number:
            kept = None if math.isnan(cleaned) else cleaned
            told.append(Step("cleaned", kept, f"outside of {bounds}: {self.outlier_strategy}"))
        if math.isnan(cleaned):
            guess = encoding.filling is not None
            fill = fill_reader(encoding.filling)(row) if encoding.filling else encoding.fill
            told.append(
                filled(
                    fill,
                    on_missing=encoding.on_missing,
                    strategy=self.missing_value_strategy,
                    is_guessed=guess,
                )
            )
        return told + super().steps(value, encoding, row)

    def encoded_as(self, encoding: NumberEncoding) -> str:
        """Return the scale or the cut."""
        tail = ", then 1 if it was missing" if encoding.has_indicator else ""
        if encoding.cut is not None:
            return f"cut into {encoding.cut}{tail}"
        scaling = encoding.scaling
        if scaling.method is None:
            return f"as it is{tail}"
        if scaling.knots or (scaling.factor == scaling.power == 1.0 and scaling.center == 0.0):
            return f"{scaling.method}{tail}"
        tail = f", smoothly bounded{tail}" if scaling.method == "robust" else tail
        return f"{scaling.method}: less {scaling.center:.6g}, times {scaling.factor:.6g}{tail}"

    @property
    def drop_needs_fit(self) -> bool:
        """Whether outliers are dropped."""
        return self.outlier_strategy == "drop_row"

    def rows_to_drop(
        self,
        column: pl.Series,
        encoding: NumberEncoding | None = None,
        *,
        only_missing: bool = False,
    ) -> pl.Series | None:
        """Return True where the cell is missing, or an outlier to be dropped."""
        by_missing = self.missing_value_strategy == "drop_row"
        by_outlier = self.drop_needs_fit and not only_missing
        if not (by_missing or by_outlier):
            return None
        if encoding is None:
            encoding = self.fit(column, seed=0)
        values = read_numbers(column, style=encoding.style)
        drop = np.isnan(values) if by_missing else np.zeros(len(values), dtype=bool)
        if by_outlier:
            drop = drop | is_outside(values, encoding.cleaning)
        return pl.Series(column.name, drop)

    def inspect(
        self, column: pl.Series, encoding: NumberEncoding, others: pl.DataFrame | None = None
    ) -> dict[str, Any]:
        """Return counts of missing and unparsed cells, of unseen groups, and of numbers too low."""
        values = read_numbers(column, style=encoding.style)
        found = count_reading(column, values)
        cleaned = clean_array(values, encoding.cleaning)
        return found | count_encoding(column, cleaned, encoding, others)

    def decode(self, scores: Scores, encoding: NumberEncoding, name: str) -> dict[str, pl.Series]:
        """Return `<name>_prediction`, float64, in the column's own unit."""
        values = unscale_array(np.asarray(scores, dtype=np.float64).reshape(-1), encoding.scaling)
        if encoding.clip_range is not None:
            values = np.clip(values, *encoding.clip_range)
        column = f"{name}_prediction"
        return {column: pl.Series(column, values)}

    def decode_row(self, encoding: NumberEncoding, name: str) -> Callable[[Any], dict[str, Any]]:
        """Return the function from one score to `<name>_prediction`."""
        column, unscale, bounds = (
            f"{name}_prediction",
            unscaler(encoding.scaling),
            encoding.clip_range,
        )
        if bounds is None:
            return lambda score: {column: unscale(float(score))}
        low, high = bounds

        def decode(score: Any) -> dict[str, Any]:
            value = unscale(float(score))
            return {column: low if value < low else min(value, high)}

        return decode

    def _encoding(
        self, clean: Floats, *, style: Style, cleaning: Cleaning, facts: dict[str, Any]
    ) -> NumberEncoding:
        strategy = self.missing_value_strategy
        if strategy == "keep" or (self.is_predicted and strategy == "drop_row"):
            fill = None
        else:
            fill = statistic(clean, strategy, constant=self.fill_value)
        wants = self.missing_indicator
        has_indicator = facts["n_missing"] > 0 if wants == "if_missing" else wants is True
        cuts = self._cuts(clean)
        if cuts.get("cut") == "index":
            has_indicator = False
        scaling = fit_scaling(clean, None if cuts else self._method)
        encoding = NumberEncoding(
            shape=shape_of(cuts, has_indicator=has_indicator),
            facts=facts,
            style=style,
            scaling=scaling,
            cleaning=cleaning,
            fill=fill,
            on_missing=strategy if strategy in {"ffill", "bfill", "error"} else "fill",
            has_indicator=has_indicator,
            **cuts,
        )
        if len(clean) == 0:
            return encoding
        ends = np.array([clean.min(), clean.max()])
        low, high = sorted(float(value) for value in scale_array(ends, scaling))
        return encoding.model_copy(
            update={
                "bounds": (low, high) if self.is_predicted else None,
                "clip_range": (float(ends[0]), float(ends[1]))
                if self.clip_to_training_range
                else None,
            }
        )

    @property
    def _method(self) -> Method | None:
        return None if self.normalization == "auto" else self.normalization

    def _cuts(self, clean: Floats) -> dict[str, Any]:
        """Return what the encoding holds of bins or a spline; an output has neither."""
        if self.bins and not self.is_predicted:
            edges = fit_edges(clean, self.bins, places=self.cut_places)
            return {"cut": self.bin_form, "edges": edges}
        if self.spline_knots and not self.is_predicted:
            degree = self.spline_degree
            knots = fit_knots(clean, self.spline_knots, degree=degree, places=self.cut_places)
            return {"cut": "spline", "knots": knots, "degree": degree}
        return {}
