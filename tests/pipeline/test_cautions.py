from __future__ import annotations

from types import SimpleNamespace

import pytest

from ordain.config.budget import Budget
from ordain.core.events import Events
from ordain.pipeline.cautions import warn_of_budget


@pytest.mark.parametrize(
    ("left_out", "said"),
    [(["gbm"], "`gbm` is not"), (["linear", "gbm"], "`linear`, `gbm` are not")],
)
def test_one_model_is_and_several_are_left_out(left_out: list[str], said: str) -> None:
    heard: list[str] = []
    events = Events(lambda event: heard.append(event.data["message"]))
    warn_of_budget(SimpleNamespace(facts={}), left_out, Budget(seconds=1), events)  # type: ignore[arg-type]
    assert heard[0].startswith(said)
