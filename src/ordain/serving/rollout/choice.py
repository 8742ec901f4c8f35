"""Which version answers a key: pure, the same on every machine, sticky, in the shares declared.

A key is hashed to a place on the line from 0 to 1. The canary has the stretch that begins at 0, the
arms of an A/B test have stretches that end at 1, the champion what is left between. A share that
grows therefore takes keys over from the champion alone, and nobody who saw the new version is sent
back to the old one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Part:
    """A share of the keys.

    Attributes:
        arm: ``canary``, or the name of an arm.
        version: label of the version that answers.
        share: of the keys, 0 to 1.
    """

    arm: str
    version: str
    share: float


@dataclass(frozen=True)
class Shares:
    """How the keys of a model are divided.

    Attributes:
        model: name; the same key may fall differently for another model.
        champion: label of the version that answers what no other part takes.
        canary: the part at the lower end, if there is one.
        arms: the parts of an A/B test, from the upper end down.
    """

    model: str
    champion: str
    canary: Part | None = None
    arms: tuple[Part, ...] = ()
    _bounds: tuple[tuple[float, Part], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # From the upper end down: the first bound that a place reaches is its part.
        bounds, upper = [], 1.0
        for part in self.arms:
            upper = max(0.0, upper - part.share)
            bounds.append((upper, part))
        object.__setattr__(self, "_bounds", tuple(bounds))

    @property
    def is_divided(self) -> bool:
        """Whether any key is answered by another version than the champion."""
        return self.canary is not None or bool(self.arms)

    def part(self, key: str) -> Part:
        """Return the part of a key; the champion's has the share that is left."""
        if not self.is_divided:
            return Part("champion", self.champion, 1.0)
        place = place_of(key, salt=self.model)
        if self.canary is not None and place < self.canary.share:
            return self.canary
        for lower, part in self._bounds:
            if place >= lower:
                return part
        return Part("champion" if not self.arms else "a", self.champion, self.left)

    @property
    def left(self) -> float:
        """The champion's share."""
        taken = sum(part.share for part in self.parts)
        return max(0.0, 1.0 - taken)

    @property
    def parts(self) -> Sequence[Part]:
        """The parts beside the champion's."""
        return (*((self.canary,) if self.canary else ()), *self.arms)


def place_of(key: str, *, salt: str = "") -> float:
    """Return the place of a key from 0 up to, not with, 1 (BLAKE2b, 64 bits).

    Keys of one place under one salt are independent of those under another.
    """
    text = f"{salt}\x00{key}".encode(errors="surrogatepass")
    return (digest_number(text) >> 11) * 2.0**-53


def digest_number(data: bytes) -> int:
    """Return 64 bits of a hash as a number."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
