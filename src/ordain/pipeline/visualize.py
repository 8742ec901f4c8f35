"""Plots of runs, by the names that Ludwig gives them, from what the run folders keep.

ordain visualize roc_curves RUN RUN --format png
ordain.visualize("roc_curves", ["churn/20260101-120000-abc123", "latest"])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from ordain.core.diagnostics import nearest
from ordain.core.errors import StoreError, UsageError
from ordain.core.files import atomic_file, write_text
from ordain.evaluation.drawing import Figure
from ordain.evaluation.plots.plot import PLOTS, Judged, Plot, Shown, short
from ordain.evaluation.subject import Target
from ordain.pipeline.result import Result
from ordain.store.home import home as work_folder
from ordain.store.predictions import Predictions, read_predictions
from ordain.store.run_summary import read_summary
from ordain.store.runs import Run, Runs

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as PlotlyFigure

Format = Literal["png", "svg", "html"]
Reference = str | Path | Run | Result
TEMPLATE = "plotly_white"
LINE = 110
"""Characters of a line above a plot at most."""
LINE_HEIGHT = 20
"""Pixels of it."""


def visualize(
    name: str,
    runs: Reference | Sequence[Reference],
    *,
    output: str | Sequence[str] | None = None,
    home: Path | str | None = None,
    **options: Any,
) -> PlotlyFigure:
    """Return a plot of one run or several as a plotly figure.

    Args:
        name: of the plot, as Ludwig calls it; see `docs/reference/plots.md`.
        runs: a run, or several: results, or what commands take for RUN.
        output: which output it is about; by default the first that the plot fits. Two for the
            plots of two thresholds.
        home: the work folder.
        options: keys of the plot, such as ``top_n_classes=5``.

    Raises:
        UsageError: there is no such plot, run or output, or the plot does not fit them.
    """
    from plotly.graph_objects import Figure as Drawn

    made = draw(name, runs, output=output, home=home, options=options)
    drawn = Drawn(made)
    drawn.update_layout(template=TEMPLATE)
    return drawn


def draw(
    name: str,
    runs: Reference | Sequence[Reference],
    *,
    output: str | Sequence[str] | None = None,
    home: Path | str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Figure:
    """Return a plot as plain plotly data; see `visualize`."""
    plot = _plot(name, options or {})
    given = [runs] if isinstance(runs, str | Path | Run | Result) else list(runs)
    found = [_run(one, home) for one in given]
    if len(found) < plot.n_runs:
        raise UsageError(
            f"`{plot.type}` compares {plot.n_runs} runs or more; {len(found)} given\n"
            f"  Fix: ordain visualize {plot.type} RUN RUN"
        )
    kept = [read_predictions(run) for run in found]
    wanted = [output] if isinstance(output, str) else list(output or ())
    names = _outputs(plot, kept, wanted)
    shown = _shown(found, kept, names, has_same_rows=plot.needs_same_rows)
    drawn = plot.draw(shown, names)
    if drawn is None:
        raise UsageError(
            f"`{plot.type}` has nothing to draw: {plot.about[0].lower()}{plot.about[1:]} "
            f"These runs keep nothing of it: {', '.join(run.reference for run in found)}"
        )
    notes = [] if plot.needs_same_rows else _rows_told(found, kept)
    return _headed(drawn, plot.about, notes)


def notes_of(drawn: Figure) -> list[str]:
    """Return what must be known of a plot that `draw` returned."""
    return list(drawn["layout"].get("meta", {}).get("notes", ()))


def _rows_told(runs: Sequence[Run], kept: Sequence[Predictions]) -> list[str]:
    """Return a sentence where runs were judged on different rows."""
    prints = {run.lock.get("data", {}).get("fingerprint") for run in runs}
    if len(prints) == 1 and all(np.array_equal(one.rows, kept[0].rows) for one in kept):
        return []
    counts = ", ".join(
        f"{title} {len(one):,}" for title, one in zip(_titles(runs), kept, strict=True)
    )
    what = "other data" if len(prints) > 1 else "other rows of the same data"
    return [f"Not the same rows: these runs were judged on {what} ({counts} rows)."]


def _headed(drawn: Figure, about: str, notes: Sequence[str]) -> Figure:
    """Return the plot with what it shows, and what must be known of it, in lines above it."""
    layout = dict(drawn["layout"])
    own = layout.get("title", {}).get("text", "")
    lines = [f"<b>{own}</b>"] if own else []
    lines += [short(about, limit=LINE), *(f"\u26a0 {short(note, limit=LINE)}" for note in notes)]
    room = LINE_HEIGHT * len(lines) + 10
    margin = {"t": 50, **layout.get("margin", {})}
    layout["margin"] = {**margin, "t": margin["t"] + room}
    layout["height"] = layout.get("height", 450) + room
    layout["title"] = {
        "text": "<br>".join(lines),
        "font": {"size": 13},
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "y": 1 - 24 / layout["height"],
        "yref": "container",
        "yanchor": "top",
    }
    return {**drawn, "layout": layout | ({"meta": {"notes": list(notes)}} if notes else {})}


def write_plot(drawn: Figure, path: Path, kind: Format) -> None:
    """Write a figure as a file that needs no network to be seen.

    Raises:
        StoreError: the file cannot be written, or what draws pictures is not installed.
    """
    from plotly.graph_objects import Figure as Drawn

    figure = Drawn(drawn)
    figure.update_layout(template=TEMPLATE)
    if kind == "html":
        write_text(path, figure.to_html(include_plotlyjs=True, full_html=True))
        return
    try:
        picture = figure.to_image(
            format=kind,
            width=figure.layout.width,
            height=figure.layout.height,
            scale=2 if kind == "png" else 1,
        )
    except Exception as error:
        if not _is_missing(error):
            raise
        raise StoreError(
            f"{path}: {kind} files are drawn by the extra `plots` and an installed Chrome or "
            f"Chromium, one of which is missing ({type(error).__name__})\n"
            "  Fix: pip install 'ordain[plots]' and install Chromium, or give --format html"
        ) from error
    with atomic_file(path) as file:
        file.write(picture)


def _is_missing(error: Exception) -> bool:
    """Return whether pictures cannot be drawn for want of kaleido or a browser."""
    names = {type(error).__name__, type(error.__cause__).__name__}
    is_absent = (
        isinstance(error, ValueError | ImportError | RuntimeError)
        and "kaleido" in str(error).lower()
    )
    return is_absent or any("Chrome" in name or "Browser" in name for name in names)


def _plot(name: str, options: Mapping[str, Any]) -> Plot:
    if not PLOTS.has(name):
        known = (*PLOTS.names(), *PLOTS.aliases())
        close = nearest(name, known)
        hint = f" Did you mean '{close}'?" if close else ""
        lines = "\n".join(f"  {plot}: {PLOTS.build(plot).about}" for plot in PLOTS.names())
        raise UsageError(f"there is no plot '{name}'.{hint}\nThere are:\n{lines}")
    keys = [key for key in PLOTS.get(name).model_fields if key != "type"]
    for key in options:
        if key not in keys:
            close = nearest(key, keys)
            hint = f"; nearest: `{close}`" if close else ""
            raise UsageError(
                f"`{name}` has no option `{key}`{hint}\n  Possible: {', '.join(keys) or 'none'}"
            )
    try:
        return PLOTS.build({"type": name, **options})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"`{where}` of `{name}`: {first['msg'].lower()}") from error


def _run(reference: Reference, home: Path | str | None) -> Run:
    if isinstance(reference, Result):
        return reference.run
    if isinstance(reference, Run):
        return reference
    return Runs(work_folder(home)).find(str(reference))


def _outputs(plot: Plot, kept: Sequence[Predictions], wanted: Sequence[str]) -> list[str]:
    """Return the outputs to draw: those wanted, or the first that fit and all runs have."""
    known = [name for name in kept[0].targets if all(name in one.targets for one in kept)]
    types = {name: kept[0].targets[name].type for name in known}
    for name in wanted:
        if name not in known:
            close = nearest(name, known)
            hint = f"; nearest: '{close}'" if close else ""
            raise UsageError(
                f"there is no output '{name}' that all runs have{hint}\n"
                f"  Possible: {', '.join(known) or 'none'}"
            )
    fitting = [name for name in known if types[name] in plot.types]
    unfit = [name for name in wanted if name not in fitting]
    if unfit or not fitting:
        told = ", ".join(f"`{name}` ({types[name]})" for name in (unfit or known))
        raise UsageError(
            f"`{plot.type}` fits outputs of type {', '.join(sorted(plot.types))}; "
            f"here: {told or 'no output that all runs have'}"
        )
    names = [*wanted, *(name for name in fitting if name not in wanted)][: plot.n_outputs]
    if len(names) < plot.n_outputs or len(wanted) > plot.n_outputs:
        count = "one output" if plot.n_outputs == 1 else f"{plot.n_outputs} outputs with classes"
        given = wanted if len(wanted) > plot.n_outputs else fitting
        raise UsageError(f"`{plot.type}` is about {count}; here: {', '.join(given)}")
    return names


def _shown(
    runs: Sequence[Run],
    kept: Sequence[Predictions],
    names: Sequence[str],
    *,
    has_same_rows: bool,
) -> list[Shown]:
    common = _common_rows(runs, kept) if has_same_rows and len(kept) > 1 else None
    titles = _titles(runs)
    found = []
    for run, one, title in zip(runs, kept, titles, strict=True):
        rows = np.arange(len(one)) if common is None else np.searchsorted(one.rows, common)
        targets = {
            name: _as_first(one.targets[name].take(rows), kept[0].targets[name], run)
            for name in names
        }
        known = np.all([target.is_judged for target in targets.values()], axis=0)
        places = np.flatnonzero(known)
        if not len(places):
            raise UsageError(f"run {run.reference}: no row of `{one.set}` has a known truth")
        metrics = run.metrics
        outputs = {
            name: Judged(
                target.take(places),
                metrics=metrics.get("metrics", {}).get(one.set, {}).get(name, {}),
                headline=metrics.get("headline", {}).get(name, ""),
            )
            for name, target in targets.items()
        }
        summary = read_summary(run)
        found.append(Shown(title, outputs, summary.history, set=one.set, family=summary.family))
    return found


def _common_rows(runs: Sequence[Run], kept: Sequence[Predictions]) -> npt.NDArray[np.int64]:
    """Return the rows that all runs judged.

    Raises:
        UsageError: the runs read other rows, or judged none in common.
    """
    prints = [run.lock.get("data", {}).get("fingerprint") for run in runs]
    if len(set(prints)) > 1:
        raise UsageError(
            "these runs read different rows, so they cannot be compared row by row\n"
            "  Fix: train both on the same data, with the same `data.where` and `sample`"
        )
    common = kept[0].rows
    for one in kept[1:]:
        common = np.intersect1d(common, one.rows, assume_unique=True)
    if not len(common):
        raise UsageError(
            "these runs judged no row in common\n  Fix: train both with the same split and seed"
        )
    return common


def _as_first(target: Target, first: Target, run: Run) -> Target:
    """Return a target with its classes in the order of the first run's.

    Raises:
        UsageError: the classes differ.
    """
    from dataclasses import replace

    if target.type != first.type or set(target.labels) != set(first.labels):
        theirs = f"{target.type}, {len(target.labels)} classes"
        raise UsageError(
            f"`{target.name}` of run {run.reference} ({theirs}) is not the output of the first "
            f"run ({first.type}, {len(first.labels)} classes)"
        )
    if target.labels == first.labels:
        return target
    place = np.array([target.labels.index(label) for label in first.labels])
    known = target.is_judged
    truth = np.where(known, np.argsort(place)[np.where(known, target.truth, 0)], target.truth)
    is_pair = target.scores.ndim == 1
    scores = 1 - target.scores if is_pair else target.scores[:, place]
    threshold = 1 - target.threshold if is_pair else target.threshold
    return replace(target, labels=first.labels, truth=truth, scores=scores, threshold=threshold)


def _titles(runs: Sequence[Run]) -> list[str]:
    """Return short names that differ: of the experiments, or with the end of the run's id."""
    names = [run.name for run in runs]
    if len(set(names)) == len(names):
        return names
    ends = [f"{run.name} {run.id[-13:]}" for run in runs]
    return (
        ends
        if len(set(ends)) == len(ends)
        else [f"{place}. {run.reference}" for place, run in enumerate(runs, 1)]
    )
