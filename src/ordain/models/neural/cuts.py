"""Texts longer than an encoder can read: what stands behind its last place is counted and told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ordain.core.events import Events
from ordain.models.family import Dataset
from ordain.models.neural.network import Network
from ordain.models.neural.packing import Layout

_N_EXAMPLES = 3


def count_cuts(
    layout: Layout, network: Network, sets: Mapping[str, Dataset | None]
) -> dict[str, dict[str, Any]]:
    """Return, by column, what its encoder does not read; columns read whole are left out.

    Args:
        layout: of the problem.
        network: with the encoders that may have a `max_length`.
        sets: by name, such as 'train'.

    Returns:
        By column: `limit` (tokens), `longest` (tokens), `lengths` (up to three of the longest),
        `rows` (texts that are cut, by set).
    """
    found = {}
    for group, encoder in zip(layout.groups, network.encoders, strict=True):
        limit = getattr(encoder, "max_length", None)
        if not isinstance(limit, int):
            continue
        lengths = {
            name: np.diff(offsets)
            for name, data in sets.items()
            if data is not None and (offsets := data.inputs[group.name].offsets) is not None
        }
        cut = {name: int((own > limit).sum()) for name, own in lengths.items()}
        if any(cut.values()):
            longest = np.sort(np.concatenate(list(lengths.values())))[::-1]
            examples = [int(length) for length in longest[:_N_EXAMPLES] if length > limit]
            found[group.name] = {
                "limit": limit,
                "longest": examples[0],
                "lengths": examples,
                "rows": cut,
            }
    return found


def tell_of_cuts(cuts: Mapping[str, Mapping[str, Any]], events: Events) -> None:
    """Warn of each column with texts that are cut."""
    for name, found in cuts.items():
        rows = " and ".join(f"{n} texts of the {of} set" for of, n in found["rows"].items() if n)
        lengths = ", ".join(str(length) for length in found["lengths"])
        events.warn(
            "W413",
            f"`{name}`: its encoder reads {found['limit']} tokens, and {rows} have more (the "
            f"longest: {lengths}); what stands behind is not read. Fix: preprocessing: "
            f"{{max_sequence_length: {found['limit']}}} accepts it, or an encoder that reads more",
        )
