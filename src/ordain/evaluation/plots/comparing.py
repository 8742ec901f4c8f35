"""Classifiers side by side: by their probabilities, their answers, and row by row.

ordain visualize compare_classifiers_performance_from_prob RUN RUN
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ordain.evaluation.drawing import FAINT, Figure
from ordain.evaluation.plots.classes import class_figures
from ordain.evaluation.plots.plot import (
    PLOTS,
    Judged,
    Plot,
    Shown,
    bars,
    colour,
    distinct,
    figure,
    line,
    panels,
    short,
)

MOST_LEVEL = 9
"""Bars up to which their values have room beside each other."""


@PLOTS.register
class CompareClassifiersPerformanceFromProb(Plot):
    """Accuracy, hits among the k likeliest classes, and mean reciprocal rank of each run."""

    type: Literal["compare_classifiers_performance_from_prob"] = (
        "compare_classifiers_performance_from_prob"
    )

    top_k: int = Field(default=3, ge=1)
    """How many of the likeliest classes count as a hit."""

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return a group of bars for each figure."""
        names = ["accuracy", f"hits at {self.top_k}", "mean reciprocal rank"]

        def figures(judged: Judged) -> list[float]:
            rank = ranks(judged)
            hits = float((rank <= self.top_k).mean())
            return [float(judged.is_right.mean()), hits, float((1 / rank).mean())]

        return _grouped(runs, outputs[0], names, figures)


@PLOTS.register
class CompareClassifiersPerformanceFromPred(Plot):
    """Accuracy, and precision, recall and f1 over the classes, of each run's answers."""

    type: Literal["compare_classifiers_performance_from_pred"] = (
        "compare_classifiers_performance_from_pred"
    )

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return a group of bars for each figure."""
        kinds = ("precision", "recall", "f1")
        names = ["accuracy", *(f"{kind} {how}" for how in ("macro", "weighted") for kind in kinds)]

        def figures(judged: Judged) -> list[float]:
            found = class_figures(judged)
            rows = np.bincount(judged.truth, minlength=len(judged.target.labels))
            each = [np.nan_to_num(found[kind])[rows > 0] for kind in kinds]
            macro = [float(values.mean()) for values in each]
            weighted = [float(np.average(values, weights=rows[rows > 0])) for values in each]
            return [float(judged.is_right.mean()), *macro, *weighted]

        return _grouped(runs, outputs[0], names, figures)


@PLOTS.register
class CompareClassifiersPerformanceSubset(Plot):
    """Accuracy on the rows of the commonest classes, beside that on all rows."""

    type: Literal["compare_classifiers_performance_subset"] = (
        "compare_classifiers_performance_subset"
    )

    top_n_classes: int = Field(default=3, ge=1)
    """How many of the commonest classes make the subset."""
    subset: Literal["ground_truth", "predictions"] = "ground_truth"
    """Whether rows are taken by their true class or by the predicted one."""

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return accuracy in all and on the subset, and the share of rows in it."""
        subset = f"the {self.top_n_classes} commonest"
        names = ["all rows", subset, "share of rows in it"]

        def figures(judged: Judged) -> list[float]:
            rows = in_subset(judged, self.top_n_classes, self.subset)
            inside = float(judged.is_right[rows].mean()) if rows.any() else float("nan")
            return [float(judged.is_right.mean()), inside, float(rows.mean())]

        return _grouped(runs, outputs[0], names, figures)


@PLOTS.register
class CompareClassifiersPerformanceChangingK(Plot):
    """Share of rows whose true class is among the k likeliest, for growing k."""

    type: Literal["compare_classifiers_performance_changing_k"] = (
        "compare_classifiers_performance_changing_k"
    )

    top_k: int = Field(default=10, ge=1)
    """The largest k."""

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return a line for each run."""
        n_classes = len(runs[0].outputs[outputs[0]].target.labels)
        ks = list(range(1, min(self.top_k, n_classes) + 1))
        drawn = []
        for place, run in enumerate(runs):
            rank = ranks(run.outputs[outputs[0]])
            hits = [float((rank <= k).mean()) for k in ks]
            drawn.append(line(ks, hits, name=run.name, place=place, mode="lines+markers"))
        made = figure(drawn, x="k", y="hits at k")
        made["layout"]["xaxis"]["dtick"] = max(1, len(ks) // 10)
        return panels([("true class among the k likeliest", made)])


@PLOTS.register
class CompareClassifiersMulticlassMultimetric(Plot):
    """Precision, recall and f1 of each class: the commonest, the best and the worst."""

    type: Literal["compare_classifiers_multiclass_multimetric"] = (
        "compare_classifiers_multiclass_multimetric"
    )

    top_n_classes: int = Field(default=10, ge=1)
    """How many classes each panel shows."""

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return panels for each run; where all classes fit, one."""
        parts: list[tuple[str, Figure]] = []
        for run in runs:
            judged = run.outputs[outputs[0]]
            found, labels = class_figures(judged), distinct(judged.target.labels)
            present = np.flatnonzero(~np.isnan(found["f1"]))
            by_f1 = present[np.argsort(-found["f1"][present], kind="stable")]
            n = self.top_n_classes
            chosen = {"by f1": by_f1}
            if len(present) > n:
                common = np.array(judged.commonest(n))
                chosen = {"commonest": common, "best": by_f1[:n], "worst": by_f1[::-1][:n]}
            for how, classes in chosen.items():
                names = [labels[i] for i in classes]
                drawn = [
                    bars(names, values[classes], name=kind, place=place)
                    for place, (kind, values) in enumerate(found.items())
                ]
                part = figure(drawn, x="class", y="")
                part["layout"]["xaxis"]["type"] = "category"
                parts.append((f"{run.name}, {how}", part))
        return panels(parts)


