"""Shares: how much of a change each of several causes brought (Shapley 1953).

The share of a cause is what it adds, on average over the orders in which the causes can come in.
With all combinations measured that is exact; with some, it is the average over the orders that
were measured from end to end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, permutations

Causes = frozenset[str]


def combinations_of(causes: Sequence[str]) -> list[Causes]:
    """Return every set of causes: none and all first, then those that complete whole orders."""
    middle = [
        frozenset(chosen) for size in range(1, len(causes)) for chosen in combinations(causes, size)
    ]
    # Each first cause comes with the rest that it leaves, so that few runs complete an order.
    paired: list[Causes] = []
    for chosen in middle:
        for one in (chosen, frozenset(causes) - chosen):
            if one not in paired:
                paired.append(one)
    ends = [frozenset[str](), frozenset(causes)]
    return list(dict.fromkeys([*ends, *paired]))


def shapley(causes: Sequence[str], values: Mapping[Causes, float]) -> dict[str, float]:
    """Return what each cause added; empty where no order was measured from end to end.

    Args:
        causes: their names.
        values: of what is explained, by the causes that were in; none and all among them.

    >>> shapley(["a", "b"], {frozenset(): 0.0, frozenset("a"): 1.0,
    ...                      frozenset("b"): 2.0, frozenset("ab"): 5.0})
    {'a': 2.0, 'b': 3.0}
    """
    totals = dict.fromkeys(causes, 0.0)
    n_orders = 0
    for order in permutations(causes):
        steps = [frozenset(order[:size]) for size in range(len(order) + 1)]
        if not all(step in values for step in steps):
            continue
        n_orders += 1
        for cause, before, after in zip(order, steps, steps[1:], strict=False):
            totals[cause] += values[after] - values[before]
    return {cause: total / n_orders for cause, total in totals.items()} if n_orders else {}
