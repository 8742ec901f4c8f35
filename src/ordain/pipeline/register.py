"""Register a bundle: a name and a version for it, with where it comes from and how good it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from ordain.core.errors import UsageError
from ordain.core.files import read_json
from ordain.evaluation.checks.check import CheckResult
from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.findings import Findings
from ordain.evaluation.gates import GateResult
from ordain.pipeline.result import Result
from ordain.store import bundle as bundles
from ordain.store.find import bundle_folder
from ordain.store.home import home as work_folder
from ordain.store.home import prepare_home
from ordain.store.model import Model
from ordain.store.registry import (
    Lineage,
    Measured,
    ModelVersion,
    Registry,
    open_registry,
    parse,
)
from ordain.store.registry.bundles import digest_of
from ordain.store.registry.version import moment
from ordain.store.runs import Run

COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "version": pl.Int64,
    "aliases": pl.List(pl.String),
    "run": pl.String,
    "created": pl.String,
    "by": pl.String,
    "note": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "gates": pl.String,
    "family": pl.String,
    "data": pl.String,
    "config": pl.String,
    "commit": pl.String,
}
"""Of the frame that `versions` returns."""


def register(
    run: str | Path | Run | Result | Model,
    name: str | None = None,
    *,
    note: str = "",
    tags: Mapping[str, str] | None = None,
    home: Path | str | None = None,
    registry: str | None = None,
) -> ModelVersion:
    """Register the bundle of a run as the next version of a model, with its lineage.

    The bundle is copied, so that the run may go. Conditions that the run did not meet are kept with
    the version; it is `promote` that refuses them.

    Args:
        run: a run, its result, a bundle folder, or a model that was loaded from one.
        name: of the model; by default the name of the config.
        note: in words.
        tags: by key.
        home: the work folder; `ORDAIN_HOME` or `.ordain` by default.
        registry: URI of an MLflow server or a SQLite file; `ORDAIN_REGISTRY_URI` by default, else
            the work folder's own.

    Raises:
        UsageError: no such run, one without a bundle, an illegal name or tag.
        BundleError: the bundle is damaged.
        StoreError: the registry cannot be reached or written.
        MissingExtraError: MLflow is not installed.
    """
    folder = _folder_of(run, home)
    bundles.verify(folder)
    lock, metrics = read_json(folder / "lock.json"), read_json(folder / "metrics.json")
    own = _run_of(folder)
    set_name = deciding_set(metrics.get("metrics", {})) if metrics.get("metrics") else ""
    opened = open_registry(home, registry)
    # A registered version, as under another name, keeps the run and the gates it came with.
    source = None if own is not None else _source(run, opened)
    origin = own.reference if own else source.lineage.run if source else ""
    if opened.place.models.parent == work_folder(home).absolute():
        prepare_home(work_folder(home))
    return opened.register(
        _name_of(folder, own) if name is None else name,
        folder,
        lineage=_lineage(folder, lock, origin),
        metrics=_measured(metrics, set_name),
        set_name=set_name,
        gates=_conditions(own) if own else source.gates if source else None,
        note=note,
        tags=tags,
    )


def versions(
    name: str, *, home: Path | str | None = None, registry: str | None = None
) -> pl.DataFrame:
    """Return the versions of a registered model, newest first, one row each.

    Columns: version, aliases, run, created (UTC), by, note, metric (`output.metric`: the one that
    decides, of the first output), value, low, high (its interval), gates (`met`, `not met`,
    `none declared` or `not judged`), family, data (fingerprint), config (SHA-256), commit.

    Args:
        name: of the model.
        home: the work folder; `ORDAIN_HOME` or `.ordain` by default.
        registry: as in `register`.

    Raises:
        UsageError: there is no such model.
    """
    found = open_registry(home, registry).versions(name)
    return pl.DataFrame([_row(one) for one in found], schema=COLUMNS, orient="row")


def gates_in_words(version: ModelVersion) -> str:
    """Return how a version's run did: `met`, `not met`, `none declared`, `not judged`."""
    if not version.gates:
        return "not judged" if version.gates is None else "none declared"
    return "not met" if version.failed else "met"


