"""Signing bundles with Ed25519 keys, and who is trusted to: the supply chain of a model.

    ordain sign churn@champion --key ~/.ssh/id_ed25519
    ordain verify churn@champion --signers signers

A file of signers has one public key a line, as in `authorized_keys` (`ssh-ed25519 AAAA... name`) or
as in OpenSSH's `allowed_signers` (`name ssh-ed25519 AAAA...`); lines that begin with `#` are
comments. What a line may not have (options, keys of another type) is refused: nothing is trusted
more widely than was written.

Signatures are Ed25519 (RFC 8032) of `signatures.statement`.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ordain.core.errors import BundleError, MissingExtraError, UsageError
from ordain.core.files import store_errors
from ordain.store import bundle
from ordain.store.signatures import (
    MOST_OF_NAME,
    Signature,
    change_signatures,
    read_signatures,
    statement,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PASSPHRASE = "ORDAIN_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable
TYPE = "ssh-ed25519"
_HEAD = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"
"""What stands before the 32 bytes of a key, as OpenSSH writes it."""
_KEY_BYTES = 32
_MOST_BYTES = 1_000_000
_NEW_KEY = "ssh-keygen -t ed25519 -f FILE"
_SIGNERS_FIX = f"  Fix: write a line a signer: {TYPE} AAAA... name"
_OPTION = re.compile(r'[="]|^(cert-authority|restrict|no-.*)$')


@dataclass(frozen=True)
class Checked:
    """What was found of one signature.

    Attributes:
        signature: as it stands in the bundle.
        is_valid: whether its key has signed this bundle.
        signer: who that key belongs to, in the words of the signers' file; None for nobody there.
        is_of_graph: whether it holds for the graph beside the bundle too; True where there is none.
    """

    signature: Signature
    is_valid: bool
    signer: str | None = None
    is_of_graph: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            **self.signature.model_dump(exclude={"signature", "graph"}),
            "fingerprint": fingerprint(self.signature.key),
            "is_valid": self.is_valid,
            "is_of_graph": self.is_of_graph,
            "signer": self.signer,
        }


def read_key(path: Path, passphrase: Callable[[], str | None]) -> Ed25519PrivateKey:
    """Return a private key of a file in OpenSSH's form or PEM.

    Args:
        path: of the file.
        passphrase: asked where the key is encrypted; None where there is none to be had.

    Raises:
        UsageError: it holds no private key, one of another type, or the passphrase is another.
        MissingExtraError: a package that it takes is not installed.
    """
    _require_package()
    with store_errors(path), path.open("rb") as file:
        raw = file.read(_MOST_BYTES)
    try:
        key = _opened(raw, None)
    except TypeError:  # both loaders say so that a passphrase is needed
        word = passphrase()
        if word is None:
            raise UsageError(
                f"the key {path} is encrypted, and there is no terminal to ask for its passphrase\n"
                f"  Fix: set {PASSPHRASE} in the environment"
            ) from None
        key = _opened_with(raw, word, path)
    except Exception as error:
        raise _no_key(raw, path, error) from error
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if not isinstance(key, Ed25519PrivateKey):
        kind = type(key).__name__.removesuffix("PrivateKey")
        raise UsageError(
            f"the key {path} is of the type {kind}; it must be Ed25519\n  Fix: {_NEW_KEY}"
        )
    return key


def sign(folder: Path, key: Ed25519PrivateKey, *, name: str) -> Signature:
    """Check every byte of a bundle, add its signature, and return it.

    An earlier one of the same key is replaced. The graph that `export` may have written beside the
    bundle is signed with it, for it answers in the bundle's place.

    Raises:
        UsageError: the name cannot be one.
        BundleError: the bundle is damaged, or the graph beside it.
        StoreError: it cannot be written.
    """
    _check_name(name)
    digest, graph = bundle.verify(folder), digest_of_graph(folder)
    time = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    signed = key.sign(statement(checksums=digest, graph=graph, time=time, name=name))
    made = Signature(
        key=public_text(key),
        name=name,
        time=time,
        graph=graph,
        signature=base64.b64encode(signed).decode(),
    )
    change_signatures(folder, lambda known: [*(k for k in known if k.key != made.key), made])
    return made


def public_text(key: Ed25519PrivateKey) -> str:
    """Return the public half of a key as OpenSSH writes it, without a comment."""
    raw = key.public_key().public_bytes_raw()
    return f"{TYPE} {base64.b64encode(_HEAD + raw).decode()}"


def name_of_key(path: Path, key: Ed25519PrivateKey) -> str | None:
    """Return the comment of the public key that lies beside a private one; None without any."""
    beside = path.with_name(f"{path.name}.pub")
    try:
        words = beside.read_text(encoding="utf-8").split(maxsplit=2)
    except (OSError, ValueError):
        return None
    is_same = words[:2] == public_text(key).split()
    return words[2].strip()[:MOST_OF_NAME] if is_same and words[2:] else None


def fingerprint(key: str) -> str:
    """Return what `ssh-keygen -l` calls a public key: `SHA256:...`."""
    hashed = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return f"SHA256:{base64.b64encode(hashed).decode().rstrip('=')}"


def read_signers(path: Path) -> dict[str, str]:
    """Return public key to name of the signers of a file.

    Raises:
        UsageError: it is not there, names nobody, or a line is none; says which and why.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the file of signers {path} cannot be read: "
            f"{getattr(error, 'strerror', None) or error}\n{_SIGNERS_FIX}"
        ) from error
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            key, name = _signer(line, f"{path}, line {number}")
            found.setdefault(key, name)
    if not found:
        raise UsageError(
            f"the file of signers {path} names nobody, so that nothing could be trusted\n"
            f"{_SIGNERS_FIX}"
        )
    return found


