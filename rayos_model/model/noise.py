"""The spread of costs on platforms that do not repeat themselves: draws from the quantiles that calibration kept.

What holds a host up does so for a while: a draw resembles those shortly before it. Must not know what the costs are of.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from math import erfc, exp, sqrt
from random import Random

from rayos_model.costs.parameters import PROBABILITIES


class Noise:
    """A stream of draws, named by (seed, stream).

    `persistence` has, by time constant in ns, the share of the variance that lasts so long (of standard normal scores:
    a Gaussian copula); draws are otherwise independent. Each is an Ornstein-Uhlenbeck process (Uhlenbeck and Ornstein,
    1930): its correlation with itself decays exponentially.
    """

    def __init__(self, seed: int, stream: int, persistence: Mapping[int, float] | None = None) -> None:
        self._normal = Random(seed << 16 | stream).gauss
        self._lasting = [_Lasting(tau_ns, share, self._normal) for tau_ns, share in sorted((persistence or {}).items())]
        self._rest = sqrt(max(1.0 - sum(lasting.share for lasting in self._lasting), 0.0))

    def draw(self, spread: Sequence[float], now_ns: int = 0) -> float:
        """From the distribution whose quantiles at `PROBABILITIES` are given; linear between them."""
        score = self._rest * self._normal(0.0, 1.0)
        for lasting in self._lasting:
            score += lasting.at(now_ns)
        drawn = erfc(-score / sqrt(2)) / 2
        above = min(bisect_right(PROBABILITIES, drawn), len(PROBABILITIES) - 1)
        low, high = PROBABILITIES[above - 1], PROBABILITIES[above]
        return spread[above - 1] + (spread[above] - spread[above - 1]) * (drawn - low) / (high - low)


class _Lasting:
    """An Ornstein-Uhlenbeck process of mean zero; `share` is its variance."""

    def __init__(self, tau_ns: int, share: float, normal: Callable[[float, float], float]) -> None:
        self.share = share
        self._tau_ns = tau_ns
        self._normal = normal
        self._value = normal(0.0, sqrt(share))
        self._as_of = 0

    def at(self, now_ns: int) -> float:
        """Its value, for instants in any order: it does not go back."""
        passed = now_ns - self._as_of
        if passed > 0:
            kept = exp(-passed / self._tau_ns)
            self._value = kept * self._value + self._normal(0.0, sqrt(self.share * (1.0 - kept * kept)))
            self._as_of = now_ns
        return self._value
