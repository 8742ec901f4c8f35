"""References to registered models, as users write them.

churn@champion      models:/churn@champion      the version that an alias points at
churn/3   churn@3   models:/churn/3             a version by its number

`churn/2026` may also be the start of a run's name; whoever reads a reference decides by whether
there is such a model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ordain.core.errors import UsageError

SCHEME = "models:/"
FORMS = "NAME@ALIAS, NAME/VERSION, models:/NAME@ALIAS, models:/NAME/VERSION"
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_ALIAS = r"[A-Za-z][A-Za-z0-9_-]{0,99}"
_BY_ALIAS = re.compile(f"({_NAME})@({_ALIAS})")
_BY_VERSION = re.compile(rf"({_NAME})([/@])(\d{{1,7}})")
_RESERVED_ALIAS = re.compile(r"latest|v\d+", re.IGNORECASE)


@dataclass(frozen=True)
class Reference:
    """A registered model, and which of its versions.

    Attributes:
        name: of the model.
        version: its number; None where an alias is given.
        alias: that points at the version; None where a number is given.
        is_sure: whether it cannot mean anything else, such as a run.
    """

    name: str
    version: int | None = None
    alias: str | None = None
    is_sure: bool = True

    def __str__(self) -> str:
        return f"{self.name}/{self.version}" if self.alias is None else f"{self.name}@{self.alias}"


def parse(text: str) -> Reference | None:
    """Return the reference that a text is; None for what is none, such as a path.

    Raises:
        UsageError: it begins as one and is not well formed.
    """
    is_sure = text.startswith(SCHEME)
    rest = text.removeprefix(SCHEME)
    if found := _BY_ALIAS.fullmatch(rest):
        return Reference(found[1], alias=found[2])
    if found := _BY_VERSION.fullmatch(rest):
        return Reference(found[1], version=int(found[3]), is_sure=is_sure or found[2] == "@")
    if is_sure:
        raise UsageError(f"'{text}' names no version of a registered model\n  Possible: {FORMS}")
    return None


def is_name(text: str) -> bool:
    """Return whether a text can be the name of a model; such a name is safe as that of a folder."""
    return re.fullmatch(_NAME, text) is not None


def check_name(name: str) -> str:
    """Return the name of a model if it is a legal one.

    Raises:
        UsageError: it holds what a path or a reference gives a meaning to.
    """
    if is_name(name):
        return name
    raise UsageError(
        f"'{name}' cannot be the name of a model: it must begin with a letter or digit and may "
        "hold letters, digits, '.', '_' and '-', at most 100\n  Fix: give another with --name"
    )


def check_alias(alias: str) -> str:
    """Return an alias if it is a legal one.

    Raises:
        UsageError: it holds other characters, or looks like a version.
    """
    if re.fullmatch(_ALIAS, alias) and not _RESERVED_ALIAS.fullmatch(alias):
        return alias
    raise UsageError(
        f"'{alias}' cannot be an alias: it must begin with a letter, may hold letters, digits, '_' "
        "and '-', at most 100, and must not be 'latest' or look like a version such as 'v3'\n"
        "  Fix: champion"
    )
