"""Log-linear histogram of latencies: constant memory for runs of any length, quantiles within 0.4 %.

The package `hdrhistogram` (two significant digits, as many counters) takes one value per call, which for an array of
200,000 values takes a hundred times as long as counting the whole array in NumPy, and has no confidence intervals.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, Field
from scipy import special

from rayos_model.contract.strict import STRICT

_BITS: Final = 7
_LONGEST_NS: Final = (1 << 52) - 1
_BINS: Final = ((52 - _BITS) << _BITS) + (1 << _BITS)


def _bins(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bin of each value: exact below 256, then 128 bins per octave."""
    exponent = np.frexp(values.astype(np.float64))[1].astype(np.int64) - 1
    shift = np.maximum(exponent - _BITS, 0)
    return (shift << _BITS) + (values >> shift)


def _bounds() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lower bound and width of each bin."""
    bins = np.arange(_BINS, dtype=np.int64)
    shift = np.maximum((bins >> _BITS) - 1, 0)
    return (bins - (shift << _BITS)) << shift, np.int64(1) << shift


_LOW, _WIDTH = _bounds()
_MIDDLE = _LOW + (_WIDTH - 1) / 2


def representative(values_ns: ArrayLike) -> NDArray[np.float64]:
    """Middle of the bin of each value (ns, not negative): its value as a histogram represents it."""
    return _MIDDLE[_bins(np.minimum(np.asarray(values_ns), _LONGEST_NS).astype(np.int64))]


_Count = Annotated[int, Field(ge=0, lt=1 << 62)]


class HistogramForm(BaseModel):
    """The document of `LatencyHistogram.to_dict`."""

    model_config = STRICT

    min_ns: _Count
    max_ns: _Count
    total_ns: Annotated[int, Field(ge=0)]
    bins: list[_Count]
    counts: list[_Count]


class LatencyHistogram:
    """Counts of latencies in whole nanoseconds, 0 … 2⁵² − 1 (longer ones count as that).

    Mean, minimum and maximum are exact. A quantile is the order statistic of rank ⌈p·n⌉, known to its bin: its relative
    error is at most 1/256.
    """

    __slots__ = ("_counts", "_maximum", "_minimum", "_total")

    def __init__(self) -> None:
        self._counts: NDArray[np.int64] = np.zeros(_BINS, dtype=np.int64)
        self._minimum = _LONGEST_NS
        self._maximum = 0
        self._total = 0

    def add(self, values_ns: ArrayLike) -> None:
        """Count a value or an array of values, ns; any shape. Raises `ValueError` when one is negative."""
        values = np.atleast_1d(np.asarray(values_ns)).ravel()
        if values.size == 0:
            return
        if values.dtype.kind != "u" and values.min() < 0:
            raise ValueError(f"a latency cannot be negative, got {values.min()} ns")
        values = np.minimum(values, _LONGEST_NS).astype(np.int64)
        self._counts += np.bincount(_bins(values), minlength=_BINS)
        self._minimum = min(self._minimum, int(values.min()))
        self._maximum = max(self._maximum, int(values.max()))
        self._total += int(values.sum())

    def merge(self, other: LatencyHistogram) -> None:
        """Count everything that `other` counted."""
        self._counts += other._counts
        self._minimum = min(self._minimum, other._minimum)
        self._maximum = max(self._maximum, other._maximum)
        self._total += other._total

    @property
    def count(self) -> int:
        return int(self._counts.sum())

    @property
    def minimum_ns(self) -> int:
        """Smallest value, exact; 0 when empty."""
        return self._minimum if self.count else 0

    @property
    def maximum_ns(self) -> int:
        """Largest value, exact; 0 when empty."""
        return self._maximum

    @property
    def mean_ns(self) -> float:
        """Mean, exact. Raises `ValueError` when empty."""
        if not self.count:
            raise ValueError("an empty histogram has no mean")
        return self._total / self.count

    def quantile(self, p: float) -> float:
        """The p-quantile, ns. Raises `ValueError` when empty or p is outside 0 … 1."""
        if not 0 <= p <= 1:
            raise ValueError(f"expected a probability from 0 to 1, got {p}")
        count = self.count
        # The factor keeps p·n that rounding puts just above a whole number from giving one rank too many.
        return self._order_statistic(max(1, int(np.ceil(p * count * (1 - 1e-15)))))

    def interval(self, p: float, confidence: float = 0.95) -> tuple[float, float]:
        """Distribution-free confidence interval of the p-quantile, ns, from order statistics.

        Assumes independent values. The upper end is the maximum where the sample is too small for the upper rank.
        """
        count = self.count
        low, high = (_binomial_quantile((1 + side * confidence) / 2, count, p) for side in (-1, 1))
        return self._order_statistic(max(1, low)), self._order_statistic(min(count, high + 1))

    def distribution(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Empirical distribution function: (values in ns, ascending; share of values ≤ each)."""
        used = np.flatnonzero(self._counts)
        values = np.clip(_MIDDLE[used], self.minimum_ns, self.maximum_ns)
        return values, np.cumsum(self._counts[used]) / max(1, self.count)

    def _order_statistic(self, rank: int) -> float:
        cumulative = np.cumsum(self._counts)
        if cumulative[-1] == 0:
            raise ValueError("an empty histogram has no quantiles")
        if rank >= cumulative[-1]:
            return float(self._maximum)
        middle = _MIDDLE[int(np.searchsorted(cumulative, rank))]
        return float(min(max(middle, self._minimum), self._maximum))

    def to_dict(self) -> dict[str, Any]:
        """Sparse JSON-serialisable form."""
        used = np.flatnonzero(self._counts)
        return {
            "min_ns": self.minimum_ns,
            "max_ns": self.maximum_ns,
            "total_ns": self._total,
            "bins": used.tolist(),
            "counts": self._counts[used].tolist(),
        }

    @classmethod
    def of(cls, form: HistogramForm) -> Self:
        """The inverse of `to_dict`. Raises `ValueError` where its parts contradict each other."""
        histogram = cls()
        if len(form.bins) != len(form.counts) or max(form.bins, default=0) >= len(histogram._counts):
            raise ValueError("expected one count for each bin of a histogram")
        histogram._counts[np.asarray(form.bins, dtype=np.int64)] = np.asarray(form.counts, dtype=np.int64)
        histogram._minimum = form.min_ns if form.counts else _LONGEST_NS
        histogram._maximum = form.max_ns
        histogram._total = form.total_ns
        return histogram

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LatencyHistogram) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]


def _binomial_quantile(share: float, count: int, p: float) -> int:
    """Smallest number of successes in `count` trials that is not exceeded with probability `share`.

    Equals scipy.stats.binom.ppf, without importing scipy.stats in every worker of a sweep.
    """
    found = int(np.ceil(special.bdtrik(share, count, p)))
    lower = max(found - 1, 0)
    return lower if special.bdtr(lower, count, p) >= share else found
