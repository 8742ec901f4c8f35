"""Tables and lines for people, JSON for machines."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console


def console(*, err: bool = False) -> Console:
    """Return a console that wraps nothing where the output is not a terminal."""
    from rich.console import Console

    made = Console(stderr=err, highlight=False, soft_wrap=True)
    if not made.is_terminal:
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
    """Print a table; numbers are aligned to the right; rows at `bold` stand out."""
    from rich import box
    from rich.table import Table

    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, title_style="bold"
    )
    for index, column in enumerate(columns):
        is_number = any(isinstance(row[index], int | float) for row in rows)
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for position, row in enumerate(rows):
        table.add_row(*(cell(value) for value in row), style="bold" if position in bold else None)
    console().print(table)


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
        digits = max(0, 3 - math.floor(math.log10(abs(value)))) if value else 0
        return f"{value:,.{min(digits, 4)}f}"
    return f"{value:.3g}"


def size(n_bytes: float) -> str:
    """Return bytes in a readable unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(n_bytes) < 1000:  # noqa: PLR2004
            return f"{n_bytes:.0f} {unit}" if unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"


def seconds(value: float) -> str:
    """Return a duration in a readable unit."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 120:  # noqa: PLR2004
        return f"{value:.1f} s"
    return f"{value / 60:.1f} min"
