"""What each stage is asked for: everything that can change its artefact, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from ordain.config.document import Document
from ordain.config.dumped import spec_to_plain
from ordain.core.component import Component, Spec
from ordain.data.splitter import Splitter
from ordain.data.table import Table
from ordain.features.feature import FEATURES, Feature
from ordain.pipeline.cache import Request
from ordain.store.lock import package_versions

DROPPING_KEYS = frozenset(
    {
        "type", "is_output", "version", "missing_value_strategy", "outlier_strategy",
        "outlier_threshold", "number_format", "datetime_format", "lowercase", "min_count",
        "most_common", "fallback_true_label",
    }
)  # fmt: skip
FOLDING_KEYS = frozenset({"k_fold", "repeats"})
"""Options of a splitter that only folds depend on."""
READ_VERSION = 2
PROFILE_VERSION = 3
SPLIT_VERSION = 2
SPLIT_REPORT_VERSION = 3
ENCODE_VERSION = 1
FIT_VERSION = 1
LIBRARIES = ("lightgbm", "numpy", "scipy", "torch", "transformers")
"""Packages whose versions decide what is learned."""


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


def fit_request(
    document: Document, keys: Mapping[str, str], *, n_threads: int | None = None
) -> Request:
    """Return what decides a fitted model.

    An encoder left to the family is a function of the encoded column, so `None` says it all.

    Args:
        document: with features settled.
        keys: of the encoded columns.
        n_threads: bound for learning; all cores where None.
    """
    parts = {
        "family": component_key(document.model_type),
        "trainer": _trainer_key(document.trainer),
        "combiner": component_key(document.combiner),
        "inputs": {
            f.name: {
                "encoded": keys[f.name],
                "encoder": component_key(f.encoder),
                **({"monotone": f.monotone} if f.monotone else {}),
            }
            for f in document.inputs
        },
        "outputs": {
            f.name: {
                "encoded": keys[f.name],
                "decoder": component_key(f.decoder),
                "loss": component_key(f.loss),
                "class_weights": f.class_weights,
            }
            for f in document.output_features
        },
        "oversample_minority": document.preprocessing.oversample_minority,
        "undersample_majority": document.preprocessing.undersample_majority,
        "seed": document.seed,
        "backend": document.backend.model_dump(mode="json"),
        "cores": n_threads or available_cores(),
        "libraries": _library_key(document),
        "version": FIT_VERSION,
    }
    return Request("fit", document.model_type.type, parts)


def component_key(component: Component | Spec | None) -> dict[str, Any] | None:
    """Return what of a component decides its output: its options, and versions inside too."""
    if component is None:
        return None
    # Keys that mean something by being left out are left out here too.
    key: dict[str, Any] = spec_to_plain(component)
    key["versions"] = _versions(component)
    return key


def available_cores() -> int:
    """Return the CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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


def _trainer_key(trainer: Spec) -> dict[str, Any]:
    """Return the keys of a trainer that can change its result."""
    idle: frozenset[str] = getattr(trainer, "without_effect", frozenset())
    plain = trainer.model_dump(mode="json")
    return {name: value for name, value in plain.items() if name not in idle}


def _versions(spec: Spec) -> dict[str, int]:
    """Return the version of a component and of those that stand in it, by type."""
    found = {spec.type: spec.version} if isinstance(spec, Component) else {}
    for _, value in spec:
        for item in value if isinstance(value, list | tuple) else [value]:
            if isinstance(item, Spec):
                found |= _versions(item)
    return found


def _library_key(document: Document) -> dict[str, Any]:
    """Return what outside of the config decides a fitted model's bytes."""
    family = document.model_type
    key: dict[str, Any] = {"versions": {n: package_versions().get(n) for n in LIBRARIES}}
    if family.has_encoders:
        from ordain.models.neural.component import (
            COMBINERS,
            DECODERS,
            ENCODERS,
            LOSSES,
            OPTIMIZERS,
            SCHEDULES,
        )

        # What a family chooses by itself is not in the document.
        parts = (ENCODERS, COMBINERS, DECODERS, LOSSES, OPTIMIZERS, SCHEDULES)
        raised = {
            f"{registry.kind} {name}": registry.get(name).version
            for registry in parts
            for name in registry.names()
        }
        key["parts"] = {name: version for name, version in raised.items() if version != 1}
        key["has_gpu"] = document.backend.device == "auto" and Path("/dev/nvidiactl").exists()
    return key
