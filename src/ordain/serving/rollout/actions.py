"""What may be done to a deployment: apply it, go back, halt or resume a canary, follow an alias.

Each is one change under the lock, with one line in the audit.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ordain.config import Config
from ordain.config.deployment import NAME_PATTERN, Trust
from ordain.core.errors import BundleError, UsageError
from ordain.data.locations import redact
from ordain.serving.fit import require_fit
from ordain.serving.rollout.applied import (
    ACCESS,
    Applied,
    AppliedModel,
    Find,
    Halted,
    bases_of,
    declared,
    settle,
)
from ordain.serving.rollout.changes import Difference, differences
from ordain.serving.rollout.folder import Change, DeploymentFolder
from ordain.serving.rollout.versions import Version, find_version
from ordain.store.home import prepare_home
from ordain.store.registry.audit import check_note, who
from ordain.store.signing import require_trusted

AUTOMATIC = "ordain"
"""Who makes a change that no person made."""


@dataclass(frozen=True)
class Plan:
    """What applying a deployment would do.

    Attributes:
        before: the generation that counts; None where nothing was ever applied.
        after: the one that would.
        changes: between them; none where nothing would be done.
        kept: blocks that stay as they are, though the generation that is restored had others.
    """

    before: Applied | None
    after: Applied
    changes: tuple[Difference, ...]
    kept: tuple[str, ...] = ()


def plan(config: Config, *, home: Path, uri: str | None = None) -> Plan:
    """Return what `deploy` would do; nothing is changed.

    Args:
        config: with a deployment.
        home: the work folder.
        uri: of the registry, where it is not the usual one.

    Raises:
        UsageError: no deployment is declared, or a version is not there.
        BundleError: the bundle of a version is damaged, or signed by nobody that is trusted.
    """
    folder = folder_of(config, home)
    return _planned(config, folder.read(), _finder(home, uri), registry=_kept(uri))


def deploy(config: Config, *, home: Path, uri: str | None = None, why: str = "") -> Plan:
    """Apply a deployment and return what was done; a server that runs takes it up within seconds.

    Raises:
        UsageError: no deployment is declared, or a version is not there.
        BundleError: the bundle of a version is damaged, or signed by nobody that is trusted.
    """
    folder = folder_of(config, home)
    check_note(why)
    prepare_home(home)
    find = _finder(home, uri)
    planned: list[Plan] = []

    def make(before: Applied | None) -> Change | None:
        planned.append(_planned(config, before, find, registry=_kept(uri)))
        found = planned[-1]
        if not found.changes:
            return None
        return Change(found.after, "deploy", [str(one) for one in found.changes], why)

    folder.change(make)
    return planned[-1]


def roll_back(folder: DeploymentFolder, *, to: int | None = None, why: str = "") -> Plan:
    """Bring an earlier generation back, with the versions that it had, and return what was done.

    Who may call and whose bundles are served (`auth`, `trust`) stays as it is now, and what comes
    back must be trusted: a key or a signer that was taken out does not come back.

    Args:
        folder: of the deployment.
        to: its number; by default the last that served something else.
        why: kept in the audit.

    Raises:
        UsageError: there is no such generation, none to go back to, or no such file of signers.
        BundleError: a version of it is signed by nobody that is trusted.
        ConfigError: a variable that `trust` names is not set here.
    """
    check_note(why)
    done: list[Plan] = []

    def make(before: Applied | None) -> Change | None:
        if before is None:
            raise UsageError(f"'{folder.name}' was never deployed: there is nothing to go back to")
        target = folder.generation(to) if to is not None else _earlier(folder, before)
        after = msgspec.structs.replace(
            before.restored(target),
            generation=before.generation + 1,
            at=_now(),
            by=who(),
            seen={**target.seen, **before.seen},
            restores=target.restores or target.generation,
        )
        done.append(Plan(before, after, tuple(differences(before, after)), _kept_of(target, after)))
        found = done[-1]
        if not found.changes:
            return None
        _require_trust(after.models, after.trust())
        kept = [f"`{block}` stays as it is" for block in found.kept]
        told = [f"generation {target.generation} again", *kept, *map(str, found.changes)]
        return Change(after, "rollback", told, why)

    folder.change(make)
    return done[-1]


def halt(
    folder: DeploymentFolder, model: str, *, test: str, reason: str, trial: str = "", by: str = ""
) -> Applied | None:
    """Take a canary out of the traffic; None where it is out already, or another trial runs.

    Args:
        folder: of the deployment.
        model: whose canary.
        test: that showed it, or ``by hand``.
        reason: in words.
        trial: that is meant; any where it is empty.
        by: who; this user by default.

    Raises:
        UsageError: the model has no canary.
    """

    def change(applied: AppliedModel) -> AppliedModel | None:
        if applied.halted or (trial and applied.trial != trial):
            return None
        assert applied.canary is not None, "it was looked for"
        halted = Halted(applied.canary.label, test, reason, _now())
        return msgspec.structs.replace(applied, halted=halted)

    return _change_canary(folder, model, change, action="halt", why=reason, by=by)


def resume(folder: DeploymentFolder, model: str, *, why: str = "") -> Applied | None:
    """Give a canary that was halted its share back, as a new trial; None where it has it.

    Raises:
        UsageError: the model has no canary.
    """
    check_note(why)

    def change(applied: AppliedModel) -> AppliedModel | None:
        if applied.halted is None:
            return None
        began = _now()
        return msgspec.structs.replace(
            applied, halted=None, trial=f"{applied.trial}+{began:.0f}", trial_began=began
        )

    return _change_canary(folder, model, change, action="resume", why=why)


def follow(folder: DeploymentFolder, *, uri: str | None = None) -> Applied | None:
    """Take up what aliases point at by now; None where nothing has moved.

    Only an alias that moved since it was last looked at counts, so that an earlier generation that
    was brought back stays.

    Raises:
        OrdainError: a version that an alias points at cannot be had, or is not trusted; nothing is
            changed, so that a server that starts finds what it can serve.
    """
    before = folder.read()
    if before is None or not before.followed:
        return None
    find = _finder(folder.home, uri or before.registry or None)
    now = {ref: find(ref, name) for ref, (name, _) in before.followed.items()}
    moved = {ref: one for ref, one in now.items() if before.seen.get(ref) != one.digest}
    if not moved:
        return None

    def make(current: Applied | None) -> Change | None:
        if current is None or current.generation != before.generation:
            return None
        after = _moved(current, moved)
        _require_trust_of_moved(current, after)
        told = [str(one) for one in differences(current, after)]
        return Change(after, "follow", told or ["an alias points at what is served already"])

    return folder.change(make)


def folder_of(config: Config, home: Path) -> DeploymentFolder:
    """Return the folder of a config's deployment.

    Raises:
        UsageError: no deployment is declared, or its name cannot be one of a folder.
    """
    name, _, _ = declared(config)
    if not re.fullmatch(NAME_PATTERN, name):
        raise UsageError(
            f"'{name}' cannot be the name of a deployment: it must begin with a letter or digit "
            "and may hold letters, digits, '.', '_' and '-'\n  Fix: name: production"
        )
    return DeploymentFolder(home, name)


def _kept(uri: str | None) -> str:
    """Return the URI of a registry as it may be stored.

    Raises:
        UsageError: it holds a password.
    """
    if uri and redact(uri) != uri:
        raise UsageError(
            f"'{redact(uri)}' holds a password, which is not kept with a deployment\n"
            "  Fix: export ORDAIN_REGISTRY_URI=... here and where the server runs"
        )
    return uri or ""


def _planned(config: Config, before: Applied | None, find: Find, *, registry: str) -> Plan:
    name, deployment, document = declared(config)
    generation, at = (before.generation if before else 0) + 1, _now()
    models = settle(deployment, find, before=before, generation=generation, at=at)
    _require_trust(models, deployment.trust)
    require_fit(
        deployment,
        {name: [one.bundle for one in model.versions.values()] for name, model in models.items()},
    )
    bases = bases_of(document, config.folder)
    after = Applied(name, generation, at, who(), document, models, registry=registry, bases=bases)
    seen = {ref: one.digest for ref, (_, one) in after.followed.items()}
    after = msgspec.structs.replace(after, seen=seen)
    return Plan(before, after, tuple(differences(before, after)))


def _require_trust(models: Mapping[str, AppliedModel], trust: Trust) -> None:
    """Refuse versions that a server would refuse, all of them at once.

    Raises:
        UsageError: there is no such file of signers.
        BundleError: a version has no valid signature of one of them.
    """
    if trust.signers is None:
        return
    signers = Path(trust.signers)
    faults: dict[str, None] = {}
    for name, model in models.items():
        for part, version in model.versions.items():
            try:
                require_trusted(Path(version.bundle), signers, digest=version.digest)
            except BundleError as error:
                faults[f"{part} of `{name}`: {error.message}"] = None
    if faults:
        raise BundleError("\n".join(faults))


def _require_trust_of_moved(before: Applied, after: Applied) -> None:
    """Refuse versions that come into service, or to another part; what has not moved stays.

    Raises:
        UsageError: there is no such file of signers.
        BundleError: a version has no valid signature of one of them.
    """
    moved = {}
    for name, model in after.models.items():
        known = before.models[name].versions
        parts = {part: v for part, v in model.versions.items() if v.digest != known[part].digest}
        moved[name] = msgspec.structs.replace(model, versions=parts)
    _require_trust(moved, after.trust())


def _kept_of(target: Applied, after: Applied) -> tuple[str, ...]:
    """Return the blocks in which what comes back is not what the generation had."""
    had, has = target.document["deployment"], after.document["deployment"]
    return tuple(block for block in ACCESS if had.get(block) != has.get(block))


def _finder(home: Path, uri: str | None) -> Find:
    known: dict[tuple[str, str], Version] = {}

    def find(reference: str, model: str) -> Version:
        key = (reference, model)
        if key not in known:
            known[key] = find_version(reference, model=model, home=home, uri=uri)
        return known[key]

    return find


def _earlier(folder: DeploymentFolder, current: Applied) -> Applied:
    """Return the last generation before the one that counts which served something else."""
    for number in range((current.restores or current.generation) - 1, 0, -1):
        found = folder.generation(number)
        if current.restored(found).content != current.content:
            return found
    raise UsageError(
        f"'{folder.name}' has no earlier generation that served something else\n"
        "  Fix: ordain deploy DEPLOYMENT.yaml with the versions you want"
    )


def _change_canary(
    folder: DeploymentFolder,
    model: str,
    change: Callable[[AppliedModel], AppliedModel | None],
    *,
    action: str,
    why: str,
    by: str = "",
) -> Applied | None:
    def make(before: Applied | None) -> Change | None:
        known = before.models.get(model) if before else None
        if before is None or known is None or known.canary is None:
            raise UsageError(f"'{model}' has no canary in the deployment '{folder.name}'")
        changed = change(known)
        if changed is None:
            return None
        after = msgspec.structs.replace(
            before,
            generation=before.generation + 1,
            at=_now(),
            by=by or who(),
            models={**before.models, model: changed},
        )
        label = known.canary.label
        verb = {"halt": "halted", "resume": "resumed"}[action]
        return Change(after, action, [f"{model}: canary {label} {verb}"], why)

    return folder.change(make)


def _moved(current: Applied, moved: Mapping[str, Version]) -> Applied:
    """Return the next generation, in which some references mean other versions."""
    generation, at = current.generation + 1, _now()
    models = {}
    for name, model in current.models.items():
        versions = {
            part: moved.get(one.reference, one) if one.follows else one
            for part, one in model.versions.items()
        }
        began = any(
            versions[part].digest != model.versions[part].digest
            for part in ("champion", "canary")
            if model.canary is not None
        )
        models[name] = (
            AppliedModel(versions, str(generation), at)
            if began
            else msgspec.structs.replace(model, versions=versions)
        )
    return msgspec.structs.replace(
        current,
        generation=generation,
        at=at,
        by=AUTOMATIC,
        models=models,
        seen={**current.seen, **{ref: one.digest for ref, one in moved.items()}},
        restores=0,
    )


def _now() -> float:
    return round(time.time(), 3)


__all__ = [
    "AUTOMATIC",
    "Plan",
    "deploy",
    "folder_of",
    "follow",
    "halt",
    "plan",
    "resume",
    "roll_back",
]
