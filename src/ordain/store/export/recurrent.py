"""Recurrent layers as the operators of ONNX, which read texts of any length.

Left to itself PyTorch unrolls a recurrent layer over the length of the example, and a graph that
was made of seven tokens fails at eight.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ordain.core.errors import UsageError

_LAYERS: dict[type[nn.Module], str] = {nn.RNN: "RNN", nn.GRU: "GRU", nn.LSTM: "LSTM"}
_GATES = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 3, 1, 2)}
"""Place of each of ONNX's gates among those of PyTorch."""
_SPACE = "ordain_export"


class Recurrent(nn.Module):
    """A recurrent layer that is exported as one operator: x [B, T, D] -> [B, T, H].

    Args:
        layer: of one direction and one level, with biases.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        kind = _LAYERS[type(layer)]
        self._call = getattr(getattr(torch.ops, _SPACE), kind.lower())
        parts = {name: _turned(getattr(layer, f"{name}_l0").detach(), kind)
                 for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}  # fmt: skip
        bias = torch.cat([parts["bias_ih"], parts["bias_hh"]])
        self.weights = nn.Buffer(parts["weight_ih"][None])
        self.recurrence = nn.Buffer(parts["weight_hh"][None])
        self.bias = nn.Buffer(bias[None])

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """Return the states of all steps, as the layer itself does."""
        return self._call(x, self.weights, self.recurrence, self.bias), None


def with_operators(module: nn.Module) -> nn.Module:
    """Return a copy of a module in which each recurrent layer is one operator."""
    _declare()
    made = copy.deepcopy(module)
    for owner in list(made.modules()):
        for name, child in list(owner.named_children()):
            if type(child) in _LAYERS:
                setattr(owner, name, Recurrent(child))
    return made


def has_recurrence(module: nn.Module) -> bool:
    """Return whether a module holds a recurrent layer."""
    return any(type(one) in _LAYERS for one in module.modules())


def refuse_recurrence(module: nn.Module, *, what: str) -> None:
    """Refuse a network whose steps would be written out for one length.

    Raises:
        UsageError: it has a recurrent layer.
    """
    if has_recurrence(module):
        raise UsageError(
            f"{what} has room for one length of text where an encoder is `rnn`, `lstm` or `gru`\n"
            "  Possible: the formats `onnx`, `runtime`, `docker` and `torchscript`"
        )


def translations() -> dict[Any, Callable[..., Any]]:
    """Return what writes each operator into a graph, for `torch.onnx.export`."""
    _declare()
    space = getattr(torch.ops, _SPACE)
    return {getattr(space, kind.lower()).default: _writer(kind) for kind in _GATES}


def _turned(gates: Tensor, kind: str) -> Tensor:
    """Return rows of gates in the order of ONNX."""
    parts = gates.chunk(len(_GATES[kind]))
    return torch.cat([parts[place] for place in _GATES[kind]])


def _declare() -> None:
    """Make the operators known; they are traced and never run."""
    for kind in _GATES:
        name = f"{_SPACE}::{kind.lower()}"
        if hasattr(getattr(torch.ops, _SPACE), kind.lower()):
            continue
        torch.library.define(
            name, "(Tensor x, Tensor weights, Tensor recurrence, Tensor bias) -> Tensor"
        )
        torch.library.register_fake(name, _shape_of)


def _shape_of(x: Tensor, weights: Tensor, recurrence: Tensor, bias: Tensor) -> Tensor:
    del weights, bias
    return x.new_empty(x.shape[0], x.shape[1], recurrence.shape[2])


def _writer(kind: str) -> Callable[..., Any]:
    from onnxscript import opset20 as op

    def write(x: Any, weights: Any, recurrence: Any, bias: Any) -> Any:
        steps = op.Transpose(x, perm=[1, 0, 2])
        more = {"linear_before_reset": 1} if kind == "GRU" else {}
        size = int(recurrence.shape[2])
        states = getattr(op, kind)(steps, weights, recurrence, bias, hidden_size=size, **more)
        first = states[0] if isinstance(states, tuple | list) else states
        axis: Any = op.Constant(value_ints=[1])
        return op.Transpose(op.Squeeze(first, axis), perm=[1, 0, 2])

    return write
