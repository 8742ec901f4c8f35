"""`Config`: a document that has been read, with the places of everything in it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Self

from ordain.config import dumped, emit
from ordain.config.compose import compose, read_origin
from ordain.config.document import Document
from ordain.config.draft import Draft
from ordain.config.grammar import canonical
from ordain.config.located import Node, Path
from ordain.config.migrate import bring_up
from ordain.config.overrides import apply_overrides
from ordain.config.read import read
from ordain.config.rules import check_rules
from ordain.core.component import sealed
from ordain.core.diagnostics import Diagnostic, Place
from ordain.core.errors import ConfigError

Source = str | FilePath | Mapping[str, Any] | Document | Node


@dataclass(frozen=True)
class Config:
    """A config without faults.

    Attributes:
        document: what it says, as typed objects.
        tree: the canonical tree: every key and value with its place.
        written: the tree before short and older forms were read as canonical ones.
        notices: warnings (`W5xx`): older forms that were read as today's.
        folder: what relative file names are relative to.
    """

    document: Document
    tree: Node
    written: Node
    notices: tuple[Diagnostic, ...] = ()
    folder: FilePath = FilePath()

    @classmethod
    def load(
        cls,
        source: Source,
        *,
        overrides: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        is_sealed: bool = False,
    ) -> Self:
        """Read a config.

        Args:
            source: a file; YAML or JSON text (a string with a line break or that starts with `{`);
                a mapping; or a document.
            overrides: texts such as ``trainer.epochs=3``, laid over the document in order.
            env: what `${NAME}` is read from; the process's environment by default.
            is_sealed: for a document that is not to be trusted, such as that of a bundle:
                `${NAME}` stays text, `include` and ``module:Class`` are refused.

        Raises:
            ConfigError: with every fault of the document in `diagnostics`, in file order.
        """
        draft, config = cls.attempt(source, overrides=overrides, env=env, is_sealed=is_sealed)
        if draft.faults:
            raise ConfigError.of(draft.faults)
        return config

    @classmethod
    def attempt(
        cls,
        source: Source,
        *,
        overrides: Sequence[str],
        env: Mapping[str, str] | None,
        is_sealed: bool = False,
    ) -> tuple[Draft, Self]:
        """Return the draft with its faults, and the config of what has none.

        A block with faults stands at its defaults in that config, which is good for looking
        further, never for training.

        Raises:
            ConfigError: the text is not a document at all (`E1xx`).
        """
        if isinstance(source, Document):
            source = dumped.to_plain(source)
        if is_sealed:
            with sealed():
                return cls._attempt(source, overrides=overrides, env=None)
        return cls._attempt(source, overrides=overrides, env=os.environ if env is None else env)

    @classmethod
    def _attempt(
        cls,
        source: str | FilePath | Mapping[str, Any] | Node,
        *,
        overrides: Sequence[str],
        env: Mapping[str, str] | None,
    ) -> tuple[Draft, Self]:
        """Return what `attempt` does; without `env` the document reads nothing from outside."""
        origin = read_origin(source)
        written = compose(origin, env)
        apply_overrides(written, overrides, env)
        tree = canonical(written.copy())
        account = bring_up(tree)
        draft = read(tree)
        if "name" not in draft.blocks and origin.name:
            draft.blocks["name"] = origin.name
        check_rules(draft)
        draft.faults = in_order(draft.faults)
        notices = tuple(in_order([*account, *draft.notices]))
        return draft, cls(draft.document(), tree, written, notices, origin.folder)

    def location(self, path: Path) -> Place | None:
        """Return where the value at a path stands; None where it came from Python."""
        mark = self.tree.mark_of(path)
        return mark.place() if mark else None

    def to_dict(self, *, filled: bool = True) -> dict[str, Any]:
        """Return plain data: every default written out, or as written by the user.

        Values from the environment appear as the `${NAME}` they were written as; `${` that is
        text is written as `$${`.
        """
        if not filled:
            return dict(self.written.written(is_escaped=True))
        return dumped.to_plain(self.document, secrets=dumped.secrets_of(self.tree))

    def to_yaml(self, *, filled: bool = True) -> str:
        """Return YAML that reads back to the same document; see `to_dict`."""
        return emit.dump(self.to_dict(filled=filled))


def in_order(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Return diagnostics in file order, each once; those without a place come first."""
    files = list(dict.fromkeys(d.place.file for d in diagnostics if d.place))
    unique = list(dict.fromkeys(diagnostics))
    return sorted(
        unique,
        key=lambda d: (
            (files.index(d.place.file), d.place.line, d.place.column) if d.place else (-1, 0, 0)
        ),
    )
