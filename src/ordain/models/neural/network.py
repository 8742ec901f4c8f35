"""The module that a problem describes: encoders, combiner, decoders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ordain.core.errors import UsageError
from ordain.features.encoded import Kind
from ordain.models.family import Output, Problem
from ordain.models.neural.component import Combiner, Decoder, Task
from ordain.models.neural.packing import Batch, Group, Layout

Structures = Mapping[str, Mapping[str, Any]]
"""What modules are rebuilt from beside their specs, by the names of groups."""


class Network(nn.Module):
    """Encoders of groups, a combiner, one decoder an output.

    Shapes: numbers [B, S], ids [B, F], then the tensors of ragged columns -> one [B, n_scores] for
    each output.
    """

    def __init__(
        self,
        layout: Layout,
        encoders: Sequence[nn.Module],
        combiner: nn.Module,
        heads: Sequence[nn.Module],
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        self.combiner = combiner
        self.heads = nn.ModuleList(heads)
        self._reads = [
            _reader(group.kind, group.start, group.stop, place) for group, place in _places(layout)
        ]

    def forward(self, numbers: Tensor, ids: Tensor, *ragged: Tensor) -> list[Tensor]:
        """Return the raw scores of each output."""
        hidden = self.combiner(self._encoded(numbers, ids, ragged))
        return [head(hidden) for head in self.heads]

    def encoded(self, batch: Batch) -> list[Tensor]:
        """Return what each encoder gives for a batch [B, D]."""
        numbers, ids, *ragged = batch.inputs()
        return self._encoded(numbers, ids, tuple(ragged))

    def _encoded(self, numbers: Tensor, ids: Tensor, ragged: tuple[Tensor, ...]) -> list[Tensor]:
        return [
            encoder(*read(numbers, ids, ragged))
            for encoder, read in zip(self.encoders, self._reads, strict=True)
        ]

    def of_batch(self, batch: Batch) -> list[Tensor]:
        """Return the raw scores of a batch."""
        return self(*batch.inputs())  # type: ignore[no-any-return]

    def structures(self, layout: Layout) -> dict[str, Any]:
        """Return what modules are rebuilt from beside their specs, by the names of groups."""
        return {
            group.name: encoder.structure
            for group, encoder in zip(layout.groups, self.encoders, strict=True)
            if hasattr(encoder, "structure")
        }

    @torch.no_grad()
    def fit_(self, batch: Batch) -> None:
        """Let encoders set what depends on data, such as bins."""
        numbers, ids, *ragged = batch.inputs()
        for encoder, read in zip(self.encoders, self._reads, strict=True):
            if hasattr(encoder, "fit_"):
                encoder.fit_(*read(numbers, ids, tuple(ragged)))  # type: ignore[operator]


def build_network(
    problem: Problem, layout: Layout, *, seed: int, structures: Structures | None = None
) -> Network:
    """Return the network a problem describes, its first weights drawn from a seed.

    `structures` are those of a saved network; its weights are then read into the new one.

    Raises:
        UsageError: an encoder gives a sequence, or cannot read its column.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoders = [_encoder(group, structures) for group in layout.groups]
        assert isinstance(problem.combiner, Combiner), "the family has chosen a combiner"
        combiner = problem.combiner.build([int(e.width) for e in encoders], task=task_of(problem))  # type: ignore[arg-type]
        heads = []
        for output in problem.outputs:
            assert isinstance(output.decoder, Decoder), "the family has chosen a decoder"
            heads.append(
                output.decoder.build(
                    int(combiner.width),  # type: ignore[arg-type]
                    n_scores(output),
                    is_ntk=bool(combiner.is_ntk),
                )
            )
        return Network(layout, encoders, combiner, heads)


def task_of(problem: Problem) -> Task:
    """Return `regression` where every output is a number."""
    is_number = all(output.type == "number" for output in problem.outputs)
    return "regression" if is_number else "classification"


def n_scores(output: Output) -> int:
    """Return 1 for a number and for yes/no, the number of classes for a category."""
    return output.shape.cardinality if output.shape.kind is Kind.INDEX else 1


def _encoder(group: Group, structures: Structures | None) -> nn.Module:
    encoder = group.encoder
    if group.inputs[0].shape.kind not in encoder.kinds:
        raise UsageError(
            f"encoder '{encoder.type}' cannot read `{group.name}`, which is encoded as "
            f"'{group.inputs[0].shape.kind}'. It reads: {', '.join(sorted(encoder.kinds))}."
        )
    if getattr(encoder, "reduce_output", "") is None:
        raise UsageError(
            f"encoder '{encoder.type}' of `{group.name}` gives a sequence, and the combiner joins "
            "single vectors.\n  Fix: reduce_output: mean"
        )
    shapes = [column.shape for column in group.inputs]
    if structures is None:
        return encoder.build(shapes)
    return encoder.rebuild(shapes, structures.get(group.name, {}))


Read = Callable[[Tensor, Tensor, tuple[Tensor, ...]], tuple[Tensor, ...]]


def _places(layout: Layout) -> list[tuple[Group, int]]:
    """Return each group with the place of its first tensor among the ragged ones."""
    places, place = [], 0
    for group in layout.groups:
        places.append((group, place))
        if group.ragged is not None:
            place += 3 if group.kind is Kind.BAG else 2
    return places


def _reader(kind: Kind, start: int, stop: int, place: int) -> Read:
    if kind is Kind.INDEX:
        return lambda _, ids, __: (ids[:, start:stop],)
    if kind is Kind.SCALAR:
        return lambda numbers, _, __: (numbers[:, start:stop],)
    n_tensors = 3 if kind is Kind.BAG else 2
    return lambda _, __, ragged: ragged[place : place + n_tensors]
