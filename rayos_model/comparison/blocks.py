"""Tests of a metric's change between two runs that are divided into blocks of time. Must not know which metric it is.

A `Stream` has one row per block of each run; its `statistic` computes the metric from sums of rows. If nothing changed,
exchanging the two runs' rows of any blocks gives an equally likely result (permutation test). Resampling blocks, the
same in both runs, gives the interval of the change (bootstrap). Blocks are used in place of samples because successive
samples are correlated.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from rayos_model.metrics.histogram import representative

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

_RESAMPLES: Final = 400
_SWAPS: Final = 2000
_MAX_LEVELS: Final = 2000
_SEED: Final = 24


def block_count(window: tuple[int, int]) -> int:
    """Number of blocks of a time window (start, end), ns: one per second, at least 40, at most 120."""
    return int(np.clip((window[1] - window[0]) // 1_000_000_000, 40, 120))


def block_of(times: NDArray[np.uint64], window: tuple[int, int]) -> Indices:
    """The block of each time, ns; −1 outside the window."""
    start, end = window
    at = times.astype(np.int64)
    inside = (at >= start) & (at < end)
    return np.where(inside, (at - start) * block_count(window) // (end - start), -1)


def count_table(blocks: Indices, columns: Indices, rows: int, width: int) -> Array:
    """Counts of each pair of block and column, shape (rows, width); block −1 is ignored."""
    inside = blocks >= 0
    flat = np.bincount(blocks[inside] * width + columns[inside], minlength=rows * width)
    return flat.reshape(rows, width).astype(np.float64)


@dataclass(frozen=True)
class Stream(ABC):
    """One metric of two runs: `baseline` and `current` have one row per block and the same columns."""

    baseline: Array
    current: Array

    @abstractmethod
    def statistic(self, sums: Array) -> Array:
        """The metric of each row of sums over blocks; NaN where it is undefined."""

    @abstractmethod
    def moved(self, by: float) -> Self:
        """The stream with the baseline's metric increased by the change `by`."""

    def difference(self, baseline: Array, current: Array) -> Array:
        """The change between two values of the metric; relative unless a subclass overrides it."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(current == baseline, 0.0, current / baseline - 1)

    def change(self) -> float:
        """The change from baseline to current."""
        sums = (table.sum(axis=0, keepdims=True) for table in (self.baseline, self.current))
        return float(self.difference(*map(self.statistic, sums))[0])

    def interval(self) -> tuple[float, float]:
        """95 % bootstrap interval of the change; infinite where the baseline's metric may be 0."""
        if np.array_equal(self.baseline, self.current):
            return 0.0, 0.0
        blocks = len(self.baseline)
        weights = np.random.default_rng(_SEED).multinomial(blocks, np.full(blocks, 1 / blocks), _RESAMPLES)
        draws = self.difference(*(self.statistic(weights @ table) for table in (self.baseline, self.current)))
        low, high = np.percentile(draws[~np.isnan(draws)], [2.5, 97.5], method="nearest")
        return float(low), float(high)

    def p_beyond(self, floor: float) -> float:
        """Two-sided p of the hypothesis that the metric changed by at most `floor`."""
        sign = 1.0 if self.change() > 0 else -1.0
        return min(1.0, 2 * self.moved(sign * floor)._p_of(sign))

    def _p_of(self, sign: float) -> float:
        """One-sided p of the hypothesis of no change against an increase (`sign` < 0: a decrease)."""

        def excess(baseline: Array, current: Array) -> Array:
            return sign * (self.statistic(current) - self.statistic(baseline))

        first, second = (table.sum(axis=0, keepdims=True) for table in (self.baseline, self.current))
        observed = excess(first, second)[0]
        if not observed > 0:
            return 1.0
        swapped = np.random.default_rng(_SEED).integers(0, 2, (_SWAPS, len(self.baseline))).astype(np.float64)
        exchange = swapped @ (self.current - self.baseline)
        return float((1 + np.count_nonzero(excess(first + exchange, second - exchange) >= observed)) / (1 + _SWAPS))


@dataclass(frozen=True)
class Latencies(Stream):
    """Counts of latencies, one column per level (ns, ascending). The metric is the p-quantile, or the mean."""

    levels: Array
    p: float | None = None

    @classmethod
    def of(cls, samples: tuple[Array, Array], blocks: tuple[Indices, Indices], rows: int) -> Self:
        """From the samples of both runs, ns, and their blocks.

        Levels are the values themselves, or histogram bins if there are more than `_MAX_LEVELS` values.
        """
        levels, at = np.unique(np.concatenate(samples), return_inverse=True)
        if len(levels) > _MAX_LEVELS:
            levels, at = np.unique(representative(np.concatenate(samples)), return_inverse=True)
        columns = np.split(at, [len(samples[0])])
        tables = [count_table(block, part, rows, len(levels)) for block, part in zip(blocks, columns, strict=True)]
        return cls(tables[0], tables[1], levels)

    def quantile(self, p: float) -> Self:
        """The same samples, with their p-quantile as the metric."""
        return replace(self, p=p)

    def statistic(self, sums: Array) -> Array:
        total = sums.sum(axis=1)
        if self.p is None:
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.asarray(sums @ self.levels / total, np.float64)
        rank = np.maximum(1.0, np.ceil(self.p * total * (1 - 1e-15)))
        level = (np.cumsum(sums, axis=1) < rank[:, None]).sum(axis=1)
        return np.where(total > 0, self.levels[np.minimum(level, len(self.levels) - 1)], np.nan)

    def moved(self, by: float) -> Self:
        levels = np.concatenate([self.levels * (1 + by), self.levels])
        order = np.argsort(levels, kind="stable")
        nothing = np.zeros_like(self.baseline)
        baseline = np.hstack([self.baseline, nothing])[:, order]
        return replace(
            self, baseline=baseline, current=np.hstack([nothing, self.current])[:, order], levels=levels[order]
        )

    def shift(self) -> float:
        """Hodges–Lehmann estimate of the shift, ns: median over pairs of blocks of their mean difference's average."""
        both = self.baseline.any(axis=1) & self.current.any(axis=1)
        means = [table[both] @ self.levels / table[both].sum(axis=1) for table in (self.baseline, self.current)]
        difference = means[1] - means[0]
        upper = np.triu_indices(len(difference))
        return float(np.median((difference[:, None] + difference)[upper] / 2)) if len(difference) else 0.0


@dataclass(frozen=True)
class Rates(Stream):
    """Two columns, numerator and denominator; the metric is their ratio."""

    def statistic(self, sums: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(sums[:, 0] / sums[:, 1], np.float64)

    def moved(self, by: float) -> Self:
        return replace(self, baseline=self.baseline * [1 + by, 1.0])


@dataclass(frozen=True)
class Percentages(Rates):
    """A ratio in per cent. Changes are in percentage points, because the baseline may be 0."""

    def statistic(self, sums: Array) -> Array:
        return 100 * super().statistic(sums)

    def difference(self, baseline: Array, current: Array) -> Array:
        return current - baseline

    def moved(self, by: float) -> Self:
        share = self.baseline[:, 0] + by / 100 * self.baseline[:, 1]
        return replace(self, baseline=np.column_stack([share, self.baseline[:, 1]]))
