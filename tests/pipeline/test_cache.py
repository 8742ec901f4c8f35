from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ordain
from ordain.core.errors import StoreError
from ordain.pipeline.cache import Cache, Request, changed_parts

REQUEST = Request("encode", "age", {"options": {"fill": 1}, "rows": 3})


def test_second_call_reuses_the_artefact(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    first = cache.obtain(REQUEST, lambda folder: _write(folder, "a"))
    second = cache.obtain(REQUEST, lambda folder: _write(folder, "b"))
    assert (first.is_reused, second.is_reused) == (False, True)
    assert (second.folder / "x").read_text() == "a"


def test_miss_names_the_part_that_changed(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.obtain(REQUEST, lambda folder: _write(folder, "a"))
    other = Request("encode", "age", {"options": {"fill": 2}, "rows": 3})
    assert cache.obtain(other, lambda folder: _write(folder, "b")).reason == "changed: options.fill"
    assert cache.why_missing(Request("encode", "sex", {})) == "first time"


def test_failed_build_leaves_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with pytest.raises(ValueError, match="broken"):
        cache.obtain(REQUEST, _fail)
    assert cache.entries() == []
    assert cache.find(REQUEST) is None


def test_changed_byte_is_found_by_verify(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    folder = cache.obtain(REQUEST, lambda folder: _write(folder, "a")).folder
    assert cache.verify() == []
    (folder / "x").write_text("b")
    (fault,) = cache.verify()
    assert "content differs from what was written" in fault


def test_artefact_torn_by_a_power_cut_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path)
    folder = cache.obtain(REQUEST, lambda folder: _write(folder, "a")).folder
    monkeypatch.setattr("ordain.pipeline.cache.boot_id", lambda: "another start")
    assert cache.find(REQUEST) == folder
    monkeypatch.setattr("ordain.pipeline.cache.boot_id", lambda: "a third start")
    (folder / "x").write_text("")
    assert cache.find(REQUEST) is None


def test_clear_frees_and_forgets(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.obtain(REQUEST, lambda folder: _write(folder, "a"))
    assert cache.clear() > 0
    assert cache.find(REQUEST) is None


def test_three_processes_build_once(tmp_path: Path) -> None:
    script = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from ordain.pipeline.cache import Cache, Request\n"
        "root = Path(sys.argv[1])\n"
        "def build(folder):\n"
        "    (root / f'built-{os.getpid()}').write_text('')\n"
        "    time.sleep(0.5)\n"
        "    (folder / 'x').write_text('a')\n"
        "Cache(root / 'cache').obtain(Request('encode', 'age', {}), build)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    workers = [subprocess.Popen(command) for _ in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    assert len(list(tmp_path.glob("built-*"))) == 1


@pytest.mark.skipif(os.getuid() == 0, reason="the superuser may write anywhere")
def test_read_only_folder_says_what_to_do(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="set ORDAIN_HOME to a folder that can be written"):
        Cache(tmp_path / "c").obtain(REQUEST, lambda folder: _write(folder, "a"))


def test_work_folder_that_is_a_file_says_what_to_do(
    tmp_path: Path, config: dict[str, Any], frame: pl.DataFrame
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="is not a folder\n  Fix: set ORDAIN_HOME"):
        ordain.train(config, frame, home=tmp_path / "file")


def test_changed_parts_are_dotted_names() -> None:
    assert changed_parts({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": 1}) == ["a.c", "d"]


def _write(folder: Path, text: str) -> None:
    (folder / "x").write_text(text)


def _fail(folder: Path) -> None:
    _write(folder, "half")
    raise ValueError("broken")
