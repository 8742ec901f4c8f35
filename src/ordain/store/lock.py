"""The lock of a run: all that decides its bytes, so that it can be made again.

It holds no path and no time: equal runs have equal locks.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PACKAGES = (
    "ordain",
    "duckdb",
    "lightgbm",
    "numpy",
    "polars",
    "pydantic",
    "safetensors",
    "scikit-learn",
    "scipy",
    "tokenizers",
    "torch",
    "transformers",
)


_OUR_FILES = (":/", ":(top,exclude,glob)**/.ordain/**")
"""What of a repository is code: all but work folders."""


def environment_lock(folder: Path) -> dict[str, Any]:
    """Return package versions, machine, and the commit of the code around `folder`."""
    return {
        "python": platform.python_version(),
        "packages": package_versions(),
        "machine": machine(),
        "git": git_state(folder),
    }


@functools.cache
def package_versions() -> dict[str, str]:
    """Return the installed version of each package that can change a result."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


@functools.cache
def machine() -> dict[str, Any]:
    """Return what of the machine can change the last bits of a result."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
    }


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return the commit, whether tracked files differ from it, and a digest of how they differ.

    None outside a repository. Files of the work folder do not count: each training changes them.
    """
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "diff", "HEAD", "--binary", "--no-ext-diff", "--", *_OUR_FILES)
    except (OSError, subprocess.SubprocessError):
        return None
    digest = hashlib.sha256(changed.encode(errors="surrogateescape")).hexdigest()
    return {
        "commit": commit,
        "has_changes": bool(changed),
        "changes_digest": digest if changed else None,
    }


def lock_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return one line for each value that differs, such as ``packages.torch: 2.12 -> 2.13``."""
    lines: list[str] = []
    _compare("", before, after, lines)
    return lines


def _compare(prefix: str, before: Any, after: Any, lines: list[str]) -> None:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            _compare(
                f"{prefix}.{key}" if prefix else str(key), before.get(key), after.get(key), lines
            )
    elif before != after:
        lines.append(f"{prefix}: {before} -> {after}")


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603
        ["git", *arguments],  # noqa: S607
        cwd=folder,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=True,
        timeout=10,
    )
    return done.stdout.strip()


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()
