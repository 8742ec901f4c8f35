"""The simplest router: one version a model, for everybody."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ordain.config.deployment import Deployment
from ordain.serving.contracts import Choice, Router, Status
from ordain.serving.rollout.versions import Version

Find = Callable[[str, str], Version]
"""Gives the version that a reference of a model of this name means now."""


class FixedRouter(Router):
    """Answers every row with the same version.

    Args:
        deployment: of which the champions count, the checks and the fallbacks.
        find: gives the version of a reference as it is now, so that a run or an alias that moves on
            is a newer version.
    """

    def __init__(self, deployment: Deployment, find: Find) -> None:
        self._deployment = deployment
        self._models = {model.name: model for model in deployment.models}
        self._find = find
        self._found = {name: find(model.champion, name) for name, model in self._models.items()}
        self._choices = {name: Choice(one.label) for name, one in self._found.items()}

    @property
    def deployment(self) -> Deployment:
        """What is declared."""
        return self._deployment

    @property
    def problem(self) -> str:
        """Nothing: what cannot be found is an error of `newer`."""
        return ""

    def models(self) -> Sequence[str]:
        """Return the names, in the order given."""
        return tuple(self._models)

    def versions(self, name: str) -> Mapping[str, Version]:
        """Return the one version."""
        found = self._found[name]
        return {found.label: found}

    def fallback(self, name: str) -> Version | None:
        """Return the version of the fallback, if there is one."""
        declared = self._models[name].fallback
        if declared is None or declared.model is None:
            return None
        return self._find(declared.model, name)

    def sticky_by(self, name: str) -> str | None:
        """Return None: the choice depends on nothing."""
        del name
        return None

    def choose(self, name: str, key: str) -> Choice:
        """Return the one choice."""
        del key
        return self._choices[name]

    def observe(
        self, name: str, choice: Choice, *, version: str, status: Status, seconds: float
    ) -> None:
        """Do nothing: there is no other version to change to."""

    def newer(self) -> Router | None:
        """Return a router of the versions that the references mean now, where one is another."""
        router = FixedRouter(self._deployment, self._find)
        return None if router._found == self._found else router

    def tell(self, problem: str) -> None:
        """Do nothing: nobody else looks."""

    def close(self) -> None:
        """Do nothing: there is nothing to write."""
