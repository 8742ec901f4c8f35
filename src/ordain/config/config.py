"""`Config`: a document that has been read, with the places of everything in it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any, Literal, Self

from ordain.config import dumped, emit, environments
from ordain.config.compose import Origin, compose, read_origin, substitute
from ordain.config.document import VERSION, Document
from ordain.config.draft import Draft
from ordain.config.grammar import canonical
from ordain.config.located import Entry, Node, Path
from ordain.config.migrate import bring_up
from ordain.config.overrides import apply_overrides
from ordain.config.read import read
from ordain.config.rules import check_rules
from ordain.core.component import Spec, sealed
from ordain.core.diagnostics import Diagnostic, Place
from ordain.core.errors import ConfigError

Block = Mapping[str, Any] | Spec | None
Features = Sequence[str | Mapping[str, Any] | Spec] | Mapping[str, Any]
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
        environment: str | None = None,
        env: Mapping[str, str] | None = None,
        is_sealed: bool = False,
    ) -> Self:
        """Read a config.

        Args:
            source: a file; YAML or JSON text (a string with a line break or that starts with `{`);
                a mapping; or a document.
            overrides: texts such as ``trainer.epochs=3``, laid over the document in order.
            environment: which of the document's `environments` is laid over it; the one that the
                variable ORDAIN_ENV names by default.
            env: what `${NAME}` is read from; the process's environment by default.
            is_sealed: for a document that is not to be trusted, such as that of a bundle:
                `${NAME}` stays text, `include` and ``module:Class`` are refused.

        Raises:
            ConfigError: with every fault of the document in `diagnostics`, in file order.
        """
        draft, config = cls.attempt(
            source, overrides=overrides, environment=environment, env=env, is_sealed=is_sealed
        )
        if draft.faults:
            raise ConfigError.of(draft.faults)
        return config

    @classmethod
    def build(
        cls,
        *,
        input_features: Features | Literal["all"],
        output_features: Features,
        name: str | None = None,
        seed: int | None = None,
        data: Block = None,
        preprocessing: Block = None,
        defaults: Mapping[str, Mapping[str, Any]] | None = None,
        model_type: Block | str = None,
        combiner: Block | str = None,
        trainer: Block = None,
        evaluation: Block = None,
        backend: Block = None,
        budget: Block = None,
        project: Block = None,
        deployment: Block = None,
        environments: Mapping[str, Mapping[str, Any] | None] | None = None,
        environment: str | None = None,
    ) -> Self:
        """Return a config from typed parts: those of `ordain.spec`, specs, or plain data.

        Each argument is a key of the language, and one that is left out stands at its default;
        `environment` chooses one of `environments`, as in `load`. It is the same config as the
        YAML that says the same.

        Raises:
            ConfigError: with every fault in `diagnostics`; `path` names the argument.
        """
        keys = {
            "name": name,
            "seed": seed,
            "data": data,
            "preprocessing": preprocessing,
            "defaults": defaults,
            "input_features": input_features,
            "output_features": output_features,
            "model_type": model_type,
            "combiner": combiner,
            "trainer": trainer,
            "evaluation": evaluation,
            "backend": backend,
            "budget": budget,
            "project": project,
            "deployment": deployment,
            "environments": environments,
        }
        given = {key: value for key, value in keys.items() if value is not None}
        return cls.load({"version": VERSION, **given}, environment=environment)

    @classmethod
    def attempt(
        cls,
        source: Source,
        *,
        overrides: Sequence[str],
        env: Mapping[str, str] | None,
        environment: str | None = None,
        is_sealed: bool = False,
    ) -> tuple[Draft, Self]:
        """Return the draft with its faults, and the config of what has none.

        What has faults is left out of that config, which is good for looking further, never for
        training. `Draft.elsewhere` has the faults that only other environments have.

        Raises:
            ConfigError: the text is not a document at all (`E1xx`).
        """
        if isinstance(source, Document):
            source = dumped.to_plain(source)
        if is_sealed:
            with sealed():
                return cls._attempt(source, overrides, None, environment)
        env = os.environ if env is None else env
        return cls._attempt(source, overrides, env, environment)

    @classmethod
    def _attempt(
        cls,
        source: str | FilePath | Mapping[str, Any] | Node,
        overrides: Sequence[str],
        env: Mapping[str, str] | None,
        environment: str | None,
    ) -> tuple[Draft, Self]:
        """Return what `attempt` does; without `env` the document reads nothing from outside."""
        faults: list[Diagnostic] = []
        name = environments.chosen(environment, env)
        origin = read_origin(source, faults=faults)
        tree = compose(origin, env, environment=name, faults=faults)
        known, wrong = environments.take(tree)
        faults += wrong
        if name is not None:
            absent = environments.missing(name, known, tree, is_asked=environment is not None)
            faults += [absent] if absent else []

        written = environments.laid_over(tree, known.get(name or ""))
        apply_overrides(written, overrides, env, faults=faults)
        draft, config = cls._read(written, origin, faults)
        for other, entry in known.items():
            if other != name:
                told = substitute(entry.node, env)
                written = environments.laid_over(tree, entry)
                apply_overrides(written, overrides, env, faults=told)
                _tell_of(draft, cls._read(written, origin, told)[0], other, entry)
        draft.faults = in_order(draft.faults)
        return draft, config

    @classmethod
    def _read(cls, written: Node, origin: Origin, told: list[Diagnostic]) -> tuple[Draft, Self]:
        """Return draft and config of a composed tree; `told` are the faults of composing it."""
        tree = canonical(written.copy())
        account = bring_up(tree)
        draft = read(tree)
        if "name" not in draft.blocks and origin.name:
            draft.blocks["name"] = origin.name
        check_rules(draft)
        # What stands for a variable that is not set is no further fault.
        known = {diagnostic.place or diagnostic.path for diagnostic in told}
        rest = [d for d in draft.faults if (d.place or d.path) not in known]
        draft.faults = in_order([*told, *rest])
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


def _tell_of(draft: Draft, aside: Draft, name: str, entry: Entry) -> None:
    """Add the faults that a document has in an environment which is not the chosen one.

    Those that stand in it count; those it causes elsewhere are told by `check`. A variable that
    is not set may be set where that environment is used.
    """
    inside = {node.mark.place() for _, node in entry.node.walk() if node.mark}
    inside |= {e.mark.place() for _, n in entry.node.walk() for e in n.entries.values() if e.mark}
    told = {(d.code, d.place or d.path) for d in (*draft.faults, *draft.elsewhere)}
    for found in aside.faults:
        if (found.code, found.place or found.path) in told or found.code == "E115":
            continue
        if found.place in inside:
            draft.faults.append(found)
        else:
            note = f"In the environment '{name}'."
            draft.elsewhere.append(replace(found, notes=(*found.notes, note)))


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
