"""The router of a deployment: chooses, counts, takes up changes, halts bad canaries by itself."""

from __future__ import annotations

import time

import pytest

from ordain.core.errors import ConfigError, UsageError
from ordain.core.randomness import generator
from ordain.serving.contracts import Router
from ordain.serving.rollout import actions
from ordain.serving.rollout.folder import FORGET_SECONDS, find_folder
from ordain.serving.rollout.router import open_router
from ordain.serving.rollout.standing import standing


def load(router, n, *, bad=0.0, slow=1.0, seed=0, sticky=None):
    """Send requests through a router; the canary fails and is slow as said."""
    random = generator(seed, "load")
    for i in range(n):
        choice = router.choose("churn", sticky or f"{seed}:{i}")
        is_canary = choice.arm == "canary"
        seconds = float(random.lognormal(-7.6, 0.4)) * (slow if is_canary else 1)
        status = "failed" if random.random() < (bad if is_canary else 0.005) else "answered"
        router.observe("churn", choice, version=choice.version, status=status, seconds=seconds)


def test_a_deployment_without_a_split_asks_the_champion(home, declare):
    actions.deploy(declare(), home=home)
    router: Router = open_router(home, "production")
    label = find_folder(home).read().models["churn"].champion.label
    assert router.models() == ("churn",)
    assert router.choose("churn", "k").version == label
    assert list(router.versions("churn")) == [label]
    assert router.sticky_by("churn") is None


def test_what_was_never_deployed_has_no_router(home):
    with pytest.raises(UsageError, match="never deployed"):
        open_router(home, "production")


def test_a_variable_that_is_not_set_is_told(home, declare, monkeypatch):
    monkeypatch.setenv("KEYS", "a")
    actions.deploy(declare(auth={"api_keys": "${KEYS}"}), home=home)
    monkeypatch.delenv("KEYS")
    with pytest.raises(ConfigError, match="`KEYS` is not set"):
        open_router(home, "production")


def test_a_sticky_key_meets_one_version_and_comes_back_with_the_choice(home, declare):
    actions.deploy(declare(canary="two", split={"sticky_by": "customer_id"}), home=home)
    router = open_router(home, "production")
    assert router.sticky_by("churn") == "customer_id"
    first = router.choose("churn", "customer 1")
    assert first.key == "customer 1"
    assert all(router.choose("churn", "customer 1") == first for _ in range(10))


def test_shadows_are_named_but_never_the_one_that_answers(home, declare, tmp_path):
    places = [str(tmp_path / name) for name in ("one", "three", "three")]
    actions.deploy(declare(canary="two", shadow=places), home=home)
    router = open_router(home, "production")
    applied = find_folder(home).read().models["churn"]
    one, three = applied.champion.label, applied.versions["shadow 2"].label
    found = {router.choose("churn", str(i)) for i in range(50)}
    assert {choice.shadows for choice in found if choice.arm == "champion"} == {(three,)}
    assert {choice.shadows for choice in found if choice.arm == "canary"} == {(one, three)}


def test_what_was_applied_is_given_until_it_is_taken_up(home, declare):
    actions.deploy(declare(), home=home)
    router = open_router(home, "production")
    assert router.newer() is None
    actions.deploy(declare("two"), home=home)
    newer = router.newer()
    assert newer.choose("churn", "k").version != router.choose("churn", "k").version
    assert router.newer().applied == newer.applied
    assert newer.newer() is None


def test_what_cannot_be_served_is_a_problem_that_tables_show(home, declare):
    actions.deploy(declare(), home=home)
    router = open_router(home, "production")
    router.tell("the bundle is refused")
    router.close()
    assert standing(find_folder(home)).problems == ["the bundle is refused"]
    router.tell("")
    router.close()
    assert standing(find_folder(home)).problems == []


