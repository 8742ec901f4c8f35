"""Whether what a deployment says of rows and answers fits the versions it names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ordain.config.deployment import Deployment, ServedModel
from ordain.core.errors import OrdainError, UsageError


def require_fit(deployment: Deployment, bundles: Mapping[str, Iterable[str]]) -> None:
    """Check rules and checks of single fields against every version; loads those models only.

    Args:
        deployment: as declared.
        bundles: folders of the versions of each model, by its name.

    Raises:
        UsageError: something names what a version does not have; all such are told at once.
    """
    faults: dict[str, None] = {}
    for model in deployment.models:
        if not (model.rules or model.field_checks):
            continue
        for bundle in dict.fromkeys(bundles[model.name]):
            for fault in _faults(model, Path(bundle)):
                faults[f"`{model.name}`: {fault}"] = None
    if faults:
        raise UsageError("\n".join(faults))


def _faults(model: ServedModel, bundle: Path) -> Iterator[str]:
    from ordain.serving.door import Door
    from ordain.serving.rules import Rules
    from ordain.serving.served import TYPES
    from ordain.store.loading import load

    loaded = load(bundle)
    typed = {name: TYPES[kind] for name, kind in model.other_fields.items()}
    for make in (
        lambda: Door(loaded, policy=model.checks, fields=model.field_checks, typed=typed),
        lambda: Rules(model.rules, loaded, others=typed),
    ):
        try:
            make()
        except OrdainError as error:
            yield error.message
