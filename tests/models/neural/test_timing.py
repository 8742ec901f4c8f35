"""Where the time of a training goes: every part is counted once, and said in one sentence."""

import itertools
import time

import pytest

from ordain.models.family import Backend
from ordain.models.neural.timing import PARTS, Watch, bottleneck, overhead_share, time_facts


def test_watch_gives_each_moment_to_one_part():
    seconds = {"input": 1.0}
    watch = Watch(itertools.count(10).__next__, seconds)
    assert watch.lap("network") == 11
    watch.lap("input")
    watch.lap("network")
    assert seconds == {"input": 2.0, "network": 2.0}
    assert watch.last == 13


def test_overhead_is_what_is_not_in_the_network():
    seconds = {"network": 90.0, "validation": 5.0, "judging": 2.0, "input": 3.0, "setup": 50.0}
    assert overhead_share(seconds) == pytest.approx(0.05)
    assert overhead_share({}) == 0.0


HELD_UP = (
    "what holds it up is the time in drawing batches. "
    "A larger `trainer.batch_size` draws fewer batches."
)


@pytest.mark.parametrize(("seconds", "verdict"), [
    ({"network": 84.0, "judging": 9.0, "input": 7.0}, "the network itself is the bottleneck."),
    ({"network": 50.0, "input": 50.0}, HELD_UP),
])  # fmt: skip
def test_sentence_names_what_holds_training_up(seconds, verdict):
    assert bottleneck(seconds).endswith(verdict)
    assert f"{seconds['network']:.0f}% in the network" in bottleneck(seconds)


def test_nothing_is_said_of_no_time():
    assert bottleneck({}) == ""


def test_parts_of_a_training_sum_to_its_time(fit, table, tmp_path):
    fit(epochs=1)  # what is imported late is there
    started = time.monotonic()
    model = fit(train=table(2000).data, epochs=4, backend=Backend(threads=1), folder=tmp_path / "b")
    spent = time.monotonic() - started
    found = model.facts["time"]
    assert set(found["seconds"]) <= set(PARTS)
    assert 0.5 * spent <= sum(found["seconds"].values()) <= spent
    assert 0 < found["overhead_share"] < 1
    assert "in the network" in found["bottleneck"]


def test_time_before_a_break_is_counted_after_it(fit):
    fit(epochs=3)
    again = fit(epochs=3)
    assert again.facts["time"]["seconds"]["network"] > 0


def test_facts_of_time_leave_out_parts_that_did_not_happen():
    facts = time_facts({"network": 1.0})
    assert facts["time"]["seconds"] == {"network": 1.0}
    assert facts["time_shares"] == {"the network": 1.0}
