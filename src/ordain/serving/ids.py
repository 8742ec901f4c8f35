"""Names nobody can guess: 32 hexadecimal digits from the system's randomness."""

from __future__ import annotations

import os
from collections.abc import Iterator

_SIZE = 16
_AT_ONCE = 256


def _ids() -> Iterator[str]:
    while True:
        # One call of the system for many: it costs more than all else of an id.
        pool = os.urandom(_SIZE * _AT_ONCE).hex()
        for start in range(0, len(pool), 2 * _SIZE):
            yield pool[start : start + 2 * _SIZE]


new_id = _ids().__next__
"""Return an id that was never given before; on the event loop only."""
