"""The modules of Ordain that a bundle needs to answer, and the packages that those import.

Which they are is seen, not guessed: a fresh process loads the model and answers its golden rows
with the training libraries out of reach, and tells what it imported.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from ordain.core.errors import StoreError

FORBIDDEN = (
    "torch", "sklearn", "duckdb", "transformers", "pandas", "pyarrow", "mlflow", "plotly",
    "typer", "rich", "onnxscript", "sqlalchemy",
)  # fmt: skip
"""What a runtime must do without."""
PACKAGES = {
    "numpy": "numpy", "polars": "polars", "pydantic": "pydantic", "yaml": "pyyaml",
    "safetensors": "safetensors", "onnxruntime": "onnxruntime", "lightgbm": "lightgbm",
    "scipy": "scipy", "tokenizers": "tokenizers", "narwhals": "narwhals", "Stemmer": "PyStemmer",
    "stop_words": "stop-words", "holidays": "holidays", "tzdata": "tzdata",
}  # fmt: skip
"""Distribution of each module that may be needed."""
_ROOT = Path(__file__).resolve().parents[2]
_ALWAYS = ("core", "features")
_WATCHED = """
import importlib.abc, json, sys
class Refuser(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in FORBIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}: a runtime has none", name=name)
FORBIDDEN = set(json.loads(sys.argv[2]))
sys.meta_path.insert(0, Refuser())
from pathlib import Path
import polars as pl
from ordain.store.export.running import open_encoder, open_runtime
folder, mode = Path(sys.argv[1]), sys.argv[3]
model = (open_encoder if mode == "encoder" else open_runtime)(folder)
rows = pl.read_parquet(folder / "bundle" / "golden.parquet").select(model.input_columns)
if mode == "encoder":
    from ordain.store.export import interface
    model.encoded(model.with_derived(rows))
else:
    model.predict(rows)
    for row in rows.head(1).to_dicts():
        model.predict_row(row)
    model.unusual(rows)
print(json.dumps(sorted(sys.modules)))
"""


def needed_modules(
    folder: Path, *, mode: str = "runtime", allowed: Iterable[str] = ()
) -> list[str]:
    """Return the modules that a runtime folder's model imports on the way to its answers.

    Args:
        folder: with `bundle/`.
        mode: `runtime`, or `encoder` where it only encodes.
        allowed: packages of `FORBIDDEN` that it may use.

    Raises:
        StoreError: it does not answer without the training libraries.
    """
    forbidden = [name for name in FORBIDDEN if name not in set(allowed)]
    # What Python compiles must not stand in what is handed out.
    environment = {
        **os.environ,
        "PYTHONPATH": str(_ROOT.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(  # noqa: S603 - this module's own words
        [sys.executable, "-c", _WATCHED, str(folder), json.dumps(forbidden), mode],
        capture_output=True, text=True, check=False, env=environment, cwd=folder,
    )  # fmt: skip
    if done.returncode != 0:
        raise StoreError(
            "the model does not run without the libraries it was trained with: "
            f"{last_words(done.stderr)}\n"
            "  Possible: the format `docker`, which installs them"
        )
    modules: list[str] = json.loads(done.stdout.strip().splitlines()[-1])
    return modules


def last_words(said: str) -> str:
    """Return what a process that failed said: all of it, or the last line of a traceback."""
    lines = said.strip().splitlines() or ["no word"]
    return lines[-1] if any(line.startswith("Traceback") for line in lines) else "\n".join(lines)


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder, without what Python has compiled; a failure is that of its first file."""
    target.mkdir(parents=True)
    for path in sorted(source.rglob("*")):
        copy = target / path.relative_to(source)
        if "__pycache__" in path.parts:
            continue
        if path.is_dir():
            copy.mkdir()
        else:
            shutil.copyfile(path, copy)


def copy_modules(modules: Iterable[str], target: Path) -> int:
    """Copy Ordain's modules among these, and all of `core` and `features`; return how many."""
    files = {_file_of(name) for name in modules if name.partition(".")[0] == "ordain"}
    for room in _ALWAYS:
        files |= set((_ROOT / room).glob("*.py"))
    files |= {path.parent / "__init__.py" for path in files if path is not None}
    # Words, layouts and other data that modules read beside them.
    found = sorted(path for path in files if path is not None and path.is_file())
    found += sorted(
        path for folder in {one.parent for one in found} for path in folder.glob("*")
        if path.suffix in {".yaml", ".json", ".txt"}
    )  # fmt: skip
    for path in found:
        copy = target / path.relative_to(_ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return len(found)


def pinned(modules: Iterable[str], *, more: Iterable[str] = ()) -> list[str]:
    """Return the installed versions of the packages that modules belong to, as pip reads them."""
    tops = {name.partition(".")[0] for name in modules} | set(more)
    wanted = sorted(PACKAGES[name] for name in tops if name in PACKAGES)
    return [f"{name}=={version_of(name)}" for name in wanted]


def version_of(distribution: str) -> str:
    """Return the public part of an installed version."""
    return importlib.metadata.version(distribution).partition("+")[0]


def _file_of(name: str) -> Path | None:
    parts = name.split(".")[1:]
    module = _ROOT.joinpath(*parts)
    package = module / "__init__.py"
    return package if package.is_file() else module.with_suffix(".py") if parts else None
