"""Integrated gradients: what each input adds to the raw score of a network.

The path goes from the mean representation of a few background rows to that of the row, where the
representation is what the encoders give (so that words and categories have a straight line to walk
too); the gradient along it times the way walked is what each number of the representation adds,
and each number belongs to one input. Source: Sundararajan, Taly and Yan 2017; the integral is taken
at the points of a Gauss-Legendre rule, more of them for rows whose sum does not fit the score yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ordain.features.encoded import EncodedColumn, concatenate
from ordain.models.attribution import Attribution
from ordain.models.neural.packing import Columns, pack

if TYPE_CHECKING:
    from ordain.models.neural.fitted import NeuralModel

POINTS = (16, 48, 160)
TOLERANCE = 1e-3
BLOCK_ROWS = 256
Floats = npt.NDArray[np.float64]


def integrated_gradients(
    model: NeuralModel,
    inputs: Mapping[str, EncodedColumn],
    output: str,
    *,
    background: Mapping[str, EncodedColumn],
) -> Attribution | None:
    """Return the attribution of every row; None where an encoder mixes inputs.

    Args:
        model: that has learned.
        inputs: encoded, N rows.
        output: name of the output.
        background: rows whose mean representation stands for knowing nothing.
    """
    place = next(i for i, o in enumerate(model.problem.outputs) if o.name == output)
    wanted = model.problem.outputs[place]
    network = model.network.eval()
    temperature = model.temperatures.get(output, 1.0)

    def margin_of(joined: Tensor) -> Tensor:
        parts = list(torch.split(joined, widths, dim=1))
        raw: Tensor = network.heads[place](network.combiner(parts))
        return raw if wanted.type == "number" else raw / temperature

    rest = _parts(model, background)
    widths = [part.shape[1] for part in rest]
    start = torch.cat(rest, dim=1).mean(dim=0, keepdim=True)
    n_rows = len(next(iter(inputs.values())))
    values, margins = [], []
    for low in range(0, n_rows, BLOCK_ROWS):
        block = {name: column.rows(low, min(low + BLOCK_ROWS, n_rows)) for name, column in
                 inputs.items()}  # fmt: skip
        owners = _owners(model, block, background)
        if owners is None:
            return None
        joined = torch.cat(_parts(model, block), dim=1)
        by_number, margin = _integral(margin_of, start, joined)
        values.append(_by_input(by_number, owners, len(model.problem.inputs)))
        margins.append(margin)
    with torch.no_grad():
        base = margin_of(start)[0].double().numpy()
    return _attribution(
        [column.name for column in model.problem.inputs],
        np.concatenate(values),
        base,
        np.concatenate(margins),
        scale="value" if wanted.type == "number" else "log_odds",
    )


def _parts(model: NeuralModel, inputs: Mapping[str, EncodedColumn]) -> list[Tensor]:
    """Return what each encoder gives [N, D]."""
    n_rows = len(next(iter(inputs.values())))
    batch = pack(Columns(inputs, {}, None, n_rows), model.layout)
    with torch.no_grad():
        return model.network.encoded(batch)


def _integral(
    margin_of: Callable[[Tensor], Tensor], start: Tensor, joined: Tensor
) -> tuple[Floats, Floats]:
    """Return what each number adds [N, D, C] and the margins [N, C]."""
    way = joined - start
    with torch.no_grad():
        margin = margin_of(joined)
        gained = margin - margin_of(start)
    added = torch.zeros(*way.shape, gained.shape[1])
    tolerance = TOLERANCE * gained.abs().amax(dim=1).clamp_min(1.0)
    left = torch.arange(len(way))
    for n_points in POINTS:
        found = _mean_gradient(margin_of, start, way[left], n_points) * way[left].unsqueeze(2)
        added[left] = found
        gap = (found.sum(dim=1) - gained[left]).abs().amax(dim=1)
        left = left[gap > tolerance[left]]
        if not len(left):
            break
    # What is left of the integral's error goes to the numbers by their size, so that sums are
    # exact; it is under the tolerance unless the last rule was not enough.
    rest = (gained - added.sum(dim=1)).unsqueeze(1)
    size = added.abs()
    added = added + rest * size / size.sum(dim=1, keepdim=True).clamp_min(1e-12)
    return added.double().numpy(), margin.double().numpy()


def _mean_gradient(
    margin_of: Callable[[Tensor], Tensor], start: Tensor, way: Tensor, n_points: int
) -> Tensor:
    """Return the mean gradient of each score along the path [N, D, C]."""
    points, weights = np.polynomial.legendre.leggauss(n_points)
    total: Tensor | None = None
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        at = (start + float(point) * way).requires_grad_(True)
        margin = margin_of(at)
        slopes = [
            torch.autograd.grad(margin[:, c].sum(), at, retain_graph=c < margin.shape[1] - 1)[0]
            for c in range(margin.shape[1])
        ]
        step = float(weight) * torch.stack(slopes, dim=2)
        total = step if total is None else total + step
    assert total is not None, "a rule has points"
    return total.detach()


def _owners(
    model: NeuralModel,
    block: Mapping[str, EncodedColumn],
    background: Mapping[str, EncodedColumn],
) -> npt.NDArray[np.int64] | None:
    """Return the input each number of the representation belongs to; None if one has two.

    An encoder of several inputs is asked: their cells are exchanged between rows one input at a
    time, and a number that changes is that input's. Numbers that never change belong to nobody
    in particular (-1): they add nothing.
    """
    names, layout = [column.name for column in model.problem.inputs], model.layout
    rows = {name: concatenate([background[name], block[name]]) for name in names}
    plain = _parts(model, rows)
    owners = [np.full(part.shape[1], -1, dtype=np.int64) for part in plain]
    for place, group in enumerate(layout.groups):
        if len(group.inputs) == 1:
            owners[place][:] = names.index(group.inputs[0].name)
    several = [i for i, group in enumerate(layout.groups) if len(group.inputs) > 1]
    for place in several:
        for column in layout.groups[place].inputs:
            rolled = {**rows, column.name: _rolled(rows[column.name])}
            moved = (_parts(model, rolled)[place] != plain[place]).any(dim=0).numpy()
            if (owners[place][moved] >= 0).any():
                return None
            owners[place][moved] = names.index(column.name)
    return np.concatenate(owners)


def _rolled(column: EncodedColumn) -> EncodedColumn:
    """Return a column in which every cell that can has the value of another row."""
    n_rows = len(column)
    keys = column.values.reshape(n_rows, -1)
    order = np.lexsort(keys.T[::-1])
    target = np.empty(n_rows, dtype=np.int64)
    # Half of the sorted rows away: equal cells are exchanged for others where there are any.
    target[order] = np.roll(order, n_rows // 2)
    return column.take(target)


def _by_input(by_number: Floats, owners: npt.NDArray[np.int64], n_inputs: int) -> Floats:
    found = np.zeros((by_number.shape[0], n_inputs, by_number.shape[2]))
    for place in range(n_inputs):
        found[:, place] = by_number[:, owners == place].sum(axis=1)
    return found


def _attribution(
    names: Sequence[str], values: Floats, base: Floats, margins: Floats, *, scale: str
) -> Attribution:
    is_single = values.shape[2] == 1
    return Attribution(
        inputs=tuple(names),
        values=values[:, :, 0] if is_single else values,
        base=float(base[0]) if is_single else base,
        margin=margins[:, 0] if is_single else margins,
        scale=scale,
        method="integrated_gradients",
    )
