"""`ordain why`: what made the metric of two runs differ."""

from __future__ import annotations

from typing import Annotated

import typer

from ordain.cli.console import number, print_json, print_table
from ordain.cli.options import Home, Json
from ordain.cli.progress import progress


def why(
    before: Annotated[str, typer.Argument(help="A run.", metavar="RUN_A")],
    after: Annotated[str, typer.Argument(help="Another run.", metavar="RUN_B")],
    budget: Annotated[
        float, typer.Option("--budget", min=1, help="Seconds to train in.", metavar="SECONDS")
    ] = 120.0,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=20, help="Models that say what chance changes.")
    ] = 3,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Say how much of a change between two runs is config, data, seed, or chance.

    Trains the combinations in between under a budget. What cannot be trained again, older code or
    packages, is said to be what is left.
    """
    from ordain.pipeline.why import why as run_why

    with progress(quiet=json) as listener:
        found = run_why(
            before,
            after,
            budget=budget,
            n_seeds=seeds,
            home=home,
            listeners=(listener,),
            handle_interrupt=True,
        )
    if json:
        print_json({"outputs": {name: one.to_json() for name, one in found.items()}})
        return
    for name, one in found.items():
        rows = [[share.cause, share.gain, "; ".join(share.what[:3])] for share in one.shares]
        if one.rest is not None:
            rows.append(["not trained again", one.rest, "code, packages, machine"])
        if rows:
            print_table(["cause", "gain", "what differs"], rows, title=f"{name}: {one.metric}")
        typer.echo(one.sentence)
        if one.noise is not None:
            typer.echo(f"other seeds alone change it by up to {number(one.noise.high)}")
        for line in one.cannot:
            typer.echo(f"cannot be trained again: {line}")
        for line in one.left_out:
            typer.echo(f"left out for want of time: {line}")
