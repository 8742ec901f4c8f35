"""The report: one HTML file that holds everything and works without a network.

The drawing code is plotly.js from the plotly package, read as a file (importing plotly costs
0.3 s) and packed once a process. The page's own content-security policy allows no request to
anywhere and no script but ours, so that data that slipped through could do nothing.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import importlib.resources
import importlib.util
from collections.abc import Mapping
from pathlib import Path

from ordain.core.errors import StoreError
from ordain.core.files import write_text
from ordain.evaluation.report import making, opening, performance
from ordain.evaluation.report.checking import checking
from ordain.evaluation.report.data import data_facts
from ordain.evaluation.report.deciding import deciding
from ordain.evaluation.report.diagnosing import diagnosing
from ordain.evaluation.report.explaining import explaining
from ordain.evaluation.report.folds import folds_card
from ordain.evaluation.report.html import Html, join, raw, script_json, tag
from ordain.evaluation.report.mistaken import mistaken
from ordain.evaluation.report.plots import Plots
from ordain.evaluation.report.slicing import fairness, slices
from ordain.evaluation.report.standing import standing
from ordain.evaluation.summary import RunSummary

# Level 4 packs plotly.js in 0.07 s to 1.5 MB; level 9 takes 0.17 s for 4% less.
_PACKING_LEVEL = 4
PLOTLY = "plotly"


def write_report(summary: RunSummary, path: Path) -> None:
    """Write the report of a run atomically.

    Raises:
        StoreError: the file cannot be written, or plotly's files are missing.
    """
    write_text(path, render_report(summary))


def render_report(summary: RunSummary) -> str:
    """Return the report as the text of one HTML file; equal summaries give equal text.

    Raises:
        StoreError: plotly's files are missing.
    """
    plots = Plots()
    script = _asset("report.js")
    body = _body(summary, plots)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(script)),
        tag("title", f"{summary.name}: report"),
        tag("style", raw(_asset("report.css"))),
    )
    packed = _packed_script(PLOTLY) if plots.figures else ""
    scripts = [
        script_json(plots.figures, identifier="figures"),
        tag("script", raw(packed), type="text/plain", id="plotly"),
        tag("script", raw(script)),
    ]
    page = tag("html", head, tag("body", body, *scripts), lang="en")
    return f"<!doctype html>\n{page}\n"


def _body(summary: RunSummary, plots: Plots) -> Html:
    parts: list[tuple[str, str, Html | None]] = [
        (
            f"performance-{place}",
            f"Performance: {name}" if len(summary.outputs) > 1 else "Performance",
            performance.performance(summary, name, plots),
        )
        for place, name in enumerate(summary.outputs, start=1)
    ]
    parts += [
        ("deciding", "Decisions", deciding(summary, plots)),
        ("slices", "Slices", slices(summary)),
        ("fairness", "Fairness", fairness(summary)),
        ("explaining", "Explanation", explaining(summary, plots)),
        ("errors", "Errors", mistaken(summary)),
        ("diagnosis", "Diagnosis", diagnosing(summary, plots)),
        ("checks", "Checks", checking(summary)),
        ("training", "Training", performance.training(summary, plots)),
        ("features", "Features", making.feature_facts(summary)),
        ("data", "Data", data_facts(summary)),
        ("making", "Making", making.how_it_was_made(summary)),
    ]
    shown = [(name, title, part) for name, title, part in parts if part]
    links = (tag("a", title, href=f"#{name}") for name, title, _ in shown)
    return join(
        [
            tag("header", tag("div", *_heading(summary)), class_="top"),
            tag(
                "nav",
                tag(
                    "div", tag("div", tag("a", "Verdict", href="#verdict"), *links, class_="links")
                ),
                aria_label="Sections",
            ),
            tag(
                "main",
                tag(
                    "section",
                    *(opening.verdict_card(summary, name) for name in summary.outputs),
                    opening.tiles(summary),
                    standing(summary),
                    *(opening.comparison(summary, name) for name in summary.outputs),
                    *(folds_card(summary, name) for name in summary.outputs),
                    opening.warnings_card(summary),
                    id="verdict",
                ),
                *(tag("section", tag("h2", title), part, id=name) for name, title, part in shown),
            ),
            tag("footer", "Made by Ordain. This page holds all its data and asks for nothing."),
        ]
    )


def _heading(summary: RunSummary) -> list[Html]:
    outputs: list[Html | str] = []
    for name in summary.outputs:
        outputs += [", " if outputs else "", tag("code", name)]
    run = join([" in run ", tag("code", summary.run)]) if summary.run else None
    return [
        tag("p", "Ordain report", class_="eyebrow"),
        tag("h1", summary.name),
        tag(
            "p",
            "Predicts ",
            *outputs,
            " with ",
            tag("code", summary.family),
            run,
            ".",
            class_="lede",
        ),
        *_project(summary.project),
    ]


def _project(said: Mapping[str, str]) -> list[Html]:
    """Return what the config says the model is for, and whose it is."""
    words = {"goal": "For: ", "owner": "Owner: "}
    return [
        tag("p", tag("strong", word), said[key], class_="lede project")
        for key, word in words.items()
        if said.get(key)
    ]


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}' blob:; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


@functools.cache
def _packed_script(package: str) -> str:
    """Return plotly.js as each report of a process holds it: 2 MB of text."""
    found = importlib.util.find_spec(package)
    places = found.submodule_search_locations if found else None
    file = Path(next(iter(places or [package]))) / "package_data" / "plotly.min.js"
    if not file.is_file():
        raise StoreError(f"{file} is missing, so no plot can be drawn\n  Fix: reinstall plotly")
    packed = gzip.compress(file.read_bytes(), _PACKING_LEVEL, mtime=0)
    return base64.b64encode(packed).decode()


def _asset(name: str) -> str:
    folder = importlib.resources.files("ordain.evaluation.report") / "assets"
    return (folder / name).read_text(encoding="utf-8")
