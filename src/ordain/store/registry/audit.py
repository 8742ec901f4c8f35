"""The audit of a model: one line a change of an alias, and what held it before.

Lines are tags of the registered model, each under a key of its own, so that adding one is one
write that overwrites nothing, and a server holds the lines of all who use it. A line is written
before what it tells of is done. One whose change never came (the process was killed, or two
changed the alias at once) shows by the line after it, or by the alias itself.
"""

from __future__ import annotations

import getpass
import json
import os
import secrets
import socket
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pydantic import Field, ValidationError

from ordain.core.errors import UsageError
from ordain.evaluation.judgement import Record
from ordain.store.registry.version import ModelVersion

PREFIX = "ordain.audit."
REGISTER, REMOVE = "register", "remove"
MAX_NOTE = 2_000
MAX_FAILED = 10
MAX_REASON = 150
"""Bounds that keep a line within the 5,000 characters that MLflow's tables give a tag."""


class AuditLine(Record):
    """One change."""

    action: str
    """`register`, `remove`, `promote`, `rollback`, or what else was done, in a word."""
    name: str
    """Of the model."""
    version: int | None = None
    alias: str = ""
    previous: int | None = None
    """Version that held the alias."""
    at: float
    """Seconds since 1970."""
    by: str
    why: str = ""
    is_forced: bool = False
    """Whether conditions were not met and it was done all the same."""
    failed: tuple[str, ...] = ()
    """Conditions that were not met, in words."""
    is_done: bool = Field(default=True)
    """Whether the change came; only what is read back can be otherwise."""


def line_of(
    action: str,
    name: str,
    *,
    version: int | None = None,
    alias: str = "",
    previous: int | None = None,
    why: str = "",
    failed: Iterable[str] = (),
    is_forced: bool = False,
) -> AuditLine:
    """Return a line of what is about to be done, now and by this user."""
    failed = tuple(failed)
    told = tuple(_short(one) for one in failed[:MAX_FAILED])
    if len(failed) > MAX_FAILED:
        told += (f"and {len(failed) - MAX_FAILED} more",)
    return AuditLine(
        action=action,
        name=name,
        version=version,
        alias=alias,
        previous=previous,
        at=round(time.time(), 3),
        by=who(),
        why=check_note(why),
        is_forced=is_forced,
        failed=told,
    )


def registration(version: ModelVersion) -> AuditLine:
    """Return the line of a version's registration, which is the version's own entry."""
    return AuditLine(
        action=REGISTER,
        name=version.name,
        version=version.version,
        at=version.created,
        by=version.by,
        why=version.note[:MAX_NOTE],
    )


def who() -> str:
    """Return who acts: ORDAIN_USER, else the user of this machine and its name."""
    if named := os.environ.get("ORDAIN_USER", "").strip():
        return named[:200]
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"[:200]


def check_note(note: str) -> str:
    """Return a note if it is short enough to be kept.

    Raises:
        UsageError: it is longer than 2,000 characters.
    """
    if len(note) <= MAX_NOTE:
        return note
    raise UsageError(
        f"the note has {len(note):,} characters; at most {MAX_NOTE:,} are kept\n"
        "  Fix: shorten it, and link to the rest"
    )


def tag_of(line: AuditLine) -> tuple[str, str]:
    """Return a line as key and value of a tag; keys sort by time and are never equal."""
    key = f"{PREFIX}{time.time_ns():020d}.{secrets.token_hex(4)}"
    told = line.model_dump(mode="json", exclude_defaults=True)
    return key, json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def lines_of(tags: Mapping[str, str]) -> list[AuditLine]:
    """Return the lines among a model's tags, oldest first; those of others are left aside."""
    lines = []
    for key in sorted(key for key in tags if key.startswith(PREFIX)):
        try:
            lines.append(AuditLine.model_validate(_parsed(tags[key])))
        except (ValueError, ValidationError):
            continue
    return lines


def settled(lines: Iterable[AuditLine], aliases: Mapping[str, int]) -> list[AuditLine]:
    """Return the lines with whether each came to be.

    Args:
        lines: oldest first.
        aliases: what each alias points at now.
    """
    found = list(lines)
    held_after: dict[str, int | None] = dict(aliases)
    for place in range(len(found) - 1, -1, -1):
        line = found[place]
        if not line.alias:
            continue
        after = held_after.get(line.alias)
        # What neither the line nor the state before it explains, somebody did past Ordain.
        is_done = after == line.version or after != line.previous
        found[place] = line.model_copy(update={"is_done": is_done})
        held_after[line.alias] = line.previous
    return found


def of_removals(lines: Iterable[AuditLine], there: Collection[int]) -> list[AuditLine]:
    """Return the lines with whether each removal came to be.

    A line of a registration is written with a removal; while the version is there, it says so
    itself.

    Args:
        lines: in any order.
        there: the versions that are there.
    """
    return [
        line.model_copy(update={"is_done": False})
        if line.action == REMOVE and line.version in there
        else line
        for line in lines
        if not (line.action == REGISTER and line.version in there)
    ]


def holders(lines: Iterable[AuditLine], alias: str, held: int | None) -> list[int]:
    """Return the versions that an alias can go back to, then the one that holds it, if any.

    A rollback takes the holder away from the end; changes made past Ordain are seen by the lines
    around them.

    Args:
        lines: of `settled`.
        alias: whose holders.
        held: the version that holds it now.
    """
    stack: list[int] = []
    for line in lines:
        if line.alias != alias or not line.is_done:
            continue
        _stand(stack, line.previous)
        if line.action == "rollback" and line.version in stack:
            del stack[_last(stack, line.version) + 1 :]
        elif line.version is not None:
            stack.append(line.version)
    _stand(stack, held)
    return stack


def _stand(stack: list[int], version: int | None) -> None:
    """Make a version the last one, as somebody else has done where it is not."""
    if version is not None and (not stack or stack[-1] != version):
        stack.append(version)


def _last(stack: list[int], version: int | None) -> int:
    return max(place for place, one in enumerate(stack) if one == version)


def _short(text: str) -> str:
    return text if len(text) <= MAX_REASON else f"{text[: MAX_REASON - 3]}..."


def _parsed(text: str) -> Any:
    return json.loads(text)
