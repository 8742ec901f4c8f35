"""Checks of what `evaluation` names beside its metrics: outputs, slices, baselines, scenarios.

What needs the columns of the data too stands in `judging_data.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ordain.config.codes import fault
from ordain.config.document import AUTO, Evaluation
from ordain.config.draft import Draft
from ordain.config.evaluation import FIGURES, PREVIOUS, Slice
from ordain.config.located import Path
from ordain.config.metrics import check_metric_name
from ordain.core.diagnostics import Diagnostic, nearest
from ordain.models.family import FAMILIES

CLASS_TYPES = frozenset({"binary", "category"})
HOME: Path = ("evaluation",)


def check_judging(draft: Draft, block: Evaluation) -> Iterator[Diagnostic]:
    """Yield what is wrong with names and conditions, as far as the document alone can tell."""
    yield from _metric_names(draft, block)
    yield from _outputs(draft, block)
    yield from _gates(draft, block)
    yield from _decisions(draft, block)


def _metric_names(draft: Draft, block: Evaluation) -> Iterator[Diagnostic]:
    named: list[tuple[Path, str | None]] = [
        (("satisfy", index, "metric"), limit.metric) for index, limit in enumerate(block.satisfy)
    ]
    named += [(("gates", index, "metric"), gate.metric) for index, gate in enumerate(block.gates)]
    if block.threshold is not None:
        named += [(("threshold", key), getattr(block.threshold, key)) for key in _GOALS]
        if (limit := block.threshold.subject_to) is not None:
            named.append((("threshold", "subject_to", "metric"), limit.metric))
    named += [(("human", name), name) for name in block.human]
    for path, name in named:
        is_figure = name in FIGURES and path[0] in {"satisfy", "gates"}
        if name is not None and not is_figure:
            yield from check_metric_name(draft, name, (*HOME, *path), block.metrics)


_GOALS = ("maximize", "minimize")


def _outputs(draft: Draft, block: Evaluation) -> Iterator[Diagnostic]:
    names = [output.name for output in draft.outputs or []]
    for key in ("satisfy", "gates"):
        for index, one in enumerate(getattr(block, key)):
            if names and one.output is not None and one.output not in names:
                yield _unknown(
                    draft, (*HOME, key, index, "output"), "output", one.output, names, code="E321"
                )


def _gates(draft: Draft, block: Evaluation) -> Iterator[Diagnostic]:
    slices = [one for one in block.slices if isinstance(one, Slice)]
    names = list(dict.fromkeys(one.group for one in slices))
    # Naming every baseline imports every family: only where a gate asks for one.
    baselines = _baselines(draft) if any(gate.baseline for gate in block.gates) else []
    for index, gate in enumerate(block.gates):
        path = (*HOME, "gates", index)
        if gate.slice is not None and not _is_declared(gate.slice, slices):
            yield _unknown(draft, (*path, "slice"), "slice", gate.slice, names, code="E322")
        if gate.baseline is not None and gate.baseline not in baselines:
            found = _unknown(
                draft, (*path, "baseline"), "baseline", gate.baseline, baselines, code="E323"
            )
            if draft.family is not None and gate.baseline == draft.family.type:
                told = f"'{gate.baseline}' is the family of the model itself"
                found = replace(found, message=told, fix=None)
            yield found
        if gate.scenarios and block.scenarios is None:
            yield fault(
                "E324",
                "a gate asks that all scenarios hold, and there are none",
                (*path, "scenarios"),
                draft.root.mark_of_key((*path, "scenarios")),
                fix="evaluation: {scenarios: cases.csv}",
            )


def _is_declared(name: str, slices: Sequence[Slice]) -> bool:
    """Return whether a gate's slice is a declared one, or a value of a declared column."""
    for one in slices:
        if name in {one.group, one.name, one.column, one.where} - {""}:
            return True
        group = one.group
        if one.where is None and re.match(rf"{re.escape(group)} (=|>=|<|missing)", name):
            return True
    return False


def _baselines(draft: Draft) -> list[str]:
    """Return the baselines there may be: simple ones, other families, the run before."""
    from ordain.models.families.baseline import baseline_suite

    own = draft.family.type if draft.family is not None else ""
    simple = [name for name, _, _ in baseline_suite((), is_in_time=True)]
    others = [name for name in FAMILIES.names() if name != "baseline"]
    return [name for name in dict.fromkeys([*simple, *others, PREVIOUS]) if name != own]


def _decisions(draft: Draft, block: Evaluation) -> Iterator[Diagnostic]:
    """Yield decisions that none of the outputs can have."""
    types = {output.type for output in draft.outputs or []}
    if not types or AUTO in types:
        return
    asked = {
        "threshold": (block.threshold is not None, {"binary"}, "a `binary` output"),
        "abstain": (block.abstain is not None, CLASS_TYPES, "an output with classes"),
        "calibration": (
            block.calibration not in {"auto", "none"},
            CLASS_TYPES,
            "an output with classes",
        ),
    }
    for key, (is_asked, able, needed) in asked.items():
        if is_asked and types.isdisjoint(able):
            path = (*HOME, key)
            yield fault(
                "E325",
                f"`{key}` needs {needed}",
                path,
                draft.root.mark_of_key(path),
                allowed=f"The outputs are of type {' and '.join(sorted(types))}.",
                fix=f"remove `{key}`",
            )


def _unknown(
    draft: Draft, path: Path, kind: str, name: str, known: Sequence[str], *, code: str
) -> Diagnostic:
    close = nearest(name, known)
    return fault(
        code,
        f"there is no {kind} '{name}'",
        path,
        draft.root.mark_of(path),
        allowed=f"It may be: {', '.join(known)}." if known else f"No {kind} is declared.",
        fix=f"{path[-1]}: {close}" if close else None,
    )
