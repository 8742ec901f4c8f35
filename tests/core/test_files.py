from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ordain.core.errors import StoreError
from ordain.core.files import atomic_file, atomic_folder, read_json, write_json, write_text


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError, match="stop"), atomic_file(path) as file:
        file.write(b"new")
        raise RuntimeError("stop")
    assert path.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_failed_folder_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stop"), atomic_folder(tmp_path / "f") as folder:
        (folder / "x").write_text("1")
        raise RuntimeError("stop")
    assert list(tmp_path.iterdir()) == []


def test_folder_made_meanwhile_by_another_stays(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "f") as folder:
        (folder / "x").write_text("mine")
        (tmp_path / "f").mkdir()
        (tmp_path / "f" / "x").write_text("theirs")
    assert (tmp_path / "f" / "x").read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_broken_json_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(StoreError, match=r"a\.json is not valid JSON"):
        read_json(tmp_path / "a.json")


def test_missing_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"none\.json: No such file"):
        read_json(tmp_path / "none.json")


def test_full_disk_says_what_to_do() -> None:
    with pytest.raises(StoreError, match=r"No space left on device\n  Fix: free some space"):
        _raise_full()


def _raise_full() -> None:
    import errno

    from ordain.core import files

    with files.store_errors(Path("x")):
        raise OSError(errno.ENOSPC, "No space left on device", "x")


def test_killed_writer_leaves_no_torn_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"n": 0})
    script = (
        "import sys, json, itertools\n"
        "from pathlib import Path\n"
        "from ordain.core.files import write_json\n"
        "for n in itertools.count(): write_json(Path(sys.argv[1]), {'n': n, 'pad': 'x' * 100000})\n"
    )
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", script, str(path)])
        try:
            process.wait(timeout=0.6)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert "n" in read_json(path)


@pytest.mark.parametrize(
    "error",
    [
        OSError("No space left on device (os error 28)"),
        RuntimeError("I/O error: No space left on device (os error 28)"),
        OSError("24000 requested and 8000 written"),
    ],
    ids=["polars", "safetensors", "numpy"],
)
def test_full_disk_is_known_by_the_words_of_libraries(error: Exception) -> None:
    from ordain.core import files

    place = Path("home/cache/fit") / f"{files.TEMPORARY_PREFIX}x" / "model"
    with (
        pytest.raises(StoreError, match=r"^home/cache/fit: No space left on device\n  Fix: free"),
        files.store_errors(place),
    ):
        raise error


def test_other_errors_pass_through() -> None:
    from ordain.core import files

    with pytest.raises(ValueError, match="not about files"), files.store_errors(Path("x")):
        raise ValueError("not about files")
