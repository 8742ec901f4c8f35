"""How fast a parameter learns and whether it decays, said beside the parameter itself."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Pace:
    """How a parameter is moved.

    Attributes:
        factor: of the learning rate.
        rate: learning rate used where the rate is chosen automatically; None takes the model's.
        is_decayed: whether weight decay pulls it towards 0.
    """

    factor: float = 1.0
    rate: float | None = None
    is_decayed: bool = True


_ATTRIBUTE = "_ordain_pace"


def set_pace(parameter: nn.Parameter, pace: Pace) -> nn.Parameter:
    """Mark a parameter and return it."""
    setattr(parameter, _ATTRIBUTE, pace)
    return parameter


def set_paces(module: nn.Module, rate: float) -> None:
    """Give a learning rate of their own to the parameters of a module that have no pace yet."""
    for parameter in module.parameters():
        if not hasattr(parameter, _ATTRIBUTE):
            set_pace(parameter, Pace(rate=rate, is_decayed=parameter.ndim > 1))


def pace_of(parameter: nn.Parameter) -> Pace:
    """Return a parameter's pace; vectors (biases, scales) are not decayed unless marked."""
    return getattr(parameter, _ATTRIBUTE, None) or Pace(is_decayed=parameter.ndim > 1)
