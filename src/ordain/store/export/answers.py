"""From scores to the columns that `predict` gives: calibration, thresholds, units, labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ordain.config.document import OutputFeature
from ordain.evaluation.decision.calibration import FLOOR, Calibration
from ordain.evaluation.decision.decision import Decision
from ordain.features.number_cells import NumberEncoding
from ordain.features.scaling import Scaling
from ordain.store.export.algebra import Algebra, UnfitError, V
from ordain.store.export.families import expit
from ordain.store.model import Model
from ordain.store.problem import labels_of, typed_labels

_SPREAD, _MOST = 3.0, 0.999 * 3.0
_POWERS = frozenset({"yeo_johnson", "box_cox"})


def answer(algebra: Algebra[V], model: Model, scores: dict[str, V]) -> list[str]:
    """Make the prediction columns answers; return the names of those that have no place there.

    Raises:
        UnfitError: an output is scaled in a way that cannot be undone outside of Ordain.
    """
    left_out: list[str] = []
    for feature in model.document.output_features:
        made = model.decisions.get(feature.name, Decision())
        give = _give_number if feature.type == "number" else _give_classes
        left_out += give(algebra, model, feature, scores[feature.name], made)
    return left_out


def _give_number(
    algebra: Algebra[V], model: Model, feature: OutputFeature, score: V, made: Decision
) -> list[str]:
    encoding, name = model.encodings[feature.name], feature.name
    assert isinstance(encoding, NumberEncoding), "a number is encoded as one"
    value = algebra.keep(_unscaled(algebra, score, encoding.scaling, name=name))
    if encoding.clip_range is not None:
        value = algebra.clip(value, *encoding.clip_range)
    algebra.answer(f"{name}_prediction", value)
    if made.coverage is not None:
        group = algebra.bins(value, made.coverage.edges)
        for sign, word, reach in (("-", "low", made.coverage.below),
                                  ("+", "high", made.coverage.above)):  # fmt: skip
            width = algebra.gather(group, np.array([reach]).T)
            algebra.answer(f"{name}_{word}", algebra.binary(sign, value, width))
    return []


def _unscaled(algebra: Algebra[V], x: V, scaling: Scaling, *, name: str) -> V:
    method = scaling.method
    if method is None:
        return x
    if method in _POWERS:
        raise UnfitError(f"`{name}` is scaled by `{method}`, which is not undone outside of Ordain")
    if method == "log1p":
        size = algebra.binary("-", algebra.call("exp", algebra.call("abs", x)), 1.0)
        return algebra.where(algebra.at_least(x, 0.0), size, algebra.binary("*", size, -1.0))
    if scaling.knots:
        ys, xs = zip(*scaling.knots, strict=True)
        return algebra.interpolate(x, xs, ys) if len(xs) > 1 else algebra.constant([ys[0]])
    if method == "robust":
        x = algebra.clip(x, -_MOST, _MOST)
        third = algebra.binary("/", x, _SPREAD)
        square = algebra.binary("*", algebra.binary("*", third, third), -1.0)
        x = algebra.binary("/", x, algebra.call("sqrt", algebra.binary("+", square, 1.0)))
    if scaling.factor == 0.0:
        return algebra.constant([scaling.center])
    return algebra.binary("+", algebra.binary("/", x, scaling.factor), scaling.center)


def _give_classes(
    algebra: Algebra[V], model: Model, feature: OutputFeature, score: V, made: Decision
) -> list[str]:
    encoding, name = model.encodings[feature.name], feature.name
    labels: Sequence[Any] = typed_labels(encoding).to_list()
    is_binary = feature.type == "binary"
    score = algebra.keep(score)
    if made.calibration is not None:
        calibrate = _calibrated_binary if is_binary else _calibrated_classes
        score = algebra.keep(calibrate(algebra, score, made.calibration))
    if is_binary:
        threshold = float(getattr(encoding, "threshold", 0.5))
        is_true = algebra.at_least(score, threshold)
        negative = algebra.binary("+", algebra.binary("*", score, -1.0), 1.0)
        shares = algebra.join([negative, score])
        best = algebra.bins(algebra.where(is_true, 1.0, 0.0), [1.0])
        confidence = algebra.where(is_true, score, negative)
    else:
        shares, best, confidence = score, algebra.best(score), algebra.highest(score)
    prediction = algebra.words(best, labels)
    if made.answer_from is not None:
        is_answered = algebra.at_least(confidence, made.answer_from)
        prediction = algebra.nothing(prediction, is_answered)
        algebra.answer(f"{name}_is_answered", is_answered)
    algebra.answer(f"{name}_prediction", prediction)
    algebra.answer(f"{name}_probability", confidence)
    for place, label in enumerate(labels_of(encoding)):
        algebra.answer(f"{name}_probability_{label}", algebra.part(shares, place))
    return [f"{name}_set"] if made.coverage is not None else []


def _calibrated_binary(algebra: Algebra[V], score: V, made: Calibration) -> V:
    if made.method == "isotonic":
        return algebra.interpolate(score, *made.knots[0])
    bounded = algebra.clip(score, FLOOR, 1.0 - FLOOR)
    rest = algebra.binary("+", algebra.binary("*", bounded, -1.0), 1.0)
    odds = algebra.binary("-", algebra.call("log", bounded), algebra.call("log", rest))
    shifted = algebra.binary("+", algebra.binary("*", odds, made.scale), sum(made.shift[:1]))
    return expit(algebra, shifted)


def _calibrated_classes(algebra: Algebra[V], score: V, made: Calibration) -> V:
    if made.method == "isotonic":
        raise UnfitError("isotonic calibration of several classes is not exported")
    logs = algebra.binary("*", algebra.call("log", algebra.clip(score, FLOOR, 2.0)), made.scale)
    return algebra.softmax(algebra.binary("+", logs, np.array(made.shift)) if made.shift else logs)
