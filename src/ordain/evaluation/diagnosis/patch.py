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
    """Of the 95 % interval of the gain."""
    high: float | None = None
    set: str = "validation"
    """Rows it was measured on."""

    @property
    def sentence(self) -> str:
        """The effect in words."""
        told = f"measured on {self.set} rows: {self.gain:+.4g} {self.metric}"
        if self.low is None or self.high is None:
            return told
        doubt = ", which may be chance" if self.low <= 0 <= self.high else ""
        return f"{told} ({self.low:+.4g} to {self.high:+.4g}){doubt}"


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
    set: tuple[Setting, ...] = ()
    """Keys to set."""
    remove: tuple[Path, ...] = ()
    """Keys, or features by name, to take out."""
    inputs: dict[str, str] = Field(default_factory=dict)
    """Inputs by name with their types: what `input_features: all` stood for when it was made."""


class Finding(Record):
    """Something that holds a model back, with what to try."""

    name: str
    output: str = ""
    text: str
    """What was found, with the numbers."""
    is_problem: bool = True
    """Whether it is worth acting upon."""
    patches: tuple[Patch, ...] = ()
