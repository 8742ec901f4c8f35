"""From declared features and their fitted encodings to the problem a family learns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from ordain.config.document import Document, InputFeature, OutputFeature
from ordain.features.feature import Encoding
from ordain.features.labels import typed
from ordain.models.family import Input, Output, Problem


def build_problem(document: Document, encodings: Mapping[str, Encoding]) -> Problem:
    """Return inputs and outputs with their fitted shapes.

    They are ordered by name: the order in which a config lists features changes no model.
    """
    return Problem(
        inputs=tuple(
            Input(
                feature.name,
                feature.type,
                encodings[feature.name].shape,
                feature.encoder,
                feature.monotone,
            )
            for feature in sorted(document.inputs, key=_name)
        ),
        outputs=tuple(
            _output(feature, encodings[feature.name])
            for feature in sorted(document.output_features, key=_name)
        ),
        combiner=document.combiner,
    )


def labels_of(encoding: Encoding) -> tuple[str, ...]:
    """Return class names in the order of the encoded index; (negative, positive) for binary."""
    return tuple(str(label) for label in getattr(encoding, "labels", ()))


def typed_labels(encoding: Encoding) -> pl.Series:
    """Return the same names as predictions hold them: as words, whole numbers or truth values."""
    names = pl.Series(labels_of(encoding), dtype=pl.String)
    return typed(names, getattr(encoding, "label_type", "string"))


def _name(feature: InputFeature | OutputFeature) -> str:
    return feature.name


def _output(feature: OutputFeature, encoding: Encoding) -> Output:
    labels = labels_of(encoding)
    return Output(
        name=feature.name,
        type=feature.type,
        shape=encoding.shape,
        labels=labels,
        loss=feature.loss,
        decoder=feature.decoder,
        weight=feature.loss.weight if feature.loss else 1.0,
        class_weights=_class_weights(feature, labels),
        bounds=getattr(encoding, "bounds", None),
    )


def _class_weights(feature: OutputFeature, labels: tuple[str, ...]) -> tuple[float, ...]:
    declared: Any = feature.class_weights or getattr(feature.loss, "class_weights", None)
    positive = getattr(feature.loss, "positive_class_weight", None)
    if positive is not None:
        declared = (1.0, positive)
    if not declared or declared == "balanced":
        return ()
    if isinstance(declared, Mapping):
        return tuple(float(declared.get(label, 1.0)) for label in labels)
    return tuple(float(weight) for weight in declared)
