"""What each input adds to the answer for a row.

A family that knows says so itself (`FittedModel.attribute`): exact for linear models, tree SHAP
for boosted trees, integrated gradients for networks. For any other, Shapley values are sampled:
inputs are taken from the row one after the other, in orders drawn at random and each order once
forwards and once backwards, the others staying as in a background row; what an input adds when
its turn comes is its share. The sum over the inputs is exactly the answer minus the mean answer
of the background.
Sources: Štrumbelj and Kononenko 2014; Lundberg and Lee 2017; Mitchell et al. 2022 (antithetic).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ordain.core.randomness import generator
from ordain.evaluation.subject import Encoded, Subject
from ordain.features.encoded import EncodedColumn, concatenate
from ordain.models.attribution import Attribution

N_ORDERS = 32
"""Orders of the inputs at least, half of them the reverse of the other half."""
N_BACKGROUND = 32
BLOCK_ROWS = 50_000


def attribute(subject: Subject, output: str) -> Attribution:
    """Return what each input adds to an output's answer for every row of the subject."""
    if subject.attribute is not None:
        found = subject.attribute(subject.encoded, output)
        if found is not None:
            return _against_the_mean(found)
    return sampled_shapley(subject, output)


def _against_the_mean(found: Attribution) -> Attribution:
    """Return log odds of classes against the mean of all classes; other scales as they are.

    What is the same for all classes says nothing: a family may score each class by a log likelihood
    of hundreds.
    """
    if found.scale != "log_odds" or found.values.ndim < 3:  # noqa: PLR2004 - [N, F, C]
        return found
    base = np.asarray(found.base, dtype=np.float64)
    return replace(
        found,
        values=found.values - found.values.mean(axis=-1, keepdims=True),
        base=base - base.mean(axis=-1, keepdims=True),
        margin=found.margin - found.margin.mean(axis=-1, keepdims=True),
    )


def sampled_shapley(subject: Subject, output: str, *, n_orders: int = N_ORDERS) -> Attribution:
    """Return sampled Shapley values for every row; meant for some hundreds of rows.

    All rows are explained by the same orders and the same rows of the subject's background, so that
    a row alone is explained as it is among others.

    Args:
        subject: the rows to explain; without a background some of them stand in for it.
        output: name of the output.
        n_orders: orders of the inputs for each row at least.
    """
    names = [column.name for column in subject.columns]
    rest = _background(subject)
    n_rest = len(rest[names[0]])
    # A background row goes with as many orders as any other, so that sums are exact.
    n_half = -(-n_orders // (2 * n_rest)) * n_rest
    random = generator(subject.seed, "evaluation", "shapley", output)
    half = np.stack([random.permutation(len(names)) for _ in range(n_half)])
    orders = np.concatenate([half, half[:, ::-1]])
    plan = _Plan(names, orders, rest, np.arange(2 * n_half) % n_rest)
    answers = _answers(subject, rest, output)
    values = [_one_row(subject, plan, output, row) for row in range(len(subject))]
    return Attribution(
        inputs=tuple(names),
        values=np.stack(values) if values else np.zeros((0, len(names), *answers.shape[1:])),
        base=answers.mean(axis=0) if answers.ndim > 1 else float(answers.mean()),
        margin=_answers(subject, subject.encoded, output),
        scale="value" if subject.targets[output].type == "number" else "probability",
        method="sampled_shapley",
    )


@dataclass(frozen=True)
class _Plan:
    """In which orders [K, F] the inputs are taken, and which background row [K] each goes with."""

    names: list[str]
    orders: npt.NDArray[np.int64]
    rest: Encoded
    partner: npt.NDArray[np.int64]


def _background(subject: Subject) -> Encoded:
    if subject.background:
        n_rows = min(N_BACKGROUND, len(next(iter(subject.background.values()))))
        return {name: column.rows(0, n_rows) for name, column in subject.background.items()}
    return subject.sample(N_BACKGROUND, "background").encoded


def _one_row(subject: Subject, plan: _Plan, output: str, row: int) -> npt.NDArray[np.float64]:
    """Return the values of one row [F] or [F, C]."""
    n_orders, n_inputs = plan.orders.shape
    # taken[k, s, f]: whether input f comes from the row at step s of order k
    rank = np.argsort(plan.orders, axis=1)
    taken = rank[:, None, :] < np.arange(n_inputs + 1)[None, :, None]
    flat = taken.reshape(-1, n_inputs)
    from_rest = np.repeat(plan.partner, n_inputs + 1)
    mixed = {
        name: _mixed(subject.encoded[name], plan.rest[name], row, from_rest, flat[:, place])
        for place, name in enumerate(plan.names)
    }
    answers = np.concatenate(
        [
            _answers(subject, _block(mixed, start), output)
            for start in range(0, len(from_rest), BLOCK_ROWS)
        ]
    ).reshape(n_orders, n_inputs + 1, -1)
    gains = np.diff(answers, axis=1)  # [K, F, C] in the order of the turns
    values = np.zeros((n_inputs, gains.shape[2]))
    np.add.at(values, plan.orders.ravel(), gains.reshape(-1, gains.shape[2]))
    values /= n_orders
    return values if subject.targets[output].type == "category" else values[:, 0]


def _mixed(
    own: EncodedColumn,
    rest: EncodedColumn,
    row: int,
    from_rest: npt.NDArray[np.int64],
    is_own: npt.NDArray[np.bool_],
) -> EncodedColumn:
    """Return a column of the row's own cell where `is_own`, else of the background's."""
    pool = concatenate([rest, own.rows(row, row + 1)])
    return pool.take(np.where(is_own, len(rest), from_rest).astype(np.int64))


def _block(mixed: Encoded, start: int) -> Encoded:
    return {
        name: column.rows(start, min(start + BLOCK_ROWS, len(column)))
        for name, column in mixed.items()
    }


def _answers(subject: Subject, inputs: Encoded, output: str) -> npt.NDArray[np.float64]:
    return np.asarray(subject.score(inputs)[output], dtype=np.float64)
