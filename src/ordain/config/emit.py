"""Plain data as YAML text that reads back to the same data."""

from __future__ import annotations

import json
from typing import Any

import yaml as pyyaml

from ordain.config.yaml import resolve

_LONGEST_SHOWN = 60


class _Dumper(pyyaml.SafeDumper):
    """Block style; short lists of scalars on one line; keys in the order given."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _represent_text(dumper: pyyaml.SafeDumper, value: str) -> pyyaml.ScalarNode:
    style = "|" if "\n" in value else None
    if style is None and not isinstance(resolve(value), str):
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _represent_list(dumper: pyyaml.SafeDumper, value: list[Any]) -> pyyaml.SequenceNode:
    is_flat = not any(isinstance(item, dict | list | tuple) for item in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=is_flat)


def _represent_float(dumper: pyyaml.SafeDumper, value: float) -> pyyaml.ScalarNode:
    text = {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(repr(value), repr(value))
    if "e" in text and "." not in text:
        # YAML 1.1 readers take 1e-05 for text.
        text = text.replace("e", ".0e")
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(float, _represent_float)


def dump(value: Any) -> str:
    """Return plain data as YAML that `yaml.parse` reads back to the same data."""
    text: str = pyyaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=100,
    )
    return text.removesuffix("...\n")


def show(value: object) -> str:
    """Return a value on one line, as a user would write it."""
    if isinstance(value, dict | list | tuple):
        text = json.dumps(value, ensure_ascii=False, default=str)
        return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."
    return dump(value).strip() if not isinstance(value, str) else value
