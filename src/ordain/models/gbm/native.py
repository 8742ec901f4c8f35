"""LightGBM through its public C interface (`c_api.h`), with nothing between.

The Python package `lightgbm` imports scikit-learn, SciPy, pandas and PyArrow when they are there:
1.6 seconds and 180 MB on the machine this was measured on, for a shared library that loads in
three milliseconds. So the library that the package ships is opened directly. Its C interface
also takes float32 rows block by block, which the Python one copies to float64.

Source: https://lightgbm.readthedocs.io/en/stable/C-API.html
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.util
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.core.errors import MissingExtraError, OrdainError

Params = Mapping[str, str | int | float | bool]
Floats = npt.NDArray[np.float32]

_FLOAT32, _FLOAT64, _INT32 = 0, 1, 2
_NORMAL, _RAW, _CONTRIBUTIONS = 0, 1, 3
_ROW_MAJOR = 1
_ZERO = 1e-35  # LightGBM's own threshold: what is nearer to zero counts as zero


class LightGBMError(OrdainError):
    """LightGBM refused a call; the message is its own."""


class Dataset:
    """Rows binned by LightGBM; the raw numbers are not kept.

    Args:
        n_rows: of the whole; every row must be pushed before use.
        n_columns: of the matrix.
        sample: some rows [S, n_columns] that the bins are cut from; a missing cell is NaN.
        params: LightGBM's.
        reference: a data set whose bins are taken over; `sample` is then not used.
    """

    def __init__(
        self,
        n_rows: int,
        n_columns: int,
        *,
        sample: Floats,
        params: Params,
        reference: Dataset | None = None,
    ) -> None:
        self.n_rows = n_rows
        self._handle = ctypes.c_void_p()
        self._filled = 0
        if reference is None:
            self._create(n_columns, sample, params)
        else:
            _call(
                "LGBM_DatasetCreateByReference",
                reference._handle,  # noqa: SLF001
                ctypes.c_int64(n_rows),
                ctypes.byref(self._handle),
            )

    def push(self, block: Floats) -> None:
        """Append rows [B, n_columns], C-contiguous."""
        _call(
            "LGBM_DatasetPushRows",
            self._handle,
            _pointer(block),
            ctypes.c_int(_FLOAT32),
            ctypes.c_int32(block.shape[0]),
            ctypes.c_int32(block.shape[1]),
            ctypes.c_int32(self._filled),
        )
        self._filled += block.shape[0]

    def set_field(self, name: str, values: npt.NDArray[Any]) -> None:
        """Set `label` or `weight`, one number a row; copied."""
        values = np.ascontiguousarray(values, dtype=np.float32)
        _call(
            "LGBM_DatasetSetField",
            self._handle,
            name.encode(),
            _pointer(values),
            ctypes.c_int(len(values)),
            ctypes.c_int(_FLOAT32),
        )

    def __del__(self) -> None:
        if self._handle:
            _library().LGBM_DatasetFree(self._handle)

    def _create(self, n_columns: int, sample: Floats, params: Params) -> None:
        # LightGBM wants the cells that are not zero, with their row numbers, column by column.
        columns = [np.ascontiguousarray(sample[:, j], dtype=np.float64) for j in range(n_columns)]
        rows = [np.flatnonzero(~(np.abs(c) <= _ZERO)).astype(np.int32) for c in columns]
        cells = [column[row] for column, row in zip(columns, rows, strict=True)]
        counts = np.array([len(row) for row in rows], dtype=np.int32)
        cell_pointers = (ctypes.c_void_p * n_columns)(*(c.ctypes.data for c in cells))
        row_pointers = (ctypes.c_void_p * n_columns)(*(r.ctypes.data for r in rows))
        _call(
            "LGBM_DatasetCreateFromSampledColumn",
            cell_pointers,
            row_pointers,
            ctypes.c_int32(n_columns),
            _pointer(counts),
            ctypes.c_int32(len(sample)),
            ctypes.c_int32(self.n_rows),
            ctypes.c_int64(self.n_rows),
            _text(params),
            ctypes.byref(self._handle),
        )


class Booster:
    """Trees: while they grow (`start`), or read from text (`parse`)."""

    def __init__(self, handle: ctypes.c_void_p, *, keep: Sequence[Dataset] = ()) -> None:
        self._handle = handle
        self._datasets = tuple(keep)  # LightGBM points into them

    @classmethod
    def start(cls, train: Dataset, params: Params, *, validation: Dataset | None) -> Booster:
        """Return a booster without trees."""
        handle = ctypes.c_void_p()
        _call("LGBM_BoosterCreate", train._handle, _text(params), ctypes.byref(handle))  # noqa: SLF001
        booster = cls(handle, keep=[train] if validation is None else [train, validation])
        if validation is not None:
            _call("LGBM_BoosterAddValidData", handle, validation._handle)  # noqa: SLF001
        return booster

    @classmethod
    def parse(cls, text: str) -> Booster:
        """Return the booster that `to_text` wrote.

        Raises:
            LightGBMError: the text is not a booster.
        """
        handle, n_rounds = ctypes.c_void_p(), ctypes.c_int()
        _call(
            "LGBM_BoosterLoadModelFromString",
            text.encode(),
            ctypes.byref(n_rounds),
            ctypes.byref(handle),
        )
        return cls(handle)

    @property
    def n_columns(self) -> int:
        """Columns of the matrix it was trained on."""
        return self._integer("LGBM_BoosterGetNumFeature")

    @property
    def n_scores(self) -> int:
        """Numbers it answers for one row."""
        return self._integer("LGBM_BoosterGetNumClasses")

    @property
    def n_rounds(self) -> int:
        """Rounds it has grown."""
        return self._integer("LGBM_BoosterGetCurrentIteration")

    def grow(self) -> bool:
        """Add one round of trees; return whether no tree could be split any more."""
        is_finished = ctypes.c_int()
        _call("LGBM_BoosterUpdateOneIter", self._handle, ctypes.byref(is_finished))
        return bool(is_finished.value)

    def evaluate(self, index: int) -> float:
        """Return the first metric on the training rows (0) or the validation rows (1)."""
        count = self._integer("LGBM_BoosterGetEvalCounts")
        values, n = (ctypes.c_double * max(1, count))(), ctypes.c_int()
        _call("LGBM_BoosterGetEval", self._handle, ctypes.c_int(index), ctypes.byref(n), values)
        return float(values[0])

    def to_text(self, n_rounds: int) -> str:
        """Return the first rounds as text, without the parameters they were grown with."""
        size, buffer = ctypes.c_int64(1 << 20), ctypes.create_string_buffer(1 << 20)
        for _ in range(2):
            _call(
                "LGBM_BoosterSaveModelToString",
                self._handle,
                ctypes.c_int(0),
                ctypes.c_int(n_rounds),
                ctypes.c_int(0),
                ctypes.c_int64(len(buffer)),
                ctypes.byref(size),
                buffer,
            )
            if size.value <= len(buffer):
                break
            buffer = ctypes.create_string_buffer(size.value)
        return buffer.value.decode().partition("\nparameters:")[0].rstrip() + "\n"

    def predict(self, block: Floats, out: npt.NDArray[np.float64], *, n_threads: int) -> None:
        """Write the scores of rows [B, n_columns] into `out` [B] or [B, n_scores].

        Args:
            block: C-contiguous.
            out: C-contiguous.
            n_threads: 0 for OpenMP's own number.
        """
        self._predict(block, out, kind=_NORMAL, n_threads=n_threads)

    def contributions(self, block: Floats, out: npt.NDArray[np.float64], *, n_threads: int) -> None:
        """Write what each column adds to the raw scores into `out`.

        Args:
            block: [B, n_columns], C-contiguous.
            out: [B, n_scores * (n_columns + 1)], C-contiguous; the last of each class is the base.
            n_threads: 0 for OpenMP's own number.
        """
        self._predict(block, out, kind=_CONTRIBUTIONS, n_threads=n_threads)

    def _predict(
        self, block: Floats, out: npt.NDArray[np.float64], *, kind: int, n_threads: int
    ) -> None:
        length = ctypes.c_int64()
        _call(
            "LGBM_BoosterPredictForMat",
            self._handle,
            _pointer(block),
            ctypes.c_int(_FLOAT32),
            ctypes.c_int32(block.shape[0]),
            ctypes.c_int32(block.shape[1]),
            ctypes.c_int(_ROW_MAJOR),
            ctypes.c_int(kind),
            ctypes.c_int(0),
            ctypes.c_int(-1),
            _text({"num_threads": n_threads, "verbosity": -1}),
            ctypes.byref(length),
            _pointer(out),
        )

    def row_predictor(self) -> Callable[[Sequence[float]], list[float]]:
        """Return a function from one row's numbers to its scores; safe to call from any thread.

        LightGBM keeps what it would otherwise build at each call, which makes one row cost a few
        microseconds.
        """
        config, n_columns = ctypes.c_void_p(), self.n_columns
        _call(
            "LGBM_BoosterPredictForMatSingleRowFastInit",
            self._handle,
            *(ctypes.c_int(value) for value in (_NORMAL, 0, -1, _FLOAT32)),
            ctypes.c_int32(n_columns),
            _text({"num_threads": 1, "verbosity": -1}),
            ctypes.byref(config),
        )
        return _RowPredictor(self, config, n_columns)

    def __del__(self) -> None:
        if self._handle:
            _library().LGBM_BoosterFree(self._handle)

    def _integer(self, function: str) -> int:
        value = ctypes.c_int()
        _call(function, self._handle, ctypes.byref(value))
        return value.value


class _RowPredictor:
    def __init__(self, booster: Booster, config: ctypes.c_void_p, n_columns: int) -> None:
        self._booster = booster  # the configuration points into it
        self._config = config
        self._row = (ctypes.c_float * n_columns)()
        self._scores = (ctypes.c_double * booster.n_scores)()
        self._length = ctypes.c_int64()
        self._lock = threading.Lock()
        self._function = _library().LGBM_BoosterPredictForMatSingleRowFast
        self._arguments = (config, self._row, ctypes.byref(self._length), self._scores)

    def __call__(self, row: Sequence[float]) -> list[float]:
        with self._lock:
            self._row[:] = list(row)
            if self._function(*self._arguments) != 0:
                raise _last_error()
            return self._scores[:]

    def __del__(self) -> None:
        _library().LGBM_FastConfigFree(self._config)


@functools.cache
def _library() -> ctypes.CDLL:
    spec = importlib.util.find_spec("lightgbm")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError.for_package("lightgbm", extra="gbm", purpose="a `gbm` model")
    folder = Path(next(iter(spec.submodule_search_locations)))
    # The package's own module that finds and opens the library, run without the package.
    finder = importlib.util.spec_from_file_location("_lightgbm_libpath", folder / "libpath.py")
    if finder is None or finder.loader is None:
        raise LightGBMError(f"{folder}: the installed `lightgbm` is incomplete; install it again")
    module = importlib.util.module_from_spec(finder)
    with _waiting_threads_sleep():
        finder.loader.exec_module(module)
    library: ctypes.CDLL = module._LIB  # noqa: SLF001
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library


@contextlib.contextmanager
def _waiting_threads_sleep() -> Iterator[None]:
    """Let OpenMP's threads sleep while they wait, not spin, unless the user decided otherwise.

    The library reads the variable once, when it is opened. Where other processes want the cores,
    spinning threads keep one another from working: 26,000 rows took 2.2 seconds on two sleeping
    threads, 2.5 on one, and 15 on two spinning ones.
    """
    name = "OMP_WAIT_POLICY"
    if name in os.environ:
        yield
        return
    os.environ[name] = "passive"
    try:
        yield
    finally:
        del os.environ[name]


def _call(function: str, *arguments: Any) -> None:
    if getattr(_library(), function)(*arguments) != 0:
        raise _last_error()


def _last_error() -> LightGBMError:
    return LightGBMError(f"LightGBM: {_library().LGBM_GetLastError().decode()}")


def _pointer(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    assert array.flags.c_contiguous, "LightGBM reads plain memory"
    return ctypes.c_void_p(array.ctypes.data)


def _text(params: Params) -> bytes:
    """Return ``name=value`` pairs as LightGBM reads them."""

    def plain(value: str | float | bool) -> str:  # noqa: FBT001
        return str(value).lower() if isinstance(value, bool) else str(value)

    return " ".join(f"{name}={plain(value)}" for name, value in params.items()).encode()
