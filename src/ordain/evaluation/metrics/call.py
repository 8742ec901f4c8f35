"""A function of the user's: any number that can be worked out from truth and scores.

The function gets truth and scores as its first two arguments and, by name, those of `weights`,
`labels`, `groups` and `threshold` that it takes, all as numpy arrays (`threshold`: a number):

    # my_metrics.py
    def lift(truth, scores, weights, labels):
        best = scores >= np.quantile(scores, 0.9)
        return truth[best].mean() / truth.mean()

It answers one number. Where it raises, or answers anything else, there is no value, and the reason
says what came back. The module must be on Python's path or in the working directory.

A bundle keeps the name only: it loads without the function, and its document never makes Python
import a module (unless the environment variable ORDAIN_PLUGINS names the module).

    evaluation: {metrics: [{name: mine, call: "my_metrics:lift"}]}
"""

from __future__ import annotations

import importlib
import inspect
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ordain.core.component import is_sealed
from ordain.core.errors import UsageError
from ordain.evaluation.metric import METRICS, Metric, Undefined
from ordain.evaluation.sample import BinarySample, Floats, Sample

OPTIONAL = ("weights", "labels", "groups", "threshold")
"""What a function is given only if it takes an argument of the name."""
Function = Callable[..., Any]


@METRICS.register
class Call(Metric[Sample]):
    """What a function of your own answers."""

    type: Literal["call"] = "call"
    types: ClassVar[frozenset[str]] = frozenset({"binary", "category", "number"})
    is_default: ClassVar[bool] = False

    call: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")
    """The function, as `module:function`."""
    goal: Literal["maximize", "minimize"] = "maximize"
    """Whether more is better."""
    output_type: Literal["binary", "category", "number"] | None = None
    """Type of the outputs it is for; by default all."""
    interval: bool = True
    """Whether to say how sure the value is, by calling the function on 200 resamplings."""

    @property
    def label(self) -> str:
        """The name, by default that of the function."""
        return self.name or self.call.partition(":")[2]

    @property
    def is_higher_better(self) -> bool:  # type: ignore[override]
        """Whether the goal is to maximize."""
        return self.goal == "maximize"

    @property
    def best(self) -> float:  # type: ignore[override]
        """Not known: infinite."""
        return math.inf if self.is_higher_better else -math.inf

    @property
    def has_interval(self) -> bool:  # type: ignore[override]
        """Whether the function may be called again and again."""
        return self.interval

    def fits(self, type_name: str) -> bool:
        """Return whether it is for outputs of a type."""
        return self.output_type in {None, type_name}

    def function(self) -> Function:
        """Return the function.

        Raises:
            UsageError: it cannot be imported, is none, or needs other arguments.
        """
        return load_function(self.call)

    def measure(self, sample: Sample) -> float | Undefined:
        """Return what the function answers; undefined with what came back where it is no number."""
        module = self.call.partition(":")[0]
        if is_sealed() and module not in _plugins():
            return Undefined(
                f"`{self.call}` is a function that is no part of the model; name its module in "
                "ORDAIN_PLUGINS to have it called"
            )
        try:
            function = self.function()
        except UsageError as error:
            return Undefined(error.message)
        return _answer(function, sample, self.call)

    def measure_many(self, sample: Sample, counts: Floats) -> Floats:
        """Return the value of each resampling: its rows are given again as often as drawn."""
        rows = np.arange(len(sample))
        found = []
        for drawn in counts:
            value = self.measure(sample.take(np.repeat(rows, drawn.astype(np.int64))))
            found.append(math.nan if isinstance(value, Undefined) else value)
        return np.array(found)


def load_function(call: str) -> Function:
    """Return the function that ``module:function`` names.

    Raises:
        UsageError: it cannot be imported, is none, or needs other arguments.
    """
    module_name, _, name = call.partition(":")
    try:
        with _working_folder():
            module = importlib.import_module(module_name)
    except Exception as error:
        raise UsageError(
            f"`{call}` cannot be imported: {_told(error)}\n"
            f"  Fix: put '{module_name.replace('.', '/')}.py' on Python's path or into the working "
            "folder"
        ) from error
    found = getattr(module, name, None)
    if not callable(found):
        is_there = "is no function" if hasattr(module, name) else "is not there"
        raise UsageError(f"`{call}` cannot be called: '{name}' {is_there} in {module_name}")
    function: Function = found
    if fault := _wrong_arguments(function):
        raise UsageError(
            f"`{call}` cannot be called with truth and scores: {fault}\n"
            f"  Fix: def {name}(truth, scores, weights, labels): ..."
        )
    return function


def _answer(function: Function, sample: Sample, call: str) -> float | Undefined:
    given = {
        "weights": np.ones(len(sample)) if sample.weights is None else sample.weights.copy(),
        "labels": np.array(sample.labels, dtype=np.str_),
        "groups": np.arange(len(sample)) if sample.groups is None else sample.groups.copy(),
        "threshold": sample.threshold if isinstance(sample, BinarySample) else math.nan,
    }
    taken = {name: given[name] for name in _taken(function)}
    try:
        # Copies: a function that sorts in place would spoil the rows for the metrics after it.
        value = function(sample.truth.copy(), sample.scores.copy(), **taken)
    except Exception as error:  # noqa: BLE001 - a run must outlive any fault of the function
        return Undefined(f"`{call}` raised {_told(error)}")
    is_scalar = isinstance(value, int | float | np.number) or np.shape(value) == ()
    try:
        number = float(value) if is_scalar and not isinstance(value, str | bytes) else None
    except (TypeError, ValueError):
        number = None
    if number is None:
        return Undefined(f"`{call}` returned {_shown(value)} where a number must be")
    return number if math.isfinite(number) else Undefined(f"`{call}` returned {number}")


def _taken(function: Function) -> list[str]:
    """Return which of the optional arguments a function takes; not those that are its first two."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some built-in functions do not tell
        return []
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return list(OPTIONAL)
    by_name = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    positional = [p for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY][:2]
    names = {p.name for p in parameters if p.kind in by_name} - {p.name for p in positional}
    return [name for name in OPTIONAL if name in names]


def _wrong_arguments(function: Function) -> str:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return ""
    try:
        signature.bind(None, None, **dict.fromkeys(_taken(function)))
    except TypeError as error:
        return str(error)
    return ""


@contextmanager
def _working_folder() -> Iterator[None]:
    """Find modules in the working folder too, after all others."""
    folder = os.getcwd()  # noqa: PTH109 - `sys.path` holds text
    if folder in sys.path or "" in sys.path:
        yield
        return
    sys.path.append(folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def _plugins() -> set[str]:
    return set(os.environ.get("ORDAIN_PLUGINS", "").replace(" ", "").split(","))


def _told(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, np.ndarray):
        return f"an array of shape {list(value.shape)}"
    text = repr(value)
    return f"{text[:60]} ({type(value).__name__})"
