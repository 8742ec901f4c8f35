"""The `project` block: what the model is for, and whose it is.

project:
  goal: call those who are about to leave before they do
  owner: retention team
"""

from __future__ import annotations

from ordain.core.component import Spec


class Project(Spec):
    """What the model is for, and whose it is: the report and the model card say so."""

    goal: str = ""
    """What the model is for, in plain words: which decision it serves, and whom."""
    owner: str = ""
    """Who answers for the model: a person, a team, an address."""

    @property
    def said(self) -> dict[str, str]:
        """What is declared, by key."""
        return {key: text for key, text in self.model_dump().items() if text}
