"""How much memory and disk learning takes, and how much there is."""

from __future__ import annotations

from pathlib import Path

from ordain.pipeline.blueprint import Blueprint

BYTES_A_CELL = 12
"""Of memory for an encoded number with its source and its copy in training, seen on tables."""
BYTES_A_TEXT = 400
"""The same for a text of a few sentences, as tokens or n-grams."""
BASE_BYTES = 300_000_000
NEURAL_BYTES = 300_000_000
"""That PyTorch takes on top."""
_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_USED = (
    Path("/sys/fs/cgroup/memory.current"),
    Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def fold_bytes(blueprint: Blueprint) -> int:
    """Return the memory that learning one split takes, in bytes; an estimate."""
    base = BASE_BYTES + NEURAL_BYTES * blueprint.document.model_type.has_encoders
    return base + encoded_bytes(blueprint)


def encoded_bytes(blueprint: Blueprint) -> int:
    """Return the memory that encoded rows take while they are learned from; an estimate."""
    rows = blueprint.rows.table.n_rows
    each = sum(
        BYTES_A_TEXT if feature.type == "text" else BYTES_A_CELL
        for feature in blueprint.document.inputs
    )
    return rows * each


def machine_bytes() -> int:
    """Return the memory that this process may use at most, in bytes."""
    import psutil

    total = int(psutil.virtual_memory().total)
    limit = _first(_LIMITS)
    return total if limit is None else min(total, limit)


def free_bytes() -> int:
    """Return the memory that is free for this process now, in bytes."""
    import psutil

    free = int(psutil.virtual_memory().available)
    limit, used = _first(_LIMITS), _first(_USED)
    return free if limit is None or used is None else min(free, max(0, limit - used))


def _first(paths: tuple[Path, ...]) -> int | None:
    """Return the number in the first file that holds one; the kernel writes `max` for none."""
    for path in paths:
        try:
            return int(path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
    return None
