"""Gates: the conditions that were declared, met or not, and by how much.

    evaluation:
      gates:
        - {metric: roc_auc, at_least: 0.80}
        - {slice: "tenure < 6", metric: recall, at_least: 0.6}
        - {baseline: gbm, not_worse: true}
        - {scenarios: true}
      satisfy: [{metric: ece, at_most: 0.05}]

A gate is about the value of a metric, unless it is `certain`: then the end of the interval that
lies nearer to failure must pass. What cannot be measured (a metric without a value, a slice without
rows) has not passed. Where the rows are few and the interval holds the bound the result says so: it
passes or not by its value, but another draw of rows may turn it. `satisfy` is judged the same way
and told apart: it ranks models, gates stop them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ordain.config.evaluation import FIGURES, Gate, Limit
from ordain.core.diagnostics import nearest
from ordain.core.errors import UsageError
from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.judgement import Difference, Interval, Judgement, OutputSummary, Record
from ordain.evaluation.scenarios import ScenarioReport
from ordain.evaluation.slices.judged import SliceJudgement

FEW_ROWS = 20
"""Rows under which a bound that the interval holds cannot be told to be kept."""
FEW_EFFECTIVE_ROWS = 5
"""The same, of the rows that the metric rests on, such as the positive ones."""


WITHOUT = {
    "training_cost": "`budget.price_per_hour` is not declared",
    "energy_joules": "this machine does not tell it",
}
"""Why a figure may not be measured."""


class GateResult(Record):
    """One condition, judged."""

    name: str
    passed: bool
    output: str = ""
    value: float | None = None
    """Of the metric; None where it has none."""
    at_least: float | None = None
    at_most: float | None = None
    margin: float | None = None
    """How far inside of the bound the value is; below zero it is outside."""
    interval: Interval | None = None
    n_rows: int | None = None
    """Rows judged; None for what is not measured of rows."""
    n_effective: float | None = None
    """Rows that the metric rests on, such as the positive ones, where these are fewer."""
    is_sure: bool = True
    """Whether there are enough rows, or an interval clear of the bound."""
    reason: str
    """In words."""


Rows = tuple[int | None, float | None]
"""Rows judged, and those that the metric rests on where these are fewer; None: not of rows."""


@dataclass(frozen=True)
class Measured:
    """All that gates may ask of.

    Attributes:
        outputs: judgements by output.
        slices: of the deciding set, by output.
        scenarios: None where none are declared.
        figures: what is no metric of an output, such as `latency_ms` and `size_bytes`.
    """

    outputs: Mapping[str, OutputSummary]
    slices: Mapping[str, Sequence[SliceJudgement]] = field(default_factory=dict)
    scenarios: ScenarioReport | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


def judge_gates(gates: Sequence[Gate], measured: Measured) -> tuple[GateResult, ...]:
    """Return the result of every gate; one that fits several outputs gives one for each.

    Raises:
        UsageError: a gate names an output, set, slice, baseline or metric that is not there.
    """
    return tuple(result for gate in gates for result in _results(gate, measured))


def judge_limits(limits: Sequence[Limit], measured: Measured) -> tuple[GateResult, ...]:
    """Return the result of every bound of `satisfy`.

    Raises:
        UsageError: as `judge_gates`.
    """
    gates = [
        Gate(
            metric=limit.metric,
            at_least=limit.at_least,
            at_most=limit.at_most,
            output=limit.output,
            set=limit.set,
        )
        for limit in limits
    ]
    return judge_gates(gates, measured)


def _results(gate: Gate, measured: Measured) -> Iterator[GateResult]:
    if gate.scenarios:
        yield _of_scenarios(gate, measured.scenarios)
        return
    if gate.metric is not None and gate.metric in {*FIGURES, *measured.figures}:
        # Not measured of rows: there is no interval to be certain by.
        plain = gate.model_copy(update={"certain": False})
        value, why = measured.figures.get(gate.metric), WITHOUT.get(gate.metric, "")
        yield _bounded(plain, "", value, None, what=f"`{gate.metric}`", why=why)
        return
    for name in _outputs(gate, measured):
        output = measured.outputs[name]
        if gate.baseline is not None:
            yield _compared(gate, name, output)
        elif gate.slice is not None:
            yield _of_slice(gate, name, output, measured.slices.get(name, ()))
        else:
            yield _of_set(gate, name, output)


def _outputs(gate: Gate, measured: Measured) -> list[str]:
    names = list(measured.outputs)
    if gate.output is not None:
        if gate.output not in names:
            raise _unknown("output", gate.output, names)
        return [gate.output]
    if gate.metric is None:
        return names
    having = [n for n in names if gate.metric in measured.outputs[n].is_higher_better]
    if not having:
        known = sorted({m for n in names for m in measured.outputs[n].is_higher_better})
        raise _unknown("metric", gate.metric, [*known, *measured.figures])
    return having


def _of_set(gate: Gate, name: str, output: OutputSummary) -> GateResult:
    set_name = gate.set or deciding_set(output.sets)
    if set_name not in output.sets:
        raise _unknown("set", set_name, list(output.sets))
    judged = output.sets[set_name]
    metric = gate.metric or output.headline
    value, interval = judged.metrics.get(metric), judged.intervals.get(metric)
    what = f"`{metric}` of `{name}` on `{set_name}`"
    why = judged.undefined.get(metric, "")
    return _bounded(gate, name, value, interval, what=what, why=why, rows=_rows_of(judged, metric))


def _of_slice(
    gate: Gate, name: str, output: OutputSummary, slices: Sequence[SliceJudgement]
) -> GateResult:
    metric = gate.metric or output.headline
    wanted = [one for one in slices if gate.slice in {one.name, one.where, one.group}]
    if not wanted:
        raise _unknown("slice", gate.slice or "", [one.name for one in slices])
    results = [
        _bounded(
            gate,
            name,
            one.metrics.get(metric),
            one.intervals.get(metric),
            what=f"`{metric}` of `{name}` on the slice {one.name}",
            why=one.undefined.get(metric, "the slice does not have it"),
            rows=_rows_of(one, metric),
        )
        for one in wanted
    ]
    # A column makes several slices: all of them must pass, and the worst is told.
    return min(results, key=lambda one: (one.passed, -1e300 if one.margin is None else one.margin))


def _compared(gate: Gate, name: str, output: OutputSummary) -> GateResult:
    set_name = gate.set or deciding_set(output.sets)
    found = {one.against: one for one in output.differences.get(set_name, ())}
    if gate.baseline not in found:
        raise _unknown("baseline", gate.baseline or "", list(found))
    one = found[gate.baseline]
    is_known = one.gain is not None
    passed = is_known and (one.verdict == "better" if gate.better else one.verdict != "worse")
    wish = "better" if gate.better else "not worse"
    label = gate.name or f"{wish} than `{gate.baseline}` by `{one.metric}`"
    return GateResult(
        name=label,
        passed=passed,
        output=name,
        value=one.value,
        margin=one.gain,
        interval=one.interval,
        reason=_comparison(one, name),
    )


def _comparison(one: Difference, name: str) -> str:
    if one.gain is None:
        return f"`{one.metric}` of `{name}` has no value to compare with `{one.against}`"
    text = f"`{one.metric}` of `{name}` is {one.value:.4g} against {one.other:.4g} for "
    text += f"`{one.against}`, a gain of {one.gain:.4g}"
    if one.interval is not None:
        text += f" ({one.interval.low:.4g} to {one.interval.high:.4g})"
    return f"{text}: {one.verdict}"


def _of_scenarios(gate: Gate, report: ScenarioReport | None) -> GateResult:
    label = gate.name or "every scenario holds"
    if report is None:
        return GateResult(
            name=label, passed=False, reason="`evaluation.scenarios` names no file of scenarios"
        )
    failed = [one.name for one in report.results if not one.passed]
    passed = not failed
    reason = f"{report.n_rows - len(failed)} of {report.n_rows} hold"
    if failed:
        shown = ", ".join(f"'{name}'" for name in failed[:3])
        reason += f"; not: {shown}" + (" ..." if len(failed) > 3 else "")  # noqa: PLR2004
    return GateResult(name=label, passed=passed, value=float(len(failed)), reason=reason)


def _bounded(
    gate: Gate,
    output: str,
    value: float | None,
    interval: Interval | None,
    *,
    what: str,
    why: str = "",
    rows: Rows = (None, None),
) -> GateResult:
    base = GateResult(
        name=gate.name or f"{what} {_bounds(gate)}",
        passed=False,
        output=output,
        value=value,
        at_least=gate.at_least,
        at_most=gate.at_most,
        interval=interval,
        n_rows=rows[0],
        n_effective=rows[1],
        reason="",
    )
    if value is None:
        return base.model_copy(update={"reason": f"{what} has no value: {why or 'not measured'}"})
    if gate.certain and interval is None:
        reason = f"{what} is {value:.4g}, and there are too few rows to be certain"
        return base.model_copy(update={"reason": reason})
    low, high = (interval.low, interval.high) if gate.certain and interval else (value, value)
    inside = [low - gate.at_least] if gate.at_least is not None else []
    inside += [gate.at_most - high] if gate.at_most is not None else []
    margin = min(inside)
    reason = f"{what} is {value:.4g}"
    known = [f"{interval.low:.4g} to {interval.high:.4g}"] if interval is not None else []
    known += _counted(rows)
    reason += f" ({', '.join(known)})" if known else ""
    reason += ", whose worse end is" if gate.certain else ","
    reason += (
        f" {abs(margin):.4g} {'inside' if margin > 0 else 'outside'}" if margin else " just at"
    )
    reason += " the bound"
    is_sure = not _is_open(gate, interval, rows)
    reason += "" if is_sure else "; cannot tell: too few rows"
    return base.model_copy(
        update={"passed": margin >= 0, "margin": margin, "is_sure": is_sure, "reason": reason}
    )


def _rows_of(judged: Judgement | SliceJudgement, metric: str) -> Rows:
    return judged.n_rows, judged.effective.get(metric)


def _counted(rows: Rows) -> list[str]:
    n_rows, n_effective = rows
    if n_rows is None:
        return []
    text = "1 row" if n_rows == 1 else f"{n_rows:,} rows"
    return [text if n_effective is None else f"{text} of which {n_effective:,.4g} count"]


def _is_open(gate: Gate, interval: Interval | None, rows: Rows) -> bool:
    """Return whether rows are few and the interval does not tell on which side the value is."""
    n_rows, n_effective = rows
    if n_rows is None:
        return False
    is_few = n_rows < FEW_ROWS or (n_effective is not None and n_effective < FEW_EFFECTIVE_ROWS)
    bounds = [bound for bound in (gate.at_least, gate.at_most) if bound is not None]
    holds = interval is None or any(interval.low <= bound <= interval.high for bound in bounds)
    return is_few and holds


def _bounds(gate: Gate) -> str:
    said = []
    if gate.at_least is not None:
        said.append(f"at least {gate.at_least:g}")
    if gate.at_most is not None:
        said.append(f"at most {gate.at_most:g}")
    return " and ".join(said) + (", for certain" if gate.certain else "")


def _unknown(kind: str, name: str, known: Sequence[str]) -> UsageError:
    close = nearest(name, known)
    hint = f"; nearest: '{close}'" if close else ""
    return UsageError(
        f"`evaluation.gates`: there is no {kind} '{name}' to judge by{hint}\n"
        f"  Possible: {', '.join(known) or 'none'}"
    )
