"""The value of a condition in words, for those that are counts rather than metrics."""

from __future__ import annotations

import re

from ordain.evaluation.gates import GateResult
from ordain.evaluation.verdict import format_value

_HOLD = re.compile(r"\d+ of \d+ hold")


def value_in_words(result: GateResult) -> str:
    """Return what was measured, as a person reads it: ``2 of 9 hold`` for scenarios.

    Of a comparison with a baseline it is the gain, which its interval and margin are about.
    """
    is_metric = result.at_least is not None or result.at_most is not None
    held = None if is_metric else _HOLD.match(result.reason)
    if held:
        return held.group()
    if not is_metric and result.margin is not None:
        return f"gain {format_value(result.margin)}"
    return format_value(result.value)
