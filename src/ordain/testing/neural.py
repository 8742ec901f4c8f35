"""What every part of a neural model must do.

A test suite runs each check on each registered component:

    @pytest.mark.parametrize("case", encoder_cases(), ids=str)
    @pytest.mark.parametrize("check", ENCODER_CHECKS, ids=lambda check: check.__name__)
    def test_encoder_keeps_the_contract(case, check):
        check(case)

A check raises AssertionError with what was broken. Components are built from plain mappings, as a
document gives them.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ordain.core.component import Registry
from ordain.features.encoded import Kind, Shape
from ordain.models.neural.component import (
    COMBINERS,
    DECODERS,
    ENCODERS,
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
    Combiner,
    Decoder,
    Encoder,
    Loss,
    Optimizer,
    Schedule,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

N_ROWS = 12
_SEED = 3

SHAPES: Mapping[Kind, tuple[Shape, ...]] = {
    Kind.SCALAR: (Shape(kind=Kind.SCALAR), Shape(kind=Kind.SCALAR, width=2)),
    Kind.VECTOR: (Shape(kind=Kind.VECTOR, width=3),),
    Kind.INDEX: (Shape(kind=Kind.INDEX, cardinality=4), Shape(kind=Kind.INDEX, cardinality=7)),
    Kind.TOKENS: (Shape(kind=Kind.TOKENS, cardinality=20),),
    Kind.BAG: (Shape(kind=Kind.BAG, cardinality=20),),
}
"""The group of columns that an encoder of each kind is built for."""


@dataclass(frozen=True)
class Case:
    """A component as a document gives it.

    Attributes:
        keys: with `type`.
        kind: of the columns, for an encoder.
    """

    registry: Registry[Any]
    keys: Mapping[str, Any]
    kind: Kind = field(default=Kind.SCALAR)

    def __str__(self) -> str:
        extra = "-".join(str(v) for k, v in self.keys.items() if k != "type")
        parts = (self.keys["type"], self.kind if self.registry is ENCODERS else "", extra)
        return "-".join(part for part in parts if part)

    def spec(self) -> Any:
        """Return the component."""
        return self.registry.build(dict(self.keys))

    def encoder(self) -> nn.Module:
        """Return the module of an encoder, its first weights drawn from a fixed seed."""
        import torch

        spec = self.spec()
        assert isinstance(spec, Encoder), "the case is an encoder's"
        torch.manual_seed(_SEED)
        module = spec.build(SHAPES[self.kind])
        if hasattr(module, "fit_"):
            module.fit_(*make_batch(self.kind))  # type: ignore[operator]
        return module


def cases(
    registry: Registry[Any], keys: Mapping[str, Sequence[Mapping[str, Any]]] | None = None
) -> list[Case]:
    """Return a case of every registered component, with its defaults and with further keys."""
    found = []
    for name in registry.names():
        found.append(Case(registry, {"type": name}))
        found += [Case(registry, {"type": name, **own}) for own in (keys or {}).get(name, ())]
    return found


def encoder_cases(
    keys: Mapping[str, Sequence[Mapping[str, Any]]] | None = None, *, skip: Sequence[str] = ()
) -> list[Case]:
    """Return a case of every encoder, of every kind it reads, with its defaults and further keys.

    `skip` names encoders that cannot be built without keys: those get only the keys given.
    """
    found = []
    for name in ENCODERS.names():
        options = [{"type": name, **own} for own in (keys or {}).get(name, ())]
        if name not in skip:
            options.insert(0, {"type": name})
        kinds = sorted(ENCODERS.get(name).kinds)
        found += [Case(ENCODERS, own, kind) for own in options for kind in kinds]
    return found


def make_batch(kind: Kind, n_rows: int = N_ROWS, *, seed: int = 0) -> tuple[Tensor, ...]:
    """Return the tensors that an encoder of a kind reads; the first ragged row is empty."""
    import torch

    random = torch.Generator().manual_seed(seed)
    shapes = SHAPES[kind]
    if kind in {Kind.SCALAR, Kind.VECTOR}:
        return (torch.randn(n_rows, sum(shape.width for shape in shapes), generator=random),)
    if kind is Kind.INDEX:
        columns = [torch.randint(s.cardinality, (n_rows,), generator=random) for s in shapes]
        return (torch.stack(columns, dim=1),)
    lengths = torch.randint(1, 7, (n_rows,), generator=random)
    lengths[0] = 0
    total = int(lengths.sum())
    ids = torch.randint(shapes[0].cardinality, (total,), generator=random).int()
    if kind is Kind.BAG:
        return ids, (lengths.cumsum(0) - lengths).int(), torch.rand(total, generator=random)
    mask = torch.arange(8) < lengths.unsqueeze(1)
    return torch.zeros(mask.shape, dtype=torch.int32).masked_scatter(mask, ids), mask


def reads_back_what_it_writes(case: Case) -> None:
    """A spec written as JSON reads back as an equal spec."""
    spec = case.spec()
    plain = json.loads(json.dumps(spec.model_dump(mode="json")))
    assert case.registry.build(plain) == spec


def gives_the_width_it_says(case: Case) -> None:
    """The result is [B, width], or [B, T, width], float32 and finite; empty rows included."""
    import torch

    module = case.encoder().eval()
    out = module(*make_batch(case.kind))
    assert out.shape[0] == N_ROWS
    assert out.shape[-1] == module.width
    assert out.dtype is torch.float32
    assert bool(torch.isfinite(out).all())


def teaches_every_parameter(case: Case) -> None:
    """A gradient reaches every parameter that is learned, and is not zero everywhere."""
    import torch

    module = case.encoder().train()
    torch.manual_seed(_SEED)
    for seed in range(4):
        out = module(*make_batch(case.kind, seed=seed))
        if out.requires_grad:
            (out * torch.randn_like(out)).sum().backward()
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, f"no gradient reaches `{name}`"
            assert bool(parameter.grad.abs().sum() > 0), f"the gradient of `{name}` is 0"


def repeats_itself(case: Case) -> None:
    """The same seed gives the same weights and the same answer, dropout included."""
    import torch

    answers = []
    for _ in range(2):
        module = case.encoder().train()
        torch.manual_seed(_SEED)
        answers.append(module(*make_batch(case.kind)))
    assert torch.equal(*answers)


def answers_one_row_as_many(case: Case) -> None:
    """A row alone is answered as in a batch, to 1e-5, while predicting."""
    import torch

    module = case.encoder().eval()
    whole = module(*make_batch(case.kind))
    for row in (0, N_ROWS - 1):
        single = module(*_one_row(case.kind, row))
        expected = whole[row : row + 1]
        if expected.ndim > single.ndim or expected.shape != single.shape:
            expected = expected[:, : single.shape[1]]
        torch.testing.assert_close(single, expected, rtol=1e-4, atol=1e-5)


def loads_what_it_saved(case: Case) -> None:
    """A module rebuilt from spec and structure, with the saved weights, answers the same."""
    import torch

    module = case.encoder().eval()
    torch.manual_seed(_SEED + 1)
    other = case.spec().rebuild(SHAPES[case.kind], getattr(module, "structure", {})).eval()
    other.load_state_dict(module.state_dict())
    batch = make_batch(case.kind)
    assert torch.equal(module(*batch), other(*batch))


def answers_a_row_without_torch(case: Case) -> None:
    """Where a module tells its map, that gives the same numbers, to 1e-5, for a row and for all."""
    import numpy as np

    from ordain.models.neural.blocks.mlp import told_of
    from ordain.models.neural.maps import compile_map
    from ordain.models.neural.row import arrays_of

    module = case.encoder().eval()
    told = told_of(module)
    if told is None:
        return
    function = compile_map(arrays_of(told))
    whole = module(*make_batch(case.kind)).detach().numpy()
    for row in (0, N_ROWS - 1):
        tensors = [tensor.numpy() for tensor in _one_row(case.kind, row)]
        is_bag = case.kind is Kind.BAG
        cell = (tensors[0].tolist(), tensors[2].tolist()) if is_bag else tensors[0][0]
        np.testing.assert_allclose(function(cell), whole[row], rtol=1e-4, atol=1e-5)
    if case.kind is not Kind.BAG:
        cells = make_batch(case.kind)[0].numpy()
        np.testing.assert_allclose(function(cells), whole, rtol=1e-4, atol=1e-5)


def can_be_exported(case: Case) -> None:
    """The module becomes a graph of PyTorch that answers the same."""
    import torch

    module = case.encoder().eval()
    batch = make_batch(case.kind)
    graph = torch.export.export(module, batch, strict=False).module()
    torch.testing.assert_close(graph(*batch), module(*batch), rtol=1e-4, atol=1e-5)


ENCODER_CHECKS: tuple[Callable[[Case], None], ...] = (
    reads_back_what_it_writes,
    gives_the_width_it_says,
    teaches_every_parameter,
    repeats_itself,
    answers_one_row_as_many,
    loads_what_it_saved,
    answers_a_row_without_torch,
)


def joins_columns(case: Case) -> None:
    """A combiner joins tensors of any widths, for classes and for numbers, and teaches itself."""
    import torch

    spec = case.spec()
    assert isinstance(spec, Combiner), "the case is a combiner's"
    for task in ("classification", "regression"):
        torch.manual_seed(_SEED)
        module = spec.build([2, 5], task=task)
        out = module([torch.randn(N_ROWS, 2), torch.randn(N_ROWS, 5)])
        assert out.shape == (N_ROWS, module.width)
        assert float(module.rate) > 0  # type: ignore[arg-type]
        out.square().sum().backward()
        assert all(p.grad is not None for p in module.parameters())


def scores_outputs(case: Case) -> None:
    """A decoder gives as many scores as are asked for, after either kind of body."""
    import torch

    spec = case.spec()
    assert isinstance(spec, Decoder), "the case is a decoder's"
    for n_scores in (1, 3):
        for is_ntk in (False, True):
            module = spec.build(6, n_scores, is_ntk=is_ntk)
            out = module(torch.randn(N_ROWS, 6))
            assert out.shape == (N_ROWS, n_scores)
            out.square().sum().backward()
            assert all(p.grad is not None for p in module.parameters())


def judges_scores(case: Case) -> None:
    """A loss is a finite scalar with a gradient, falls along it, and heeds row weights."""
    import torch

    spec = case.spec()
    assert isinstance(spec, Loss), "the case is a loss's"
    for kind in sorted(spec.types):
        torch.manual_seed(_SEED)
        n_scores = 3 if kind == "category" else 1
        truth = torch.randint(2, (N_ROWS,))
        truth = truth if kind == "category" else truth.float()
        module = spec.build()
        scores = torch.randn(N_ROWS, n_scores, requires_grad=True)
        loss = module(scores, truth, None)
        assert loss.ndim == 0
        loss.backward()
        assert scores.grad is not None
        assert bool(torch.isfinite(scores.grad).all())
        better = module(scores.detach() - 0.01 * scores.grad, truth, None)
        assert bool(better < loss)
        ones = module(scores, truth, torch.ones(N_ROWS))
        torch.testing.assert_close(ones, loss)
        only_first = torch.zeros(N_ROWS)
        only_first[0] = 1.0
        one_row = module(scores[:1], truth[:1], None)
        torch.testing.assert_close(module(scores, truth, only_first), one_row)


def moves_weights_downhill(case: Case) -> None:
    """An optimizer lowers a convex loss, and goes on from its saved state to the same weights."""
    import torch

    spec = case.spec()
    assert isinstance(spec, Optimizer), "the case is an optimizer's"

    def start() -> tuple[Tensor, torch.optim.Optimizer]:
        weight = torch.nn.Parameter(torch.tensor([3.0, -2.0]))
        return weight, spec.build([{"params": [weight], "lr": 0.05, "weight_decay": spec.decay}])

    def step(weight: Tensor, optimizer: torch.optim.Optimizer) -> float:
        optimizer.zero_grad()
        loss: Tensor = weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return float(loss.detach())

    weight, optimizer = start()
    losses = [step(weight, optimizer) for _ in range(10)]
    assert losses[-1] < losses[0]
    other, resumed = start()
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    with torch.no_grad():
        other.copy_(weight)
    step(weight, optimizer)
    step(other, resumed)
    assert torch.equal(weight, other)


def stays_in_bounds(case: Case) -> None:
    """A schedule's factor lies between 0 and 1 and is near 0 at the end where it says so."""
    spec = case.spec()
    assert isinstance(spec, Schedule), "the case is a schedule's"
    factors = [spec.factor(place / 400) for place in range(401)]
    assert min(factors) >= 0
    assert max(factors) <= 1 + 1e-9
    assert max(factors) > 0.5  # noqa: PLR2004
    assert factors[-1] < 0.05 or not spec.is_annealed  # noqa: PLR2004
    assert all(abs(a - b) < 0.5 for a, b in pairwise(factors))  # noqa: PLR2004


def all_cases() -> list[tuple[Case, Callable[[Case], None]]]:
    """Return every combiner, decoder, loss, optimizer and schedule with its check."""
    pairs: tuple[tuple[Registry[Any], Callable[[Case], None]], ...] = (
        (COMBINERS, joins_columns),
        (DECODERS, scores_outputs),
        (LOSSES, judges_scores),
        (OPTIMIZERS, moves_weights_downhill),
        (SCHEDULES, stays_in_bounds),
    )
    found = [(case, check) for registry, check in pairs for case in cases(registry)]
    return [(case, check) for case, check in found if _is_for_networks(case)]


def _is_for_networks(case: Case) -> bool:
    return case.registry is not LOSSES or LOSSES.get(case.keys["type"]).trains_networks


def _one_row(kind: Kind, row: int) -> tuple[Tensor, ...]:
    import torch

    tensors = make_batch(kind)
    if kind is not Kind.BAG:
        return tuple(tensor[row : row + 1] for tensor in tensors)
    ids, starts, weights = tensors
    stops = [*starts.tolist()[1:], len(ids)]
    low, high = int(starts[row]), int(stops[row])
    return ids[low:high], torch.zeros(1, dtype=torch.int32), weights[low:high]