def check_signatures(
    folder: Path, *, digest: str, signers: Mapping[str, str] | None = None
) -> list[Checked]:
    """Return what is found of each signature of a bundle.

    Args:
        folder: of the bundle.
        digest: of its checksums, as `bundle.verify` gave it.
        signers: names by public key.

    Raises:
        BundleError: the file of signatures is malformed.
        MissingExtraError: a package that it takes is not installed.
    """
    found = read_signatures(folder)
    if not found:
        return []
    _require_package()
    graph = bundle.digest_of_graph(folder)
    return [
        Checked(
            one,
            _is_valid(one, digest),
            (signers or {}).get(one.key),
            graph is None or one.graph == graph,
        )
        for one in found
    ]


def distrust(checked: Sequence[Checked]) -> str:
    """Return why a bundle with such signatures is not trusted; empty where it is."""
    if not checked:
        return "it is not signed"
    valid = [one for one in checked if one.is_valid]
    if not valid:
        return "none of its signatures is valid: they are of another bundle, or were changed"
    known = [one for one in valid if one.signer is not None]
    if not known:
        told = ", ".join(f"{o.signature.name} ({fingerprint(o.signature.key)})" for o in valid[:3])
        return f"it is signed by {told}, who is not among them"
    if not any(one.is_of_graph for one in known):
        return (
            f"`{bundle.GRAPH}` beside it, which would answer in its place, is not what was signed"
        )
    return ""


def digest_of_graph(folder: Path) -> str | None:
    """Return the SHA-256 of the graph beside a bundle, once it is what `export` wrote; else None.

    Raises:
        BundleError: it is damaged, or its checksum is missing.
    """
    graph = bundle.graph_beside(folder)
    if graph is None:
        return None
    from ordain.store.export.running import read_checked

    return hashlib.sha256(read_checked(graph)).hexdigest()


