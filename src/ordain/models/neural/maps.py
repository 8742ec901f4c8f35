"""What a trained module computes, without torch: plain descriptions, and functions made of them.

A module tells its map as a mapping of plain values and of the arrays that it learned, under `map`
its kind. Beside the weights of a bundle that is enough to answer: a server that serves networks of
numbers and categories loads no torch.

    {"map": "chain", "parts": [{"map": "scale", "factor": ...}, {"map": "linear", ...}]}

A function takes one row or some: float32 [..., D_in], or ids [..., F], and gives [..., D_out].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
RowFunction = Callable[[Any], Any]
Told = Mapping[str, Any]
"""A map: `map` is its kind; what else stands in it are arrays, plain values and other maps."""

_SELU_SCALE = np.float32(1.0507009873554805)
_SELU_NEGATIVE = np.float32(1.0507009873554805 * 1.6732632423543772)
_ZERO, _ONE = np.float32(0), np.float32(1)


def compile_map(told: Told) -> RowFunction:
    """Return the function of a map.

    Raises:
        KeyError: this version does not know the kind, or a part is missing.
    """
    return _KINDS[told["map"]](told)


def has_activation(name: str) -> bool:
    """Return whether an activation has an exact form here."""
    return name in _ACTIVATIONS


def _linear(told: Told) -> RowFunction:
    weight = told["weight"].T if told.get("is_turned") else told["weight"]
    weight = np.ascontiguousarray(weight * np.float32(told.get("factor", 1.0)))
    shift = told["bias"]
    return (lambda x: x @ weight) if shift is None else (lambda x: x @ weight + shift)


def _scale(told: Told) -> RowFunction:
    factor = told["factor"]
    return lambda x: x * factor


def _identity(told: Told) -> RowFunction:
    del told
    return lambda x: x


def _chain(told: Told) -> RowFunction:
    functions = [compile_map(part) for part in told["parts"]]

    def run(x: Floats) -> Floats:
        for function in functions:
            x = function(x)
        return x

    return run


def _residual(told: Told) -> RowFunction:
    steps = list(zip(map(compile_map, told["parts"]), told["is_added"], strict=True))

    def run(x: Floats) -> Floats:
        for function, is_added in steps:
            x = x + function(x) if is_added else function(x)
        return x

    return run


def _batch_norm(told: Told) -> RowFunction:
    factor = told["weight"] / np.sqrt(told["variance"] + np.float32(told["epsilon"]))
    shift = told["bias"] - told["mean"] * factor
    return lambda x: x * factor + shift


def _layer_norm(told: Told) -> RowFunction:
    factor, shift, epsilon = told["weight"], told["bias"], np.float32(told["epsilon"])

    def run(x: Floats) -> Floats:
        centred = x - x.mean(axis=-1, keepdims=True)
        spread = (centred * centred).mean(axis=-1, keepdims=True)
        found: Floats = centred / np.sqrt(spread + epsilon) * factor + shift
        return found

    return run


def _activation(told: Told) -> RowFunction:
    function, share = _ACTIVATIONS[told["name"]], told["share"]
    if share is None:
        return function
    if told["name"] == "selu":
        return _shared_selu(share)
    return lambda x: x + (function(x) - x) * share


def _shared_selu(share: Floats) -> RowFunction:
    """Return ``x + (selu(x) - x) * share`` in fewer steps, each of which costs more than it does.

    With n = min(x, 0): ``x (1 + (S - 1) a) - n S a + N a (exp(n) - 1)``.
    """
    above = 1 + (_SELU_SCALE - 1) * share
    below, curve = -_SELU_SCALE * share, _SELU_NEGATIVE * share

    def run(x: Floats) -> Floats:
        low = np.minimum(x, _ZERO)
        out: Floats = np.expm1(low)
        out *= curve
        low *= below
        out += low
        out += x * above
        return out

    return run


def _onehot(told: Told) -> RowFunction:
    starts, width = np.array(told["starts"], dtype=np.int64), told["width"]

    def run(ids: npt.NDArray[np.int64]) -> Floats:
        out = np.zeros((*ids.shape[:-1], width), dtype=np.float32)
        if ids.ndim == 1:
            out[ids + starts] = 1.0
        else:
            np.put_along_axis(out, ids + starts, 1.0, axis=-1)
        return out

    return run


def _embedding(told: Told) -> RowFunction:
    starts, table = np.array(told["starts"], dtype=np.int64), told["table"]
    return lambda ids: table[ids + starts].reshape(*ids.shape[:-1], -1)


def _bag(told: Told) -> RowFunction:
    """Return the map of the ids and weights of one row."""
    table = told["table"]
    zeros = np.zeros(table.shape[1], dtype=np.float32)

    def run(cell: tuple[list[int], list[float]]) -> Floats:
        ids, weights = cell
        found: Floats = np.array(weights, dtype=np.float32) @ table[ids] if ids else zeros
        return found

    return run


def _periodic(told: Told) -> RowFunction:
    frequency = told["frequency"] * np.float32(2 * math.pi)
    phase, weight, shift = told["phase"], told["weight"], told["bias"]

    def run(x: Floats) -> Floats:
        waves = np.cos(x[..., None] * frequency + phase)  # [..., F, K]
        return _beside(x, _spread(waves, weight) + shift)

    return run


def _piecewise_linear(told: Told) -> RowFunction:
    low = told["edges"][:, :-1].copy()
    span = np.maximum(told["edges"][:, 1:] - low, np.float32(1e-6))
    weight, shift = told["weight"], told["bias"]

    def run(x: Floats) -> Floats:
        share = (x[..., None] - low) / span  # [..., F, K]
        np.minimum(np.maximum(share, _ZERO, out=share), _ONE, out=share)
        spread = _spread(share, weight) + shift
        return _beside(x, np.maximum(spread, _ZERO, out=spread))

    return run


def _spread(x: Floats, weight: Floats) -> Floats:
    """Return x [..., F, K] times weights [F, K, E], column by column, as [..., F, E]."""
    found: Floats
    if x.ndim == 2:  # noqa: PLR2004
        found = (x[:, None, :] @ weight)[:, 0]
    else:
        found = (x.swapaxes(0, 1) @ weight).swapaxes(0, 1)
    return found


def _beside(x: Floats, more: Floats) -> Floats:
    """Return x [..., F] and then more [..., F, E], as [..., F + F * E]."""
    return np.concatenate([x, more.reshape(*x.shape[:-1], -1)], axis=-1)


def _selu(x: Any) -> Any:
    positive = np.maximum(x, _ZERO)
    return _SELU_SCALE * positive + _SELU_NEGATIVE * np.expm1(x - positive)


def _mish(x: Any) -> Any:
    # tanh(log(1 + e)) = (e^2 + 2e) / (e^2 + 2e + 2); above 20 it is 1 in float32.
    e = np.exp(np.minimum(x, np.float32(20.0)))
    n = e * (e + 2)
    return x * (n / (n + 2))


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-np.clip(x, -80, 80)))


_ACTIVATIONS: dict[str, RowFunction] = {
    "relu": lambda x: np.maximum(x, 0),
    "selu": _selu,
    "mish": _mish,
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "silu": lambda x: x * _sigmoid(x),
    "leakyRelu": lambda x: np.where(x > 0, x, np.float32(0.01) * x),
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "identity": lambda x: x,
}
_KINDS: dict[str, Callable[[Told], RowFunction]] = {
    "linear": _linear,
    "scale": _scale,
    "identity": _identity,
    "chain": _chain,
    "residual": _residual,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "activation": _activation,
    "onehot": _onehot,
    "embedding": _embedding,
    "bag": _bag,
    "periodic": _periodic,
    "piecewise_linear": _piecewise_linear,
}
