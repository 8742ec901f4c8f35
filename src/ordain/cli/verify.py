"""`ordain verify`: whether a bundle is whole, and who has signed it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ordain.cli.bundles import bundle_of
from ordain.cli.console import print_json, print_table
from ordain.cli.options import Home, Json

if TYPE_CHECKING:
    from ordain.store.signing import Checked


def verify(
    target: Annotated[
        str,
        typer.Argument(
            help="A bundle folder, a run, or a version as churn@champion.", metavar="TARGET"
        ),
    ],
    signers: Annotated[
        Path | None,
        typer.Option(
            help="File of public keys, as authorized_keys: one of them must have signed.",
            metavar="FILE",
        ),
    ] = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Check every byte of a bundle and its signatures; the exit code is 1 where one is not right.

    Without --signers it says who has signed, and trusts nobody: a bundle without a signature is
    whole as well. With --signers it asks what a server asks.
    """
    from ordain.store import bundle, signing

    known = None if signers is None else signing.read_signers(signers)
    folder = bundle_of(target, home)
    digest = bundle.verify(folder)
    checked = signing.check_signatures(folder, digest=digest, signers=known)
    signing.digest_of_graph(folder)
    why = "" if known is None else signing.distrust(checked)
    if not why and not all(one.is_valid for one in checked):
        why = "a signature is not valid: it is of another bundle, or was changed"
    if not why and checked and not any(one.is_of_graph for one in checked):
        why = (
            f"no signature is of `{bundle.GRAPH}`, which stands beside it and answers in its place"
        )
    if json:
        print_json(
            {
                "bundle": str(folder),
                "digest": digest,
                "n_files": len(bundle.content(folder)),
                "signatures": [one.to_json() for one in checked],
                "signers": None if signers is None else str(signers),
                "ok": not why,
                "reason": why or None,
            }
        )
    else:
        _show(folder, len(bundle.content(folder)), checked=checked, is_asked=known is not None)
    if why:
        typer.echo(f"refused: {why}", err=True)
        raise typer.Exit(1)


def _show(folder: Path, n_files: int, *, checked: list[Checked], is_asked: bool) -> None:
    from ordain.store.signing import fingerprint

    typer.echo(f"{folder}: {n_files} files, all as written")
    if not checked:
        typer.echo("it is not signed")
        return
    columns = ["signed by", "key", "time", "valid", *(["known as"] if is_asked else [])]
    rows = [
        [
            one.signature.name,
            fingerprint(one.signature.key),
            one.signature.time,
            "yes" if one.is_valid else "no",
            *([one.signer or "nobody"] if is_asked else []),
        ]
        for one in checked
    ]
    print_table(columns, rows)
    if not all(one.is_of_graph for one in checked):
        typer.echo("note: not every signature is of the graph that stands beside the bundle")
