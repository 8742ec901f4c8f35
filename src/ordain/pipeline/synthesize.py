"""Made rows for a config: the right columns and types, and outputs that follow from the inputs.

For trying a config before its data is there, for tests, and for showing a config without showing
its rows. Where the data can be read, numbers keep their range and labels their names and shares;
no row is copied. Outputs are a noisy linear function of the inputs, so that a model can learn them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.config import Config
from ordain.config.document import InputFeature, OutputFeature
from ordain.core.errors import UsageError
from ordain.core.randomness import generator
from ordain.data.profile import ColumnProfile

Floats = npt.NDArray[np.float64]
LABELS = ("red", "green", "blue", "yellow", "white")
WORDS = [
    "order",
    "late",
    "parcel",
    "refund",
    "open",
    "account",
    "card",
    "lost",
    "price",
    "great",
    "slow",
    "help",
    "love",
    "cancel",
    "bill",
    "thanks",
    "broken",
    "screen",
    "phone",
    "return",
    "wait",
    "agent",
    "easy",
    "never",
    "again",
    "fast",
    "cheap",
    "good",
    "bad",
    "new",
]
FIRST_DAY = dt.datetime(2020, 1, 1)  # noqa: DTZ001 - rows of a table have no time zone
N_DAYS = 1_500
MISSING_SHARE = 0.02


def synthesize(
    config: Config | Any,
    n_rows: int,
    *,
    profiles: Mapping[str, ColumnProfile] | None = None,
    seed: int | None = None,
) -> pl.DataFrame:
    """Return made rows [N] with every input and output column of a config.

    Args:
        config: a `Config` or what `Config.load` reads.
        n_rows: number of rows.
        profiles: of real columns, whose ranges and labels are kept.
        seed: of the rows; the config's by default.

    Raises:
        UsageError: `input_features: all` without profiles, or fewer than one row.
    """
    loaded = config if isinstance(config, Config) else Config.load(config)
    document = loaded.document
    if n_rows < 1:
        raise UsageError(f"{n_rows} rows cannot be made\n  Fix: ask for at least 1")
    if profiles is not None:
        from ordain.config.bind import bind

        document = bind(loaded, profiles).document
    if isinstance(document.input_features, str):
        raise UsageError(
            "`input_features: all` names no columns without data\n"
            "  Fix: list the inputs, or give the data with --dataset"
        )
    seed = document.seed if seed is None else seed
    known = profiles or {}
    columns: dict[str, pl.Series] = {}
    signals: list[Floats] = []
    for feature in document.input_features:
        random = generator(seed, "synthesize", feature.column)
        column, signal = _input(feature, known.get(feature.column), n_rows, random)
        columns[feature.column] = column
        signals.append(signal)
    for output in document.output_features:
        random = generator(seed, "synthesize", output.column)
        columns[output.column] = _output(
            output, known.get(output.column), np.stack(signals, axis=1), random
        )
    return pl.DataFrame(columns)


def _input(
    feature: InputFeature, profile: ColumnProfile | None, n_rows: int, random: np.random.Generator
) -> tuple[pl.Series, Floats]:
    """Return a column and the numbers [N] by which it tells of the outputs."""
    if feature.type in {"category", "binary"}:
        labels, shares = _labels(profile, n_labels=2 if feature.type == "binary" else len(LABELS))
        codes = random.choice(len(labels), n_rows, p=shares)
        return _with_gaps(pl.Series(labels).gather(codes), random), random.normal(size=len(labels))[
            codes
        ]
    if feature.type == "text":
        picked = random.integers(0, len(WORDS), (n_rows, 8))
        lengths = random.integers(3, 9, n_rows)
        texts = [
            " ".join(WORDS[i] for i in row[:n]) for row, n in zip(picked, lengths, strict=True)
        ]
        return pl.Series(texts), random.normal(size=len(WORDS))[picked[:, :3]].sum(axis=1)
    if feature.type == "date":
        days = random.integers(0, N_DAYS, n_rows)
        moments = pl.Series([FIRST_DAY + dt.timedelta(days=int(day)) for day in days])
        return moments.dt.strftime("%Y-%m-%d"), (days - N_DAYS / 2) / N_DAYS
    values = random.normal(size=n_rows)
    return _with_gaps(_scaled(values, profile), random), values


def _output(
    feature: OutputFeature,
    profile: ColumnProfile | None,
    signals: Floats,
    random: np.random.Generator,
) -> pl.Series:
    n_rows = len(signals)
    if feature.type in {"binary", "category"}:
        labels, shares = _labels(profile, n_labels=2 if feature.type == "binary" else 3)
        weights = random.normal(size=(signals.shape[1], len(labels)))
        scores = signals @ weights + random.gumbel(size=(n_rows, len(labels))) + np.log(shares)
        return pl.Series(labels).gather(scores.argmax(axis=1))
    values = signals @ random.normal(size=signals.shape[1]) + 0.3 * random.normal(size=n_rows)
    return _scaled(values / (values.std() or 1.0), profile)


def _labels(profile: ColumnProfile | None, *, n_labels: int) -> tuple[list[Any], Floats]:
    if profile is None or not profile.top:
        names = ["no", "yes"] if n_labels == 2 else list(LABELS[:n_labels])  # noqa: PLR2004
        return names, np.full(len(names), 1 / len(names))
    counts = np.array([count for _, count in profile.top], dtype=np.float64)
    labels = pl.Series([label for label, _ in profile.top]).cast(profile.dtype, strict=False)
    return labels.to_list(), counts / counts.sum()


def _scaled(values: Floats, profile: ColumnProfile | None) -> pl.Series:
    """Return standard numbers in the range and type of a real column."""
    if profile is None or not profile.dtype.is_numeric() or not profile.sample.len():
        return pl.Series(np.round(values, 4))
    real = profile.sample.cast(pl.Float64)
    middle, spread = float(real.mean() or 0.0), float(real.std() or 1.0)  # type: ignore[arg-type]
    low, high = float(real.min()), float(real.max())  # type: ignore[arg-type]
    made = pl.Series(np.clip(middle + spread * values, low, high))
    return made.round(0).cast(profile.dtype) if profile.dtype.is_integer() else made.round(4)


def _with_gaps(column: pl.Series, random: np.random.Generator) -> pl.Series:
    return column.set(pl.Series(random.random(column.len()) < MISSING_SHARE), None)
