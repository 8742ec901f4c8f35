"""Remove a version of a registered model, where nothing points at it and nothing serves it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ordain.serving.rollout.folder import DeploymentFolder, deployments
from ordain.serving.running import running
from ordain.store.home import home as work_folder
from ordain.store.registry import AuditLine, ModelVersion, open_registry


def remove_version(
    reference: str, *, note: str = "", home: str | None = None, registry: str | None = None
) -> AuditLine:
    """Remove a version and its bundle; return the line that the audit keeps of it.

    Deployments and servers are looked for in this work folder; others cannot be seen from here.

    Args:
        reference: `churn/3`.
        note: why.
        home: the work folder.
        registry: URI of the registry.

    Raises:
        UsageError: there is no such version, an alias points at it, or it is deployed or served.
        StoreError: the registry cannot be written.
    """
    opened = open_registry(home, registry)
    version = opened.find(reference)
    place = work_folder(home)
    return opened.remove(
        version.name, version.version, why=note, users=lambda found: _users(found, place)
    )


def _users(version: ModelVersion, home: Path) -> Iterator[str]:
    """Yield who serves the bundle of a version, in words."""
    for name in deployments(home):
        applied = DeploymentFolder(home, name).read()
        for model in applied.models.values() if applied else ():
            for part, one in model.versions.items():
                if one.digest == version.lineage.bundle:
                    yield f"it is the {part} of the deployment '{name}'"
    # A work folder may have several names; a server tells the one that it was given.
    bundle = version.bundle.resolve()
    for server in running(home):
        if any(Path(one.bundle).resolve() == bundle for one in server.models):
            yield f"the server at {server.address} (pid {server.pid}) answers by it"
