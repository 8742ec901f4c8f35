import re

import numpy as np
import polars as pl
import pytest
from trainings import answer, halves, people, training_of

INPUTS = ["age", "income", "city"]
KINDS = {
    "churn": ("binary", ("no", "yes")),
    "plan": ("category", ("basic", "gold", "silver")),
    "spend": ("number", ()),
}


def leaking(column, leak, **more):
    kind, labels = KINDS[column]
    frame = people().with_columns(leak=leak)
    inputs = [*INPUTS, "leak"]
    return training_of(*halves(frame), column, kind, labels=labels, inputs=inputs, **more)


@pytest.mark.parametrize("column", KINDS)
def test_honest_inputs_pass(column):
    kind, labels = KINDS[column]
    found = answer("leak", training_of(*halves(people()), column, kind, labels=labels,
                                       inputs=INPUTS))  # fmt: skip
    assert found.state == "passed"
    assert found.fix == ""


@pytest.mark.parametrize(
    ("column", "leak", "said"),
    [
        ("churn", pl.col("churn"), "equal to it in every row"),
        ("churn", pl.col("churn").replace({"yes": "left", "no": "stays"}), "under other names"),
        ("churn", pl.col("churn") == "yes", "under other names"),
        ("plan", pl.col("plan").replace({"gold": "1", "silver": "2", "basic": "3"}), "other names"),
        ("spend", pl.col("spend") * -2 + 7, "grows and falls with it"),
        ("spend", pl.col("spend").cast(pl.String), "equal to it in every row"),
        ("spend", pl.col("spend").rank() ** 0.5, "grows and falls with it"),
    ],
)
def test_planted_leak_is_found_and_named(column, leak, said):
    found = answer("leak", leaking(column, leak))
    assert found.state == "failed"
    assert "`leak`" in found.reason
    assert said in found.reason
    assert found.fix == "input_features: {age: number, income: number, city: category}"


def test_word_of_a_text_that_knows_the_answer_is_named():
    says = pl.when(pl.col("churn") == "yes").then(pl.lit("Refund")).otherwise(pl.lit("hello"))
    note = pl.concat_str(pl.lit("call"), pl.int_range(pl.len()).cast(pl.String), says,
                         separator=" ")  # fmt: skip
    found = answer("leak", leaking("churn", note, types={"leak": "text"}))
    assert found.state == "failed"
    assert re.search(r"the word '(refund|hello)' of `leak` alone has roc_auc", found.reason)


def test_leak_with_noise_is_a_warning():
    random = np.random.default_rng(0)
    is_noise = pl.Series(random.random(2_000) < 0.01)
    flag = (people()["churn"] == "yes") ^ is_noise
    found = answer("leak", leaking("churn", flag.cast(pl.Int64)))
    assert found.state == "warned"
    assert "roc_auc 0.98" in found.reason or "roc_auc 0.99" in found.reason


def test_missing_cells_may_be_the_leak():
    cells = pl.when(pl.col("churn") == "yes").then(pl.lit(None)).otherwise(pl.col("age") * 3)
    assert answer("leak", leaking("churn", cells)).state == "failed"


def test_curve_that_turns_is_found():
    # The target is a smooth function that first falls, then grows.
    random = np.random.default_rng(1)
    x = random.uniform(-3, 3, 2_000)
    frame = pl.DataFrame({"x": x, "y": x**2 * 10})
    found = answer("leak", training_of(*halves(frame), "y", "number"))
    assert found.state == "failed"
    assert "grows and falls" not in found.reason


def test_threshold_is_a_key():
    training = training_of(*halves(people()), "churn", inputs=INPUTS)
    assert answer("leak", training, auc_at_least=0.55).state == "warned"


def test_few_rows_say_nothing():
    training = training_of(*halves(people(40)), "churn", inputs=INPUTS)
    assert answer("leak", training).state == "does not apply"


def test_identifier_is_no_leak():
    frame = people().with_columns(id=pl.int_range(2_000).cast(pl.String) + "-x")
    training = training_of(*halves(frame), "churn", inputs=[*INPUTS, "id"])
    assert answer("leak", training).state == "passed"


def test_part_told_by_its_total_is_warned_of():
    random = np.random.default_rng(3)
    fare, tip, tolls = (random.gamma(2, scale, 1_000).round(2) for scale in (6, 2, 1))
    fees = random.choice([0.5, 1.0, 3.3], 1_000)
    for extra in (0.0, fees):
        frame = pl.DataFrame({"fare": fare, "tip": tip, "tolls": tolls,
                              "total": fare + tip + tolls + extra})  # fmt: skip
        found = answer("leak", training_of(frame[:600], frame[600:], "tip", "number"))
        assert found.state == "warned"
        assert "+1 `total`" in found.reason
        assert "-1 `fare`" in found.reason
        assert found.fix == "input_features: {fare: number, tolls: number}"


def test_sum_with_noise_passes():
    random = np.random.default_rng(4)
    first, second = random.normal(size=(2, 1_000))
    frame = pl.DataFrame(
        {"a": first, "b": second, "y": first + second + 0.3 * random.normal(size=1_000)}
    )
    assert answer("leak", training_of(frame[:600], frame[600:], "y", "number")).state == "passed"
