"""Ordain: declare what to predict; get a trained, judged model as data.

import ordain

result = ordain.train({"input_features": "all", "output_features": {"churn": "binary"}}, frame)
model = result.model()
model.predict(frame)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ordain.config import Config, spec
    from ordain.core.errors import (
        BundleError,
        ConfigError,
        DataError,
        OrdainError,
        StoreError,
        TrainingError,
        UsageError,
    )
    from ordain.data import list_datasets
    from ordain.pipeline.check import check, render
    from ordain.pipeline.plan import plan
    from ordain.pipeline.reproduce import reproduce
    from ordain.pipeline.result import Result
    from ordain.pipeline.train import resume, train
    from ordain.store.model import Model, load

_HOMES = {
    "BundleError": "ordain.core.errors",
    "Config": "ordain.config",
    "ConfigError": "ordain.core.errors",
    "DataError": "ordain.core.errors",
    "Model": "ordain.store.model",
    "OrdainError": "ordain.core.errors",
    "Result": "ordain.pipeline.result",
    "StoreError": "ordain.core.errors",
    "TrainingError": "ordain.core.errors",
    "UsageError": "ordain.core.errors",
    "check": "ordain.pipeline.check",
    "list_datasets": "ordain.data",
    "load": "ordain.store.model",
    "plan": "ordain.pipeline.plan",
    "render": "ordain.pipeline.check",
    "reproduce": "ordain.pipeline.reproduce",
    "resume": "ordain.pipeline.train",
    "spec": "ordain.config",
    "train": "ordain.pipeline.train",
}

__all__ = [
    "BundleError",
    "Config",
    "ConfigError",
    "DataError",
    "Model",
    "OrdainError",
    "Result",
    "StoreError",
    "TrainingError",
    "UsageError",
    "check",
    "list_datasets",
    "load",
    "plan",
    "render",
    "reproduce",
    "resume",
    "spec",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import ordain` stays light."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'ordain' has no attribute '{name}'")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
