"""The registry: models by name and version, over MLflow.

`resolve("churn@champion")` gives the version with its bundle; `open_registry()` all else.
"""

from ordain.store.registry.audit import AuditLine
from ordain.store.registry.reference import Reference, parse
from ordain.store.registry.registry import CHAMPION, Registry, open_registry, resolve
from ordain.store.registry.version import Lineage, Measured, ModelVersion

__all__ = [
    "CHAMPION",
    "AuditLine",
    "Lineage",
    "Measured",
    "ModelVersion",
    "Reference",
    "Registry",
    "open_registry",
    "parse",
    "resolve",
]
