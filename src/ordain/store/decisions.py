"""Decisions on disk: `decisions.json` of a bundle; there is none where nothing was decided."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from ordain.core.errors import BundleError
from ordain.core.files import read_json, write_json
from ordain.evaluation.decision.decision import Decision

FILE = "decisions.json"


def save_decisions(folder: Path, decisions: Mapping[str, Decision]) -> None:
    """Write the decisions by output, leaving out empty ones.

    Raises:
        StoreError: the folder cannot be written.
    """
    kept = {name: made.to_json() for name, made in decisions.items() if not made.is_empty}
    if kept:
        write_json(folder / FILE, kept)


def load_decisions(folder: Path) -> dict[str, Decision]:
    """Return the decisions of a bundle by output.

    Raises:
        BundleError: the file does not hold decisions.
    """
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        return {name: Decision.model_validate(kept) for name, kept in read_json(path).items()}
    except (AttributeError, ValidationError) as error:
        raise BundleError(f"{path} holds no decisions that can be read: {error}") from error
