"""Curves over all thresholds: ROC, precision and recall, calibration.

ordain visualize roc_curves RUN RUN
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from ordain.evaluation.curves import (
    calibration_curve,
    precision_recall_curve,
    roc_curve,
    threshold_curve,
)
from ordain.evaluation.drawing import FAINT, Figure
from ordain.evaluation.plots.plot import (
    PLOTS,
    Judged,
    Plot,
    Shown,
    bars,
    distinct,
    dotted,
    figure,
    line,
    panels,
)
from ordain.evaluation.sample import BinarySample, ClassSample

Lines = Callable[[BinarySample, str, int], list[Figure]]


class _ByClass(Plot):
    """A plot of one class against the rest: the positive one of two, the commonest of many."""

    top_n_classes: int = Field(default=4, ge=1)
    """Of more than two classes, how many of the commonest are shown."""

    def _panels(
        self, runs: Sequence[Shown], output: str, lines: Lines, *, end: Callable[..., Figure]
    ) -> Figure | None:
        parts = []
        for index, label in self._classes(runs, output):
            drawn: list[Figure] = []
            for place, run in enumerate(runs):
                sample = run.outputs[output].against_rest(index)
                if 0 < sample.is_positive.sum() < len(sample):
                    drawn += lines(sample, run.name, place)
            if drawn:
                parts.append((f"{output}: {label}", end(drawn)))
        return panels(parts)

    def _classes(self, runs: Sequence[Shown], output: str) -> Iterator[tuple[int, str]]:
        first = runs[0].outputs[output]
        labels = first.target.labels
        if first.target.type == "binary":
            yield 1, labels[1]
            return
        for index in first.commonest(self.top_n_classes):
            yield index, labels[index]


@PLOTS.register
class RocCurves(_ByClass):
    """Share of positives found against share of false alarms; a line for each run."""

    type: Literal["roc_curves"] = "roc_curves"
    aliases: ClassVar[tuple[str, ...]] = ("roc_curves_from_test_statistics",)

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return a panel for each class, with the line of guessing."""

        def lines(sample: BinarySample, name: str, place: int) -> list[Figure]:
            curve = roc_curve(sample.ranking)
            return [line(curve["false_positive_rate"], curve["true_positive_rate"],
                         name=name, place=place)]  # fmt: skip

        def end(drawn: list[Figure]) -> Figure:
            guess = dotted([0, 1], [0, 1], name="guessing")
            return figure([*drawn, guess], x="false positive rate", y="recall", is_unit=True)

        return self._panels(runs, outputs[0], lines, end=end)


@PLOTS.register
class PrecisionRecallCurves(_ByClass):
    """Precision against recall; a line for each run, and the share of positives."""

    type: Literal["precision_recall_curves"] = "precision_recall_curves"
    aliases: ClassVar[tuple[str, ...]] = ("precision_recall_curves_from_test_statistics",)

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return a panel for each class, with the line of guessing."""
        bases: list[float] = []

        def lines(sample: BinarySample, name: str, place: int) -> list[Figure]:
            curve = precision_recall_curve(sample.ranking)
            bases.append(curve["base_rate"])
            return [line(curve["recall"], curve["precision"], name=name, place=place)]

        def end(drawn: list[Figure]) -> Figure:
            guess = dotted([0, 1], [bases[-1]] * 2, name="guessing")
            return figure([*drawn, guess], x="recall", y="precision", is_unit=True)

        return self._panels(runs, outputs[0], lines, end=end)


@PLOTS.register
class BinaryThresholdVsMetric(_ByClass):
    """What precision, recall, f1 and accuracy would be for each threshold."""

    type: Literal["binary_threshold_vs_metric"] = "binary_threshold_vs_metric"

    positive_label: str | None = None
    """Class called positive; by default the positive of two, or the commonest of many."""
    metrics: tuple[Literal["precision", "recall", "f1", "accuracy"], ...] = (
        "f1", "precision", "recall", "accuracy",
    )  # fmt: skip
    """Metrics to draw, a panel each."""

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return a panel for each metric; an upright line is the threshold in force."""
        output = outputs[0]
        first = runs[0].outputs[output].target
        index, label = next(self._classes(runs, output))
        if self.positive_label is not None:
            label = self.positive_label
            index = place_of(label, first.labels, what="positive_label")
        parts = []
        samples = [(run, run.outputs[output].against_rest(index)) for run in runs]
        curves = [(run, threshold_curve(s.ranking)) for run, s in samples if _has_both(s)]
        for metric in self.metrics if curves else ():
            drawn = [
                line(curve["threshold"], [_or_nan(v) for v in curve[metric]],
                     name=run.name, place=place)
                for place, (run, curve) in enumerate(curves)
            ]  # fmt: skip
            part = figure(drawn, x=f"threshold of {label}", y=metric, is_unit=True)
            if first.type == "binary" and index == 1 and len(runs) == 1:
                part["layout"]["shapes"] = [_upright(first.threshold)]
            parts.append((metric, part))
        return panels(parts)


