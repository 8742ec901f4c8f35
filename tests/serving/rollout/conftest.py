"""A work folder with bundles that can be deployed: their bytes are all that a rollout looks at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ordain.config import Config
from ordain.store.bundle import CHECKSUMS


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ORDAIN_USER", "ann")
    monkeypatch.delenv("ORDAIN_REGISTRY_URI", raising=False)
    for name in ("one", "two", "three"):
        folder = tmp_path / name / "bundle"
        folder.mkdir(parents=True)
        (folder / CHECKSUMS).write_text(f'{{"config.yaml": "{name}"}}')
    return tmp_path / "home"


@pytest.fixture
def declare(tmp_path: Path, home: Path) -> Callable[..., Config]:
    """Return a function that declares the model `churn` on the bundles `one`, `two`, `three`."""

    def declared(champion: str = "one", *, canary: str | None = None, **keys: Any) -> Config:
        model: dict[str, Any] = {"name": "churn", "champion": str(tmp_path / champion)}
        settings = {key: keys.pop(key) for key in ("limits", "auth", "log") if key in keys}
        if canary:
            split = {"version": str(tmp_path / canary), "share": 0.5, **keys.pop("split", {})}
            model["canary"] = split
        deployment = {"models": [{**model, **keys}], **settings}
        return Config.load({"name": "production", "deployment": deployment})

    return declared
