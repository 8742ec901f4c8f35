"""Patches: changes of a config that a finding proposes, as plain data."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ordain.evaluation.judgement import Record

Path = tuple[str, ...]
"""Keys from the top of a config, features by name."""


class Setting(Record):
    """A key with the value it is to have."""

    path: Path
    value: Any


class Effect(Record):
    """What a patch was measured to bring, on rows that did not learn and do not judge."""

    metric: str
    gain: float
    low: float | None = None
    """Of the 95% interval of the gain."""
    high: float | None = None
    set: str = "validation"
    """Rows it was measured on."""
    damage: str = ""
    """What was done to these rows before; nothing where they are as they were read."""

    @property
    def sentence(self) -> str:
        """The effect in words."""
        rows = f"{self.set} rows{f' with {self.damage}' if self.damage else ''}"
        sign, word = (1, "better") if self.gain >= 0 else (-1, "worse")
        told = f"measured on {rows}: {self.metric} {word} by {abs(self.gain):.4g}"
        if self.low is None or self.high is None:
            return told
        ends = sorted((sign * self.low, sign * self.high))
        doubt = ", which may be chance" if self.low <= 0 <= self.high else ""
        return f"{told} ({ends[0]:.4g} to {ends[1]:.4g}){doubt}"


class Patch(Record):
    """A change of a config, with what it is expected to do."""

    name: str
    """Of the file it is kept in, without `.yaml`."""
    title: str
    """What it does, in a few words."""
    expected: str
    """What it tends to do, in one sentence."""
    effect: Effect | None = None
    """What it was measured to do; None where it was not tried."""
    unmeasured: str = ""
    """Why it was not tried, where that is known."""
    set: tuple[Setting, ...] = ()
    """Keys to set."""
    remove: tuple[Path, ...] = ()
    """Keys, or features by name, to take out."""
    inputs: dict[str, str] = Field(default_factory=dict)
    """Inputs by name with their types: what `input_features: all` stood for when it was made."""

    @property
    def measured(self) -> str:
        """What it was measured to do in words, or that it was not and why."""
        if self.effect is not None:
            return self.effect.sentence
        return f"not measured: {self.unmeasured}" if self.unmeasured else "not measured"


class Finding(Record):
    """Something that holds a model back, with what to try."""

    name: str
    output: str = ""
    text: str
    """What was found, with the numbers."""
    is_problem: bool = True
    """Whether it is worth acting upon."""
    patches: tuple[Patch, ...] = ()
