"""What MLflow calls to serve a folder that `export --format mlflow` wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ordain.store.export.running import open_runtime

if TYPE_CHECKING:
    from ordain.store.model import Model


class PyfuncModel:
    """Answers data frames of pandas with prediction columns."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """Return one row of answers for one row.

        Args:
            data: a data frame of pandas, or what `Model.predict` takes.
            params: none are known.
        """
        del params
        if isinstance(data, list | dict):
            return self._model.predict(pl.DataFrame(data)).to_pandas()
        return self._model.predict(data)


def _load_pyfunc(path: str) -> PyfuncModel:
    """Return the model of a folder; MLflow knows this function by its name."""
    return PyfuncModel(open_runtime(Path(path)))
