"""What each stage is asked for: everything that can change its artefact, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from ordain.data.splitter import Splitter
from ordain.data.table import Table
from ordain.features.feature import FEATURES, Feature
from ordain.pipeline.cache import Request

DROPPING_KEYS = frozenset(
    {
        "type", "is_output", "version", "missing_value_strategy", "outlier_strategy",
        "outlier_threshold", "number_format", "datetime_format", "lowercase", "min_count",
        "most_common", "fallback_true_label",
    }
)  # fmt: skip
FOLDING_KEYS = frozenset({"k_fold", "repeats"})
"""Options of a splitter that only folds depend on."""
READ_VERSION = 1
PROFILE_VERSION = 3
SPLIT_VERSION = 2
SPLIT_REPORT_VERSION = 2
ENCODE_VERSION = 1


def read_request(fingerprint: str, expressions: Mapping[str, Any], *, seed: int) -> Request:
    """Return what decides a table; the seed counts only where rows are sampled."""
    parts: dict[str, Any] = {
        "content": fingerprint,
        "version": READ_VERSION,
        "data": dict(expressions),
    }
    if expressions.get("sample") is not None:
        parts["seed"] = seed
    return Request("read", "", parts)


def profile_request(table: Table, columns: Sequence[str]) -> Request:
    """Return what decides the profiles of some columns."""
    parts = {"table": table.fingerprint, "columns": list(columns), "version": PROFILE_VERSION}
    return Request("profile", "", parts)


def split_request(
    table: Table,
    splitter: Splitter,
    *,
    seed: int,
    required: Mapping[str, Feature[Any]],
    sets: pl.Series | None,
    fold: int | None = None,
) -> Request:
    """Return what decides a split; how folds are dealt has no part in the ordinary one."""
    options = splitter.model_dump(mode="json")
    if fold is None:
        options = {name: value for name, value in options.items() if name not in FOLDING_KEYS}
    parts: dict[str, Any] = {
        "table": table.fingerprint,
        "split": options,
        "splitter": splitter.version,
        "seed": seed,
        "version": SPLIT_VERSION,
        "required": {name: _dropping(required[name]) for name in sorted(required)},
    }
    if sets is not None:
        parts["files"] = True
    if fold is not None:
        parts["fold"] = fold
    return Request("split", "", parts)


def encode_request(split_key: str, *, column: str, feature: Feature[Any], seed: int) -> Request:
    """Return what decides an encoded column."""
    parts = {
        "split": split_key,
        "column": column,
        "options": _options(feature),
        "seed": seed,
        "version": ENCODE_VERSION,
    }
    return Request("encode", column, parts)


def _dropping(feature: Feature[Any]) -> dict[str, Any]:
    """Return what of a feature decides which rows are left out."""
    options = _options(feature)
    return {key: value for key, value in options.items() if key in DROPPING_KEYS}


def _options(feature: Feature[Any]) -> dict[str, Any]:
    types: Mapping[str, str] = getattr(feature, "missing_inputs", None) or {}
    versions = {name: FEATURES.get(name).version for name in sorted(set(types.values()))}
    return {
        **feature.model_dump(mode="json"),
        "is_output": feature.is_predicted,
        "version": feature.version,
        # What other columns hold is in the key of the split; how they are read is here.
        **({"read_as": versions} if feature.reads and versions else {}),
    }
