"""The Hugging Face hub: whether it can be reached, asked for a few seconds at most.

The hub's library asks a host that does not answer again and again, for most of a minute, and tells
of each try. Here the host is asked once; where it does not answer, only what was fetched before is
used.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

WAIT_SECONDS = 4.0
_ENDPOINT = "https://huggingface.co"
_LOGGERS = ("huggingface_hub", "transformers", "httpx", "urllib3")


@contextlib.contextmanager
def hub_keys(name: str) -> Iterator[dict[str, Any]]:
    """Give the keys for reading a folder or hub name, and keep the library from printing.

    A folder needs no hub; without the hub only files that were fetched before are looked at.
    """
    keys = {} if Path(name).is_dir() or is_reachable() else {"local_files_only": True}
    loggers = [logging.getLogger(one) for one in _LOGGERS]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.CRITICAL)
    try:
        yield keys
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)


def is_reachable(*, wait_seconds: float = WAIT_SECONDS) -> bool:
    """Return whether the hub, or the proxy before it, takes a connection in time."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return False
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT") or _ENDPOINT)
    target = urlsplit(getproxies().get(endpoint.scheme) or endpoint.geturl())
    port = target.port or (443 if target.scheme == "https" else 80)
    answers: list[bool] = []

    def connect() -> None:
        with contextlib.suppress(OSError):
            socket.create_connection((target.hostname or "", port), timeout=wait_seconds).close()
            answers.append(True)

    # Looking up a name has no time limit of its own.
    asking = threading.Thread(target=connect, daemon=True)
    asking.start()
    asking.join(wait_seconds)
    return bool(answers)


def why_not_found(name: str, error: Exception, *, is_offline: bool) -> str:
    """Return why nothing was read under a folder or hub name, in one line."""
    if Path(name).is_dir() or not is_offline:
        return (str(error).strip().splitlines() or [type(error).__name__])[0]
    return (
        "it is no folder here, it was not fetched before, and the Hugging Face hub cannot be "
        "reached: the network, or the name of the folder"
    )
