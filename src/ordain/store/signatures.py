"""The signatures of a bundle, as they stand in `signed_by.json` beside its checksums.

    {"format": 1, "signatures": [
      {"algorithm": "ed25519", "key": "ssh-ed25519 AAAA...", "name": "ann@example.org",
       "time": "2026-11-21T19:00:00Z", "graph": null, "signature": "base64..."}]}

A signature is of `statement`: a text that nothing but Ordain signs, with the SHA-256 of
`checksums.json` (and so of every byte of the bundle), that of the graph that stood beside the
bundle, the time and the signer's name. The file itself is not among the checksums, so that more
signatures may come later. Nothing here needs a library: `signing.py` makes and checks them.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
)

from ordain.core.errors import BundleError
from ordain.core.files import TEMPORARY_PREFIX, store_errors, write_json

SIGNED_BY = "signed_by.json"
FORMAT = 1
DOMAIN = "ordain bundle signature 1"
"""The first line of what is signed: no signature of anything else can be taken for one of these."""
MOST = 100
"""Signatures of a bundle at most."""
MOST_OF_NAME = 200
"""Characters of a signer's name at most."""
_MOST_BYTES = 200_000
_ID = 16

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Signature(BaseModel):
    """One signature of a bundle."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    algorithm: Literal["ed25519"] = "ed25519"
    key: Annotated[str, StringConstraints(pattern=r"^ssh-ed25519 [A-Za-z0-9+/]{68}$")]
    """The public key, as OpenSSH writes it."""
    name: Annotated[str, StringConstraints(min_length=1, max_length=MOST_OF_NAME)]
    """What the signer calls itself; only the key says who it is."""
    time: Annotated[str, StringConstraints(pattern=r"^[0-9T:-]{19}Z$")]
    """When it was made by the signer's clock, UTC, ISO 8601 to the second."""
    graph: Sha256 | None = None
    """SHA-256 of the graph that stood beside the bundle; None where there was none."""
    signature: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{86}==$")]
    """64 bytes in base64."""

    @field_validator("name")
    @classmethod
    def _is_printable(cls, name: str) -> str:
        # It ends what is signed and is shown on terminals: no new line, nothing that turns text.
        if not name.isprintable():
            raise ValueError("characters that cannot be printed")
        return name

    @property
    def id(self) -> str:
        """What tells this signature from others."""
        return hashlib.sha256(self.signature.encode()).hexdigest()[:_ID]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal[1]
    signatures: list[Signature] = Field(min_length=1, max_length=MOST)


def statement(*, checksums: str, graph: str | None, time: str, name: str) -> bytes:
    """Return the bytes that are signed: five lines, of which the name is the last."""
    lines = (DOMAIN, f"checksums {checksums}", f"graph {graph or '-'}", f"time {time}")
    return "\n".join((*lines, f"name {name}")).encode()


def read_signatures(folder: Path) -> tuple[Signature, ...]:
    """Return the signatures of a bundle, whether they are valid or not; none where it has no file.

    Raises:
        BundleError: the file is malformed.
        StoreError: it cannot be read.
    """
    path = folder / SIGNED_BY
    if not (path.is_symlink() or path.exists()):
        return ()
    if not path.is_file():  # reading a pipe would wait for ever
        raise _malformed(path, "it is no regular file")
    with store_errors(path), path.open("rb") as file:
        raw = file.read(_MOST_BYTES + 1)
    if len(raw) > _MOST_BYTES:
        raise _malformed(path, f"it has more than {_MOST_BYTES:,} bytes")
    try:
        return tuple(_File.model_validate(json.loads(raw)).signatures)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        why = f"`{place}`: {first['msg']}" if place else "it is no JSON object"
        raise _malformed(path, why) from error
    except (ValueError, RecursionError) as error:
        raise _malformed(path, "it is not valid JSON") from error


def change_signatures(
    folder: Path, change: Callable[[tuple[Signature, ...]], Iterable[Signature]]
) -> None:
    """Write what is made of the signatures of a bundle, with no other change in between.

    Raises:
        BundleError: the file that is there is malformed, or there are too many.
        StoreError: the bundle, or the folder it stands in, cannot be written.
    """
    with _locked(folder):
        before = read_signatures(folder)
        after = tuple(change(before))
        if after == before:
            return
        if len(after) > MOST:
            raise BundleError(f"{folder} would have more than {MOST} signatures")
        _write(folder, {"format": FORMAT, "signatures": [one.model_dump() for one in after]})


def merge_signatures(source: Path, target: Path) -> None:
    """Add the signatures of a bundle to another folder of the same bundle, where it lacks them."""
    given = read_signatures(source)

    def joined(known: tuple[Signature, ...]) -> tuple[Signature, ...]:
        return (*known, *(one for one in given if one not in known))

    if given and source.resolve() != target.resolve():
        change_signatures(target, joined)


def _write(folder: Path, value: dict[str, Any]) -> None:
    # Beside the bundle, for a file more inside of it would have it refused.
    staged = folder.absolute().parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}-{SIGNED_BY}"
    try:
        write_json(staged, value)
        with store_errors(folder / SIGNED_BY):
            staged.replace(folder / SIGNED_BY)
    finally:
        staged.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the bundle's lock, which is on its checksums: a file of its own would be a foreign one.

    The kernel frees it when the holder ends, however it ends.
    """
    path = folder / "checksums.json"
    with store_errors(path), path.open("rb") as file:
        with contextlib.suppress(OSError):  # a network's disk may lock no file that is only read
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _malformed(path: Path, why: str) -> BundleError:
    return BundleError(
        f"{path} is malformed: {why}; the bundle is refused\n"
        "  Fix: copy the bundle again, or remove this file and sign the bundle again"
    )
