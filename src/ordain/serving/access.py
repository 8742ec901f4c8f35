"""Who may call: API keys, what each allows, how often.

Keys come from the deployment (`auth.api_keys`, each `key` or `caller:key`, allowed everything) and
from a file of hashes (`auth.keys_file`), which is read again when it changes:

    {"keys": [{"caller": "shop", "sha256": "9f86d0...", "models": ["churn", "prices-*"],
               "role": "user", "expires": "2027-01-01", "requests_per_second": 50}]}

A key is long and random (`ordain keys new` makes one), so that a fast hash is enough; only hashes
are held. A key is looked up by its hash, which nobody can steer, and compared in constant time, so
that the time tells nothing of how near a guess is. A file that cannot be read leaves the keys as
they were.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import logging
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from ordain.config.deployment import Auth, Deployment
from ordain.core.errors import ConfigError, UsageError
from ordain.serving.call import ANONYMOUS, Caller
from ordain.serving.refusal import Refusal

LOG = logging.getLogger("ordain.serving")
KeyVerb = Literal["predict", "feedback", "read", "metrics"]
Role = Literal["viewer", "user", "operator"]
ROLES: dict[Role, frozenset[str] | None] = {
    "viewer": frozenset({"read", "metrics"}),
    "user": frozenset({"predict", "feedback", "read"}),
    "operator": None,
}
"""What a role allows; None is everything."""
_LEAST_CHARS = 16
_LOOK_SECONDS = 1.0
CALLER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_PATTERN = re.compile(r"[*?\[]")


class KeyRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key of the file.

    Attributes:
        models: names, or patterns such as `churn*`; None for all.
        role: a bundle of verbs; `verbs` names them one by one instead.
        expires: day from which it is not valid, UTC.
    """

    caller: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")]
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
    models: tuple[str, ...] | None = None
    verbs: tuple[KeyVerb, ...] | None = None
    role: Role | None = None
    expires: dt.date | None = None
    requests_per_second: Annotated[float, msgspec.Meta(gt=0)] | None = None

    def __post_init__(self) -> None:
        if self.role is not None and self.verbs is not None:
            raise ValueError("a key has either `role` or `verbs`")

    @property
    def scope(self) -> Caller:
        """Who it lets in, to what."""
        verbs = frozenset(self.verbs) if self.verbs is not None else None
        models = self.models
        return Caller(
            self.caller,
            None if models is None else frozenset(models),
            ROLES[self.role] if self.role is not None else verbs,
            tuple(name for name in models or () if _PATTERN.search(name)),
        )


class KeysFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of hashed keys."""

    keys: tuple[KeyRecord, ...]


_NOBODY = KeyRecord("nobody", "-" * 64)


def with_keys(deployment: Deployment, keys: str | None) -> Deployment:
    """Return the deployment with another file of keys, where one is given."""
    if keys is None:
        return deployment
    auth = deployment.auth.model_copy(update={"keys_file": keys})
    return deployment.model_copy(update={"auth": auth})


class Access:
    """Lets callers in by their keys and counts how often they come.

    A rate is the caller's: its keys share it, and where they say different ones, the last counts.

    Args:
        auth: as declared; without keys everybody is let in as `anonymous`.
        n_workers: processes that share a caller's rate.

    Raises:
        ConfigError: a key is too short, or the file cannot be read.
    """

    def __init__(self, auth: Auth, *, n_workers: int = 1) -> None:
        self._auth, self._n_workers = auth, n_workers
        self._file = Path(auth.keys_file) if auth.keys_file else None
        self._stamp: tuple[int, int] | None = None
        self._next_look = 0.0
        self._problem = ""
        self._given = [_record_of(key) for key in auth.keys]
        self._records: dict[str, KeyRecord] = {}
        self._callers: dict[str, Caller] = {}
        self._buckets: dict[str, _Bucket] = {}
        if self._file is not None:
            self._take(read_keys(self._file))
            self._stamp = _stamp(self._file)
        else:
            self._take(KeysFile(()))

    @property
    def is_open(self) -> bool:
        """Whether everybody is let in."""
        return self._auth.is_open

    def caller(self, headers: Mapping[bytes, bytes]) -> Caller:
        """Return who calls.

        Raises:
            Refusal: there is no key, or none that is known and still holds (401).
        """
        if self._auth.is_open:
            return ANONYMOUS
        key = _key_of(headers)
        if key is None:
            raise _unknown()
        self._look_again()
        digest = hashlib.sha256(key).hexdigest()
        found = self._records.get(digest, _NOBODY)
        is_known = hmac.compare_digest(found.sha256, digest)
        if not is_known or (found.expires is not None and found.expires <= today()):
            raise _unknown()
        return self._callers[found.sha256]

    def count(self, caller: Caller) -> None:
        """Take note of a request.

        Raises:
            Refusal: the caller makes more than it may (429).
        """
        bucket = self._buckets.get(caller.name)
        if bucket is not None and (seconds := bucket.wait()) > 0:
            raise Refusal(
                429,
                "too_many",
                f"this caller may make {bucket.rate * self._n_workers:g} requests a second, by all "
                "its keys together",
                headers={"retry-after": str(max(1, round(seconds)))},
            )

    def _look_again(self) -> None:
        """Read the file again, at most once a second, if it has changed."""
        now = time.monotonic()
        if self._file is None or now < self._next_look:
            return
        self._next_look = now + _LOOK_SECONDS
        try:
            stamp = _stamp(self._file)
            if stamp == self._stamp:
                self._problem = ""
                return
            self._take(read_keys(self._file))
            self._stamp, self._problem = stamp, ""
            LOG.info("the keys of %s were taken up", self._file)
        except (ConfigError, OSError) as error:
            if str(error) != self._problem:  # told once, and not every second
                LOG.exception("%s cannot be read; the keys stay as they were", self._file)
            self._problem = str(error)

    def _take(self, found: KeysFile) -> None:
        records = (*self._given, *found.keys)
        self._callers = {one.sha256: one.scope for one in records}
        rates = {
            one.caller: one.requests_per_second or self._auth.requests_per_second for one in records
        }
        before = self._buckets
        self._buckets = {}
        for caller, rate in rates.items():
            if rate is not None:
                share = rate / self._n_workers
                known = before.get(caller)
                is_same = known is not None and known.rate == share
                self._buckets[caller] = known if known and is_same else _Bucket(share)
        self._records = {one.sha256: one for one in records}


class _Bucket:
    """Tokens that come at a rate; a second's worth may be spent at once."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._most = max(1.0, rate)
        self._tokens, self._at = self._most, time.monotonic()

    def wait(self) -> float:
        """Spend a token; return the seconds until there is one, 0 if there was."""
        now = time.monotonic()
        self._tokens = min(self._most, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < 1:
            return (1 - self._tokens) / self.rate
        self._tokens -= 1
        return 0.0


def read_keys(path: Path) -> KeysFile:
    """Return the keys of a file.

    Raises:
        ConfigError: it cannot be read, or holds what is no key.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=KeysFile)
    except FileNotFoundError as error:
        raise ConfigError(
            f"there is no keys file {path}\n"
            f"  Fix: make it with its first key: ordain keys new CALLER --file {path}"
        ) from error
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the keys file {path} cannot be read: {error}\n"
            "  Fix: write it with: ordain keys new CALLER --file FILE"
        ) from error


def hash_of(key: str) -> str:
    """Return what is kept of a key.

    Raises:
        UsageError: it is too short to be safe.
    """
    if len(key) < _LEAST_CHARS:
        raise UsageError(
            f"an API key must have at least {_LEAST_CHARS} characters\n"
            "  Fix: make one with: ordain keys new CALLER --file FILE"
        )
    return hashlib.sha256(key.encode()).hexdigest()


def _record_of(given: str) -> KeyRecord:
    caller, colon, key = given.partition(":")
    if not colon:
        caller, key = "key", given
    if not CALLER.fullmatch(caller):
        raise UsageError("the caller before a key must be of letters, digits, '.', '_' and '-'")
    return KeyRecord(caller, hash_of(key))


def _key_of(headers: Mapping[bytes, bytes]) -> bytes | None:
    given = headers.get(b"authorization", b"")
    if given[:7].lower() == b"bearer ":
        return given[7:].strip()
    return headers.get(b"x-api-key")


def _unknown() -> Refusal:
    return Refusal(
        401,
        "unauthorized",
        "a valid API key is needed, as `Authorization: Bearer KEY` or `X-API-Key: KEY`",
        headers={"www-authenticate": "Bearer"},
    )


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def today() -> dt.date:
    """Return the day by which keys expire: that of UTC."""
    return dt.datetime.now(dt.UTC).date()
