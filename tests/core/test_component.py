from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError

from ordain.core import component
from ordain.core.component import Component, OneOf, Registry, Spec
from ordain.core.errors import UsageError


class Shape(Component):
    """Base of the components of these tests."""


SHAPES: Registry[Shape] = Registry("shape", Shape, package="ordain.core")


@SHAPES.register
class Circle(Shape):
    """Round."""

    type: Literal["circle"] = "circle"
    aliases = ("disc",)
    radius: float = Field(default=1.0, gt=0)
    """Half the width."""


class Drawing(Spec):
    """Holds a shape."""

    shape: Annotated[Shape, OneOf(lambda: SHAPES)]
    """What is drawn."""


def test_name_alone_builds_the_component_with_its_defaults() -> None:
    assert SHAPES.build("circle") == Circle()


def test_alias_is_read_as_the_type() -> None:
    assert Drawing.model_validate({"shape": {"type": "disc", "radius": 2}}).shape == Circle(
        radius=2
    )


def test_unknown_name_has_the_nearest_and_all_names() -> None:
    with pytest.raises(UsageError, match=r"unknown shape 'circel'\. Did you mean 'circle'\?"):
        SHAPES.get("circel")


def test_two_classes_of_one_name_are_refused() -> None:
    class Other(Shape):
        type: Literal["circle"] = "circle"

    with pytest.raises(UsageError, match="two shapes are named 'circle'"):
        SHAPES.register(Other)


def test_fault_inside_a_component_keeps_its_place() -> None:
    with pytest.raises(ValidationError) as caught:
        Drawing.model_validate({"shape": {"type": "circle", "radius": -1}})
    (error,) = caught.value.errors()
    assert error["type"] == "component"
    assert error["loc"] == ("shape",)
    assert error["ctx"]["errors"][0]["loc"] == ("radius",)


def test_path_to_something_else_is_refused() -> None:
    with pytest.raises(UsageError, match="'json:loads' is not a shape: derive it from Shape"):
        SHAPES.get("json:loads")


def test_missing_module_says_how_to_write_the_type() -> None:
    with pytest.raises(UsageError, match="Write `type: module:Class`"):
        SHAPES.get("no_such_module:Thing")


def test_a_plugin_that_the_environment_names_is_found(
    tmp_path: Path,
) -> None:
    (tmp_path / "tenth_plugin.py").write_text(
        "from typing import Literal\n"
        "from ordain.evaluation.metric import METRICS, Metric\n"
        "@METRICS.register\n"
        "class Tenth(Metric):\n"
        "    types = frozenset({'number'})\n"
        "    is_higher_better, best, is_default = True, 1.0, False\n"
        "    type: Literal['tenth'] = 'tenth'\n"
        "    def measure(self, sample): return 0.1\n"
    )
    code = "from ordain.evaluation.metric import METRICS; print('tenth' in METRICS.names())"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "ORDAIN_PLUGINS": "tenth_plugin"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "True", done.stderr


def test_a_plugin_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDAIN_PLUGINS", "no_such_plugin")
    with pytest.raises(UsageError, match=r"ORDAIN_PLUGINS names the module 'no_such_plugin'"):
        component._import_plugins()
