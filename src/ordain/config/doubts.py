"""What may be judged against the data while a document still has faults.

A fault in one place must hide no fault in another, and must cause no false alarm: what stands in
doubt is left out, the rest is checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ordain.config.document import AUTO
from ordain.config.located import Node, Path
from ordain.core.diagnostics import Diagnostic, nearest

_MEANING = ("name", "type", "preprocessing", "column")
_KNOWN = {"encoder", "decoder", "loss", "class_weights"}


@dataclass(frozen=True)
class Doubts:
    """The places of a document that have faults.

    Attributes:
        paths: of the faults.
        tree: of the document.
    """

    paths: frozenset[Path]
    tree: Node

    @classmethod
    def of(cls, faults: Sequence[Diagnostic], tree: Node) -> Doubts:
        """Return the doubts that the errors among some diagnostics raise."""
        return cls(frozenset(d.path for d in faults if d.severity == "error"), tree)

    def touch(self, path: Path) -> bool:
        """Return whether a fault stands at a place, in it, or around it."""
        return any(found and found[: len(path)] == path[: len(found)] for found in self.paths)

    def about_rows(self) -> bool:
        """Return whether it is unclear which rows and columns there are."""
        return self.touch(("data",))

    def about_columns(self) -> bool:
        """Return whether it is unclear which columns are inputs."""
        sections = ("input_features", "output_features")
        return (
            any(path[:1] in {(s,) for s in sections} and len(path) == 1 for path in self.paths)
            or (bool(self.paths) and any(s not in self.tree.entries for s in sections))
            or self.touch(("preprocessing", "split"))
        )

    def about_type(self, path: Path, type_name: str) -> bool:
        """Return whether it is unclear how the values of a feature are to be read."""
        return (
            path in self.paths
            or any(self.touch((*path, key)) for key in _MEANING)
            or ("defaults",) in self.paths
            or self.touch(("defaults", type_name))
            or (type_name == AUTO and any(found[:1] == ("defaults",) for found in self.paths))
            # A key that is none may have been meant for any of these.
            or any(key not in _KNOWN for key in self._keys(path))
        )

    def about_column(self, path: Path) -> bool:
        """Return whether it is unclear which column a feature reads."""
        return any(nearest(key, ("column", "name")) for key in self._keys(path))

    def _keys(self, path: Path) -> list[str]:
        """Return the keys right under a path that have faults."""
        n = len(path)
        return [str(p[n]) for p in self.paths if len(p) == n + 1 and p[:n] == path]

    def columns_to_be(self) -> set[str]:
        """Return names in mappings of `data` that could not be read: derived columns, maybe."""
        block = self.tree.get("data")
        return {
            name
            for key, entry in (block.entries if block is not None else {}).items()
            if self.touch(("data", key))
            for name in entry.node.entries
        }
