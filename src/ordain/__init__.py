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
        GateError,
        OrdainError,
        StoreError,
        TrainingError,
        UsageError,
    )
    from ordain.data import list_datasets
    from ordain.pipeline.browse_errors import browse_errors
    from ordain.pipeline.check import check, render
    from ordain.pipeline.compare import compare
    from ordain.pipeline.diagnose import diagnose
    from ordain.pipeline.evaluate import evaluate
    from ordain.pipeline.explain import explain
    from ordain.pipeline.leave_out import leave_one_out
    from ordain.pipeline.patches import apply_patch
    from ordain.pipeline.plan import plan
    from ordain.pipeline.promote import promote, rollback
    from ordain.pipeline.register import register, versions
    from ordain.pipeline.reproduce import reproduce
    from ordain.pipeline.result import Result
    from ordain.pipeline.score import score
    from ordain.pipeline.trace import preview, trace
    from ordain.pipeline.train import resume, train
    from ordain.pipeline.visualize import visualize
    from ordain.pipeline.why import why
    from ordain.store.export.export import export
    from ordain.store.loading import load
    from ordain.store.model import Model

_HOMES = {
    "BundleError": "ordain.core.errors",
    "Config": "ordain.config",
    "ConfigError": "ordain.core.errors",
    "DataError": "ordain.core.errors",
    "GateError": "ordain.core.errors",
    "Model": "ordain.store.model",
    "OrdainError": "ordain.core.errors",
    "Result": "ordain.pipeline.result",
    "StoreError": "ordain.core.errors",
    "TrainingError": "ordain.core.errors",
    "UsageError": "ordain.core.errors",
    "apply_patch": "ordain.pipeline.patches",
    "browse_errors": "ordain.pipeline.browse_errors",
    "check": "ordain.pipeline.check",
    "compare": "ordain.pipeline.compare",
    "diagnose": "ordain.pipeline.diagnose",
    "evaluate": "ordain.pipeline.evaluate",
    "explain": "ordain.pipeline.explain",
    "export": "ordain.store.export.export",
    "leave_one_out": "ordain.pipeline.leave_out",
    "list_datasets": "ordain.data",
    "load": "ordain.store.loading",
    "plan": "ordain.pipeline.plan",
    "preview": "ordain.pipeline.trace",
    "promote": "ordain.pipeline.promote",
    "register": "ordain.pipeline.register",
    "render": "ordain.pipeline.check",
    "reproduce": "ordain.pipeline.reproduce",
    "resume": "ordain.pipeline.train",
    "rollback": "ordain.pipeline.promote",
    "score": "ordain.pipeline.score",
    "spec": "ordain.config",
    "trace": "ordain.pipeline.trace",
    "train": "ordain.pipeline.train",
    "versions": "ordain.pipeline.register",
    "visualize": "ordain.pipeline.visualize",
    "why": "ordain.pipeline.why",
}

__all__ = [
    "BundleError",
    "Config",
    "ConfigError",
    "DataError",
    "GateError",
    "Model",
    "OrdainError",
    "Result",
    "StoreError",
    "TrainingError",
    "UsageError",
    "apply_patch",
    "browse_errors",
    "check",
    "compare",
    "diagnose",
    "evaluate",
    "explain",
    "export",
    "leave_one_out",
    "list_datasets",
    "load",
    "plan",
    "preview",
    "promote",
    "register",
    "render",
    "reproduce",
    "resume",
    "rollback",
    "score",
    "spec",
    "trace",
    "train",
    "versions",
    "visualize",
    "why",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import ordain` stays light."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'ordain' has no attribute '{name}'")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
