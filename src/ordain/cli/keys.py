"""`ordain keys`: API keys of a server, kept as hashes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ordain.cli.console import print_json, print_table
from ordain.cli.options import Json

app = typer.Typer(help="API keys of a server, kept as hashes.", no_args_is_help=True)
File = Annotated[Path, typer.Option("--file", "-f", help="The file of keys.")]
_FILE = Path("keys.json")


@app.command("new")
def new(
    caller: Annotated[str, typer.Argument(help="Who gets it; stands in metrics and the log.")],
    file: File = _FILE,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Model it may ask, or a pattern as 'churn*'; all by default."),
    ] = None,
    role: Annotated[
        str | None,
        typer.Option(
            help="viewer (read, metrics), user (predict, feedback, read) or operator (all)."
        ),
    ] = None,
    verb: Annotated[
        list[str] | None,
        typer.Option(help="predict, feedback, read or metrics; all by default."),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="Day from which it is not valid.", metavar="YYYY-MM-DD")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Requests a second of its caller, all keys.")
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Make a key, add its hash to the file, and print the key: it is shown this once."""
    from ordain.serving.keys import add_key

    key = add_key(
        file,
        caller,
        models=model,
        verbs=verb,
        role=role,
        expires=expires,
        requests_per_second=rate,
    )
    if json:
        print_json({"caller": caller, "key": key, "file": str(file)})
    else:
        typer.echo(key)
        typer.echo(f"its hash was added to {file}", err=True)


@app.command("rotate")
def rotate(
    caller: Annotated[str, typer.Argument(help="Who gets a new key.")],
    file: File = _FILE,
    days: Annotated[
        int, typer.Option(min=0, help="Days for which the keys before it are still valid.")
    ] = 1,
    *,
    json: Json = False,
) -> None:
    """Make a key with the scope of a caller's last one, and let those before it end."""
    from ordain.serving.keys import rotate_key

    key = rotate_key(file, caller, days=days)
    if json:
        print_json({"caller": caller, "key": key, "file": str(file)})
    else:
        typer.echo(key)


@app.command("list")
def list_keys(file: File = _FILE, *, json: Json = False) -> None:
    """List the keys of the file, by the start of their hashes."""
    from ordain.serving.keys import told_keys

    found = told_keys(file)
    if json:
        print_json({"keys": found})
        return
    rows = [
        [
            key["caller"],
            key["hash"],
            key["models"] or "all",
            key["role"] or key["verbs"] or "all",
            f"{key['expires'] or 'never'}{' (it is)' if key['is_expired'] else ''}",
            key["requests_per_second"],
        ]
        for key in found
    ]
    print_table(["caller", "hash", "models", "role or verbs", "expires", "requests/s"], rows)


@app.command("remove")
def remove(
    which: Annotated[str, typer.Argument(help="A caller, or the start of a hash.")],
    file: File = _FILE,
) -> None:
    """Remove keys; a server that runs lets them in no more within a second."""
    from ordain.serving.keys import remove_keys

    count = remove_keys(file, which)
    typer.echo(f"removed {count} key{'' if count == 1 else 's'}")