def require_trusted(folder: Path, signers: Path, *, digest: str) -> frozenset[str]:
    """Refuse a bundle that no listed signer has signed; return the graphs that they signed with it.

    The graphs are told by their SHA-256: no other may answer in the bundle's place, also where it
    appears later. The file of signers is read each time.

    Args:
        folder: of the bundle.
        signers: file of who is trusted.
        digest: of the bundle's checksums, as `bundle.verify` gave it.

    Raises:
        UsageError: the file of signers cannot be read.
        BundleError: no valid signature is of one of them, or the graph beside it is not signed.
        MissingExtraError: a package that it takes is not installed.
    """
    checked = check_signatures(folder, digest=digest, signers=read_signers(signers))
    why = distrust(checked)
    if why:
        raise BundleError(
            f"{folder} has no valid signature of a signer of {signers}: {why}; it is refused\n"
            "  Fix: ordain sign BUNDLE --key FILE, with the key of one of them"
        )
    known = (one.signature for one in checked if one.is_valid and one.signer is not None)
    return frozenset(signature.graph for signature in known if signature.graph is not None)


def _is_valid(one: Signature, digest: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    signed = statement(checksums=digest, graph=one.graph, time=one.time, name=one.name)
    raw = _raw_key(one.key.split()[1])
    if raw is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(one.signature), signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _raw_key(text: str) -> bytes | None:
    """Return the 32 bytes of a public key in OpenSSH's base64; None where it is none."""
    try:
        blob = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    is_one = blob.startswith(_HEAD) and len(blob) == len(_HEAD) + _KEY_BYTES
    return blob[-_KEY_BYTES:] if is_one else None


def _signer(line: str, place: str) -> tuple[str, str]:
    """Return key and name of a line of a file of signers.

    Raises:
        UsageError: it is none; says why.
    """
    words = line.split()
    at = words.index(TYPE) if TYPE in words[:2] else -1
    if at < 0 or (at and _OPTION.search(words[0])):
        raise UsageError(
            f"{place}: '{' '.join(words[:2])[:40]}' does not begin with a key of the type {TYPE}, "
            f"or with a name and such a key; options are not read\n{_SIGNERS_FIX}"
        )
    if _raw_key("".join(words[at + 1 : at + 2])) is None:
        raise UsageError(
            f"{place}: after `{TYPE}` stands no public key\n"
            "  Fix: copy the line of the signer's .pub file whole"
        )
    name = words[0] if at else " ".join(words[2:])
    key = f"{TYPE} {words[at + 1]}"
    return key, name or fingerprint(key)


def _opened(raw: bytes, password: bytes | None) -> Any:
    from cryptography.hazmat.primitives import serialization

    if b"BEGIN OPENSSH PRIVATE KEY" in raw:
        return serialization.load_ssh_private_key(raw, password)
    return serialization.load_pem_private_key(raw, password)


def _opened_with(raw: bytes, word: str, path: Path) -> Any:
    try:
        return _opened(raw, word.encode())
    except Exception as error:
        if "bcrypt" in str(error):
            purpose = f"the encrypted key {path}"
            raise MissingExtraError.for_package("bcrypt", extra="sign", purpose=purpose) from error
        raise UsageError(
            f"the key {path} does not open with this passphrase\n  Fix: give another, also in "
            f"{PASSPHRASE}"
        ) from error


def _no_key(raw: bytes, path: Path, error: Exception) -> UsageError:
    if raw.lstrip().startswith((b"ssh-", b"-----BEGIN PUBLIC KEY")):
        private = path.with_suffix("") if path.suffix == ".pub" else "the private one"
        return UsageError(f"{path} is a public key\n  Fix: --key {private}")
    # Of what is no key the library says much; of a key that it does not know, something of use.
    why = "" if isinstance(error, ValueError) else f": {error}"
    return UsageError(
        f"{path} holds no private key in OpenSSH's form or PEM{why}\n  Fix: {_NEW_KEY}"
    )


def _check_name(name: str) -> None:
    if not (0 < len(name) <= MOST_OF_NAME and name.isprintable()):
        raise UsageError(
            f"the name of a signer must have 1 to {MOST_OF_NAME} characters that can be printed\n"
            "  Fix: --name ann@example.org"
        )


def _require_package() -> None:
    try:
        import cryptography  # noqa: F401 - whether it is there
    except ModuleNotFoundError as error:
        raise MissingExtraError.for_package(
            "cryptography", extra="sign", purpose="signing bundles, and checking signatures,"
        ) from error
