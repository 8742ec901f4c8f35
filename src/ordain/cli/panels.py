"""The help of the whole command, its subcommands by what a person is about to do."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

DECLARE = "Declare"
TRAIN = "Train"
JUDGE = "Judge"
USE = "Use and run"

_WHOLE = 1000
"""Characters of a help line: all of it; long ones go on in the next line."""


class Panels(TyperGroup):
    """Lists subcommands under the panel that each was given, in the order they were added."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one section a panel."""
        width = max(len(name) for name in self.commands)
        panels: dict[str, list[tuple[str, str]]] = {
            name: [] for name in (DECLARE, TRAIN, JUDGE, USE)
        }
        for name in self.list_commands(ctx):
            command = self.commands[name]
            panel = str(getattr(command, "rich_help_panel", None) or USE)
            panels.setdefault(panel, []).append(
                (name.ljust(width), command.get_short_help_str(_WHOLE))
            )
        for panel, lines in panels.items():
            with formatter.section(panel):
                formatter.write_dl(lines)
