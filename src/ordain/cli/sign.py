"""`ordain sign`: a signature for a bundle."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ordain.cli.bundles import bundle_of
from ordain.cli.console import print_json
from ordain.cli.options import Home, Json
from ordain.core.errors import UsageError


def sign(
    target: Annotated[
        str,
        typer.Argument(
            help="A bundle folder, a run, or a version as churn@champion.", metavar="TARGET"
        ),
    ],
    key: Annotated[
        Path,
        typer.Option(
            "--key",
            help="Ed25519 private key, in OpenSSH's form or PEM; its passphrase is asked for, or "
            "read from ORDAIN_KEY_PASSPHRASE.",
            metavar="FILE",
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            help="What the signer is called; by default the comment of FILE.pub, else ORDAIN_USER "
            "or the user and machine.",
        ),
    ] = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Sign a bundle, so that a server, or anybody, can tell that it is yours and unchanged.

    Every byte of the bundle is checked first. A second signature of the same key replaces the
    first; those of other keys stay.
    """
    from ordain.store import signing
    from ordain.store.registry.audit import who

    folder = bundle_of(target, home)
    _require_own(folder, home)
    opened = signing.read_key(key, lambda: _passphrase(key))
    if name is None:
        name = signing.name_of_key(key, opened) or who()
    made = signing.sign(folder, opened, name=name)
    fingerprint = signing.fingerprint(made.key)
    if json:
        print_json(
            {
                "bundle": str(folder),
                "name": made.name,
                "key": made.key,
                "fingerprint": fingerprint,
                "time": made.time,
                "has_graph": made.graph is not None,
            }
        )
        return
    typer.echo(f"signed  {folder}")
    typer.echo(f"by      {made.name}, {made.time}")
    typer.echo(f"key     {fingerprint}")
    typer.echo(f"next    add to the file of signers: {made.key} {made.name}")


def _require_own(folder: Path, home: str | None) -> None:
    """Refuse a bundle that cannot keep a signature: a server's, or one that may not be written.

    Raises:
        UsageError: it is one.
    """
    from ordain.store.registry import open_registry

    place = open_registry(home).place
    if place.is_server and folder.resolve().is_relative_to(place.models.resolve()):
        raise UsageError(
            f"{folder} is a copy of a bundle of the registry {place}: a signature of it would stay "
            "on this machine\n  Fix: sign the run's bundle, then `ordain register` it (again: both "
            "versions are the same bundle)"
        )
    if not (os.access(folder, os.W_OK) and os.access(folder.absolute().parent, os.W_OK)):
        raise UsageError(
            f"{folder}, and the folder it stands in, must be writable to keep a signature\n"
            "  Fix: sign the run's bundle before `ordain register`, or ask the owner of the folder"
        )


def _passphrase(key: Path) -> str | None:
    from ordain.store.signing import PASSPHRASE

    given = os.environ.get(PASSPHRASE)
    if given is not None or not sys.stdin.isatty():
        return given
    return str(typer.prompt(f"Passphrase of {key}", hide_input=True, err=True))
