"""The bundle that a command is given, by whatever name."""

from __future__ import annotations

from pathlib import Path

import typer


def bundle_of(reference: str, home: str | None) -> Path:
    """Return the folder of a bundle; says so where the name has another meaning as well.

    Raises:
        OrdainError: as `bundle_folder`.
    """
    from ordain.store.find import bundle_folder, other_meaning

    if other := other_meaning(reference, home):
        typer.echo(f"note: {other}", err=True)
    return bundle_folder(reference, home)
