"""Explain a model's answers: what an output rests on, and why a row got its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ordain.core.diagnostics import nearest
from ordain.core.errors import DataError, UsageError
from ordain.evaluation.explain.attribution import attribute
from ordain.evaluation.explain.counterfactual import (
    Counterfactual,
    Goal,
    counterfactuals,
    require_inputs,
)
from ordain.evaluation.explain.dependence import dependence, interactions
from ordain.evaluation.explain.explanation import (
    Asked,
    Contribution,
    OutputExplanation,
    RowExplanation,
)
from ordain.evaluation.explain.highlight import Piece, highlight
from ordain.evaluation.explain.importance import permutation_importance
from ordain.evaluation.explain.neighbours import Neighbour, nearest_rows
from ordain.evaluation.losses import predicted_class
from ordain.evaluation.subject import Subject, Target
from ordain.models.attribution import Attribution

N_DEPENDENCES = 6
N_INTERACTING = 5
N_WEIGHING_ROWS = 500


def explain_output(subject: Subject, output: str) -> OutputExplanation:
    """Return what an output rests on over the rows of a subject.

    Raises:
        DataError: there are no rows.
    """
    if not len(subject):
        raise DataError("there are no rows to explain by\n  Fix: give rows with `--dataset`")
    table = permutation_importance(subject).get(output)
    ordered = (
        [one.input for one in table.inputs]
        if table is not None
        else [column.name for column in subject.columns]
    )
    types = {column.name: column.type for column in subject.columns}
    able = [name for name in ordered if types[name] != "text"]
    drawn = [dependence(subject, output, name) for name in able[:N_DEPENDENCES]]
    return OutputExplanation(
        output=output,
        importance=table,
        dependence=tuple(one for one in drawn if one is not None),
        interactions=interactions(subject, output, able[:N_INTERACTING]),
    )


def explain_row(
    subject: Subject,
    output: str,
    place: int,
    *,
    asked: Asked,
    reference: Subject | None = None,
    weights: Mapping[str, float] | None = None,
) -> RowExplanation:
    """Return why a row of a subject got its answer.

    Args:
        subject: holds the row; the values of its rows are what counterfactuals try.
        output: name of the output.
        place: of the row in the subject.
        asked: what is wanted.
        reference: known rows that neighbours are looked for in; by default the subject's others.
        weights: of the inputs, for neighbours; see `weights_of`.

    Raises:
        UsageError: as `counterfactuals`.
    """
    alone = subject.take(np.array([place]))
    target = alone.targets[output]
    found = attribute(alone, output)
    label = _followed(target)
    values = found.values[0] if found.values.ndim == 2 else found.values[0, :, label]  # noqa: PLR2004
    given = dict(zip(found.inputs, values, strict=True))
    cells = {c.name: alone.frame[c.column][0] for c in subject.columns}
    contributions = [
        Contribution(input=name, cell=_plain(cells[name]), value=float(value))
        for name, value in given.items()
    ]
    return RowExplanation(
        output=output,
        row=_row_id(subject, place),
        answer=_spoken(target),
        probability=_probability(target),
        threshold=target.threshold if target.type == "binary" else None,
        label=target.labels[label] if target.labels else "",
        scale=found.scale,
        method=found.method,
        base=_of_class(found.base, label),
        margin=_of_class(found.margin[0], label),
        contributions=tuple(sorted(contributions, key=lambda one: -abs(one.value))),
        pieces=_pieces(alone, output, found, label=label, given=given),
        counterfactuals=_flips(subject, output, place, asked),
        has_sought=_is_sought(subject, output, asked),
        neighbours=_neighbours(
            subject, output, place, n_rows=asked.n_neighbours, reference=reference, weights=weights
        ),
    )


def require_outputs(subject_outputs: Sequence[str], wanted: str | None) -> list[str]:
    """Return the outputs asked for, all where none is named.

    Raises:
        UsageError: there is no such output; says which there are.
    """
    if wanted is None:
        return list(subject_outputs)
    if wanted not in subject_outputs:
        close = nearest(wanted, list(subject_outputs))
        hint = f" Did you mean `{close}`?" if close else ""
        raise UsageError(
            f"the model has no output `{wanted}`.{hint}\n  Possible: {', '.join(subject_outputs)}"
        )
    return [wanted]


def weights_of(known: Subject, output: str) -> dict[str, float] | None:
    """Return the importance of inputs, or None where nothing is known to matter."""
    table = permutation_importance(known, n_rows=N_WEIGHING_ROWS, n_repeats=1).get(output)
    if table is None or not any(one.share for one in table.inputs):
        return None
    return {one.input: one.share for one in table.inputs}


def _flips(subject: Subject, output: str, place: int, asked: Asked) -> tuple[Counterfactual, ...]:
    require_inputs(subject, asked.immutable)
    if not _is_sought(subject, output, asked):
        return ()
    found = counterfactuals(
        subject,
        output,
        place,
        goal=asked.goal,
        immutable=asked.immutable,
        n_wanted=asked.n_counterfactuals,
    )
    named = _row_id(subject, place)
    return tuple(one.model_copy(update={"row": named}) for one in found)


def _row_id(subject: Subject, place: int) -> int:
    return place if subject.row_ids is None else int(subject.row_ids[place])


def _is_sought(subject: Subject, output: str, asked: Asked) -> bool:
    is_open = subject.targets[output].type == "number" and asked.goal == Goal()
    can_change = any(
        column.type != "text" and column.name not in asked.immutable for column in subject.columns
    )
    return asked.n_counterfactuals > 0 and can_change and not is_open


def _neighbours(
    subject: Subject,
    output: str,
    place: int,
    *,
    n_rows: int,
    reference: Subject | None,
    weights: Mapping[str, float] | None,
) -> tuple[Neighbour, ...]:
    known = reference
    if known is None:
        known = subject.take(np.flatnonzero(np.arange(len(subject)) != place))
    if not (n_rows and len(known)):
        return ()
    return nearest_rows(known, subject, place, output=output, n_rows=n_rows, weights=weights)


def _pieces(
    alone: Subject, output: str, found: Attribution, *, label: int, given: dict[str, Any]
) -> dict[str, tuple[Piece, ...]]:
    texts = [column.name for column in alone.columns if column.type == "text"]
    return {
        name: highlight(
            alone, output, name, 0, label=label, scale=found.scale, value=given.get(name)
        )
        for name in texts
    }


def _followed(target: Target) -> int:
    return (
        int(target.scores[0].argmax())
        if target.type == "category"
        else int(target.type == "binary")
    )


def _spoken(target: Target) -> str | float:
    if target.type == "number":
        return float(target.scores[0])
    return target.labels[int(predicted_class(target)[0])]


def _probability(target: Target) -> float | None:
    if target.type == "number":
        return None
    place = int(predicted_class(target)[0])
    if target.type == "category":
        return float(target.scores[0, place])
    return float(target.scores[0] if place else 1 - target.scores[0])


def _of_class(value: Any, label: int) -> float:
    return float(value[label]) if np.ndim(value) else float(value)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
