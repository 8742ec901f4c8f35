"""Findings made up by hand, as many and as badly named as wanted."""

from judged_runs import NASTY, summary_of

from ordain.evaluation.checks.check import CheckResult
from ordain.evaluation.decision.abstain import AbstainChoice, Answered
from ordain.evaluation.decision.calibration import Calibration, Choice
from ordain.evaluation.decision.conformal import Covered
from ordain.evaluation.decision.decision import Decided, Decision
from ordain.evaluation.decision.threshold import ThresholdChoice
from ordain.evaluation.diagnosis.gaps import ErrorSplit, Gap
from ordain.evaluation.diagnosis.growth import Forecast, Grown, Growth
from ordain.evaluation.diagnosis.noise import LabelNoise
from ordain.evaluation.diagnosis.patch import Effect, Finding, Patch
from ordain.evaluation.diagnosis.record import Diagnosis, OutputDiagnosis
from ordain.evaluation.diagnosis.upkeep import Upkeep
from ordain.evaluation.errors import ErrorAnalysis, ErrorGroup, Mistake, WorstRow
from ordain.evaluation.explain.dependence import Dependence, Interaction
from ordain.evaluation.explain.highlight import Piece
from ordain.evaluation.explain.importance import Importance, ImportanceTable
from ordain.evaluation.explain.vocabulary import ReadRow, Vocabulary, WordEffect, WordFindings
from ordain.evaluation.findings import Calibrated, Findings
from ordain.evaluation.gates import GateResult
from ordain.evaluation.judgement import Interval
from ordain.evaluation.scenarios import ScenarioReport, ScenarioResult
from ordain.evaluation.slices.discovery import Discovery, FoundSlice
from ordain.evaluation.slices.fairness import FairnessFigure, GroupFigure
from ordain.evaluation.slices.judged import SliceJudgement


def interval(low, high):
    return Interval(low=low, high=high, level=0.95, method="delta")


def slice_of(place, *, verdict="cannot tell", name=None):
    value = 0.5 + (place % 40) / 100
    return SliceJudgement(
        name=name or f"city = 'c{place}'", group="city", where=f"city = 'c{place}'",
        n_rows=30 + place, share=0.05, metrics={"roc_auc": value, "f1": 0.4, "recall": None},
        undefined={"recall": "no positive"}, interval=interval(value - 0.1, value + 0.1),
        intervals={"roc_auc": interval(value - 0.1, value + 0.1)}, loss=1 - value,
        loss_of_rest=0.3, rest=0.8, p_value=0.5, verdict=verdict,
    )  # fmt: skip


def errors_of(output, *, labels, n_inputs, n_rows):
    worst = [
        WorstRow(
            row=place, loss=5.0 - place / 100, truth=labels[0] if labels else 1000.0,
            prediction=labels[1] if labels else 10.5, probability=0.01 if labels else None,
            is_suspect=place % 2 == 0, group=place % 3 or None,
            values={f"input {i}": NASTY if i == 0 else "word " * 200 for i in range(n_inputs)},
        )
        for place in range(n_rows)
    ]  # fmt: skip
    groups = ErrorGroup(shared=f"`note` has the word '{NASTY}'", where="", n_rows=9, share=0.5,
                        share_of_all=0.1, lift=5.0, mean_loss=3.0)  # fmt: skip
    mistakes = [Mistake(truth=labels[0], prediction=labels[1], n_rows=4, share=0.2, overlap=0.4)
                for _ in range(bool(labels))]  # fmt: skip
    return ErrorAnalysis(
        output=output, loss="log loss" if labels else "absolute error", n_rows=600, n_worst=60,
        n_suspect=20, worst=tuple(worst), groups=(groups,), mistakes=tuple(mistakes),
    )  # fmt: skip


def figure_of(name, *, is_marked=False):
    groups = [GroupFigure(group=g, value=v, low=v - 0.1, high=v + 0.1, n_rows=90)
              for g, v in ((NASTY, 0.2), ("b", 0.6))]  # fmt: skip
    rare = GroupFigure(group="rare", value=None, low=None, high=None, n_rows=0)
    return FairnessFigure(
        column="gender", label="yes", figure=name, groups=(*groups, rare), gap=0.4, gap_low=0.2,
        gap_high=0.6, ratio=0.33, least=NASTY, greatest="b", is_marked=is_marked,
    )  # fmt: skip


