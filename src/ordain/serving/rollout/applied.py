"""What is deployed: the declaration with every reference settled, and what has happened since.

A deployment is applied as a whole and never changed: each change makes the next generation. What a
generation serves is pinned to bundles by their digests; an alias that comes to point at another
version makes a new generation as well (`follow`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ordain.config import Config
from ordain.config.deployment import Deployment, PredictionLogging, ServedModel, Trust
from ordain.core.errors import UsageError
from ordain.data.locations import scheme_of
from ordain.serving.rollout.choice import Part, Shares
from ordain.serving.rollout.versions import Version

ACCESS = ("auth", "trust")
"""Blocks that say who may call and whose bundles are served: going back brings no old ones back."""
PLACES = {"log": "sink", "auth": "keys_file", "trust": "signers"}
"""Paths by block: servers and commands that read them stand in folders of their own."""
Find = Callable[[str, str], Version]
"""Gives the version that a reference of a model means now."""


class Halted(msgspec.Struct, frozen=True):
    """A canary that was taken out of the traffic.

    Attributes:
        version: its label.
        test: that showed it: ``errors``, ``latency``, a metric, or ``by hand``.
        reason: in words.
        at: seconds since 1970.
    """

    version: str
    test: str
    reason: str
    at: float


class AppliedModel(msgspec.Struct, frozen=True):
    """One model of a generation.

    Attributes:
        versions: by part: `champion`, `canary`, `fallback`, names of arms, `shadow 1` and so on.
        trial: name of the canary's trial: the generation that it began with; empty without one.
        trial_began: seconds since 1970.
        halted: why the canary has no share, if it was halted.
    """

    versions: Mapping[str, Version]
    trial: str = ""
    trial_began: float = 0.0
    halted: Halted | None = None

    @property
    def champion(self) -> Version:
        """The version that answers."""
        return self.versions["champion"]

    @property
    def canary(self) -> Version | None:
        """The version that is tried, halted or not."""
        return self.versions.get("canary")

    @property
    def shadows(self) -> tuple[str, ...]:
        """Labels of the versions that predict unseen, each once."""
        labels = (one.label for part, one in self.versions.items() if part.startswith("shadow "))
        return tuple(dict.fromkeys(labels))


class Applied(msgspec.Struct, frozen=True):
    """One generation of a deployment.

    Attributes:
        name: of the deployment.
        generation: counted from 1.
        at: seconds since 1970.
        by: who, or what, made it.
        document: as declared, filled; what came from the environment stays `${NAME}`.
        models: by name.
        seen: digest of the version that each alias pointed at when it was last looked at.
        restores: generation that this one brought back; 0 for one of its own.
        registry: URI of the registry, where it is not the usual one.
        bases: by block, the folder of the document, where a variable gives a path.
    """

    name: str
    generation: int
    at: float
    by: str
    document: dict[str, Any]
    models: dict[str, AppliedModel]
    seen: dict[str, str] = msgspec.field(default_factory=dict)
    restores: int = 0
    registry: str = ""
    bases: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def content(self) -> tuple[Any, ...]:
        """What it serves, without what happened to it: equal for a generation brought back."""
        pinned = {name: dict(model.versions) for name, model in self.models.items()}
        return self.document, pinned

    @property
    def followed(self) -> dict[str, tuple[str, Version]]:
        """The versions found through an alias, with their models, by reference."""
        return {
            version.reference: (name, version)
            for name, model in self.models.items()
            for version in model.versions.values()
            if version.follows
        }

    def deployment(self) -> Deployment:
        """Return the declaration; variables are read from this process's environment.

        Raises:
            ConfigError: a variable is not set here.
        """
        return declared(Config.load(self.document), self.bases)[1]

    def models_declared(self) -> dict[str, ServedModel]:
        """Return the declared models by name; only their own variables are read.

        Raises:
            ConfigError: a variable is not set here.
        """
        block = {"models": self.document["deployment"]["models"]}
        found = declared(Config.load({"deployment": block}))[1]
        return {model.name: model for model in found.models}

    def logging(self) -> PredictionLogging:
        """Return how predictions are kept; only the variables of that block are read.

        Raises:
            ConfigError: a variable is not set here.
        """
        return self._alone("log").log

    def trust(self) -> Trust:
        """Return whose bundles are served; only the variables of that block are read.

        Raises:
            ConfigError: a variable is not set here.
        """
        return self._alone("trust").trust

    def restored(self, target: Applied) -> Applied:
        """Return an earlier generation, under this one's `auth` and `trust`."""
        blocks = {**target.document["deployment"], **_picked(self.document["deployment"], ACCESS)}
        own = [block for block in target.bases if block not in ACCESS]
        return msgspec.structs.replace(
            target,
            document={**target.document, "deployment": blocks},
            bases={**_picked(target.bases, own), **_picked(self.bases, ACCESS)},
        )

    def _alone(self, block: str) -> Deployment:
        """Return a deployment with one block of this one's."""
        written = {block: self.document["deployment"].get(block, {})}
        config = Config.load({"deployment": {"models": {"any": "any"}, **written}})
        return declared(config, self.bases)[1]


def _picked(blocks: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: blocks[name] for name in names if name in blocks}


