"""Parts of a config by name, for those who write one in Python: an editor completes their keys.

    from ordain import Config, spec

    config = Config.build(
        input_features=[
            spec.number("tenure", normalization="zscore"),
            spec.text("notes", encoder=spec.encoders.parallel_cnn(num_filters=64)),
        ],
        output_features=[spec.binary("churn")],
        trainer=spec.trainers.neural(epochs=10),
    )

Each function returns plain data as YAML would hold it, so that a part can be printed, changed and
put into a mapping. Nothing is judged here: `Config.build` tells all faults at once. The keys, their
types and defaults stand in `spec.pyi`, which `make docs` writes from the components.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import UnionType
from typing import Any, get_args

from ordain.config.checks import check_registry
from ordain.config.document import Document
from ordain.config.metrics import metric_registry
from ordain.core.component import Component, Registry, Spec
from ordain.core.diagnostics import nearest
from ordain.data.source import SOURCES
from ordain.data.splitter import SPLITTERS
from ordain.features.feature import FEATURES
from ordain.models.family import FAMILIES
from ordain.models.neural import component as neural

Part = dict[str, Any]
FEATURE_KEYS = ("column", "encoder", "decoder", "loss", "class_weights")


class Namespace:
    """All components of one kind, as functions that return one with its keys.

    Args:
        registry: gives the components.
        is_typed: whether the part says its `type`; a trainer does not, its family does.
    """

    def __init__(self, registry: Callable[[], Registry[Any]], *, is_typed: bool = True) -> None:
        self._registry = registry
        self._is_typed = is_typed

    def __getattr__(self, name: str) -> Callable[..., Part]:
        registry = self._registry()
        if name.startswith("_") or not registry.has(name):
            raise _unknown(name, registry.names(), registry.kind)
        return partial(_part, {"type": name} if self._is_typed else {})

    def __dir__(self) -> list[str]:
        return sorted(self._registry().names())


NAMESPACES = {
    "sources": Namespace(lambda: SOURCES),
    "splits": Namespace(lambda: SPLITTERS),
    "families": Namespace(lambda: FAMILIES),
    "trainers": Namespace(lambda: FAMILIES, is_typed=False),
    "encoders": Namespace(lambda: neural.ENCODERS),
    "combiners": Namespace(lambda: neural.COMBINERS),
    "decoders": Namespace(lambda: neural.DECODERS),
    "losses": Namespace(lambda: neural.LOSSES),
    "optimizers": Namespace(lambda: neural.OPTIMIZERS),
    "schedules": Namespace(lambda: neural.SCHEDULES),
    "metrics": Namespace(metric_registry),
    "checks": Namespace(check_registry),
}


def blocks() -> dict[str, type[Spec]]:
    """Return the blocks of a document that are specs of their own, by key."""
    found: dict[str, type[Spec]] = {}
    for key, info in Document.model_fields.items():
        kind = info.annotation
        if isinstance(kind, UnionType):
            kind = get_args(kind)[0]
        if isinstance(kind, type) and issubclass(kind, Spec) and not issubclass(kind, Component):
            found[key] = kind
    found.pop("trainer", None)
    return found


def _part(fixed: Mapping[str, Any], /, **keys: Any) -> Part:
    return {**fixed, **keys}


def _feature(type_name: str, name: str, /, **keys: Any) -> Part:
    """Return a feature: its own keys beside `name`, the options of its type in `preprocessing`."""
    own = {key: value for key, value in keys.items() if key in FEATURE_KEYS}
    options = {key: value for key, value in keys.items() if key not in FEATURE_KEYS}
    feature = {"name": name, "type": type_name, **own}
    return {**feature, "preprocessing": options} if options else feature


def _unknown(name: str, names: Any, kind: str) -> AttributeError:
    close = nearest(name, names)
    hint = f" Did you mean '{close}'?" if close else ""
    return AttributeError(f"there is no {kind} '{name}'.{hint} Known: {', '.join(names)}.")


def __getattr__(name: str) -> Any:
    if name in NAMESPACES:
        return NAMESPACES[name]
    if name.startswith("_"):
        raise AttributeError(name)
    if name in blocks():
        return partial(_part, {})
    if FEATURES.has(name):
        return partial(_feature, name)
    raise _unknown(name, __dir__(), "part")


def __dir__() -> list[str]:
    return sorted([*NAMESPACES, *blocks(), *FEATURES.names()])


__all__ = ["FEATURE_KEYS", "NAMESPACES", "Namespace", "Part", "blocks"]
