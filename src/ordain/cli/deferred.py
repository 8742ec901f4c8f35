"""A library that is loaded at its first use, and not where it is imported."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


class Deferred(ModuleType):
    """Stands for a module until an attribute of it is asked for; then it acts as the module."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        module = importlib.import_module(self.__name__)
        vars(self).update(vars(module))
        return getattr(module, name)


def defer(name: str) -> None:
    """Let a later ``import name`` cost nothing until the module is used."""
    if name not in sys.modules:
        sys.modules[name] = Deferred(name)
