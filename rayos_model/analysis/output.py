"""Statistics of simulation output: warm-up, intervals for correlated samples, run length. Must know arrays only.

Sources: White, Cobb, Spratt (2000), "A comparison of five steady-state truncation heuristics" (MSER-5); Law (2015),
"Simulation Modeling and Analysis", chapter 9 (batch means, replications, sequential procedures); Chow and Robbins
(1965) for stopping at a relative half-width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

_MAX_BATCHES: Final = 40
_MIN_BATCHES: Final = 10


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its two-sided confidence interval, in the unit of the samples."""

    mean: float
    half_width: float
    samples: int
    """Number of values or batches treated as independent."""
    confidence: float
    lag1: float = math.nan
    """Lag-1 autocorrelation of the batches; NaN for replications."""
    independent: bool = True
    """Whether the batches pass as independent; if not, the interval does not hold at `confidence`."""

    @property
    def low(self) -> float:
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        return self.mean + self.half_width

    @property
    def relative_half_width(self) -> float:
        """Half-width relative to the mean; infinite if the mean is 0 and the half-width is not."""
        if self.half_width == 0:
            return 0.0
        return self.half_width / abs(self.mean) if self.mean else math.inf


def mser5(series: ArrayLike) -> int:
    """Number of initial values that are warm-up, by MSER-5.

    The truncation point minimises the squared standard error of the remaining mean, Σ(x − x̄)² / n², over means of five
    values, within the first half of the series. A result at the end of that half means that the run is too short.
    Raises `ValueError` for fewer than 20 values.
    """
    values = np.asarray(series, dtype=np.float64)
    if len(values) < 20:
        raise ValueError(f"expected at least 20 values, got {len(values)}")
    means = values[: len(values) // 5 * 5].reshape(-1, 5).mean(axis=1)
    left = np.arange(len(means), 0, -1)
    centred = means - means.mean()  # avoids cancellation
    sums, squares = np.cumsum(centred[::-1])[::-1], np.cumsum(centred[::-1] ** 2)[::-1]
    criterion = (squares - sums**2 / left) / left.astype(np.float64) ** 2
    return 5 * int(np.argmin(criterion[: len(means) // 2 + 1]))


def lag1_autocorrelation(series: ArrayLike) -> float:
    """Lag-1 autocorrelation; 0 for a constant series. Raises `ValueError` for fewer than 3 values."""
    values = np.asarray(series, dtype=np.float64)
    if len(values) < 3:
        raise ValueError(f"expected at least 3 values, got {len(values)}")
    centred = values - values.mean()
    power = float(centred @ centred)
    return float(centred[:-1] @ centred[1:]) / power if power > 0 else 0.0


def batch_means(series: ArrayLike, confidence: float = 0.95) -> Estimate:
    """The mean of a correlated series, from the means of equal batches; see `batches`."""
    return batches(series, lambda part: float(part.mean()), confidence)


def batch_quantile(series: ArrayLike, p: float, confidence: float = 0.95) -> Estimate:
    """The p-quantile of a correlated series, from the quantiles (rank ⌈p·n⌉) of equal batches; see `batches`.

    A batch has at least 10 / (1 − p) values (1000 for a p99); the quantile of a smaller one is biased. With too few
    values for ten such batches the estimate is not `independent`.
    """
    min_size = math.ceil(10 / (1 - p) - 1e-6)
    return batches(series, lambda part: float(np.quantile(part, p, method="inverted_cdf")), confidence, min_size)


def batches(
    series: ArrayLike, statistic: Callable[[NDArray[np.float64]], float], confidence: float, min_size: int = 2
) -> Estimate:
    """A statistic of a correlated series, with Student's interval from its spread over equal batches.

    The interval is centred at the statistic of the whole series (sectioning; Asmussen and Glynn, "Stochastic
    Simulation", III.5). The number of batches b is the largest from 40 down to 10 with at least `min_size` values per
    batch and statistics that pass as independent: lag-1 autocorrelation at most 1.28/√b, the one-sided 10 % point under
    independence (only positive correlation makes an interval too short). If none passes, b is 10 and `independent` is
    False. Raises `ValueError` for fewer than 20 values.
    """
    values = np.asarray(series, dtype=np.float64)
    if len(values) < 2 * _MIN_BATCHES:
        raise ValueError(f"expected at least {2 * _MIN_BATCHES} values, got {len(values)}")
    for count in range(_MAX_BATCHES, _MIN_BATCHES - 1, -5):
        size = len(values) // count
        if size < min_size and count > _MIN_BATCHES:
            continue
        used = values[len(values) - size * count :]
        results = np.array([statistic(part) for part in used.reshape(count, size)])
        lag1 = lag1_autocorrelation(results)
        independent = size >= min_size and lag1 <= stats.norm.ppf(0.9) / math.sqrt(count)
        if independent:
            break
    centre = statistic(values)
    spread = math.sqrt(float(((results - centre) ** 2).sum()) / (count - 1) / count)
    return Estimate(centre, _student(confidence, count - 1) * spread, count, confidence, lag1, bool(independent))


def replications(values: Sequence[float], confidence: float = 0.95) -> Estimate:
    """The mean of independent replications, with Student's interval. Raises `ValueError` for fewer than two."""
    if len(values) < 2:
        raise ValueError(f"expected at least 2 replications, got {len(values)}")
    array = np.asarray(values, dtype=np.float64)
    spread = float(array.std(ddof=1)) / math.sqrt(len(array))
    return Estimate(float(array.mean()), _student(confidence, len(array) - 1) * spread, len(array), confidence)


def until_precise(
    sample: Callable[[int], float],
    relative_half_width: float,
    *,
    confidence: float = 0.95,
    min_samples: int = 5,
    max_samples: int = 100,
) -> Estimate:
    """Replicates until the half-width is at most this share of the mean; `sample(r)` is the value of replication r.

    Starts with `min_samples` replications and stops after `max_samples`, possibly with a wider interval. Sequential
    stopping lowers the coverage slightly, the less the larger `min_samples` is.
    """
    values = [sample(r) for r in range(max(2, min_samples))]
    while (estimate := replications(values, confidence)).relative_half_width > relative_half_width:
        if len(values) >= max_samples:
            break
        values.append(sample(len(values)))
    return estimate


def samples_for_quantile(p: float, confidence: float = 0.95) -> int:
    """Smallest number of independent samples of which one exceeds the p-quantile with this confidence (p99: 299)."""
    return math.ceil(math.log(1 - confidence) / math.log(p))


def _student(confidence: float, degrees: int) -> float:
    return float(stats.t.ppf(0.5 + confidence / 2, degrees))