def findings_of(*, n_slices=3, n_inputs=3, n_rows=5):
    """Return findings on the binary output `churn` and errors of the number `price`."""
    importance = ImportanceTable(
        output="churn", loss="log loss", base=0.3, n_rows=600, n_repeats=2,
        inputs=tuple(Importance(input=f"input {i}" if i else NASTY, type="number",
                                increase=0.2 / (i + 1) - 0.001, low=-0.01, high=0.3,
                                share=0.5 / (i + 1)) for i in range(n_inputs)),
    )  # fmt: skip
    worst = FoundSlice(name="a >= 2 and b = 'x'", where="a >= 2 and b = 'x'",
                       conditions=("a >= 2", "b = 'x'"), n_rows=40, share=0.07, loss=0.9,
                       loss_of_rest=0.3, lift=3.0, z=5.0, p_value=0.001)  # fmt: skip
    reliability = {"claimed": [0.1, 0.6], "true": [0.2, 0.5], "low": [0.1, 0.4], "high": [0.3, 0.6],
                   "rows": [10, 20]}  # fmt: skip
    calibration = Calibration(method="temperature", scale=0.8)
    return Findings(
        set="test",
        n_rows=600,
        decided={
            "churn": Decided(
                decision=Decision(calibration=calibration, answer_from=0.7),
                calibration=Choice(calibration=calibration, reason="the `log_loss` is better"),
                threshold=ThresholdChoice(threshold=0.31, reason="`f1` is largest there",
                                          metric="f1", value=0.7),
                abstain=AbstainChoice(confidence=0.7, reason="as declared"),
            )
        },
        calibrated={
            "churn": Calibrated(before={"log_loss": 0.4, "ece": 0.1, "brier": None},
                                after={"log_loss": 0.3, "ece": 0.02, "brier": None},
                                reliability_before=reliability)
        },
        covered={
            "churn": Covered(level=0.9, coverage=0.8, low=0.77, high=0.83, size=1.2, n_rows=600),
            "price": Covered(level=0.9, coverage=0.91, low=0.88, high=0.93, size=12, n_rows=600),
        },
        answered={
            "churn": tuple(
                Answered(share=share, confidence=1 - share / 2, accuracy=1 - share / 4,
                         low=0.9 - share / 4, high=1.0, n_rows=round(600 * share))
                for share in (1.0, 0.5, 0.2)
            )
        },
        slices={"churn": (slice_of(0, verdict="worse", name=f"tenure < 6 {NASTY}"),
                          *(slice_of(place) for place in range(1, n_slices)))},
        discovery={"churn": Discovery(output="churn", loss="log loss", n_rows=600, n_tried=99,
                                      found=(worst,))},
        found_slices={"churn": (slice_of(1, verdict="worse", name="a >= 2 and b = 'x'"),)},
        fairness={"churn": (figure_of("selection_rate", is_marked=True), figure_of("precision"))},
        importance={"churn": importance},
        dependence={
            "churn": (
                Dependence(output="churn", label="yes", input="input 1", is_ordered=True,
                           values=(1.0, 2.0), mean=(0.2, 0.4), curves=((0.1, 0.5), (0.3, 0.3)),
                           shares=(0.5, 0.5), n_rows=200),
                Dependence(output="churn", label="yes", input=NASTY, is_ordered=False,
                           values=(NASTY, "2"), mean=(0.2, 0.4), curves=(), shares=(0.5, 0.5),
                           n_rows=200),
            )
        },
        interactions={
            "churn": (
                Interaction(inputs=("input 1", NASTY), strength=0.4, label="yes",
                            values=((1.0, 2.0), (NASTY, "b")), mean=((0.1, 0.2), (0.3, 0.9))),
                Interaction(inputs=("input 1", "input 2"), strength=0.1),
            )
        },
        words={
            "churn": WordFindings(
                n_rows=60,
                vocabulary=(
                    Vocabulary(input="note", label="yes", against=(),
                               for_it=(WordEffect(word=NASTY, value=0.8, n_rows=3),)),
                ),
                rows=(
                    ReadRow(row=7, truth="no", prediction=NASTY,
                            pieces={"note": (Piece(text=NASTY, start=0, value=0.5),
                                             Piece(text="not", start=30, value=-0.4))}),
                ),
            )
        },
        errors={
            "churn": errors_of("churn", labels=("no", NASTY), n_inputs=n_inputs, n_rows=n_rows),
            "price": errors_of("price", labels=(), n_inputs=n_inputs, n_rows=n_rows),
        },
        checks=(
            CheckResult(name="leak", question="Does any input leak the target?", state="failed",
                        reason=f"`{NASTY}` alone gives 0.99", fix="input_features: {y: number}",
                        output="churn"),
            CheckResult(name="drift", question="Are sets alike?", state="warned", reason="no"),
            CheckResult(name="size", question="Are there rows?", state="passed", reason="600"),
            CheckResult(name="time", question="Time?", state="does not apply", reason="no dates"),
        ),
        scenarios=ScenarioReport(
            file="cases.csv", n_rows=2, n_failed=1,
            results=(ScenarioResult(name="rich", passed=True),
                     ScenarioResult(name=NASTY, passed=False, failures=("`churn` is 'no'",))),
        ),
        gates=(
            GateResult(name="`roc_auc` at least 0.99", passed=False, output="churn", value=0.95,
                       at_least=0.99, margin=-0.04, interval=interval(0.93, 0.97),
                       reason="`roc_auc` is 0.95, which is 0.04 outside the bound"),
        ),
        limits=(GateResult(name="`latency_ms` at most 5", passed=True, value=1.0, at_most=5.0,
                           margin=4.0, reason="`latency_ms` is 1"),),
    )  # fmt: skip


