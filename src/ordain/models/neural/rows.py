"""Training rows in a new order each epoch, gathered in chunks and sliced into batches.

The order depends on the seed, the epoch and the number of rows alone, so training may go on in
the middle of an epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from ordain.core.randomness import generator
from ordain.features.encoded import Kind, RowArray
from ordain.models.neural.packing import Batch, Columns, Layout, pack, pack_ragged

RESIDENT_BYTES = 1 << 29
"""Packed size up to which all rows are held as tensors; above, each chunk is gathered anew."""
CHUNK_BYTES = 1 << 26
"""Size of a chunk: rows gathered together, then sliced into batches."""
_BLOCK_ROWS = 1024
"""Rows that stay together where not all are resident, so that reading from disk is in stretches."""
_POOL_STEPS = 32
"""Batches among which sequences are sorted by length, which spares padding."""


@dataclass
class Rows:
    """Rows of one data set on a device.

    Attributes:
        batch_size: rows a step asked for; the steps of an epoch are equal to one row and none is
            left out, so a step may hold a few more or fewer.
        is_shuffled: whether the order is new each epoch.
    """

    columns: Columns
    layout: Layout
    device: torch.device
    batch_size: int
    seed: int
    is_shuffled: bool = True
    resident_bytes: int = RESIDENT_BYTES

    def __post_init__(self) -> None:
        self.n_rows = self.columns.n_rows
        self.n_steps = max(1, round(self.n_rows / self.batch_size))
        self.is_resident = self.columns.n_bytes <= self.resident_bytes
        self._edges = np.arange(self.n_steps + 1) * self.n_rows // self.n_steps
        row_bytes = max(1, self.columns.n_bytes // max(1, self.n_rows))
        step_bytes = row_bytes * max(1, self.n_rows // self.n_steps)
        self._chunk_steps = max(1, CHUNK_BYTES // max(1, step_bytes))
        self._dense: Batch | None = None
        if self.is_resident:
            self._dense = pack(self.columns, self.layout, device=self.device, is_dense_only=True)
        self._lengths = self._sequence_lengths()

    def batches(self, epoch: int, *, start: int = 0) -> Iterator[Batch]:
        """Give the batches of an epoch, from a step on."""
        order = self._order(epoch)
        first = start - start % self._chunk_steps
        for low in range(first, self.n_steps, self._chunk_steps):
            high = min(low + self._chunk_steps, self.n_steps)
            edges = self._edges[low : high + 1]
            chunk = self._gather(order, int(edges[0]), int(edges[-1]))
            inner = (edges - edges[0]).tolist()
            for step in range(max(start, low) - low, high - low):
                yield chunk.rows(inner[step], inner[step + 1])

    def blocks(self, size: int) -> Iterator[Batch]:
        """Give all rows in their own order, in blocks."""
        for low in range(0, self.n_rows, size):
            high = min(low + size, self.n_rows)
            if self._dense is not None and not self.layout.ragged:
                yield self._dense.rows(low, high)
            else:
                yield pack(self.columns.rows(low, high), self.layout, device=self.device)

    def truths(self) -> Batch:
        """Return the truths and weights of all rows; the inputs are left out."""
        if self._dense is not None:
            return self._dense
        bare = Layout((), self.layout.outputs)
        return pack(self.columns, bare, device=self.device)

    def sample(self, n_rows: int) -> Batch:
        """Return up to `n_rows` rows, spread evenly."""
        places = np.linspace(0, self.n_rows - 1, min(n_rows, self.n_rows)).astype(np.int64)
        return self.take(places)

    def longest(self, n_rows: int) -> Batch:
        """Return up to `n_rows` rows: those with the longest sequences where there are any."""
        if self._lengths is None:
            return self.take(np.arange(min(n_rows, self.n_rows)))
        order = np.argsort(-self._lengths, kind="stable")
        return self.take(order[:n_rows].astype(np.int64))

    def take(self, places: RowArray) -> Batch:
        """Return the rows at these positions."""
        if self._dense is None:
            return pack(self.columns.take(places), self.layout, device=self.device)
        index = torch.from_numpy(places).to(self.device)
        dense = self._dense
        return Batch(
            dense.numbers.index_select(0, index),
            dense.ids.index_select(0, index),
            pack_ragged(self.columns, self.layout, places=places, device=self.device),
            tuple(truth.index_select(0, index) for truth in dense.truths),
            None if dense.weights is None else dense.weights.index_select(0, index),
            len(places),
        )

    def _gather(self, order: RowArray | None, low: int, high: int) -> Batch:
        if order is None:
            return self.take(np.arange(low, high))
        return self.take(order[low:high])

    def _order(self, epoch: int) -> RowArray | None:
        if not self.is_shuffled:
            return None
        numbers = generator(self.seed, "shuffle", epoch)
        if self.is_resident:
            order = numbers.permutation(self.n_rows)
        else:
            order = self._order_in_blocks(numbers)
        return order if self._lengths is None else self._by_length(order, numbers)

    def _order_in_blocks(self, numbers: np.random.Generator) -> RowArray:
        """Return blocks of rows in a new order, mixed within stretches of a chunk."""
        n_blocks = -(-self.n_rows // _BLOCK_ROWS)
        starts = numbers.permutation(n_blocks) * _BLOCK_ROWS
        order = (starts[:, None] + np.arange(_BLOCK_ROWS)).ravel()
        order = order[order < self.n_rows]
        for low in range(0, self.n_steps, self._chunk_steps):
            high = min(low + self._chunk_steps, self.n_steps)
            numbers.shuffle(order[self._edges[low] : self._edges[high]])
        return order

    def _by_length(self, order: RowArray, numbers: np.random.Generator) -> RowArray:
        """Return the order with rows of like length in one batch; batches in a new order."""
        assert self._lengths is not None, "called where there are sequences"
        out = order.copy()
        for low in range(0, self.n_steps, _POOL_STEPS):
            high = min(low + _POOL_STEPS, self.n_steps)
            pool = out[self._edges[low] : self._edges[high]]
            pool = pool[np.argsort(self._lengths[pool], kind="stable")]
            parts = np.array_split(pool, high - low)
            mixed = [parts[place] for place in numbers.permutation(len(parts))]
            out[self._edges[low] : self._edges[high]] = np.concatenate(mixed)
        return out

    def _sequence_lengths(self) -> RowArray | None:
        names = [g.inputs[0].name for g in self.layout.ragged if g.kind is Kind.TOKENS]
        lengths = [
            np.diff(offsets)
            for name in names
            if (offsets := self.columns.inputs[name].offsets) is not None
        ]
        return np.sum(lengths, axis=0) if lengths else None