@PLOTS.register
class CalibrationOneVsAll(_ByClass):
    """For each class: claimed probability against what came true, and the Brier score."""

    type: Literal["calibration_1_vs_all"] = "calibration_1_vs_all"

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return a panel for each class, then one of Brier scores by class and run."""
        output = outputs[0]
        parts: list[tuple[str, Figure]] = []
        classes = list(self._classes(runs, output))
        for index, label in classes:
            drawn = [
                _calibration(run.outputs[output].against_rest(index), run.name, place)
                for place, run in enumerate(runs)
            ]
            parts.append((f"{output}: {label}", _calibrated(drawn)))
        names = distinct([label for _, label in classes])
        brier = [
            bars(names, [_brier(run.outputs[output].against_rest(i)) for i, _ in classes],
                 name=run.name, place=place)
            for place, run in enumerate(runs)
        ]  # fmt: skip
        parts.append(("Brier score, lower is better", figure(brier, x="class", y="brier")))
        return panels(parts)


@PLOTS.register
class CalibrationMulticlass(Plot):
    """Probability of the predicted class against how often it was right, and the Brier score."""

    type: Literal["calibration_multiclass"] = "calibration_multiclass"

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return the calibration of all classes together, and the Brier score of each run."""
        judged = [(run.name, run.outputs[outputs[0]]) for run in runs]
        drawn = [
            _calibration(BinarySample(one.is_right, one.confidence), name, place)
            for place, (name, one) in enumerate(judged)
        ]
        names = distinct([name for name, _ in judged])
        scores = [
            bars([names[place]], [_brier_of_all(one)], name=name, place=place)
            for place, (name, one) in enumerate(judged)
        ]
        return panels(
            [
                ("predicted class", _calibrated(drawn)),
                ("Brier score, lower is better", figure(scores, x="", y="brier")),
            ]
        )


def place_of(label: str, labels: Sequence[str], *, what: str) -> int:
    """Return the index of a class.

    Raises:
        UsageError: there is no such class; the message has those there are.
    """
    from ordain.core.diagnostics import nearest
    from ordain.core.errors import UsageError

    if label in labels:
        return list(labels).index(label)
    close = nearest(label, labels)
    hint = f"; nearest: '{close}'" if close else ""
    shown = ", ".join(labels[:20]) + (" ..." if len(labels) > 20 else "")  # noqa: PLR2004
    raise UsageError(f"`{what}`: there is no class '{label}'{hint}\n  Possible: {shown}")


def _calibration(sample: ClassSample, name: str, place: int) -> Figure:
    curve = calibration_curve(sample)
    drawn = line(curve["claimed"], curve["true"], name=name, place=place, mode="lines+markers")
    drawn["error_y"] = {
        "type": "data",
        "array": [high - true for high, true in zip(curve["high"], curve["true"], strict=True)],
        "arrayminus": [true - low for low, true in zip(curve["low"], curve["true"], strict=True)],
        "thickness": 1,
        "width": 3,
    }
    return drawn


def _calibrated(drawn: list[Figure]) -> Figure:
    perfect = dotted([0, 1], [0, 1], name="calibrated")
    return figure([*drawn, perfect], x="claimed probability", y="came true", is_unit=True)


def _brier(sample: BinarySample) -> float:
    return float(((sample.scores - sample.is_positive) ** 2).mean())


def _brier_of_all(judged: Judged) -> float:
    """Return the mean over rows of the squared distance to the true class, summed over classes."""
    scores, truth = judged.probabilities, judged.truth
    own = scores[range(len(truth)), truth]
    return float(((scores**2).sum(axis=1) - 2 * own + 1).mean())


def _has_both(sample: BinarySample) -> bool:
    return bool(0 < sample.is_positive.sum() < len(sample))


def _or_nan(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _upright(x: float) -> Figure:
    drawn = {"dash": "dot", "width": 1.5, "color": FAINT}
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "line": drawn}
