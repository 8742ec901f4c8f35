"""What Ludwig writes otherwise or has beyond Ordain; the tables stand in `ludwig.yaml`."""

from __future__ import annotations

from importlib import resources
from typing import Any

from ordain.config import yaml


def _tables() -> dict[str, Any]:
    text = resources.files("ordain.config").joinpath("ludwig.yaml").read_text(encoding="utf-8")
    tables: dict[str, Any] = yaml.parse(text, "ludwig.yaml").plain()
    return tables


_TABLES = _tables()

BLOCKS: dict[str, str] = _TABLES["blocks"]
"""Top-level blocks: older name to today's."""
TYPE_ALIASES: dict[str, str] = _TABLES["types"]
"""Column types: older name to today's."""
DEFAULT_PARTS: dict[str, dict[str, str]] = _TABLES["default_parts"]
"""`encoder`, `decoder`, `loss` without a type: what it means for a column type."""
MEANT: dict[str, dict[str, str]] = _TABLES["meant"]
"""Keys of a block that are refused: other name to the key that was meant."""
RENAMED: dict[str, dict[str, str]] = _TABLES["renamed"]
"""Keys of a block: older name to today's."""
RENAMED_INSIDE: dict[str, dict[str, str]] = _TABLES["renamed_inside"]
"""Keys of `fc_layers` and `optimizer`, wherever they stand: older name to today's."""
RENAMED_PARTS: dict[str, dict[str, dict[str, str]]] = _TABLES["renamed_parts"]
"""Keys of an encoder, decoder or loss: Ludwig's name to today's."""
IGNORED: dict[str, dict[str, str]] = _TABLES["ignored"]
"""Keys of a block that have no effect, and what does it instead."""
UNSUPPORTED: dict[str, dict[str, str]] = _TABLES["unsupported"]
"""Keys of a block that are refused, and why."""
UNSUPPORTED_TYPES: dict[str, str] = _TABLES["unsupported_types"]
UNSUPPORTED_FAMILIES: dict[str, str] = _TABLES["unsupported_families"]
