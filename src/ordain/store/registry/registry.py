"""The registry: models by name, their versions, and the aliases that point at them.

registry = open_registry()
registry.register("churn", bundle, run="churn/20261121-093000-c0669f")
registry.assign("churn", 3, "champion")
registry.fetch(registry.find("churn@champion")).bundle
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ordain.core.errors import BundleError, StoreError, UsageError
from ordain.core.files import lock
from ordain.evaluation.gates import GateResult
from ordain.store import bundle as bundles
from ordain.store.registry import bundles as kept
from ordain.store.registry.audit import (
    REMOVE,
    AuditLine,
    check_note,
    holders,
    line_of,
    lines_of,
    of_removals,
    registration,
    settled,
    tag_of,
    who,
)
from ordain.store.registry.catalogue import Catalogue
from ordain.store.registry.place import Place, place_of
from ordain.store.registry.reading import Registered
from ordain.store.registry.reference import FORMS, Reference, check_alias, check_name, parse
from ordain.store.registry.service import Service
from ordain.store.registry.unknown import no_alias, no_version
from ordain.store.registry.version import Lineage, Measured, ModelVersion, checked_tags, tags_of
from ordain.store.runs import remove
from ordain.store.signatures import SIGNED_BY, merge_signatures, read_signatures

CHAMPION = "champion"
_LOCK = ".lock"
Users = Callable[[ModelVersion], Iterable[str]]
"""Gives who uses a version, in words."""


def open_registry(home: Path | str | None = None, uri: str | None = None) -> Registry:
    """Return the registry of a work folder, or the one that is named; nothing is made or asked yet.

    Args:
        home: the work folder; `ORDAIN_HOME` or `.ordain` by default.
        uri: of an MLflow server or a SQLite file; `ORDAIN_REGISTRY_URI` by default.

    Raises:
        UsageError: the URI is of another kind.
    """
    return Registry(place_of(home, uri))


def resolve(
    reference: str, *, home: Path | str | None = None, uri: str | None = None
) -> ModelVersion:
    """Return the version that a reference means, with its bundle fetched.

    The bundle is the one that was registered, by its list of checksums; `ordain.load` checks every
    byte. From a server it is fetched once, and checked whole as it comes.

    Args:
        reference: `churn@champion`, `churn/3`, or either after `models:/`.
        home: the work folder; `ORDAIN_HOME` or `.ordain` by default.
        uri: of the registry; `ORDAIN_REGISTRY_URI` by default, else the work folder's own.

    Raises:
        UsageError: no such model, version or alias; the message has the nearest.
        BundleError: the bundle is gone, damaged, or another.
        StoreError: the registry cannot be read.
    """
    registry = open_registry(home, uri)
    return registry.fetch(registry.find(reference))


class Registry:
    """Models, versions and aliases at one place; safe for any number of processes at once.

    Args:
        place: where it is.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._service = Service(place)
        self._catalogue = Catalogue(place, self._service)

    def models(self) -> list[str]:
        """Return the names of the models that have a version of Ordain's, sorted."""
        return [name for name in self._catalogue.names() if self.has(name)]

    def has(self, name: str) -> bool:
        """Return whether there is a version of a model."""
        return bool(self._catalogue.versions(self._catalogue.model(name)))

    def versions(self, name: str) -> list[ModelVersion]:
        """Return the versions of a model, newest first, whether their bundles are here or not.

        Raises:
            UsageError: there is no such model; the message has the nearest.
        """
        return self._catalogue.versions(self._catalogue.known(name))

    def find(self, reference: str | Reference) -> ModelVersion:
        """Return the version that a reference means, whether its bundle is here or not.

        Raises:
            UsageError: it is no reference, or there is no such model, version or alias.
        """
        asked = parse(reference) if isinstance(reference, str) else reference
        if asked is None:
            raise UsageError(
                f"'{reference}' names no version of a registered model\n  Possible: {FORMS}"
            )
        model = self._catalogue.known(asked.name)
        number = asked.version if asked.alias is None else model.aliases.get(asked.alias)
        found = {one.version: one for one in self._catalogue.versions(model)}
        if number is None:
            assert asked.alias is not None, "a reference has a version or an alias"
            raise no_alias(asked.name, asked.alias, list(model.aliases))
        if number not in found:
            raise no_version(asked.name, number, list(found))
        return found[number]

    def holder(self, name: str, alias: str) -> ModelVersion | None:
        """Return the version that an alias points at, or None.

        Raises:
            UsageError: there is no such model.
        """
        model = self._catalogue.known(name)
        number = model.aliases.get(alias)
        return next((one for one in self._catalogue.versions(model) if one.version == number), None)

    def fetch(self, version: ModelVersion) -> ModelVersion:
        """Return the version once its bundle is at `.bundle`.

        Raises:
            BundleError: the bundle is gone, damaged, or another.
        """
        digest = version.lineage.bundle
        if version.bundle.exists():
            kept.check_digest(version.bundle, digest)
            self._fetch_signatures(version)
            return version
        if not self.place.is_server:
            raise BundleError(
                f"the bundle of {version.reference} is gone: there is no {version.bundle}\n"
                "  Fix: put back a copy of the folder, or register the run again"
            )
        run = version.mlflow_run
        if run is None:
            raise StoreError(
                f"{version.reference} has no artifacts at {self.place}\n  Fix: register it again"
            )
        with self._locked(version.name):
            kept.clear_leftovers(self.place.models / version.name)
            kept.put(version.bundle, digest, lambda folder: self._service.download(run, folder))
        return version

    def register(
        self,
        name: str,
        bundle: Path,
        *,
        lineage: Lineage,
        metrics: Sequence[Measured] = (),
        set_name: str = "",
        gates: Sequence[GateResult] | None = None,
        note: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> ModelVersion:
        """Add a version of a model, which is made where there is none; its bundle is copied.

        Args:
            name: of the model.
            bundle: folder to copy; every byte is checked.
            lineage: where it comes from; its `bundle` is the digest of the folder.
            metrics: of the rows that judged it.
            set_name: what these rows are called.
            gates: conditions as its run judged them; None where none did.
            note: in words.
            tags: by key.

        Raises:
            UsageError: an illegal name, a tag that MLflow or Ordain keeps for itself.
            BundleError: the bundle is damaged.
            MissingExtraError: MLflow is not installed.
        """
        check_name(name)
        check_note(note)
        attached = checked_tags(tags or {})
        bundles.verify(bundle)
        told = tags_of(
            lineage,
            by=who(),
            metrics=metrics,
            set_name=set_name,
            gates=gates,
            signatures=[one.id for one in read_signatures(bundle)],
        )
        told |= attached
        target = kept.place_of_bundle(self.place.models, name, lineage.bundle)
        with self._locked(name):
            kept.clear_leftovers(self.place.models / name)
            self._service.add_model(name)
            kept.keep(bundle, target, lineage.bundle)
            run, source = None, target.as_uri()
            if self.place.is_server:
                values = {
                    f"{one.output}.{one.metric}": one.value
                    for one in metrics
                    if one.value is not None
                }
                own = {key: value for key, value in told.items() if not key.startswith("mlflow.")}
                run, source = self._service.upload(target, name=name, tags=own, metrics=values)
            # The one write that makes the version be: whatever is killed before leaves none.
            number = self._service.add_version(name, source=source, tags=told, note=note, run=run)
        return self.find(Reference(name, version=number))

    def assign(
        self,
        name: str,
        version: int,
        alias: str,
        *,
        action: str = "promote",
        why: str = "",
        failed: Sequence[str] = (),
        expected: int | None = None,
    ) -> AuditLine | None:
        """Point an alias at a version; return the line of the audit, None where it did already.

        Args:
            name: of the model.
            version: its number.
            alias: to move.
            action: what it is called in the audit.
            why: in words.
            failed: conditions that were not met, where it was done all the same.
            expected: version that holds the alias, as far as the caller knows; 0 for none, None for
                no matter which.

        Raises:
            UsageError: there is no such model or version, or the alias is not legal.
            StoreError: another version holds the alias than was expected.
        """
        check_alias(alias)
        check_note(why)
        with self._locked(name):
            model = self._catalogue.known(name)
            known = [one.version for one in self._catalogue.versions(model)]
            if version not in known:
                raise no_version(name, version, known)
            held = model.aliases.get(alias)
            if held == version:
                return None
            if expected is not None and expected != (held if held in known else 0):
                raise StoreError(
                    f"`{alias}` of {name} was moved meanwhile, from version {expected or 'none'} "
                    f"to {held or 'none'}: nothing was changed\n  Fix: look at it, then try again"
                )
            line = line_of(
                action,
                name,
                version=version,
                alias=alias,
                previous=held,
                why=why,
                failed=failed,
                is_forced=bool(failed),
            )
            self._service.set_tag(name, *tag_of(line))
            self._service.set_alias(name, alias, version)
        return line

    def remove(
        self, name: str, version: int, *, why: str = "", users: Users | None = None
    ) -> AuditLine:
        """Remove a version, and its bundle where no other version has the same.

        The audit keeps its registration and its removal. Its number is not given again.

        Args:
            name: of the model.
            version: its number.
            why: in words.
            users: gives who uses a version, in words; asked under the lock of the model, so that
                what waited for the lock is seen.

        Raises:
            UsageError: there is no such model or version, an alias points at it, or it is used.
        """
        check_note(why)
        with self._locked(name):
            found = self.find(Reference(name, version=version))
            if found.aliases:
                raise UsageError(
                    f"{found.reference} is not removed: it is `{'`, `'.join(found.aliases)}`\n"
                    f"  Fix: ordain promote {name} VERSION --to {found.aliases[0]}"
                )
            if using := list(users(found) if users else ()):
                raise UsageError(
                    f"{found.reference} is not removed: {'; '.join(using)}\n"
                    "  Fix: deploy or serve another version first"
                )
            line = line_of(REMOVE, name, version=version, why=why)
            for one in (registration(found), line):
                self._service.set_tag(name, *tag_of(one))
            self._service.delete_version(name, version, run=found.mlflow_run)
            others = self._catalogue.versions(self._catalogue.model(name))
            if all(one.bundle != found.bundle for one in others):
                remove(found.bundle.parent)
        return line

    def rollback(self, name: str, alias: str = CHAMPION, *, why: str = "") -> AuditLine:
        """Point an alias at the version that held it before; once more goes one further back.

        Raises:
            UsageError: there is no such model or alias, or nothing held it before.
            BundleError: the bundle of the version before is gone or damaged.
        """
        model = self._catalogue.known(name)
        held = model.aliases.get(alias)
        if held is None:
            raise no_alias(name, alias, list(model.aliases))
        known = {one.version: one for one in self._catalogue.versions(model)}
        past = [one for one in self._holders(model, alias)[:-1] if one in known and one != held]
        if not past:
            raise UsageError(
                f"nothing held `{alias}` of {name} before {name}/{held}: there is nothing to go "
                f"back to\n  Fix: ordain promote {name} VERSION --to {alias}"
            )
        bundles.verify(self.fetch(known[past[-1]]).bundle)
        line = self.assign(name, past[-1], alias, action="rollback", why=why, expected=held)
        assert line is not None, "the version before is another one"
        return line

    def record(self, name: str, action: str, *, version: int | None = None, why: str = "") -> None:
        """Add a line to the audit of a model that moves no alias, such as `canary halted`.

        Raises:
            UsageError: there is no such model.
        """
        self._catalogue.known(name)
        self._service.set_tag(name, *tag_of(line_of(action, name, version=version, why=why)))

    def audit(self, name: str) -> list[AuditLine]:
        """Return what was done to a model, oldest first.

        A version's own entry is the line of its registration.

        Raises:
            UsageError: there is no such model.
        """
        model = self._catalogue.model(name)
        lines = [] if model is None else lines_of(model.tags)
        if model is None or not lines:
            model = self._catalogue.known(name)
        there = self._catalogue.versions(model)
        kept = of_removals(settled(lines, model.aliases), [one.version for one in there])
        return sorted([*map(registration, there), *kept], key=lambda line: line.at)

    def _fetch_signatures(self, version: ModelVersion) -> None:
        """Fetch the signatures of a version whose bundle came with another, before they were there.

        Versions of one digest share a folder: who signs a bundle and registers it again finds it.
        """
        if not (self.place.is_server and version.mlflow_run):
            return
        here = {one.id for one in read_signatures(version.bundle)}
        if here.issuperset(version.signatures):
            return
        with self._locked(version.name), tempfile.TemporaryDirectory() as scratch:
            self._service.download(version.mlflow_run, Path(scratch) / SIGNED_BY, file=SIGNED_BY)
            merge_signatures(Path(scratch), version.bundle)

    def _holders(self, model: Registered, alias: str) -> list[int]:
        lines = settled(lines_of(model.tags), model.aliases)
        return holders(lines, alias, model.aliases.get(alias))

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        with lock(self.place.models / check_name(name) / _LOCK):
            yield
