"""From what `ordain serve` is given to processes that serve it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ordain.config import Config
from ordain.core.errors import UsageError
from ordain.serving.access import with_keys
from ordain.serving.rollout.actions import deploy
from ordain.serving.rollout.applied import Applied
from ordain.serving.rollout.folder import deployments, find_folder
from ordain.serving.server import Address
from ordain.serving.supervisor import Supervisor
from ordain.serving.worker import Order, fixed_deployment, run
from ordain.store.find import bundle_folder
from ordain.store.home import home as work_folder
from ordain.store.registry import parse

_DOCUMENTS = (".yaml", ".yml", ".json")


def serve(
    models: Sequence[str],
    address: Address,
    *,
    keys: Path | None = None,
    log: Path | None = None,
    signers: Path | None = None,
    home: str | None = None,
    n_workers: int = 1,
) -> None:
    """Serve models, the deployment of a document, or one as it stands, until a signal says stop.

    Raises:
        OrdainError: a model cannot be found or loaded, the address is taken, or it is not safe.
    """
    applied = _applied(models[0], work_folder(home)) if len(models) == 1 else None
    if applied and log is not None:
        raise UsageError("--log goes with models; a deployment says `log: {sink: FOLDER}`")
    if applied and signers is not None:
        raise UsageError("--signers goes with models; a deployment says `trust: {signers: FILE}`")
    order = Order(
        address=address,
        models={} if applied else named(models, home),
        deployment=applied.name if applied else None,
        keys=None if keys is None else str(keys.absolute()),
        log=None if log is None else str(log),
        home=home,
        n_workers=n_workers,
        signers=None if signers is None else str(signers.absolute()),
    )
    deployment = applied.deployment() if applied else fixed_deployment(order)
    address.check(with_keys(deployment, order.keys))
    listening = address.listen()
    if n_workers == 1:
        run(order, listening)
    else:
        Supervisor(order, listening, drain_seconds=deployment.limits.drain_seconds).run()


def _applied(given: str, home: Path) -> Applied | None:
    """Return the deployment that a document declares, or that has this name; None for a model."""
    if Path(given).is_dir():
        return None
    if given.endswith(_DOCUMENTS):
        return deploy(Config.load(given), home=home).after
    return find_folder(home, given).read() if given in deployments(home) else None


def named(models: Sequence[str], home: str | None) -> dict[str, str]:
    """Return name to reference of models given as `MODEL` or `NAME=MODEL`.

    Raises:
        UsageError: two have the same name, or one cannot be found.
    """
    given: dict[str, str] = {}
    for text in models:
        name, equals, reference = text.partition("=")
        if not equals or Path(text).exists():
            reference = text
            name = _own_name(text, home)
        if name in given:
            raise UsageError(
                f"two models are named '{name}'\n  Fix: name one of them: other={reference}"
            )
        given[name] = reference
    return given


def _own_name(reference: str, home: str | None) -> str:
    """Return the name a model has by itself: in the registry, or in its config."""
    registered = None if Path(reference).exists() else parse(reference)
    if registered is not None and registered.is_sure:
        return registered.name
    folder = bundle_folder(reference, home)
    return Config.load(folder / "config.yaml", is_sealed=True).document.name or "model"
