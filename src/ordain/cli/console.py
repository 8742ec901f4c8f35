"""Tables and lines for people, JSON for machines."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

WIDEST = 10_000
"""Characters of the widest table."""


def console(*, err: bool = False) -> Console:
    """Return a console; where the output is not a terminal, `COLUMNS` wide or wide enough."""
    from rich.console import Console

    made = Console(stderr=err, highlight=False, soft_wrap=True)
    if not made.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
        made = Console(stderr=err, highlight=False, width=200, soft_wrap=True)
    return made


def print_json(value: Any) -> None:
    """Print one object on one line; NaN and infinity become null."""
    typer.echo(json.dumps(plain(value), ensure_ascii=False, default=str))


def plain(value: Any) -> Any:
    """Return JSON data with null for what JSON cannot say."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    title: str | None = None,
    bold: Sequence[int] = (),
) -> None:
    """Print a table; numbers are aligned to the right; rows at `bold` stand out.

    No word is broken, so that an id can be copied: a table that is too wide runs over the edge.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text  # a plain string is read as markup, and a cell may hold anything

    table = Table(
        title=None if title is None else Text(title),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        title_style="bold",
    )
    for index, column in enumerate(columns):
        values = [row[index] for row in rows]
        is_first = index == 0
        texts = [cell(value) for value in values]
        words = texts if is_first else [word for text in texts for word in text.split()]
        table.add_column(
            Text(column),
            justify="right" if _is_numeric(values) else "left",
            no_wrap=is_first,
            min_width=max(map(len, [*column.split(), *words]), default=0),
        )
    for position, row in enumerate(rows):
        cells = (Text(cell(value)) for value in row)
        table.add_row(*cells, style="bold" if position in bold else None)
    screen = console()
    room = screen.options.update(max_width=WIDEST)
    screen.width = max(screen.width, screen.measure(table, options=room).minimum)
    screen.print(table)


def _is_numeric(values: Sequence[Any]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in present
    )


def cell(value: Any) -> str:
    """Return a value as short text: four significant digits, a hyphen for nothing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return str(value)


def number(value: float) -> str:
    """Return a number with four significant digits, without an exponent where it is readable."""
    if value == 0 or 1e-3 <= abs(value) < 1e6:  # noqa: PLR2004
        digits = max(0, 3 - math.floor(math.log10(abs(value)))) if value else 4
        return f"{value:,.{min(digits, 4)}f}"
    return f"{value:.3g}"


def size(n_bytes: float) -> str:
    """Return bytes in a readable unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(n_bytes) < 1000:  # noqa: PLR2004
            is_whole = unit == "B" or abs(n_bytes) >= 100  # noqa: PLR2004 - three digits are enough
            return f"{n_bytes:.0f} {unit}" if is_whole else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"


def seconds(value: float) -> str:
    """Return a duration in a readable unit."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 120:  # noqa: PLR2004
        return f"{value:.1f} s"
    return f"{value / 60:.1f} min"