def declared(
    config: Config, bases: Mapping[str, str] | None = None
) -> tuple[str, Deployment, dict[str, Any]]:
    """Return name, declaration and document of a config's deployment.

    Paths are absolute in both, but for those of the document that are left to a variable.

    Args:
        config: with a deployment.
        bases: see `Applied`; the folder of the config by default.

    Raises:
        UsageError: it declares none.
    """
    deployment = config.document.deployment
    if deployment is None:
        raise UsageError(
            "the document declares no deployment\n"
            "  Fix: deployment:\n         models: {churn: churn@champion}"
        )
    filled = config.to_dict()
    for block, key in PLACES.items():
        part = getattr(deployment, block)
        place = _absolute(getattr(part, key), (bases or {}).get(block, config.folder))
        changed = part.model_copy(update={key: place})
        deployment = deployment.model_copy(update={block: changed})
        if not _is_variable(filled["deployment"][block][key]):
            filled["deployment"][block][key] = place
    keys = ("version", "name", "deployment")
    return config.document.name, deployment, {key: filled[key] for key in keys}


def bases_of(document: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """Return what paths that variables give are relative to, by block; see `Applied`."""
    return {
        block: str(folder.absolute())
        for block, key in PLACES.items()
        if _is_variable(document["deployment"][block][key])
    }


def _absolute(place: str | None, folder: Path | str) -> str | None:
    return str((Path(folder) / place).absolute()) if place and not scheme_of(place) else place


def _is_variable(place: str | None) -> bool:
    return "${" in (place or "")


def settle(
    deployment: Deployment, find: Find, *, before: Applied | None, generation: int, at: float
) -> dict[str, AppliedModel]:
    """Return the models of a deployment with every reference settled.

    A canary that was halted stays so while champion, canary and share are the same.

    Raises:
        UsageError: a version is not there, or the champion has no such answer as the fallback; all
            such are told at once.
    """
    models: dict[str, AppliedModel] = {}
    faults: list[str] = []
    for model in deployment.models:
        versions = dict(_versions(model, find, faults))
        if "champion" in versions:
            faults += _fallback_faults(model, versions["champion"])
        if faults:
            continue
        known = before.models.get(model.name) if before else None
        split = _declared_split(before, model.name)
        models[model.name] = _with_trial(
            model, versions, known, split=split, generation=generation, at=at
        )
    if faults:
        raise UsageError("\n".join(faults))
    return models


def shares_of(model: ServedModel, applied: AppliedModel) -> Shares:
    """Return how the keys of a model are divided."""
    canary = None
    if model.canary and applied.canary and applied.halted is None:
        canary = Part("canary", applied.canary.label, model.canary.share)
    arms = tuple(
        Part(name, applied.versions[name].label, arm.share)
        for name, arm in (model.ab.named if model.ab else ())
    )
    return Shares(model.name, applied.champion.label, canary, arms)


def _versions(model: ServedModel, find: Find, faults: list[str]) -> Iterator[tuple[str, Version]]:
    n_shadows = 0
    for part, reference in model.references():
        if part == "shadow":
            n_shadows += 1
            part = f"shadow {n_shadows}"  # noqa: PLW2901 - each shadow has a name of its own
        try:
            yield part, find(reference, model.name)
        except UsageError as error:
            faults.append(f"{part} of `{model.name}`: {error.message}")


def _fallback_faults(model: ServedModel, champion: Version) -> Iterator[str]:
    """Yield what a fallback's value says that the champion never would."""
    given = (model.fallback.value or {}) if model.fallback else {}
    known = champion.outputs()
    if known is None:
        return
    for name, value in given.items():
        labels = known.get(name)
        if name not in known:
            yield (
                f"fallback of `{model.name}`: '{name}' is no output of {champion.reference}\n"
                f"  Possible: {', '.join(known)}"
            )
        elif labels and value is not None and _as_label(value) not in map(_as_label, labels):
            yield (
                f"fallback of `{model.name}`: '{value}' is no answer of `{name}`\n"
                f"  Possible: {', '.join(map(str, labels))}"
            )


def _as_label(value: object) -> str:
    """Return a value as labels are written: true and false in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _with_trial(
    model: ServedModel,
    versions: dict[str, Version],
    known: AppliedModel | None,
    *,
    split: tuple[object, object],
    generation: int,
    at: float,
) -> AppliedModel:
    if model.canary is None:
        return AppliedModel(versions)
    is_same = (
        known is not None
        and split == (model.canary.share, model.canary.sticky_by)
        and known.canary is not None
        and known.canary.digest == versions["canary"].digest
        and known.champion.digest == versions["champion"].digest
    )
    if is_same:
        assert known is not None, "it was compared"
        return AppliedModel(versions, known.trial, known.trial_began, known.halted)
    return AppliedModel(versions, str(generation), at)


def _declared_split(before: Applied | None, name: str) -> tuple[object, object]:
    """Return share and key of a canary as they were declared; None without one.

    They are read from the document as kept: what variables hold is not known here.
    """
    for model in before.document["deployment"]["models"] if before else ():
        if model["name"] == name:
            canary = model.get("canary") or {}
            return canary.get("share"), canary.get("sticky_by")
    return None, None
