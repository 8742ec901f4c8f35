"""The keys of one row: an input under a misspelled name must not count as missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ordain.core.diagnostics import nearest
from ordain.core.errors import UsageError

SURE = 0.8
"""Similarity from which an unknown key is taken for a missing input."""
N_KEPT = 1000


class RowKeys:
    """Checks the keys of rows; the same keys are looked at once.

    Args:
        inputs: columns a model reads.
        others: columns that a row may hold beside them, such as the targets.
    """

    def __init__(self, inputs: Iterable[str], others: Iterable[str] = ()) -> None:
        self._inputs = frozenset(inputs)
        self._known = self._inputs | frozenset(others)
        self._passed: set[frozenset[str]] = set()

    def check(self, row: Mapping[str, Any]) -> None:
        """Let a row pass that has inputs, and no key that is nearly the name of one it lacks.

        Raises:
            UsageError: none of the inputs is there, or a key is misspelled; names the nearest.
        """
        if row.keys() <= self._known:
            if self._inputs.isdisjoint(row):
                raise self._no_inputs()
            return
        keys = frozenset(row)
        if keys in self._passed:
            return
        missing = sorted(self._inputs - keys)
        for key in sorted(map(str, keys - self._known)):
            if close := nearest(key, missing, cutoff=SURE):
                raise UsageError(
                    f"the row has no `{close}`, but a key `{key}`, which is no input\n"
                    f"  Fix: write `{close}`; or give `{close}: None` too, if `{key}` is another "
                    "value"
                )
        if self._inputs.isdisjoint(keys):
            raise self._no_inputs()
        if len(self._passed) < N_KEPT:
            self._passed.add(keys)

    def _no_inputs(self) -> UsageError:
        return UsageError(
            "the row has none of the model's inputs\n"
            f"  Fix: give a mapping with some of: {', '.join(sorted(self._inputs))}"
        )