def test_counts_go_on_over_generations_and_end_in_the_table(home, declare):
    actions.deploy(declare(), home=home)
    router = open_router(home, "production", counters=lambda: {"written": 3, "dropped": 0})
    load(router, 100)
    actions.deploy(declare(limits={"queue": 4}), home=home)
    newer = router.newer()
    load(newer, 50)
    newer.close()
    (row,) = standing(find_folder(home)).rows
    assert (row["requests"], row["arm"], row["share"]) == (150, "champion", 1.0)
    assert 0.2 < row["p50_ms"] < 1.0 < row["p99_ms"] < 5
    assert standing(find_folder(home)).log == {"written": 3, "dropped": 0}


def test_counts_of_workers_that_ended_long_ago_are_forgotten_but_for_a_trial(home, declare):
    actions.deploy(declare(canary="two"), home=home)
    folder = find_folder(home)
    router = open_router(home, "production")
    load(router, 10)
    router.close()
    later = time.time() + 2 * FORGET_SECONDS
    folder.forget_workers(folder.read(), now=later)
    assert len(folder.snapshots()) == 1
    actions.deploy(declare(), home=home)
    folder.forget_workers(folder.read())
    assert len(folder.snapshots()) == 1
    folder.forget_workers(folder.read(), now=later)
    assert folder.snapshots() == []


@pytest.mark.parametrize(
    ("fault", "test"), [({"bad": 0.2}, "errors"), ({"slow": 40.0, "bad": 0.005}, "latency")]
)
def test_a_bad_canary_is_halted_by_itself_and_gets_no_more_requests(home, declare, fault, test):
    actions.deploy(declare(canary="two"), home=home)
    routers = [open_router(home, "production") for _ in range(2)]
    for turn in range(30):
        for worker, router in enumerate(routers):
            load(router, 40, seed=2 * turn + worker, **fault)
        routers = [router.newer() or router for router in routers]
        if find_folder(home).read().models["churn"].halted:
            break
    halted = find_folder(home).read().models["churn"].halted
    assert halted.test == test
    routers = [router.newer() or router for router in routers]
    assert {r.choose("churn", str(i)).arm for r in routers for i in range(200)} == {"champion"}
    line = find_folder(home).audit()[-1]
    assert (line["action"], line["by"]) == ("halt", "ordain")
    assert test in line["why"]
    assert standing(find_folder(home)).canaries["churn"]["state"] == "halted"


@pytest.mark.parametrize("slow", [1.0, 4.0])
def test_a_good_canary_goes_on_be_it_some_fractions_of_a_millisecond_slower(home, declare, slow):
    actions.deploy(declare(canary="two"), home=home)
    router = open_router(home, "production")
    for turn in range(20):
        load(router, 100, bad=0.005, slow=slow, seed=turn)
        router = router.newer() or router
    assert find_folder(home).read().models["churn"].halted is None


def test_one_customer_whose_every_row_fails_is_one_error(home, declare):
    actions.deploy(declare(canary="two", split={"sticky_by": "customer_id"}), home=home)
    router = open_router(home, "production")
    key = next(str(i) for i in range(99) if router.choose("churn", str(i)).arm == "canary")
    for turn in range(20):
        load(router, 50, bad=1.0, sticky=key, seed=turn)
        load(router, 50, bad=0.005, seed=100 + turn)
        router = router.newer() or router
    assert find_folder(home).read().models["churn"].halted is None


def test_a_worker_that_cannot_follow_an_alias_says_so_and_takes_changes_up(home, declare):
    actions.deploy(declare(), home=home)
    router = open_router(home, "production", uri="ftp://nowhere")
    folder = find_folder(home)
    state = folder.read()
    version = state.models["churn"].champion
    import msgspec

    followed = msgspec.structs.replace(version, reference="churn@champion", follows=True)
    model = msgspec.structs.replace(state.models["churn"], versions={"champion": followed})
    changed = msgspec.structs.replace(state, models={"churn": model}, generation=2)
    from ordain.serving.rollout.folder import Change

    folder.change(lambda _: Change(changed, "deploy", ["by hand"]))
    newer = router.newer()
    assert newer is not None
    newer._worker._followed = 0.0
    newer.newer()
    newer.close()
    assert "is no registry" in standing(folder).problems[0]
