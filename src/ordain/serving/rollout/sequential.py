r"""Tests that may be looked at as often as one likes: what they say holds at every time.

A fixed test that is looked at each second is wrong in the end for every canary. Here each test is
an *e-process*: a number that starts at 1 and, while the canary is no worse, has an expectation of
at most 1 whenever one stops. By Ville's inequality it ever reaches $1/\alpha$ with a chance of at
most $\alpha$; reaching it is the alarm.

**Rates** (`rate_evidence`). Requests are dealt to the canary with a known share $\pi$, whatever
they hold. Of the events to be counted (failed requests, say) that met either version, the next one
is then the canary's with a chance of at most

$$q_0 = \frac{\pi r}{\pi r + 1 - \pi}$$

while its rate is at most $r$ times the champion's, however the rates move over the day: an outage
that meets both is no evidence. Against it stands a mixture of likelihood ratios over rates that are
$\rho > 1$ times worse, $\rho$ log-uniform from 1.05 to 1,000: the mixture SPRT of Robbins (1970),
conditioned as in the binomial test of Kulldorff et al. (2011). $q \le q_0$ as a whole is covered,
since each ratio is monotone in $q$.

**Latency** (`ladder_evidence`). The same for "took longer than *t*", for each *t* of a ladder, and
the mean of the evidences, which is evidence again. It asks for no distribution and no threshold.

**Means** (`mean_bounds`). Confidence sequences of the mean of losses in 0 to 1: the predictable
plug-in empirical Bernstein one of Waudby-Smith and Ramdas (2024, theorem 2). The canary is worse
where its lower bound lies above the champion's upper one; each side has half of the error.

References:
    H. Robbins, Statistical methods related to the law of the iterated logarithm, 1970.
    M. Kulldorff et al., A maximized sequential probability ratio test for drug and vaccine safety
    surveillance, Sequential Analysis, 2011.
    S. R. Howard, A. Ramdas, J. McAuliffe, J. Sekhon, Time-uniform, nonparametric, nonasymptotic
    confidence sequences, Annals of Statistics, 2021.
    I. Waudby-Smith, A. Ramdas, Estimating means of bounded random variables by betting, JRSS B,
    2024, https://arxiv.org/abs/2010.09686.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_WORSE = np.geomspace(1.05, 1000.0, 40)
"""How many times worse than tolerated the canary may be: the alternatives that are mixed."""
_LARGEST_BET = 0.5
"""Bound of the weight of an observation, as the authors take it."""


def rate_evidence(
    canary: npt.ArrayLike, champion: npt.ArrayLike, *, share: float, ratio: float = 1.0
) -> Floats:
    """Return the logarithm of the evidence that the canary's rate of events is too high.

    It is alarm where it reaches `log(1 / alpha)`, at any time.

    Args:
        canary: events that met the canary so far, of any shape; counts of one time stand at one
            place.
        champion: events that met the champion so far, likewise.
        share: of the requests of both that the canary gets, 0 to 1.
        ratio: how many times the champion's rate is tolerated.
    """
    hits = np.asarray(canary, dtype=np.float64)[..., None]
    others = np.asarray(champion, dtype=np.float64)[..., None]
    tolerated = _share_of_events(share, ratio)
    worse = _share_of_events(share, ratio * _WORSE)
    terms = hits * np.log(worse / tolerated) + others * np.log((1 - worse) / (1 - tolerated))
    return _log_mean(terms)


def ladder_evidence(
    canary: npt.ArrayLike, champion: npt.ArrayLike, *, share: float, ratio: float = 1.0
) -> Floats:
    """Return the logarithm of the mean evidence over the steps of a ladder, the last axis.

    Args:
        canary: requests of the canary beyond each step so far [..., steps].
        champion: requests of the champion beyond each step so far [..., steps].
        share: as for `rate_evidence`.
        ratio: how many times as many of the canary's may lie beyond a step.
    """
    return _log_mean(rate_evidence(canary, champion, share=share, ratio=ratio))


def mean_bounds(losses: npt.ArrayLike, *, alpha: float) -> tuple[Floats, Floats]:
    """Return lower and upper bounds of the mean after each loss, both [..., N].

    Each side holds at all times together with a chance of at least `1 - alpha`. The bounds never
    widen; without losses they are empty.

    Args:
        losses: between 0 and 1, in the order they came [..., N].
        alpha: chance that a side ever fails.
    """
    values = np.clip(np.asarray(losses, dtype=np.float64), 0.0, 1.0)
    count = np.arange(1, values.shape[-1] + 1, dtype=np.float64)
    # Everything a weight is made of must be known before its loss: sums are shifted by one.
    sums = np.cumsum(values, axis=-1)
    means = (0.5 + sums) / (count + 1)
    before = np.concatenate([np.full_like(values[..., :1], 0.5), means[..., :-1]], axis=-1)
    spread = (0.25 + np.cumsum((values - means) ** 2, axis=-1)) / (count + 1)
    known = np.concatenate([np.full_like(values[..., :1], 0.25), spread[..., :-1]], axis=-1)
    limit = math.log(1 / alpha)
    bets = np.minimum(np.sqrt(2 * limit / (known * count * np.log1p(count))), _LARGEST_BET)
    paid = (values - before) ** 2 * (-np.log1p(-bets) - bets)
    total = np.cumsum(bets, axis=-1)
    centre = np.cumsum(bets * values, axis=-1) / total
    margin = (limit + np.cumsum(paid, axis=-1)) / total
    lower = np.maximum.accumulate(np.clip(centre - margin, 0.0, 1.0), axis=-1)
    upper = np.minimum.accumulate(np.clip(centre + margin, 0.0, 1.0), axis=-1)
    return lower, upper


def _share_of_events(share: float, ratio: float | Floats) -> Floats:
    """Return the share of events that meets the canary, whose rate is `ratio` times as high."""
    return np.asarray(share * ratio / (share * ratio + 1 - share), dtype=np.float64)


def _log_mean(terms: Floats) -> Floats:
    """Return the logarithm of the mean of exponentials over the last axis."""
    highest = terms.max(axis=-1, keepdims=True)
    mean = np.log(np.exp(terms - highest).mean(axis=-1)) + highest[..., 0]
    return np.asarray(mean, dtype=np.float64)
