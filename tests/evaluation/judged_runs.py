"""Scores made up from a seed, and a run that judges them."""

import numpy as np

from ordain.evaluation.evaluate import SetScores, judge_output
from ordain.evaluation.summary import RunSummary

NASTY = "<script>alert('x')</script>"


def binary_scores(n_rows, *, seed=0, noises=(0.3, 1.0)):
    """Return truth and scores of a good and a poorer model."""
    random = np.random.default_rng(seed)
    truth = (random.random(n_rows) < 0.3).astype(np.int8)
    signal = random.normal(-1.5 + 2.5 * truth, 1.0)
    return truth, *(1 / (1 + np.exp(-signal - random.normal(0, noise, n_rows))) for noise in noises)


def category_scores(n_rows, n_classes, *, seed=0):
    random = np.random.default_rng(seed)
    truth = random.integers(0, n_classes, n_rows)
    scores = np.exp(random.normal(0, 1, (n_rows, n_classes)) + 2 * np.eye(n_classes)[truth])
    return truth, scores / scores.sum(axis=1, keepdims=True)


def number_scores(n_rows, *, seed=0):
    random = np.random.default_rng(seed)
    truth = np.exp(random.normal(3, 1, n_rows))
    return truth, truth * random.normal(1, 0.2, n_rows)


def summary_of(**changes):
    """Return a run with one output of each type, labels and names that try to break out."""
    truth, good, poor = binary_scores(600)
    churn = judge_output(
        "binary",
        {
            "validation": SetScores(
                truth[:200], good[:200], {"prior": np.full(200, 0.3), "linear": poor[:200]}
            ),
            "test": SetScores(truth, good, {"prior": np.full(600, 0.3), "linear": poor}),
        },
        ("no", NASTY),
    )
    classes, shares = category_scores(600, 4)
    topic = judge_output(
        "category", {"test": SetScores(classes, shares)}, ("a", "b|c", NASTY, "`d`")
    )
    many, many_shares = category_scores(600, 40)
    intent = judge_output("category", {"test": SetScores(many, many_shares)}, ())
    amount, guess = number_scores(600)
    price = judge_output(
        "number", {"test": SetScores(amount, guess, {"mean": np.full(600, amount.mean())})}
    )
    history = tuple(
        {"epoch": e, "losses": {"train": 1 / e}, "metrics": {"churn": {"loss": 1.1 / e}}}
        for e in range(1, 4)
    )
    given = {
        "name": f"demo {NASTY}",
        "run": "r1",
        "family": "gbm",
        "outputs": {"churn": churn, "topic": topic, "intent": intent, "price": price},
        "inputs": {"tenure": "number", NASTY: "text"},
        "history": history,
        "model": {"n_trees": 12, "note": NASTY},
        "read": {"format": "csv", "problems": [{"kind": "ragged_lines", "count": 2, "fix": NASTY}]},
        "split": {"sizes": {"train": 1000, "test": 600}},
        "features": {
            "tenure": {"n_rows": 1000, "n_missing": 300},
            NASTY: {"n_rows": 1000, "n_missing": 0, "unparsed": {"count": 1, "examples": [NASTY]}},
        },
        "reasons": {"trainer.x": NASTY},
        "config": f"name: {NASTY}\n",
        "lock": {"seed": 42, "packages": {"polars": "2"}},
        "seconds": {"read": 0.1, "train": 2.0},
        "warnings": (f"column `{NASTY}` has {NASTY}",),
    }
    return RunSummary.model_validate({**given, **changes})