def headline_of(version: ModelVersion) -> Measured | None:
    """Return the metric that decides, of the first output; None where nothing was measured."""
    return version.metrics[0] if version.metrics else None


def _row(one: ModelVersion) -> tuple[Any, ...]:
    lineage, first = one.lineage, headline_of(one)
    measured = (None, None, None, None)
    if first is not None:
        measured = (f"{first.output}.{first.metric}", first.value, first.low, first.high)  # type: ignore[assignment]
    return (
        one.version,
        list(one.aliases),
        lineage.run,
        moment(one.created),
        one.by,
        one.note,
        *measured,
        gates_in_words(one),
        lineage.family,
        lineage.data,
        lineage.config,
        lineage.commit,
    )


def _folder_of(run: str | Path | Run | Result | Model, home: Path | str | None) -> Path:
    if isinstance(run, Run | Result):
        return run.bundle
    if not isinstance(run, Model):
        return bundle_folder(run, home)
    if run.path is None:
        raise UsageError("this model has no bundle yet\n  Fix: train it with `ordain.train`")
    return run.path


def _run_of(folder: Path) -> Run | None:
    return Run(folder.parent) if (folder.parent / "status.json").exists() else None


def _source(run: object, opened: Registry) -> ModelVersion | None:
    """Return the version that a reference means; None for what is none."""
    asked = parse(run) if isinstance(run, str) and not Path(run).exists() else None
    return None if asked is None or not opened.has(asked.name) else opened.find(asked)


def _name_of(folder: Path, run: Run | None) -> str:
    """Return the name of the config, spelled as runs are filed under it."""
    if run is not None:
        return run.name
    from ordain.config import Config

    return Config.load(folder / "config.yaml", is_sealed=True).document.name


def lineage_of(folder: Path) -> Lineage:
    """Return where a bundle comes from, registered or not.

    Raises:
        StoreError: it is no bundle.
    """
    own = _run_of(folder)
    return _lineage(folder, read_json(folder / "lock.json"), own.reference if own else "")


def _lineage(folder: Path, lock: Mapping[str, Any], run: str) -> Lineage:
    from ordain.config import Config

    git = lock.get("git") or {}
    document = Config.load(folder / "config.yaml", is_sealed=True).document
    return Lineage(
        bundle=digest_of(folder),
        run=run,
        config=bundles.content(folder).get("config.yaml", ""),
        data=str(lock.get("data", {}).get("fingerprint", "")),
        split=str(lock.get("split", "")),
        family=document.model_type.type,
        commit=str(git.get("commit", "")),
        has_changes=bool(git.get("has_changes")),
        ordain=str(lock.get("packages", {}).get("ordain", "")),
    )


def _measured(metrics: Mapping[str, Any], set_name: str) -> list[Measured]:
    """Return the metrics of a set with their intervals, the deciding one of each output first."""
    intervals = metrics.get("intervals", {}).get(set_name, {})
    return [
        Measured(output=output, metric=metric, value=value, **_bounds(intervals, output, metric))
        for output, values in metrics.get("metrics", {}).get(set_name, {}).items()
        for metric, value in values.items()
    ]


def _bounds(intervals: Mapping[str, Any], output: str, metric: str) -> dict[str, float]:
    found = intervals.get(output, {}).get(metric)
    return {} if found is None else {key: found[key] for key in ("low", "high", "level")}


def _conditions(run: Run) -> list[GateResult] | None:
    """Return the gates of a run and its sanity checks that failed; None if it judged nothing."""
    path = run.folder / "findings.json"
    if not path.exists():
        return None
    found = Findings.model_validate(read_json(path))
    return [*found.gates, *(_of_check(one) for one in found.checks if one.state == "failed")]


def _of_check(check: CheckResult) -> GateResult:
    return GateResult(
        name=f"sanity check `{check.name}`: {check.question}",
        passed=False,
        output=check.output,
        reason=check.reason,
    )
