"""Runtime: the bundle with the few modules that answer from it, and nothing to install but these.

    ordain export RUN --format runtime --output churn
    pip install -r churn/requirements.txt
    python churn/predict.py rows.csv predictions.csv

    ordain export RUN --format runtime --output churn.pyz
    python churn.pyz rows.csv predictions.csv

No training library is loaded: NumPy and Polars, LightGBM's shared library for `gbm`, ONNX Runtime
for `neural`. It is made by watching what the model imports with the others out of reach.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipapp
from pathlib import Path
from typing import Literal

import polars as pl

from ordain.core.errors import StoreError
from ordain.core.files import write_text
from ordain.store.export.format import EXPORTS, ExportFormat, Written
from ordain.store.export.halves import write_runtime
from ordain.store.export.vendored import last_words
from ordain.store.model import Model

SCRIPT = "predict.py"


@EXPORTS.register
class RuntimeFormat(ExportFormat):
    """A folder, or one file that Python runs, which answers without any training library."""

    type: Literal["runtime"] = "runtime"

    suffix = ".pyz"
    takes_both = True

    def write(self, model: Model, path: Path) -> Written:
        """Write bundle, modules, requirements and a script."""
        folder = path.with_suffix("") if path.suffix else path
        requirements = write_runtime(model, folder)
        write_text(folder / SCRIPT, _SCRIPT)
        write_text(folder / "README.md", _README.format(name=model.document.name))
        n_modules = len(list((folder / "ordain").rglob("*.py")))
        facts = {"requirements": requirements, "modules": n_modules}
        if not path.suffix:
            return Written(facts=facts)
        write_text(folder / "__main__.py", _MAIN)
        zipapp.create_archive(folder, path, compressed=True)
        shutil.rmtree(folder)
        return Written((f"it needs: pip install {' '.join(requirements)}",), facts)

    def answers(self, model: Model, path: Path, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the predictions of the script, in a process of its own."""
        del model
        return run_script(path, rows)


def run_script(
    folder: Path, rows: pl.DataFrame, *, python: str | Path = sys.executable
) -> pl.DataFrame:
    """Return the predictions of a runtime's folder or file, by a Python of one's choice.

    Raises:
        StoreError: the script fails; the message has its last line.
    """
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        given, found = Path(scratch) / "rows.parquet", Path(scratch) / "found.parquet"
        rows.write_parquet(given)
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        program = folder / SCRIPT if folder.is_dir() else folder.resolve()
        command = [str(python), str(program), str(given), str(found)]
        done = subprocess.run(  # noqa: S603 - this module's own script
            command, capture_output=True, text=True, check=False, env=environment, cwd=scratch
        )
        if done.returncode != 0:
            raise StoreError(f"the runtime does not run: {last_words(done.stderr)}")
        return pl.read_parquet(found)


_README = """# {name}

A trained model with what it needs to answer.

```
pip install -r requirements.txt
python predict.py rows.csv predictions.csv     # .csv, .parquet or .jsonl
```

From Python, with this folder on the path:

```python
from ordain.store.export.running import open_runtime

model = open_runtime("path/of/this/folder")
model.predict(frame)                           # Polars; one row of answers for one row
model.predict_row({{"column": 1}})
```
"""

_SCRIPT = '''"""Predict the rows of a file: python predict.py ROWS OUTPUT (csv, parquet, jsonl).

Without OUTPUT the predictions are printed as CSV.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import polars as pl  # noqa: E402

from ordain.core.errors import OrdainError  # noqa: E402
from ordain.store.export.running import open_runtime  # noqa: E402

READ = {".csv": pl.read_csv, ".parquet": pl.read_parquet, ".jsonl": pl.read_ndjson}
WRITE = {".csv": "write_csv", ".parquet": "write_parquet", ".jsonl": "write_ndjson"}


def main(source: str, output: str = ".csv") -> None:
    model = open_runtime(HERE)
    answers = model.predict(READ[Path(source).suffix](source))
    if output.endswith(".csv"):
        answers = answers.with_columns(
            pl.col(name).list.join("; ") for name, kind in answers.schema.items() if kind == pl.List
        )
    if output == ".csv":
        sys.stdout.write(answers.write_csv())
    else:
        getattr(answers, WRITE[Path(output).suffix])(output)


if __name__ == "__main__":
    names = sys.argv[1:]
    if len(names) not in {1, 2} or any(Path(name).suffix not in READ for name in names):
        sys.exit(__doc__)
    try:
        main(*names)
    except OrdainError as error:
        sys.exit(error.message)
'''

_MAIN = '''"""Unpacks this file into a folder that lives as long as the run, and predicts there."""

import runpy
import sys
import tempfile
import zipfile
from pathlib import Path

# The modules must come from the folder: they read words and layouts that lie beside them.
archive = sys.path.pop(0)
with tempfile.TemporaryDirectory() as folder:
    zipfile.ZipFile(archive).extractall(folder)
    try:
        runpy.run_path(str(Path(folder) / "predict.py"), run_name="__main__")
    except ModuleNotFoundError as error:
        needed = (Path(folder) / "requirements.txt").read_text(encoding="utf-8").split()
        sys.exit(f"{error}\\n  Fix: pip install {' '.join(needed)}")
'''
