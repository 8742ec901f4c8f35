"""What is said of a model, a version or an alias that is not there."""

from __future__ import annotations

from collections.abc import Sequence

from ordain.core.diagnostics import nearest
from ordain.core.errors import UsageError
from ordain.store.registry.place import Place


def no_model(name: str, known: Sequence[str], place: Place) -> UsageError:
    """Return the error of a name that no model has."""
    if not known:
        return UsageError(
            f"there is no model '{name}': nothing is registered at {place}\n"
            f"  Fix: ordain register RUN --name {name}"
        )
    close = nearest(name, known)
    hint = f"; nearest: '{close}'" if close else ""
    return UsageError(f"there is no registered model '{name}'{hint}\n  Possible: {_few(known)}")


def no_version(name: str, version: int, known: Sequence[int]) -> UsageError:
    """Return the error of a number that no version of a model has."""
    return UsageError(
        f"{name} has no version {version}\n  Possible: {_few([str(one) for one in known])}"
    )


def no_alias(name: str, alias: str, known: Sequence[str]) -> UsageError:
    """Return the error of an alias that a model does not have."""
    close = nearest(alias, known)
    hint = f"; nearest: '{close}'" if close else ""
    fix = f"  Fix: ordain promote {name} VERSION --to {alias}"
    possible = f"  Possible: {_few(sorted(known))}\n" if known else ""
    return UsageError(f"no version of {name} is `{alias}`{hint}\n{possible}{fix}")


def _few(names: Sequence[str], *, most: int = 10) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
