"""MLflow: a model folder of the `python_function` flavour, without a pickle.

    ordain export RUN --format mlflow --output churn
    mlflow models serve -m churn --env-manager local

It holds the bundle and the modules that answer from it, as `runtime` does, and a signature.

Source: https://mlflow.org/docs/latest/ml/model
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any, Literal

import polars as pl

from ordain.store.export.format import EXPORTS, ExportFormat, Written
from ordain.store.export.halves import write_runtime
from ordain.store.export.vendored import version_of
from ordain.store.model import Model

LOADER = "ordain.store.export.pyfunc"


@EXPORTS.register
class MlflowFormat(ExportFormat):
    """A model folder that `mlflow models serve` runs."""

    type: Literal["mlflow"] = "mlflow"

    packages = {"mlflow": "registry", "pandas": "pandas"}  # noqa: RUF012 - a class attribute

    def write(self, model: Model, path: Path) -> Written:
        """Write the model folder."""
        pyfunc = _pyfunc()
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            data = Path(scratch) / "data"
            requirements = write_runtime(model, data)
            shutil.move(data / "ordain", Path(scratch) / "ordain")
            _add_loader(Path(scratch) / "ordain")
            needed = [*requirements, *(f"{name}=={version_of(name)}" for name in _MORE)]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that there is no example beside the signature
                pyfunc.save_model(
                    path,
                    loader_module=LOADER,
                    data_path=str(data),
                    code_paths=[str(Path(scratch) / "ordain")],
                    pip_requirements=needed,
                    signature=_signature(model),
                    metadata={"ordain": {"name": model.document.name}},
                )
        return Written(facts={"requirements": needed})

    def answers(self, model: Model, path: Path, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the predictions through MLflow."""
        del model
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that packages of this process are others
            found: Any = _pyfunc().load_model(str(path)).predict(rows.to_pandas())
        answers: pl.DataFrame = pl.from_pandas(found)
        return answers


_MORE = ("mlflow-skinny", "pandas", "narwhals", "pyarrow")


def _pyfunc() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of its own types where it is imported
        import mlflow.pyfunc

        return mlflow.pyfunc


def _add_loader(package: Path) -> None:
    from ordain.store.export.vendored import copy_modules

    copy_modules([LOADER, "ordain.store.frames", "ordain.data.sources.frame"], package)


def _signature(model: Model) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    empty = pl.DataFrame(schema=model.input_schema)
    answered = model.predict(empty)
    inputs: list[Any] = [
        ColSpec(_type(dtype, is_input=True), name, required=False)
        for name, dtype in model.input_schema.items()
    ]
    outputs: list[Any] = [ColSpec(_type(dtype), name) for name, dtype in answered.schema.items()
               if not dtype.is_nested()]  # fmt: skip
    is_plain = len(outputs) == len(answered.columns)
    return ModelSignature(Schema(inputs), Schema(outputs) if is_plain else None)


def _type(dtype: pl.DataType, *, is_input: bool = False) -> str:
    if dtype == pl.Boolean:
        return "boolean"
    # A whole number that may be missing is a float in pandas.
    if dtype.is_float() or (dtype.is_integer() and is_input):
        return "double"
    if dtype.is_integer():
        return "long"
    return "datetime" if dtype.is_temporal() else "string"
