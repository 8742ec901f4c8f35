"""Encoded columns as tensors: numbers side by side, ids side by side, ragged columns in a row.

`Layout` says where each input lies. `pack` makes a `Batch` of any number of rows; a batch of
training is a slice of views of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ordain.features.encoded import EncodedColumn, Kind, RowArray
from ordain.models.family import Input, Output, Problem
from ordain.models.neural.component import Encoder

_RAGGED = frozenset({Kind.TOKENS, Kind.BAG})


@dataclass(frozen=True)
class Group:
    """Inputs that one module reads.

    Attributes:
        start, stop: columns of the numbers, or of the ids, that are the group's.
        ragged: index of its ragged column, or None.
    """

    encoder: Encoder
    inputs: tuple[Input, ...]
    kind: Kind
    start: int = 0
    stop: int = 0
    ragged: int | None = None

    @property
    def name(self) -> str:
        """Names of the inputs, for messages."""
        return ", ".join(column.name for column in self.inputs)


@dataclass(frozen=True)
class Layout:
    """Where every input lies in a batch."""

    groups: tuple[Group, ...]
    outputs: tuple[Output, ...]

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """Group the inputs: same kind and equal encoders together, ragged columns alone."""
        together: dict[tuple[Kind, str], list[Input]] = {}
        for column in problem.inputs:
            encoder, kind = column.encoder, column.shape.kind
            assert isinstance(encoder, Encoder), "the family has chosen an encoder for every input"
            key = column.name if kind in _RAGGED else encoder.model_dump_json()
            # Dense encoders read numbers and vectors alike.
            lying = Kind.SCALAR if kind is Kind.VECTOR else kind
            together.setdefault((lying, key), []).append(column)
        n_numbers = n_ids = n_ragged = 0
        groups = []
        for (kind, _), columns in together.items():
            encoder = columns[0].encoder
            assert isinstance(encoder, Encoder), "checked above"
            inputs = tuple(columns)
            if kind in _RAGGED:
                groups.append(Group(encoder, inputs, kind, ragged=n_ragged))
                n_ragged += 1
            elif kind is Kind.INDEX:
                groups.append(Group(encoder, inputs, kind, n_ids, n_ids + len(inputs)))
                n_ids += len(inputs)
            else:
                width = sum(column.shape.width for column in inputs)
                groups.append(Group(encoder, inputs, kind, n_numbers, n_numbers + width))
                n_numbers += width
        return cls(tuple(groups), problem.outputs)

    def inputs(self, kind: Kind) -> list[Input]:
        """Return the inputs of one kind of tensor, in the order they lie in."""
        return [column for group in self.groups if group.kind is kind for column in group.inputs]

    @property
    def ragged(self) -> list[Group]:
        """The groups of ragged columns, in the order they lie in."""
        return [group for group in self.groups if group.ragged is not None]


@dataclass(frozen=True)
class Ragged:
    """A ragged column: ids [total], starts of rows and the end [B + 1], weights [total] or None."""

    ids: Tensor
    offsets: Tensor
    weights: Tensor | None
    edges: npt.NDArray[np.int64]

    @classmethod
    def of(cls, column: EncodedColumn, device: torch.device | str = "cpu") -> Self:
        """Return an encoded column as tensors."""
        assert column.offsets is not None, "a ragged column has offsets"
        edges = np.asarray(column.offsets)
        dtype = np.int32 if edges[-1] < np.iinfo(np.int32).max else np.int64
        return cls(
            _tensor(column.values.astype(dtype, copy=False), device),
            _tensor(edges.astype(dtype), device),
            None if column.weights is None else _tensor(column.weights, device),
            edges,
        )

    def rows(self, start: int, stop: int) -> Ragged:
        """Return rows start to stop - 1 as views."""
        low, high = int(self.edges[start]), int(self.edges[stop])
        weights = None if self.weights is None else self.weights[low:high]
        edges = self.edges[start : stop + 1] - low
        return Ragged(self.ids[low:high], self.offsets[start : stop + 1] - low, weights, edges)

    def tensors(self) -> list[Tensor]:
        """Return what an encoder reads: (ids, starts, weights), or padded ids and their mask."""
        if self.weights is not None:
            return [self.ids, self.offsets[:-1], self.weights]
        lengths = np.diff(self.edges)
        longest = max(1, int(lengths.max(initial=0)))
        place = torch.arange(longest, device=self.ids.device)
        mask = place < (self.offsets[1:] - self.offsets[:-1]).unsqueeze(1)  # [B, T]
        padded = torch.zeros(mask.shape, dtype=self.ids.dtype, device=self.ids.device)
        return [padded.masked_scatter(mask, self.ids), mask]


@dataclass(frozen=True)
class Batch:
    """Rows as tensors: numbers float32 [B, S], ids int64 [B, F], ragged, truths, weights."""

    numbers: Tensor
    ids: Tensor
    ragged: tuple[Ragged, ...] = ()
    truths: tuple[Tensor, ...] = ()
    weights: Tensor | None = None
    n_rows: int = field(default=0)

    def rows(self, start: int, stop: int) -> Batch:
        """Return rows start to stop - 1 as views."""
        return Batch(
            self.numbers[start:stop],
            self.ids[start:stop],
            tuple(column.rows(start, stop) for column in self.ragged),
            tuple(truth[start:stop] for truth in self.truths),
            None if self.weights is None else self.weights[start:stop],
            stop - start,
        )

    def inputs(self) -> list[Tensor]:
        """Return the tensors that a network reads, in its order."""
        return [self.numbers, self.ids, *(t for column in self.ragged for t in column.tensors())]


@dataclass(frozen=True)
class Columns:
    """Encoded columns of one data set, as arrays, before they are packed."""

    inputs: Mapping[str, EncodedColumn]
    outputs: Mapping[str, EncodedColumn]
    weights: npt.NDArray[np.float32] | None
    n_rows: int

    @property
    def n_bytes(self) -> int:
        """Size when packed."""
        total = 0
        for column in (*self.inputs.values(), *self.outputs.values()):
            n_copies = 2 if column.kind is Kind.INDEX else 1
            total += column.values.nbytes * n_copies
            total += sum(a.nbytes for a in (column.offsets, column.weights) if a is not None)
        return total

    def take(self, rows: RowArray) -> Columns:
        """Return the rows at these positions as a copy."""
        return Columns(
            {name: column.take(rows) for name, column in self.inputs.items()},
            {name: column.take(rows) for name, column in self.outputs.items()},
            None if self.weights is None else self.weights[rows],
            len(rows),
        )

    def rows(self, start: int, stop: int) -> Columns:
        """Return rows start to stop - 1; dense kinds are views."""
        return Columns(
            {name: column.rows(start, stop) for name, column in self.inputs.items()},
            {name: column.rows(start, stop) for name, column in self.outputs.items()},
            None if self.weights is None else self.weights[start:stop],
            stop - start,
        )


def pack(
    columns: Columns,
    layout: Layout,
    *,
    device: torch.device | str = "cpu",
    is_dense_only: bool = False,
) -> Batch:
    """Return the rows as tensors on a device; the numbers are copied side by side once."""
    n_rows = columns.n_rows
    numbers = [columns.inputs[c.name].values for c in layout.inputs(Kind.SCALAR)]
    ids = [columns.inputs[c.name].values for c in layout.inputs(Kind.INDEX)]
    truths = [columns.outputs[o.name] for o in layout.outputs if o.name in columns.outputs]
    return Batch(
        torch.from_numpy(_side_by_side(numbers, n_rows)).to(device),
        torch.from_numpy(_stacked(ids, n_rows)).to(device),
        () if is_dense_only else pack_ragged(columns, layout, device=device),
        tuple(_truth(column, device) for column in truths),
        None if columns.weights is None else _tensor(columns.weights, device),
        n_rows,
    )


def pack_ragged(
    columns: Columns,
    layout: Layout,
    *,
    places: RowArray | None = None,
    device: torch.device | str = "cpu",
) -> tuple[Ragged, ...]:
    """Return the ragged columns as tensors; `places` chooses rows."""
    found = [columns.inputs[group.inputs[0].name] for group in layout.ragged]
    chosen = found if places is None else [column.take(places) for column in found]
    return tuple(Ragged.of(column, device) for column in chosen)


def _side_by_side(parts: Sequence[npt.NDArray[np.generic]], n_rows: int) -> npt.NDArray[np.float32]:
    width = sum(part.shape[1] for part in parts)
    out = np.empty((n_rows, width), dtype=np.float32)
    start = 0
    for part in parts:
        out[:, start : start + part.shape[1]] = part
        start += part.shape[1]
    return out


def _stacked(parts: Sequence[npt.NDArray[np.generic]], n_rows: int) -> npt.NDArray[np.int64]:
    out = np.empty((n_rows, len(parts)), dtype=np.int64)
    for place, part in enumerate(parts):
        out[:, place] = part
    return out


def _truth(column: EncodedColumn, device: torch.device | str) -> Tensor:
    if column.kind is Kind.INDEX:
        return _tensor(column.values.astype(np.int64), device)
    return _tensor(np.ascontiguousarray(column.values.reshape(len(column), -1)[:, 0]), device)


def _tensor(values: npt.NDArray[np.generic], device: torch.device | str) -> Tensor:
    if not values.flags.writeable:
        # Torch warns of memory it may not write to; these tensors are only read.
        values = values.copy()
    return torch.from_numpy(np.ascontiguousarray(values)).to(device)
