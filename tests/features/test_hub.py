"""The hub that cannot be reached: told soon, in words, and once."""

from __future__ import annotations

import logging
import time

import pytest

from ordain.core.errors import UsageError
from ordain.features.hub import hub_keys, is_reachable
from ordain.features.tokens import load_pretrained


@pytest.fixture
def _no_hub(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")


@pytest.mark.slow
@pytest.mark.usefixtures("_no_hub")
def test_hub_that_cannot_be_reached_is_told_soon():
    pytest.importorskip("transformers")
    started = time.monotonic()
    with pytest.raises(UsageError, match=r"(?s)no folder here.*cannot be reached.*Fix: give a fo"):
        load_pretrained("nobody/such-model")
    assert time.monotonic() - started < 30  # most of it is the import


@pytest.mark.usefixtures("_no_hub")
def test_folder_needs_no_hub_and_the_library_is_quiet_only_inside(tmp_path):
    assert not is_reachable(wait_seconds=1.0)
    before = logging.getLogger("huggingface_hub").level
    with hub_keys(str(tmp_path)) as keys:
        assert keys == {}
        assert logging.getLogger("huggingface_hub").level == logging.CRITICAL
    assert logging.getLogger("huggingface_hub").level == before
    with hub_keys("nobody/such-model") as keys:
        assert keys == {"local_files_only": True}
