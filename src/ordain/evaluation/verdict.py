"""A verdict in plain words, no surer than the rows allow."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ordain.evaluation.judgement import Difference, Judgement


def format_value(value: float | None, *, digits: int = 4) -> str:
    """Return a metric as people read it, with at least four significant digits.

    None is shown as a dash; only very large and very small values get an exponent.
    """
    if value is None or not math.isfinite(value):
        return "-"
    size = abs(value)
    if size >= 1e9 or 0 < size < 1e-4:  # noqa: PLR2004 - beyond these a plain number is unreadable
        return f"{value:.{digits - 1}e}"
    # Values below ten keep one number of decimals, so that 0.9931 and 1.0000 line up.
    decimals = digits if size < 10 else max(0, digits - 1 - int(math.log10(size)))  # noqa: PLR2004
    text = f"{value:,.{decimals}f}"
    return text if text.strip("-0.,") else text.lstrip("-")


def verdict_sentence(
    judgement: Judgement, differences: Sequence[Difference], *, set_name: str
) -> str:
    """Return one or two sentences: the headline value, and how it stands to the best baseline.

    The best baseline is the one that leaves the least gain. 'Better' is said only where the
    interval of the gain leaves zero out and the paired test agrees.
    """
    value = judgement.metrics.get(judgement.headline)
    if value is None:
        reason = judgement.undefined.get(judgement.headline, "no row is left to judge")
        if not judgement.n_rows and judgement.n_unseen:
            reason = "none of its rows has a label that occurred in training"
        return f"No verdict: {judgement.headline} has no value on `{set_name}`, because {reason}."
    start = f"{judgement.headline} {format_value(value)}"
    if judgement.n_unseen:
        count = "1 row" if judgement.n_unseen == 1 else f"{judgement.n_unseen:,} rows"
        start = f"Without {count} whose label did not occur in training: {start}"
    hardest = _hardest(differences)
    if hardest is None:
        return f"{start} on `{set_name}`; no baseline to compare with."
    against = f"{format_value(hardest.other)} for `{hardest.against}` on `{set_name}`"
    return f"{start} against {against}: {_outcome(hardest)}."


def reservation(differences: Sequence[Difference], others: Sequence[Difference]) -> str:
    """Return a sentence on the metrics that speak against the verdict, or no text.

    These are the ones by which a baseline is better; or after the verdict 'worse' those by which
    this model is better than the best baseline.

    Args:
        differences: by the headline metric, which the verdict is about.
        others: by other metrics; only those whose verdict is sure count.
    """
    hardest = _hardest(differences)
    if is_worse(differences):
        against = hardest.against if hardest else ""
        leads = [o.metric for o in others if o.against == against and o.verdict == "better"]
        return f"But this model leads by {_listed(leads)}." if leads else ""
    ahead: dict[str, list[str]] = {}
    for other in others:
        if other.verdict == "worse":
            ahead.setdefault(other.against, []).append(other.metric)
    found = [f"`{name}` is ahead by {_listed(metrics)}" for name, metrics in ahead.items()]
    return f"But {', '.join(found)}." if found else ""


def is_worse(differences: Sequence[Difference]) -> bool:
    """Return whether the best baseline is better than this model."""
    hardest = _hardest(differences)
    return hardest is not None and hardest.verdict == "worse"


def is_ahead(
    judgement: Judgement, other: Judgement, metric: str, *, is_higher_better: bool
) -> bool:
    """Return whether the second has the better value, so that it shows where it is printed."""
    ours, theirs = judgement.metrics.get(metric), other.metrics.get(metric)
    if ours is None or theirs is None or format_value(ours) == format_value(theirs):
        return False
    return theirs > ours if is_higher_better else theirs < ours


def _hardest(differences: Sequence[Difference]) -> Difference | None:
    """Return the difference to the best baseline: the one that leaves the least gain."""
    known = [difference for difference in differences if difference.gain is not None]
    return min(known, key=lambda difference: difference.gain or 0.0, default=None)


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _outcome(difference: Difference) -> str:
    interval = difference.interval
    if difference.verdict == "cannot tell":
        if interval is None:
            return "cannot tell, the rows do not show a difference"
        why = "which holds zero"
        if not interval.low <= 0 <= interval.high:
            why = f"yet so large a gain comes by chance with p = {difference.p_value or 0:.2g}"
        return f"cannot tell which is better (gain {_span(difference)}, {why})"
    word = "slightly better" if difference.is_small else difference.verdict
    return f"{word} (gain {_span(difference)})"


def _span(difference: Difference) -> str:
    gain = format_value(difference.gain)
    interval = difference.interval
    if interval is None:
        return gain
    return (
        f"{gain}, {interval.level * 100:g}% interval "
        f"{format_value(interval.low)} to {format_value(interval.high)}"
    )
