"""A fault as data, and the one formatter that prints it.

A diagnostic has a stable code, a place, what is wrong, what is allowed and the text that mends
it. Everything that finds faults in a document or in data makes these; nothing else prints them.

    E204 train.yaml:14:14  unknown encoder 'transfomer' for feature `review`
      14 |     encoder: transfomer
         |              ^^^^^^^^^^
      A `text` feature may use: bag, embed, transformer.
      Fix: encoder: transformer
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Place:
    """Where a fault stands.

    Attributes:
        file: name of the document as the user gave it.
        line: first line is 1.
        column: first column is 1.
        length: characters to underline on that line.
        text: the line itself.
    """

    file: str
    line: int
    column: int
    length: int
    text: str


@dataclass(frozen=True)
class Diagnostic:
    """One fault.

    Attributes:
        code: stable; `E` an error, `W` a warning, then three digits; each has a docs page.
        message: what is wrong; keys in back-quotes, values in single quotes.
        place: where, if it stands in a document.
        path: keys that lead there, such as ``("trainer", "epochs")``.
        allowed: what is possible, one sentence.
        fix: the text to write.
        notes: further lines, such as where the first of two duplicates stands.
    """

    code: str
    message: str
    place: Place | None = None
    path: tuple[str | int, ...] = ()
    allowed: str | None = None
    fix: str | None = None
    notes: tuple[str, ...] = ()
    severity: Severity = "error"

    def to_json(self) -> dict[str, object]:
        """Return plain data with every attribute, for `--json`."""
        return asdict(self)


def format_diagnostic(diagnostic: Diagnostic) -> str:
    """Return the text a person reads, in the form shown at the top of this file."""
    place = diagnostic.place
    where = f" {place.file}:{place.line}:{place.column}" if place else ""
    if not place and diagnostic.path:
        keys = (f"[{key}]" if isinstance(key, int) else f".{key}" for key in diagnostic.path)
        where = " " + "".join(keys).removeprefix(".")
    lines = [f"{diagnostic.code}{where}  {diagnostic.message}"]
    if place and place.text.strip():
        gutter = str(place.line)
        lines.append(f"  {gutter} | {place.text}")
        pad = " " * (place.column - 1)
        lines.append(f"  {' ' * len(gutter)} | {pad}{'^' * max(1, place.length)}")
    lines += [f"  {note}" for note in (diagnostic.allowed, *diagnostic.notes) if note]
    if diagnostic.fix:
        lines.append("  Fix: " + diagnostic.fix.replace("\n", "\n       "))
    return "\n".join(lines)


def format_diagnostics(diagnostics: Sequence[Diagnostic]) -> str:
    """Return all faults, in the order given, with a blank line between."""
    return "\n\n".join(format_diagnostic(diagnostic) for diagnostic in diagnostics)


def nearest(name: str, names: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the known name closest to a misspelled one, or None if none is close.

    Case and the difference of `-`, `_` and space do not count. Ties go to the first name given.
    """
    known = {_fold(candidate): candidate for candidate in reversed(list(names))}
    folded = _fold(name)
    if folded in known:
        return known[folded]
    found = difflib.get_close_matches(folded, list(reversed(known)), n=1, cutoff=cutoff)
    return known[found[0]] if found else None


def _fold(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")
