"""Frozen encoders: run once per distinct row, kept, and left out of training.

A column that a frozen encoder reads is replaced by the vectors it gives; after training the
encoder stands in its place again. The vectors are kept in chunks, so that a run that was broken
off while it embedded goes on with the first chunk that is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from ordain.core.hashing import digest_bytes
from ordain.core.randomness import generator
from ordain.features.encoded import EncodedColumn, Kind, RowArray, Shape
from ordain.models.family import Dataset, FitContext, Problem
from ordain.models.neural.component import Encoder
from ordain.models.neural.network import Network
from ordain.models.neural.packing import Group, Layout, Ragged

_BLOCK_ROWS = 128
CHUNK_ROWS = 8 * _BLOCK_ROWS
"""Distinct rows that are kept together; no more than this is lost where a run is broken off."""


class KeptEncoder(Encoder):
    """Hands on the vectors of a frozen encoder; stands in for it while training."""

    type: Literal["kept"] = "kept"
    of: str
    """Column whose vectors these are; keeps its group apart."""
    kinds = frozenset({Kind.VECTOR})

    def build(self, shapes: Sequence[Shape]) -> nn.Module:
        """Return [B, W] -> [B, W]."""
        from ordain.models.neural.blocks.linear import Passthrough

        return Passthrough(sum(shape.width for shape in shapes))


@dataclass(frozen=True)
class Stage:
    """A problem as it is trained: frozen encoders replaced by what they gave."""

    problem: Problem
    layout: Layout
    network: Network
    train: Dataset
    validation: Dataset | None


def replace_frozen(
    problem: Problem,
    train: Dataset,
    validation: Dataset | None,
    *,
    network: Network,
    context: FitContext,
    device: torch.device,
) -> Stage:
    """Return what is to be trained; without frozen encoders that is what was given."""
    layout = Layout.of(problem)
    columns: dict[str, EncodedColumn] = {}
    held: dict[str, EncodedColumn] = {}
    encoders = list(network.encoders)
    for place, group in enumerate(layout.groups):
        if not group.encoder.is_frozen:
            continue
        module, name = network.encoders[place], group.inputs[0].name
        columns[name] = _kept(module, group, train.inputs[name], context=context, device=device)
        if validation is not None:
            column = validation.inputs[name]
            held[name] = _kept(module, group, column, context=context, device=device)
        shape = Shape(kind=Kind.VECTOR, width=int(module.width))  # type: ignore[arg-type]
        encoders[place] = KeptEncoder(of=name).build([shape])
        problem = replace(
            problem,
            inputs=tuple(
                replace(c, shape=shape, encoder=KeptEncoder(of=name)) if c.name == name else c
                for c in problem.inputs
            ),
        )
    if not columns:
        return Stage(problem, layout, network, train, validation)
    inner = Layout.of(problem)
    return Stage(
        problem,
        inner,
        Network(inner, encoders, network.combiner, list(network.heads)),
        replace(train, inputs={**train.inputs, **columns}),
        None if validation is None else replace(validation, inputs={**validation.inputs, **held}),
    )


def embed_rows(
    module: nn.Module,
    column: EncodedColumn,
    *,
    device: torch.device,
    after_block: Callable[[int], None],
) -> npt.NDArray[np.float32]:
    """Return the vectors [N, D] of a column of tokens, in blocks of its own order.

    Args:
        module: the encoder; it is moved to the device.
        column: its tokens.
        device: where it runs.
        after_block: told how many rows are done after each block; breaks off by raising.
    """
    out = np.empty((len(column), int(module.width)), dtype=np.float32)  # type: ignore[arg-type]
    module.to(device).eval()
    with torch.inference_mode():
        for low in range(0, len(column), _BLOCK_ROWS):
            rows = np.arange(low, min(low + _BLOCK_ROWS, len(column)))
            tensors = Ragged.of(column.take(rows), device).tensors()
            out[rows] = module(*tensors).float().cpu().numpy()
            after_block(int(rows[-1]) + 1)
    return out


def distinct_rows(column: EncodedColumn) -> tuple[RowArray, RowArray]:
    """Return one position of each distinct row, and for each row which of them it equals.

    Rows are compared by two independent 64-bit hashes of their tokens and places.
    """
    assert column.offsets is not None, "tokens have offsets"
    lengths = np.diff(column.offsets)
    place = np.arange(len(column.values)) - np.repeat(column.offsets[:-1], lengths)
    factors = generator(0, "distinct rows").integers(
        1, 1 << 62, size=(2, int(lengths.max(initial=1)) + 1), dtype=np.uint64
    )
    hashes = np.empty((len(column), 2), dtype=np.uint64)
    values = column.values.astype(np.uint64) + np.uint64(1)
    for which in range(2):
        mixed = _mix(values * factors[which][place])
        total = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(mixed, dtype=np.uint64)])
        hashes[:, which] = total[column.offsets[1:]] - total[column.offsets[:-1]]
    _, first, which_of = np.unique(hashes, axis=0, return_index=True, return_inverse=True)
    return first, which_of.reshape(-1)


def _mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    return values ^ (values >> np.uint64(29))


def _kept(
    module: nn.Module,
    group: Group,
    column: EncodedColumn,
    *,
    context: FitContext,
    device: torch.device,
) -> EncodedColumn:
    """Return the vectors of a column, chunk by chunk, from the cache where they are."""
    assert column.offsets is not None, "tokens have offsets"
    first, which = distinct_rows(column)
    # Rows of like length stand together: padding is then rare.
    lengths = column.offsets[first + 1] - column.offsets[first]
    order = np.argsort(lengths, kind="stable")
    vectors = np.empty((len(first), int(module.width)), dtype=np.float32)  # type: ignore[arg-type]
    identity = ["frozen encoder", group.encoder.model_dump(), _weights_digest(module), str(device)]
    for low in range(0, len(order), CHUNK_ROWS):
        rows = order[low : low + CHUNK_ROWS]
        pulse = _Pulse(context, group.name, done=low, total=len(order))
        vectors[rows] = _chunk(
            module, column.take(first[rows]), identity=identity, pulse=pulse, device=device
        )
        pulse(len(rows))
    return EncodedColumn(Kind.VECTOR, np.ascontiguousarray(vectors[which]))


@dataclass(frozen=True)
class _Pulse:
    """Says how far embedding is, and ends it where the run is to stop."""

    context: FitContext
    column: str
    done: int
    total: int

    def start(self) -> None:
        """Say what is about to be done, once."""
        if self.done == 0:
            message = f"`{self.column}`: {self.total} distinct texts are embedded once"
            self.context.events.emit("note", message=message)

    def __call__(self, n_rows: int) -> None:
        done = self.done + n_rows
        self.context.events.emit(
            "progress", task="embed", done=done, total=self.total, unit="texts"
        )
        if self.context.stop.is_set():
            # Nothing is learned yet that could be handed over.
            raise KeyboardInterrupt


def _chunk(
    module: nn.Module,
    column: EncodedColumn,
    *,
    identity: list[Any],
    pulse: _Pulse,
    device: torch.device,
) -> npt.NDArray[np.float32]:
    context = pulse.context

    def embed() -> npt.NDArray[np.float32]:
        pulse.start()
        return embed_rows(module, column, device=device, after_block=pulse)

    def build(folder: Path) -> None:
        np.save(folder / "vectors.npy", embed())

    if context.cached is None:
        return embed()
    folder = context.cached([*identity, _column_digest(column)], build)
    vectors: npt.NDArray[np.float32] = np.load(folder / "vectors.npy")
    return vectors


def _weights_digest(module: nn.Module) -> str:
    state = sorted(module.state_dict().items())
    return digest_bytes(
        *(name.encode() for name, _ in state),
        *(memoryview(value.cpu().contiguous().numpy()).cast("B") for _, value in state),
    )


def _column_digest(column: EncodedColumn) -> str:
    assert column.offsets is not None, "tokens have offsets"
    return digest_bytes(
        np.ascontiguousarray(column.values).tobytes(),
        np.ascontiguousarray(column.offsets).tobytes(),
    )
