"""Advice: from what was measured to findings, each with the changes of the config to try.

What to change follows from which gap is largest: variance asks for a simpler model, more rows or
fewer columns; bias for a larger model or another family; shift for a split that follows time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ordain.evaluation.diagnosis.patch import Finding
from ordain.evaluation.diagnosis.remedies import (
    Known,
    better_baselines,
    larger,
    listed,
    more_rows,
    patch_of,
    simpler,
    split_in_time,
    sturdier,
    without,
)

RARE = 0.2
"""Share of a class under which it counts as rare."""
LOW_RECALL = 0.6
LEAK = 0.98
"""What one input alone reaches, from which it is suspected of knowing the answer."""
NOISY = 0.05
CLIFF = 3
"""Damages that are told at most."""
SHARE_TO_TELL = 0.02
FEWEST_INPUTS = 2
USELESS = "useless-inputs"
"""Name of the finding on inputs that cost and bring nothing."""


def advise(known: Known) -> tuple[Finding, ...]:
    """Return what was found, what is worth acting upon first; every problem with its patches."""
    parts = (
        _leak,
        _variance,
        _bias,
        _shift,
        _growth,
        _balance,
        _useless,
        _ageing,
        _noise,
        _damages,
    )
    found = [finding for part in parts for finding in part(known)]
    return tuple(sorted(found, key=lambda finding: not finding.is_problem))


def _leak(known: Known) -> Iterator[Finding]:
    for name, power in known.powers.items():
        if power >= LEAK and len(known.document.inputs) >= FEWEST_INPUTS:
            yield Finding(
                name="leak",
                output=known.output,
                text=f"`{name}` alone predicts `{known.output}` with {power:.4g} of 1: if it is "
                "known only together with the answer, it is a leak",
                patches=(
                    without(
                        known,
                        [name],
                        "drop-leak",
                        "the metric falls to what it will be in use, if the column is a leak",
                    ),
                ),
            )


def _variance(known: Known) -> Iterator[Finding]:
    gap = known.split.gap("variance")
    if gap is None:
        return
    is_first = known.split.largest == "variance"
    text = (
        f"variance: {known.split.metric} is {_worse(gap.size)} on {gap.after} rows than on "
        f"{gap.before} rows{_between(gap.interval)}"
    )
    patches = [*simpler(known), *more_rows(known)] if gap.is_real and gap.size > 0 else []
    yield Finding(
        name="variance", output=known.output, text=text, is_problem=is_first, patches=tuple(patches)
    )


def _bias(known: Known) -> Iterator[Finding]:
    gap = known.split.gap("avoidable bias")
    if gap is None:
        return
    better = better_baselines(known)
    ceiling = known.split.ceiling
    if ceiling is None:
        text = (
            f"bias: the training rows are {_worse(gap.size)} than perfect in {known.split.metric}"
        )
        text += "; how much of that can be avoided is not known (declare `evaluation.human`)"
    else:
        text = (
            f"avoidable bias: the training rows are {_worse(gap.size)} than {ceiling.value:.4g}, "
            f"which {ceiling.source} reach{_between(gap.interval)}"
        )
    if better:
        text += f"; {', '.join(better)} is as good or better on validation rows"
    is_first = known.split.largest == "avoidable bias" or bool(better)
    is_fitted = known.split.largest in {None, "avoidable bias"} or bool(better)
    patches = larger(known) if is_fitted else []
    yield Finding(
        name="bias", output=known.output, text=text, is_problem=is_first, patches=tuple(patches)
    )


def _shift(known: Known) -> Iterator[Finding]:
    for part in ("shift", "overfitted validation"):
        gap = known.split.gap(part)
        if gap is None:
            continue
        text = (
            f"{part}: {known.split.metric} is {_worse(gap.size)} on {gap.after} rows than on "
            f"{gap.before} rows{_between(gap.interval)}"
        )
        is_problem = gap.is_real and gap.size > 0
        patches = split_in_time(known) if is_problem else []
        yield Finding(
            name=part.replace(" ", "-"),
            output=known.output,
            text=text,
            is_problem=is_problem,
            patches=tuple(patches),
        )


def _growth(known: Known) -> Iterator[Finding]:
    growth = known.growth
    if growth is None or not growth.sentence:
        return
    helps = bool(growth.forecasts) and growth.forecasts[-1].low > 0
    yield Finding(
        name="data-size",
        output=known.output,
        text=growth.sentence,
        is_problem=bool(more_rows(known)) and helps,
        patches=tuple(more_rows(known)) if helps else (),
    )


def _balance(known: Known) -> Iterator[Finding]:
    feature = next(f for f in known.document.output_features if f.name == known.output)
    missed = [
        label
        for label, share in known.shares.items()
        if share < RARE and known.recalls.get(label, 1.0) < LOW_RECALL
    ]
    if not missed:
        return
    shown = ", ".join(
        f"'{label}' ({known.shares[label]:.1%} of the rows, {known.recalls[label]:.0%} found)"
        for label in missed[:3]
    )
    patches = []
    if feature.class_weights is None and known.family in {"gbm", "linear", "neural"}:
        patches.append(
            patch_of(
                "balanced-weights",
                "rare classes weigh as much as common ones",
                "more of the rare classes are found, with more false alarms; probabilities shift",
                {("output_features", known.output, "class_weights"): "balanced"},
            )
        )
    if feature.type == "binary" and known.document.evaluation.threshold is None:
        patches.append(
            patch_of(
                "threshold-for-f1",
                "the threshold that suits f1, chosen on validation rows",
                "more of the rare class is found; probabilities stay what they are",
                {("evaluation", "threshold"): {"maximize": "f1"}},
            )
        )
    yield Finding(
        name="rare-classes",
        output=known.output,
        text=f"rare classes are missed: {shown}",
        patches=tuple(patches),
    )


def _useless(known: Known) -> Iterator[Finding]:
    names = [one.input for one in known.upkeep if one.is_useless]
    if not names or len(names) == len(known.upkeep):
        return
    cost = sum(one.microseconds for one in known.upkeep if one.is_useless)
    total = sum(one.microseconds for one in known.upkeep)
    yield Finding(
        name=USELESS,
        output=known.output,
        text=f"shuffling {listed(names)} changes nothing that can be told; "
        f"{'they take' if len(names) > 1 else 'it takes'} "
        f"{cost / total if total else 0.0:.0%} of the time to encode a row",
        is_problem=len(known.document.output_features) == 1,
        patches=(
            without(
                known,
                names,
                "drop-useless-inputs",
                "the same answers for less; inputs that say the same thing hide each other",
            ),
        )
        if len(known.document.output_features) == 1
        else (),
    )


def _ageing(known: Known) -> Iterator[Finding]:
    stale = known.staleness
    if stale is None or not stale.sentence:
        return
    yield Finding(
        name="staleness",
        output=known.output,
        text=stale.sentence + ("; train again at least that often" if stale.is_ageing else ""),
        is_problem=stale.is_ageing,
        patches=tuple(split_in_time(known)) if stale.is_ageing else (),
    )


def _noise(known: Known) -> Iterator[Finding]:
    noise, same = known.noise, known.twins
    if noise is not None:
        is_noisy = noise.low > NOISY
        yield Finding(
            name="label-noise",
            output=known.output,
            text=f"at most {noise.share:.1%} of the labels look wrong ({noise.low:.1%} to "
            f"{noise.high:.1%}); the report lists the rows to look at first",
            # An upper bound: what the inputs cannot tell apart is in it.
            is_problem=False,
            patches=tuple(simpler(known)[-1:]) if is_noisy else (),
        )
    if same is not None and same.n_conflicts:
        yield Finding(
            name="twins",
            output=known.output,
            text=f"{same.n_conflicts:,} of {same.n_twins:,} rows with equal inputs have another "
            "target than their equals: no model of these inputs can have all of them right; only "
            "another column can tell them apart",
            is_problem=False,
        )


def _damages(known: Known) -> Iterator[Finding]:
    tried = known.robustness
    if tried is None:
        return
    scale = abs(tried.base or 1.0)
    worst = [
        one
        for one in tried.damages
        if one.verdict == "worse" and one.drop is not None and one.drop > SHARE_TO_TELL * scale
    ]
    for one in worst[:CLIFF]:
        patches = tuple(sturdier(known, one.kind))
        yield Finding(
            name=f"robustness-{one.kind.replace(' ', '-')}",
            output=known.output,
            text=f"{one.name}: {tried.metric} is worse by {one.drop:.4g}{_between(one.interval)}",
            is_problem=bool(patches),
            patches=patches,
        )


def _worse(size: float) -> str:
    return f"{abs(size):.4g} {'worse' if size >= 0 else 'better'}"


def _between(interval: Any) -> str:
    return "" if interval is None else f" ({interval.low:.4g} to {interval.high:.4g})"
