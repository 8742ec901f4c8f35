"""Runtime: the bundle with the few modules that answer from it, and nothing to install but these.

    ordain export RUN --format runtime --output churn
    pip install -r churn/requirements.txt
    python churn/predict.py rows.csv predictions.csv

No training library is loaded: NumPy and Polars, LightGBM's shared library for `gbm`, ONNX Runtime
for `neural`. It is made by watching what the model imports with the others out of reach.
"""

from __future__ import annotations

import os
import subprocess
import sys
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
    """A folder that answers without any training library."""

    type: Literal["runtime"] = "runtime"

    def write(self, model: Model, path: Path) -> Written:
        """Write bundle, modules, requirements and a script."""
        if model.document.model_type.type == "neural":
            _require_onnx()
        requirements = write_runtime(model, path)
        write_text(path / SCRIPT, _SCRIPT)
        write_text(path / "README.md", _README.format(name=model.document.name))
        n_modules = len(list((path / "ordain").rglob("*.py")))
        return Written(facts={"requirements": requirements, "modules": n_modules})

    def answers(self, model: Model, path: Path, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the predictions of the script, in a process of its own."""
        del model
        return run_script(path, rows)


def run_script(
    folder: Path, rows: pl.DataFrame, *, python: str | Path = sys.executable
) -> pl.DataFrame:
    """Return the predictions of a runtime folder's script, by a Python of one's choice.

    Raises:
        StoreError: the script fails; the message has its last line.
    """
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        given, found = Path(scratch) / "rows.parquet", Path(scratch) / "found.parquet"
        rows.write_parquet(given)
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        command = [str(python), str(folder / SCRIPT), str(given), str(found)]
        done = subprocess.run(  # noqa: S603 - this module's own script
            command, capture_output=True, text=True, check=False, env=environment, cwd=scratch
        )
        if done.returncode != 0:
            raise StoreError(f"the runtime does not run: {last_words(done.stderr)}")
        return pl.read_parquet(found)


def _require_onnx() -> None:
    from ordain.store.export.formats.onnx import OnnxFormat, OnnxScript

    OnnxFormat().require_packages()
    OnnxScript.require()


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

_SCRIPT = '''"""Predict the rows of a file: python predict.py ROWS OUTPUT (csv, parquet, jsonl)."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import polars as pl  # noqa: E402

from ordain.core.errors import OrdainError  # noqa: E402
from ordain.store.export.running import open_runtime  # noqa: E402

READ = {".csv": pl.read_csv, ".parquet": pl.read_parquet, ".jsonl": pl.read_ndjson}
WRITE = {".csv": "write_csv", ".parquet": "write_parquet", ".jsonl": "write_ndjson"}


def main(source: str, output: str) -> None:
    model = open_runtime(HERE)
    answers = model.predict(READ[Path(source).suffix](source))
    if output.endswith(".csv"):
        answers = answers.with_columns(
            pl.col(name).list.join("; ") for name, kind in answers.schema.items() if kind == pl.List
        )
    getattr(answers, WRITE[Path(output).suffix])(output)


if __name__ == "__main__":
    if len(sys.argv) != 3 or any(Path(name).suffix not in READ for name in sys.argv[1:]):
        sys.exit(__doc__)
    try:
        main(sys.argv[1], sys.argv[2])
    except OrdainError as error:
        sys.exit(error.message)
'''