@PLOTS.register
class CompareClassifiersPredictions(Plot):
    """Row by row: both right, only one right, both wrong alike, both wrong otherwise."""

    type: Literal["compare_classifiers_predictions"] = "compare_classifiers_predictions"
    n_runs: ClassVar[int] = 2
    needs_same_rows: ClassVar[bool] = True

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return a bar for each pair of the first run with another."""
        first, parts = runs[0], []
        for other in runs[1:]:
            one, two = first.outputs[outputs[0]], other.outputs[outputs[0]]
            found = agreement(one, two, first.name, other.name)
            total = sum(found.values())
            drawn = []
            for place, (what, count) in enumerate(found.items()):
                share = count / max(1, total)
                bar = bars(["rows"], [share], name=what, place=place)
                hover = f"{short(what)}: %{{customdata:,}} rows<extra></extra>"
                bar |= {"orientation": "h", "x": [share], "y": ["rows"], "customdata": [count],
                        "hovertemplate": hover}  # fmt: skip
                if share > 0.06:  # noqa: PLR2004 - what a number needs
                    bar |= {"text": [f"{count:,}<br>{share:.1%}"], "textposition": "inside"}
                drawn.append(bar)
            part = figure(drawn, x=f"share of {total:,} rows", y="")
            part["layout"] |= {"barmode": "stack"}
            part["layout"]["yaxis"] |= {"visible": False}
            parts.append((f"{first.name} and {other.name}", part))
        return panels(parts)


@PLOTS.register
class CompareClassifiersPredictionsDistribution(Plot):
    """How often each class is true, and how often each run answers it."""

    type: Literal["compare_classifiers_predictions_distribution"] = (
        "compare_classifiers_predictions_distribution"
    )

    top_n_classes: int = Field(default=20, ge=1)
    """Of many classes, how many of the commonest are shown."""

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return a group of bars for each class."""
        first = runs[0].outputs[outputs[0]]
        classes = first.commonest(self.top_n_classes)
        labels = [distinct(first.target.labels)[i] for i in classes]
        n = len(first.target.labels)
        truth = bars(labels, _shares(first.truth, n)[classes], name="truth", place=0)
        truth["marker"] = {"color": FAINT}
        drawn = [truth]
        for place, run in enumerate(runs):
            judged = run.outputs[outputs[0]]
            shares = _shares(judged.predicted, n)[classes]
            drawn.append(bars(labels, shares, name=run.name, place=place))
        made = figure(drawn, x="class", y="share of rows")
        made["layout"]["xaxis"]["type"] = "category"
        return panels([("answers by class", made)])


def ranks(judged: Judged) -> npt.NDArray[np.int64]:
    """Return the place of the true class by probability, 1 the likeliest [N]."""
    scores, truth = judged.probabilities, judged.truth
    own = scores[np.arange(len(truth)), truth][:, None]
    before = np.arange(scores.shape[1]) < truth[:, None]
    ahead = (scores > own) | ((scores == own) & before)
    return np.asarray(1 + np.count_nonzero(ahead, axis=1), dtype=np.int64)


def in_subset(judged: Judged, top_n_classes: int, subset: str) -> npt.NDArray[np.bool_]:
    """Return whether the true or predicted class of each row is among the commonest [N]."""
    classes = judged.truth if subset == "ground_truth" else judged.predicted
    return np.isin(classes, judged.commonest(top_n_classes))


def agreement(one: Judged, two: Judged, first: str, second: str) -> dict[str, int]:
    """Return how many rows two models answer how, by what it is called."""
    right, other = one.is_right, two.is_right
    same = one.predicted == two.predicted
    return {
        "both right": int((right & other).sum()),
        f"only {first} right": int((right & ~other).sum()),
        f"only {second} right": int((~right & other).sum()),
        "both wrong, alike": int((~right & ~other & same).sum()),
        "both wrong, otherwise": int((~right & ~other & ~same).sum()),
    }


def _shares(classes: npt.NDArray[np.int64], n_classes: int) -> npt.NDArray[np.float64]:
    return np.bincount(classes, minlength=n_classes) / max(1, len(classes))


def _grouped(runs: Sequence[Shown], output: str, names: list[str], figures: Any) -> Figure | None:
    drawn = []
    is_crowded = len(names) * len(runs) > MOST_LEVEL
    for place, run in enumerate(runs):
        values = figures(run.outputs[output])
        bar = bars(names, values, name=run.name, place=place)
        bar |= {"textangle": -90} if is_crowded else {}
        bar |= {"text": [f"{value:.3f}" for value in values], "textposition": "outside",
                "marker": {"color": colour(place)}, "cliponaxis": False}  # fmt: skip
        drawn.append(bar)
    made = figure(drawn, x="", y="")
    made["layout"]["yaxis"]["range"] = [0, 1.2 if is_crowded else 1.08]
    return panels([(runs[0].set, made)])
