"""Files of hashed API keys: made, listed, changed whole or not at all.

Each change is a line in `<file>.audit.jsonl`: when, who, what, for which caller; never a key.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import msgspec

from ordain.core.diagnostics import nearest
from ordain.core.errors import UsageError
from ordain.core.files import atomic_file, lock, store_errors
from ordain.serving.access import (
    CALLER,
    ROLES,
    KeyRecord,
    KeysFile,
    KeyVerb,
    hash_of,
    read_keys,
    today,
)
from ordain.store.registry.audit import who

_SHOWN = 8
_PREFIX = "ok_"


def add_key(
    path: Path,
    caller: str,
    *,
    models: Sequence[str] | None = None,
    verbs: Sequence[str] | None = None,
    role: str | None = None,
    expires: str | None = None,
    requests_per_second: float | None = None,
) -> str:
    """Add the hash of a new key to a file, which is made if it is not there; return the key.

    Raises:
        UsageError: a name, verb or day is none.
        ConfigError: the file cannot be read.
        StoreError: it cannot be written.
    """
    key = _PREFIX + secrets.token_urlsafe(32)
    told = {
        "caller": caller,
        "sha256": hash_of(key),
        "models": models or None,
        "verbs": verbs or None,
        "role": role,
        "expires": expires,
        "requests_per_second": requests_per_second,
    }
    _check(caller, verbs or (), role=role, expires=expires)
    try:
        record = msgspec.convert(told, KeyRecord, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"the key cannot be made: {error}") from error
    with _changing(path):
        before = read_keys(path).keys if path.exists() else ()
        _write(path, (*before, record), action="new", changed=[record])
    return key


def rotate_key(path: Path, caller: str, *, days: int = 1) -> str:
    """Make a key like those that a caller has, which hold some days longer; return it.

    Args:
        path: of the file.
        caller: who gets it.
        days: that the keys before it are still valid for, from today; with 0 they end at once.

    Raises:
        UsageError: the caller has no key.
        ConfigError: the file cannot be read.
        StoreError: it cannot be written.
    """
    key = _PREFIX + secrets.token_urlsafe(32)
    with _changing(path):
        keys = read_keys(path).keys
        own = [one for one in keys if one.caller == caller]
        if not own:
            raise _no_such(path, caller, keys)
        end = today() + dt.timedelta(days=days)
        made = msgspec.structs.replace(own[-1], sha256=hash_of(key), expires=None)
        kept = [_ending(one, end) if one.caller == caller else one for one in keys]
        kept = [one for one in kept if days or one.caller != caller]
        _write(path, (*kept, made), action="rotate", changed=[made])
    return key


def _ending(record: KeyRecord, end: dt.date) -> KeyRecord:
    last = end if record.expires is None else min(end, record.expires)
    return msgspec.structs.replace(record, expires=last)


def _check(caller: str, verbs: Sequence[str], *, role: str | None, expires: str | None) -> None:
    """Refuse what no key can have, in words.

    Raises:
        UsageError: a name, role, verb or day is none, or the day has been.
    """
    if role is not None and verbs:
        raise UsageError("the key cannot be made: --role and --verb exclude each other; give one")
    if role is not None and role not in ROLES:
        raise UsageError(
            f"the key cannot be made: '{role}' is no role\n  Possible: {', '.join(ROLES)}"
        )
    if not CALLER.fullmatch(caller):
        raise UsageError(
            f"the key cannot be made: '{caller}' is no caller: it must begin with a letter or "
            "digit and may hold letters, digits, '.', '_' and '-', at most 60\n"
            "  Fix: ordain keys new shop"
        )
    known = get_args(KeyVerb)
    for verb in verbs:
        if verb not in known:
            close = nearest(verb, known)
            fix = f"\n  Fix: --verb {close}" if close else ""
            raise UsageError(
                f"the key cannot be made: '{verb}' is no verb\n  Possible: {', '.join(known)}{fix}"
            )
    if expires is None:
        return
    try:
        day = dt.date.fromisoformat(expires)
    except ValueError as error:
        raise UsageError(
            f"the key cannot be made: '{expires}' is no day\n  Fix: --expires 2027-01-31"
        ) from error
    if day <= today():
        raise UsageError(f"the key cannot be made: it would not be valid, for {expires} has come")


def told_keys(path: Path) -> list[dict[str, Any]]:
    """Return what may be shown of the keys of a file.

    Raises:
        ConfigError: it cannot be read.
    """
    return _told(read_keys(path).keys)


def _told(keys: Iterable[KeyRecord]) -> list[dict[str, Any]]:
    return [
        {
            "caller": record.caller,
            "hash": record.sha256[:_SHOWN],
            "models": ", ".join(record.models or ()) or None,
            "role": record.role,
            "verbs": ", ".join(record.verbs or ()) or None,
            "expires": None if record.expires is None else record.expires.isoformat(),
            "requests_per_second": record.requests_per_second,
            "is_expired": record.expires is not None and record.expires <= today(),
        }
        for record in keys
    ]


def remove_keys(path: Path, which: str) -> int:
    """Remove the keys of a caller, or the one whose hash begins so; return how many.

    Raises:
        UsageError: there is none.
        ConfigError: the file cannot be read.
    """
    with _changing(path):
        keys = read_keys(path).keys
        gone = [
            one
            for one in keys
            if one.caller == which or (len(which) >= _SHOWN and one.sha256.startswith(which))
        ]
        if not gone:
            raise _no_such(path, which, keys)
        kept = tuple(one for one in keys if one not in gone)
        _write(path, kept, action="remove", changed=gone)
    return len(gone)


def audit_of(path: Path) -> Path:
    """Return the file that has a line for each change of a file of keys."""
    return path.with_name(f"{path.name}.audit.jsonl")


def _no_such(path: Path, which: str, keys: Sequence[KeyRecord]) -> UsageError:
    close = nearest(which, [one.caller for one in keys])
    hint = f". Did you mean '{close}'?" if close else ""
    return UsageError(f"{path} has no key of '{which}'{hint}\n  Fix: ordain keys list")


@contextmanager
def _changing(path: Path) -> Iterator[None]:
    """Let one process at a time change a file."""
    with lock(path.with_name(f".{path.name}.lock")):
        yield


def _write(
    path: Path, keys: tuple[KeyRecord, ...], *, action: str, changed: Sequence[KeyRecord]
) -> None:
    """Write the audit, then the keys."""
    for told in _told(changed):
        line = {"at": round(time.time(), 3), "by": who(), "action": action, **told}
        _append(audit_of(path), line)
    with atomic_file(path) as file:
        file.write(msgspec.json.format(msgspec.json.encode(KeysFile(keys))) + b"\n")
    path.chmod(0o600)


def _append(path: Path, line: Mapping[str, Any]) -> None:
    with store_errors(path), path.open("ab") as file:
        file.write(msgspec.json.encode(line) + b"\n")
        file.flush()
        os.fsync(file.fileno())
