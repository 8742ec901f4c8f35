"""What a change of a config tends to do, in one sentence; the table stands in `effects.yaml`."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Any

from ordain.config import yaml


def effect(path: str, before: Any, after: Any, kind: str) -> str:
    """Return what a change tends to do; empty where nothing is known.

    Args:
        path: dotted, features by name.
        before: the value.
        after: the value that takes its place.
        kind: ``added``, ``removed`` or ``changed``.
    """
    for pattern, told in _table():
        if pattern.fullmatch(path):
            way = _way(before, after) if kind == "changed" else kind
            found = told.get(way) or told.get("changes")
            if found:
                return found
    return ""


def _way(before: Any, after: Any) -> str:
    is_number = [isinstance(v, int | float) and not isinstance(v, bool) for v in (before, after)]
    if not all(is_number):
        return "changes"
    return "rises" if after > before else "falls"


@cache
def _table() -> list[tuple[re.Pattern[str], dict[str, str]]]:
    text = resources.files("ordain.config").joinpath("effects.yaml").read_text(encoding="utf-8")
    table: dict[str, dict[str, str]] = yaml.parse(text, "effects.yaml").plain()
    return [(re.compile(re.escape(k).replace(r"\*", ".*")), told) for k, told in table.items()]
