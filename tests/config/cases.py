"""Case pages: one Markdown page a diagnostic code, read and run.

A page holds prose, then fenced blocks, told apart by the word behind the language:

    ```yaml broken        the config with the fault (`encoding=latin-1` writes other bytes)
    ```yaml base.yaml     a file beside it; ```csv cases.csv``` likewise
    ```csv data           its table; ```csv mended-data``` where the data is what is mended
    ```text overrides     `-o` texts, one a line; `mended-overrides` likewise
    ```text environment   the name of the chosen one; `mended_environment` likewise
    ```text diagnostic    what is printed, to the letter
    ```yaml mended        the config without the fault
"""

from __future__ import annotations

import io
import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from column_profiles import profiles_of

from ordain.config import check
from ordain.config.codes import CODES
from ordain.core.diagnostics import format_diagnostics

PAGES = Path(__file__).parents[2] / "cases" / "config"
_FENCE = re.compile(r"^```(\w+) (\S+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Case:
    """What a page says."""

    code: str
    prose: str
    broken: str | None
    mended: str
    encoding: str = "utf-8"
    missing: str = ""
    files: dict[str, str] = field(default_factory=dict)
    csv: str = ""
    mended_csv: str = ""
    overrides: list[str] = field(default_factory=list)
    mended_overrides: list[str] = field(default_factory=list)
    environment: str = ""
    mended_environment: str = ""
    diagnostic: str = ""


def run(case: Case, *, mended: bool = False) -> str:
    """Return what `ordain check config.yaml` prints for a case."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in case.files.items():
            (root / name).write_text(text)
        text = case.mended if mended or case.broken is None else case.broken
        encoding = "utf-8" if mended else case.encoding
        (root / "config.yaml").write_bytes(text.encode(encoding))
        table = (case.mended_csv if mended else "") or case.csv
        profiles = profiles_of(pl.read_csv(io.StringIO(table))) if table else None
        overrides = case.mended_overrides if mended else case.overrides
        here = Path.cwd()
        os.chdir(root)
        try:
            name = case.missing if case.missing and not mended else "config.yaml"
            chosen = case.mended_environment if mended else case.environment
            found = check(
                Path(name), profiles, overrides=overrides, environment=chosen or None, env={}
            )
            return format_diagnostics(found)
        finally:
            os.chdir(here)


def read_page(path: Path) -> Case:
    """Return the case of a page."""
    text = path.read_text()
    case = Case(code=path.stem, prose="", broken=None, mended="")
    for language, name, option, body in _FENCE.findall(text):
        if name == "broken":
            case.broken = body
            case.encoding = option.partition("=")[2] or "utf-8"
        elif name.endswith((".yaml", ".csv")):
            case.files[name] = body
        elif language == "csv":
            setattr(case, "csv" if name == "data" else "mended_csv", body)
        elif name.endswith("overrides"):
            lines = body.splitlines()
            setattr(case, "overrides" if name == "overrides" else "mended_overrides", lines)
        elif name in {"missing", "environment", "mended_environment"}:
            setattr(case, name, body.strip())
        else:
            setattr(case, name, body)
    case.diagnostic = case.diagnostic.rstrip("\n")
    return case


def render_page(case: Case, diagnostic: str) -> str:
    """Return a page for a case; its words are then read and mended by hand."""
    title = CODES[case.code].rstrip(".")
    parts = [f"# {case.code}: {title[0].lower()}{title[1:]}", case.prose]
    option = f" encoding={case.encoding}" if case.encoding != "utf-8" else ""
    if case.missing:
        parts.append(f"```text missing\n{case.missing}\n```")
    if case.broken is not None:
        parts.append(f"```yaml broken{option}\n{case.broken}```")
    parts += [f"```yaml {name}\n{text}```" for name, text in case.files.items()]
    if case.csv:
        parts.append(f"```csv data\n{case.csv}```")
    if case.overrides:
        parts.append("```text overrides\n" + "\n".join(case.overrides) + "\n```")
    parts += ["What is printed:", f"```text diagnostic\n{diagnostic}\n```", "Mended:"]
    parts.append(f"```yaml mended\n{case.mended}```")
    if case.mended_csv:
        parts.append(f"```csv mended-data\n{case.mended_csv}```")
    if case.mended_overrides:
        parts.append("```text mended-overrides\n" + "\n".join(case.mended_overrides) + "\n```")
    return "\n\n".join(part for part in parts if part) + "\n"
