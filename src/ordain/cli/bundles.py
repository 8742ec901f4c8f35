"""The bundle that a command is given, by whatever name."""

from __future__ import annotations

from pathlib import Path

import typer


def bundle_of(reference: str, home: str | None) -> Path:
    """Return the folder of a bundle; says so where the name has another meaning as well.

    Raises:
        OrdainError: as `bundle_folder`.
    """
    from ordain.store.find import bundle_folder

    say_other_meaning(reference, home)
    return bundle_folder(reference, home)


def say_other_meaning(reference: str, home: str | None) -> None:
    """Say so where the name of a bundle has another meaning as well."""
    from ordain.store.find import other_meaning

    if other := other_meaning(reference, home):
        typer.echo(f"note: {other}", err=True)
