"""What judging costs beside training: public data, the judgement that every training makes."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import ordain
from benchmarks.measure import Figure, at_most, seconds_of
from benchmarks.quality import ADULT, files_of

JUDGING = ("baselines", "evaluate", "checks", "study", "report")
"""Stages of a run that judge; the baselines are trained in the first."""
TURNS = 3
KEYS = {
    "input_features": ADULT,
    "output_features": {"income": "binary"},
    "model_type": "neural",
    "evaluation": {"slices": ["sex", "age < 25", "education"]},
}


def judgement() -> Iterator[Figure]:
    """A training of a network with its default judgement, in a work folder of its own each turn."""
    if (files := files_of("adult-train.csv", "adult-test.csv")) is None:
        return
    shares, taken, sizes, slices, told = [], [], [], [], []
    for _ in range(TURNS):
        with tempfile.TemporaryDirectory() as home:
            result = ordain.train(KEYS, home=home, training_set=files[0], test_set=files[1])
            judging = {name: result.seconds.get(name, 0.0) for name in JUDGING}
            training = result.seconds["train"]
            taken.append(sum(judging.values()))
            shares.append(taken[-1] / training)
            sizes.append(result.report.stat().st_size / 1e6)
            slices.append(_discovery(result.model(), files[1]))
            told.append(", ".join(f"{name} {spent:.2f} s" for name, spent in judging.items()))
    median = told[taken.index(sorted(taken)[TURNS // 2])]
    yield at_most(
        "share of training time that judging takes, adult, neural",
        100 * statistics.median(shares),
        30,
        "%",
        detail=f"training {training:.1f} s",
    )
    yield at_most("judging 16,281 rows", statistics.median(taken), 3, "s", detail=median)
    yield at_most("finding the worst slices of 16,281 rows", statistics.median(slices), 5, "s")
    yield at_most("report.html", max(sizes), 6, "MB")


def _discovery(model: ordain.Model, file: Path) -> float:
    """Return the seconds that `slices: [auto]` adds: conditions, search and judgement."""
    from ordain.data import open_source, read_table
    from ordain.evaluation.slices.discovery import SliceFinder
    from ordain.evaluation.slices.judged import judge_slices
    from ordain.store.subject import subject_of

    table = read_table(open_source(file))
    subject = subject_of(model, table.select(table.schema.names()))

    def find() -> None:
        finder = SliceFinder(subject)
        cuts = finder.cuts(finder.find("income"))
        judge_slices(subject.targets["income"], cuts)

    return seconds_of(find)


ALL = [judgement]
