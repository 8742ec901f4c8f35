"""The guard of memory: what does not fit is foreseen or met, and learned all the same."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ordain.core.errors import TrainingError
from ordain.models.neural.combiners.concat import ConcatCombiner
from ordain.models.neural.memory import Need, is_out_of_memory, measure_need, size_of

SCRIPT = Path(__file__).with_name("train_in_little_memory.py")


def train(kind, mebibytes):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), kind, str(mebibytes)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "mebibytes", "code"), [("wide", 450, "W412"), ("hidden", 128, "W411")]
)
def test_batch_that_does_not_fit_is_run_in_parts_and_learns_the_same(kind, mebibytes, code):
    small, large = train(kind, mebibytes), train(kind, 4000)
    assert small["parts"] > 1
    assert small["warnings"][0]["code"] == code
    assert (
        f"batch of 4096 rows is {'' if code == 'W412' else 'now '}run in"
        in (small["warnings"][0]["message"])
    )
    assert large == {"warnings": [], "parts": 1, "losses": large["losses"]}
    assert small["losses"] == pytest.approx(large["losses"], rel=1e-5)


@pytest.mark.parametrize(("available", "n_parts"), [
    (None, 1), (2_000, 1), (1_000, 2), (500, 4), (125, 128), (120, 1), (1, 1),
])  # fmt: skip
def test_parts_are_the_fewest_that_fit(available, n_parts):
    assert Need(fixed=100, per_row=10).n_parts(128, available) == n_parts


def test_need_counts_what_the_way_back_keeps_and_leaves_the_network_as_it_was():
    network = torch.nn.Sequential(
        torch.nn.Linear(10, 100), torch.nn.BatchNorm1d(100), torch.nn.Dropout(0.5)
    ).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    rows = torch.randn(16, 10)
    torch.manual_seed(3)
    state = torch.get_rng_state()
    need = measure_need(network, lambda: network(rows).sum(), n_rows=16, with_best=False)
    assert torch.equal(state, torch.get_rng_state())
    assert not network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert need.fixed == 3 * 4 * (10 * 100 + 100 + 100 + 100)
    assert 2.5 * 4 * (10 + 100) <= need.per_row <= 2.5 * 4 * (10 + 4 * 100)
    twice = measure_need(network, lambda: network(rows[:8]).sum(), n_rows=8, with_best=True)
    assert twice.fixed == need.fixed * 4 // 3
    assert twice.per_row == pytest.approx(need.per_row, rel=0.2)


@pytest.mark.parametrize("error", [
    MemoryError(),
    torch.OutOfMemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("std::bad_alloc"),
])  # fmt: skip
def test_full_memory_is_known_by_what_is_raised(error):
    assert is_out_of_memory(error)
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


@pytest.mark.slow
def test_limit_of_the_process_bounds_what_is_free():
    code = (
        "import resource, torch; from ordain.models.neural.memory import available_bytes;"
        "limit = 1 << 33; resource.setrlimit(resource.RLIMIT_AS, (limit, limit));"
        "print(0 < available_bytes(torch.device('cpu')) < limit)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_network_that_cannot_fit_is_refused_before_it_is_built(table, fit):
    combiner = ConcatCombiner(num_fc_layers=6, output_size=2_000_000)
    with pytest.raises(
        TrainingError, match=r"weights need about [\d,.]+ GiB .* are free.\n.*Fix: lower `output_s"
    ):
        fit(problem=table.problem(combiner=combiner))


def test_size_counts_weights_gradients_and_moments():
    size = size_of(torch.nn.ModuleDict({"combiner": torch.nn.Linear(10, 100)}))
    assert size.n_parameters == 1_100
    assert size.needed == 4 * 4 * 1_100
    assert size.largest == "the combiner"