def diagnosis_of(*, is_first_look=False):
    """Return a diagnosis of the output `churn`, with a patch that was tried and one not."""
    gaps = (
        Gap(part="avoidable bias", before="perfect", after="train", size=0.02,
            interval=interval(0.01, 0.03), note="no ceiling is declared"),
        Gap(part="variance", before="train", after="test", size=0.1,
            interval=interval(0.05, 0.15), is_real=True),
    )  # fmt: skip
    smaller = Patch(name="smaller-trees", title="trees of `3` leaves", expected="they fit less",
                    effect=Effect(metric="roc_auc", gain=0.01, low=0.002, high=0.02))  # fmt: skip
    larger = Patch(name="more-rows", title="all rows", expected="slower",
                   unmeasured="it needs other rows")  # fmt: skip
    one = OutputDiagnosis(
        output="churn",
        metric="roc_auc",
        split=ErrorSplit(output="churn", metric="roc_auc", gaps=gaps, largest="variance",
                         values={"train": 0.98, "test": 0.88}),
        noise=LabelNoise(n_rows=600, share=0.05, low=0.03, high=0.07, by_class=(0.05, 0.05)),
        upkeep=(Upkeep(input=NASTY, type="text", microseconds=1.5, n_bytes=4.0, increase=0.0,
                       low=-0.1, high=0.1, share=0.0, is_useless=True),),
        growth=Growth(metric="roc_auc",
                      points=tuple(Grown(n_rows=100 * n, seed=1, value=0.8 + n / 100)
                                   for n in (1, 2, 4)),
                      forecasts=(Forecast(factor=10, n_rows=4000, gain=0.02, low=0.01, high=0.03),
                                 )),
        findings=(
            Finding(name="variance", output="churn", text=f"variance: worse on `{NASTY}`",
                    patches=(smaller, larger)),
            Finding(name="shift", text="shift: none", is_problem=False),
        ),
    )  # fmt: skip
    return Diagnosis(
        run="r1", outputs={"churn": one}, seconds=12.0, left_out=("growth", "age", "a", "b"),
        patches={"smaller-trees": "patches/smaller-trees.yaml"}, notes=("the rows have changed",),
        diffs={"smaller-trees": f"--- a\n+++ b\n@@ -1 +1 @@\n-x: 1\n+x: {NASTY}\n"},
        is_first_look=is_first_look,
    )  # fmt: skip


def full_summary(*, n_slices=3, n_inputs=3, n_rows=5, **changes):
    """Return the run of `summary_of` with findings, people and what the split came out as."""
    split = {
        "sizes": {"train": 1000, "test": 600},
        "balance": {"train": {"no": 0.7, NASTY: 0.3}, "test": {"no": 0.6, NASTY: 0.4}},
        "duplicates": {"sets": {"test": {"rows": 3, "share": 0.005}}},
        "drift": {"test": {"n_columns": 2, "n_over": 1, "worst": [
            {"column": NASTY, "measure": "ks", "value": 0.3, "limit": 0.1}]}},
        "rows_without_set": 2,
    }  # fmt: skip
    findings = findings_of(n_slices=n_slices, n_inputs=n_inputs, n_rows=n_rows)
    given = {
        "findings": findings, "human": {"roc_auc": 0.99}, "split": split,
        "diagnosis": diagnosis_of(), **changes,
    }  # fmt: skip
    return summary_of(**given)
