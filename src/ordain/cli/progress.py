"""The progress of a training, drawn from its events."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ordain.core.events import Event, Listener

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

TOLD_AT_THE_END = "nothing has changed"
"""Start of a note that `train` prints with its result."""


@contextlib.contextmanager
def progress(*, quiet: bool) -> Iterator[Listener]:
    """Give a listener that draws bars on the error stream while the block runs."""
    if quiet:
        yield _ignore
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from ordain.cli.console import console

    screen = console(err=True)
    bars = Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
        console=screen,
        transient=True,
        # Where nobody watches, bars would leave empty lines before an error.
        disable=not screen.is_terminal,
    )
    with bars:
        yield Bars(bars)


def _ignore(event: Event) -> None:
    """Draw nothing."""


class Bars:
    """Turns events into bars: one a task, the last losses beside it."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._note = ""

    def __call__(self, event: Event) -> None:
        """Draw an event."""
        if event.kind == "progress":
            self._advance(event.data)
        elif event.kind == "epoch":
            self._note = _epoch_note(event.data)
        elif event.kind == "stage_started":
            name = f"{event.data['stage']} {event.data['subject']}".strip()
            self._update("stages", done=len(self._tasks), total=None, note=name)
        elif event.kind == "note" and not event.data["message"].startswith(TOLD_AT_THE_END):
            self._bars.console.print(event.data["message"])

    def _advance(self, data: dict[str, Any]) -> None:
        note = self._note if data["task"] in {"train", "fit"} else ""
        self._update(data["task"], done=data["done"], total=data["total"], note=note)

    def _update(self, name: str, *, done: float, total: float | None, note: str) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=total, note=note)
        self._bars.update(self._tasks[name], completed=done, total=total, note=note)


def _epoch_note(data: dict[str, Any]) -> str:
    shown = {**data.get("losses", {}), **data.get("metrics", {})}
    return "  ".join(
        f"{name} {value:.4g}" for name, value in shown.items() if isinstance(value, float)
    )
