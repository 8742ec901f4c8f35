"""The documentation says what the code does: pages, links, examples in the text."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import ordain
from ordain.config import check, document, words
from ordain.config.codes import CODES
from ordain.core.component import Registry, Spec
from ordain.evaluation.checks.check import CHECKS
from ordain.evaluation.metric import METRICS
from ordain.evaluation.plots.plot import PLOTS
from ordain.store.export.format import EXPORTS

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
PACKAGE = ROOT / "src" / "ordain"
PAGES = sorted(
    path
    for folder in (ROOT, ROOT / "docs", ROOT / "src", ROOT / "cases", ROOT / "examples")
    for path in (folder.glob("*.md") if folder == ROOT else folder.rglob("*.md"))
)
NOT_A_BLOCK = {"input_features", "output_features", "trainer", "model_type", "combiner"}


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_build", ROOT / "docs" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["docs_build"] = module
    spec.loader.exec_module(module)
    return module


def anchor_of(title: str) -> str:
    """Return the anchor that GitHub gives a heading: letters, digits, hyphens."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def headings(path: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)


def own_names(registry: Registry) -> list[str]:
    """Names of the package's own components: other tests may register more."""
    return [n for n in registry.names() if registry.get(n).__module__.startswith("ordain.")]


@pytest.mark.slow
def test_reference_is_in_step_with_the_code() -> None:
    # A fresh process: other tests register components of their own.
    command = [sys.executable, str(ROOT / "docs" / "build.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_kind_of_component_has_a_page(build: ModuleType) -> None:
    kinds = {kind.registry.kind for kind in build.KINDS}
    others = {METRICS.kind, CHECKS.kind, PLOTS.kind, EXPORTS.kind}
    assert kinds == {*words.registries(), *others}


def test_every_component_has_its_heading_and_its_keys(build: ModuleType) -> None:
    missing = []
    for kind in build.KINDS:
        path = REFERENCE / kind.page
        titles, text = headings(path), path.read_text(encoding="utf-8")
        for name in own_names(kind.registry):
            keys = [key for key in kind.registry.get(name).model_fields if key != "type"]
            missing += [] if name in titles else [name]
            missing += [f"{name}.{key}" for key in keys if f"| `{key}` |" not in text]
    assert missing == []


def test_every_key_of_the_document_has_a_row_with_a_meaning(build: ModuleType) -> None:
    text = (REFERENCE / "config.md").read_text(encoding="utf-8")
    assert set(document.Document.model_fields) - NOT_A_BLOCK - {"version", "name", "seed"} <= {
        title for title, _ in build.BLOCKS.values()
    }
    for block in build.BLOCKS:
        for key in block.model_fields:
            row = re.search(rf"^\| `{key}` \|.*\| (.+) \|$", text, re.MULTILINE)
            assert row is not None, f"{block.__name__}.{key}"


def test_every_key_has_a_sentence_under_it(build: ModuleType) -> None:
    specs: list[type[Spec]] = [*build.BLOCKS]
    for kind in build.KINDS:
        specs += [kind.registry.get(name) for name in own_names(kind.registry)]
    silent = [
        f"{spec.__name__}.{key}"
        for spec in specs
        for key in spec.model_fields
        if key != "type" and not spec.field_descriptions().get(key)
    ]
    assert silent == []


def test_every_command_has_its_heading(build: ModuleType) -> None:
    names = [name for name, _, _ in build.commands()]
    assert "ordain train" in names
    assert "ordain runs show" in names
    assert set(names) <= set(headings(REFERENCE / "commands.md"))


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_page_with_its_own_name(code: str) -> None:
    page = ROOT / "cases" / "config" / f"{code}.md"
    assert page.exists()
    assert code in headings(page)[0]
    assert f"[{code}]" in (REFERENCE / "codes.md").read_text(encoding="utf-8")


def test_every_public_name_stands_on_the_page_of_python() -> None:
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    hidden = [name for name in ordain.__all__ if not re.search(rf"`{name}[`(]", text)]
    assert hidden in ([], ["OrdainError"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{page}: {target}"
        if anchor:
            assert anchor in {anchor_of(title) for title in headings(path)}


def test_every_folder_of_the_package_has_a_short_page() -> None:
    folders = [PACKAGE, *(p for p in PACKAGE.rglob("*") if p.is_dir() and p.name[0] != "_")]
    assert [str(f) for f in folders if not (f / "README.md").exists()] == []
    lengths = {f: len((f / "README.md").read_text(encoding="utf-8").split("\n")) for f in folders}
    assert {f: n for f, n in lengths.items() if n > 40} == {}


def configs_in_pages() -> list[tuple[str, str]]:
    found = []
    for name in ("guide", "language", "python", "coming-from-ludwig"):
        text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
        for index, block in enumerate(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)):
            found.append((f"{name}-{index}", block))
    return found


@pytest.mark.parametrize("block", [pytest.param(b, id=name) for name, b in configs_in_pages()])
def test_configs_in_the_pages_have_no_fault(block: str) -> None:
    assert [str(fault.message) for fault in check(block, env={})] == []


def test_every_metric_of_a_server_stands_on_the_page_of_its_operator() -> None:
    from ordain.serving.meters import Meters

    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    names = {
        sample.name + ("_total" if sample.type == "counter" else "")
        for sample in Meters().registry.collect()
    }
    rows = set(re.findall(r"^\| `(ordain_\w+)", page, re.MULTILINE))
    assert names == rows


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", ROOT / "src", ROOT / "docs", ROOT / "examples", ROOT / "cases"]
)
def test_percentages_are_written_without_a_space(path: Path) -> None:
    """As `{share:.1%}`, plotly's and Prometheus's own formats write them."""
    files = [path] if path.is_file() else [*path.rglob("*.md"), *path.rglob("*.py")]
    spaced = re.compile(r"[0-9}] %(?=[ .,;:)|`'\"]|$)", re.MULTILINE)
    found = {
        f"{file.relative_to(ROOT)}: {text[match.start() - 20 : match.end() + 10]!r}"
        for file in files
        for text in [file.read_text(encoding="utf-8")]
        for match in spaced.finditer(text)
    }
    assert not found
