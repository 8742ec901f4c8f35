"""`ordain bench-serve`: latency and throughput of a server that runs."""

from __future__ import annotations

import math
import os
from dataclasses import asdict
from typing import Annotated

import typer

from ordain.cli.console import print_json, print_table
from ordain.cli.options import Json
from ordain.core.errors import UsageError

KEY = "ORDAIN_API_KEY"
"""Variable of the environment that holds the key to ask with."""


def bench_serve(
    url: Annotated[str, typer.Argument(help="As in http://127.0.0.1:8000.", metavar="URL")],
    name: Annotated[str, typer.Argument(help="The model.", metavar="NAME")],
    clients: Annotated[
        str, typer.Option(help="Numbers of clients, one after the other.", metavar="N,N")
    ] = "1,8,32",
    seconds: Annotated[float, typer.Option(min=0.1, help="For each number of clients.")] = 3.0,
    row: Annotated[
        str | None,
        typer.Option(help="A row as JSON; by default an example the server gives.", metavar="JSON"),
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Print the latency and throughput of a model; a key is read from ORDAIN_API_KEY."""
    from ordain.serving.bench import bench

    lines = bench(
        url,
        name,
        clients=_numbers(clients),
        seconds=seconds,
        key=os.environ.get(KEY),
        row=_row(row),
    )
    if json:
        print_json({"lines": [asdict(line) for line in lines]})
        return
    print_table(
        ["clients", "requests/s", "p50 ms", "p90 ms", "p99 ms", "worst ms", "shed", "failed"],
        [
            [
                str(line.n_clients),
                f"{line.per_second:,.0f}",
                *(_ms(value) for value in (line.p50, line.p90, line.p99, line.worst)),
                str(line.n_shed),
                str(line.n_failed),
            ]
            for line in lines
        ],
    )


def _ms(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{seconds * 1000:.2f}"


def _numbers(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() and 0 < int(part) <= 10_000 for part in parts):  # noqa: PLR2004
        raise UsageError(f"--clients must be numbers from 1 to 10000, not '{text}'")
    return [int(part) for part in parts]


def _row(text: str | None) -> dict[str, object] | None:
    if text is None:
        return None
    import json

    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageError(f"--row is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise UsageError("--row must be a JSON object")
    return found
