"""`ordain serve`: answer requests with models."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ordain.cli.options import Home


def serve(
    models: Annotated[
        list[str],
        typer.Argument(
            help="Bundle folders, runs, versions as in churn@champion, as MODEL or NAME=MODEL; "
            "or one document with a `deployment`, or the name of one that was applied.",
            metavar="MODEL...",
        ),
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 takes a free one.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that share the port.")] = 1,
    keys: Annotated[
        Path | None, typer.Option(help="File of hashed API keys; see `ordain keys`.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option(help="Folder where predictions and outcomes are kept.")
    ] = None,
    signers: Annotated[
        Path | None,
        typer.Option(
            help="File of public keys: only bundles that one of them has signed are served.",
            metavar="FILE",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Host name that requests may carry.", metavar="NAME"),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="TLS certificate chain, PEM.", metavar="FILE")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="Its private key, PEM.", metavar="FILE")] = None,
    home: Home = None,
    *,
    allow_public: Annotated[
        bool,
        typer.Option("--allow-public", help="Listen beyond this machine without API keys."),
    ] = False,
) -> None:
    """Serve models over HTTP until told to stop."""
    # Read where native libraries are loaded, by the imports below. Their threads spin while they
    # wait for each other: beside an event loop on few cores that takes far longer than it saves.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from ordain.serving.command import serve as serve_models
    from ordain.serving.server import Address

    address = Address(
        host=host,
        port=port,
        hosts=tuple(allow_host or ()),
        is_public=allow_public,
        certificate=str(certificate) if certificate else None,
        key=str(key) if key else None,
    )
    serve_models(models, address, keys=keys, log=log, signers=signers, home=home, n_workers=workers)
