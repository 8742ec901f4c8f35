"""Files of hashed API keys: made, listed, changed whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from ordain.core.diagnostics import nearest
from ordain.core.errors import UsageError
from ordain.core.files import atomic_file
from ordain.serving.access import KeyRecord, KeysFile, hash_of, read_keys

_SHOWN = 8
_PREFIX = "ok_"


def add_key(
    path: Path,
    caller: str,
    *,
    models: Sequence[str] | None = None,
    verbs: Sequence[str] | None = None,
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
        "expires": expires,
        "requests_per_second": requests_per_second,
    }
    try:
        record = msgspec.convert(told, KeyRecord, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"the key cannot be made: {error}") from error
    before = read_keys(path).keys if path.exists() else ()
    _write(path, (*before, record))
    return key


def told_keys(path: Path) -> list[dict[str, Any]]:
    """Return what may be shown of the keys of a file.

    Raises:
        ConfigError: it cannot be read.
    """
    return [
        {
            "caller": record.caller,
            "hash": record.sha256[:_SHOWN],
            "models": ", ".join(record.models or ()) or None,
            "verbs": ", ".join(record.verbs or ()) or None,
            "expires": None if record.expires is None else record.expires.isoformat(),
            "requests_per_second": record.requests_per_second,
        }
        for record in read_keys(path).keys
    ]


def remove_keys(path: Path, which: str) -> int:
    """Remove the keys of a caller, or the one whose hash begins so; return how many.

    Raises:
        UsageError: there is none.
        ConfigError: the file cannot be read.
    """
    keys = read_keys(path).keys
    kept = tuple(
        one
        for one in keys
        if one.caller != which and not (len(which) >= _SHOWN and one.sha256.startswith(which))
    )
    if len(kept) == len(keys):
        close = nearest(which, [one.caller for one in keys])
        hint = f". Did you mean '{close}'?" if close else ""
        raise UsageError(f"{path} has no key of '{which}'{hint}\n  Fix: ordain keys list")
    _write(path, kept)
    return len(keys) - len(kept)


def _write(path: Path, keys: tuple[KeyRecord, ...]) -> None:
    with atomic_file(path) as file:
        file.write(msgspec.json.format(msgspec.json.encode(KeysFile(keys))) + b"\n")
    path.chmod(0o600)
