"""What must hold before a version takes another's place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ordain.core.errors import DataError, OrdainError, UsageError
from ordain.core.events import Listener
from ordain.core.files import read_json
from ordain.evaluation.gates import GateResult
from ordain.evaluation.judgement import Difference, Interval
from ordain.pipeline.compare import compare_models
from ordain.pipeline.comparison import ComparedOutput
from ordain.pipeline.evaluate import evaluate
from ordain.pipeline.reopen import stages_of
from ordain.pipeline.shared_rows import Shared, meeting_conditions, shared_rows
from ordain.store.home import home as work_folder
from ordain.store.model import Model
from ordain.store.registry import ModelVersion
from ordain.store.registry.bundles import digest_of
from ordain.store.runs import Run, Runs

_OPPOSITE = {"better": "worse", "worse": "better", "cannot tell": "cannot tell"}


def conditions_of(
    version: ModelVersion,
    model: Model,
    held: ModelVersion | None,
    other: Model | None,
    *,
    alias: str,
    data: Any,
    home: Path | str | None,
    listeners: tuple[Listener, ...],
) -> tuple[list[GateResult], list[str]]:
    """Return all that must hold, met or not, and notes on how it was judged.

    Args:
        version: to promote.
        model: its model.
        held: the version it replaces, if any.
        other: that one's model.
        alias: to move.
        data: rows to judge by, or None.
        home: the work folder.
        listeners: told of every event.
    """
    found = list(_gates(version, model, data))
    if held is None or other is None:
        return found, [f"no version is `{alias}` yet: there is nothing to compare with"]
    if held.lineage.bundle == version.lineage.bundle:
        return found, [f"{held.reference} has the same bundle: there is nothing to compare"]
    names = [version.reference, held.reference]
    try:
        shared = _rows(version, model, held, other, data=data, home=home, listeners=listeners)
        compared = compare_models(names, [model, other], shared)
    except (UsageError, DataError) as error:
        return [*found, _not_compared(held, alias, error)], []
    found += [_not_worse(output, held, alias) for output in compared.values()]
    rows = f"compared on {shared.frame.height:,} rows: {shared.source}"
    return found, [rows, *shared.notes]


def _gates(version: ModelVersion, model: Model, data: Any) -> Iterator[GateResult]:
    """Yield the gates as the run judged them; on the rows given where there was none."""
    if version.gates is not None:
        yield from version.gates
        return
    declared = model.document.evaluation.gates
    if data is not None:
        judged = evaluate(model, data)
        yield from judged.gates
        told = ("gate on", "scenarios are") if any(one.scenarios for one in declared) else "gate on"
        yield from (_unjudged(one) for one in judged.warnings if one.startswith(told))
    elif declared:
        yield _unjudged(
            "the bundle was registered without its run; name rows that judge it with --dataset"
        )


def _unjudged(reason: str) -> GateResult:
    return GateResult(name="gates of the config", passed=False, reason=f"not judged: {reason}")


def _rows(
    version: ModelVersion,
    model: Model,
    held: ModelVersion,
    other: Model,
    *,
    data: Any,
    home: Path | str | None,
    listeners: tuple[Listener, ...],
) -> Shared:
    """Return the rows given, else test rows of the version's run that the other has not seen.

    Raises:
        UsageError: there are none, or a run is gone so that it cannot be known.
        DataError: a column is missing.
    """
    models, stages = [model, other], stages_of(home, listeners)
    if data is not None:
        return meeting_conditions(shared_rows([], models, stages, data), models)
    run, theirs = (_run_of(one, home) for one in (version, held))
    gone = [one for one, known in ((version, run), (held, theirs)) if known is None]
    if run is not None and theirs is None and _same_split(model, other):
        runs = [run]
    elif run is None or theirs is None:
        raise UsageError(
            f"the run of {gone[0].reference} ({gone[0].lineage.run or 'none'}) is not in this work "
            "folder, so that it is not known which rows it has learned from\n"
            "  Fix: name rows that neither has learned from with --dataset"
        )
    else:
        runs = [run, theirs]
    return meeting_conditions(shared_rows(runs, models, stages), models)


def _run_of(version: ModelVersion, home: Path | str | None) -> Run | None:
    """Return the run that a version was registered from, if it is here and has not changed."""
    if not version.lineage.run:
        return None
    try:
        run = Runs(work_folder(home)).find(version.lineage.run)
        return run if digest_of(run.bundle) == version.lineage.bundle else None
    except OrdainError:
        return None


def _same_split(model: Model, other: Model) -> bool:
    """Return whether two bundles were made of the same rows in the same sets."""
    locks = [read_json(one.path / "lock.json") for one in (model, other) if one.path is not None]
    found = [(lock.get("data", {}).get("fingerprint"), lock.get("split")) for lock in locks]
    return len(set(found)) == 1 and None not in found[0]


def _not_worse(output: ComparedOutput, held: ModelVersion, alias: str) -> GateResult:
    """Return whether the first model is not shown to be worse than the second on an output."""
    seen = output.verdict(held.reference)
    name = (
        f"not worse than `{alias}` ({held.reference}) by `{output.headline}` of `{output.output}`"
    )
    if seen is None or seen.gain is None or seen.other is None or seen.value is None:
        reason = f"`{output.headline}` has no value on {output.n_rows:,} rows"
        return GateResult(name=name, passed=False, output=output.output, reason=reason)
    gain, verdict = 0.0 - seen.gain, _OPPOSITE[seen.verdict]
    interval = _turned(seen)
    reason = f"{seen.other:.4g} against {seen.value:.4g}, a gain of {gain:.4g}"
    if interval is not None:
        reason += f" ({interval.low:.4g} to {interval.high:.4g})"
    return GateResult(
        name=name,
        passed=verdict != "worse",
        output=output.output,
        value=seen.other,
        margin=gain,
        interval=interval,
        n_rows=output.n_rows,
        reason=f"{reason} on {output.n_rows:,} rows: {verdict}",
    )


def _turned(seen: Difference) -> Interval | None:
    """Return the interval of a gain from the other side."""
    if seen.interval is None:
        return None
    return seen.interval.model_copy(
        update={"low": 0.0 - seen.interval.high, "high": 0.0 - seen.interval.low}
    )


def _not_compared(held: ModelVersion, alias: str, error: OrdainError) -> GateResult:
    return GateResult(
        name=f"not worse than `{alias}` ({held.reference})",
        passed=False,
        reason=f"cannot be compared: {_in_one_line(error)}",
    )


def _in_one_line(error: OrdainError) -> str:
    return " ".join(error.message.replace("\n  Fix: ", "; ").split())
