"""Output analysis against processes whose answers are known: AR(1), M/M/1 (Lindley's recursion), constants."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from rayos_model.analysis.output import (
    batch_means,
    batch_quantile,
    lag1_autocorrelation,
    mser5,
    replications,
    samples_for_quantile,
    until_precise,
)


def ar1(n: int, phi: float, seed: int, start: float = 0.0) -> NDArray[np.float64]:
    """x_t = φ x_{t−1} + e_t, e standard normal: mean 0, variance 1 / (1 − φ²)."""
    noise = np.random.default_rng(seed).standard_normal(n)
    noise[0] += phi * start
    return np.asarray(signal.lfilter([1.0], [1.0, -phi], noise))


def mm1_waits(n: int, load: float, seed: int) -> NDArray[np.float64]:
    """Waiting times of an M/M/1 queue with service rate 1: mean ρ / (1 − ρ); W_k = S_k − min of S up to k."""
    rng = np.random.default_rng(seed)
    steps = np.concatenate([[0.0], rng.exponential(1, n - 1) - rng.exponential(1 / load, n - 1)])
    walk = np.cumsum(steps)
    return np.asarray(walk - np.minimum.accumulate(walk))


def coverage(hits: list[bool]) -> float:
    return sum(hits) / len(hits)


def test_replications_of_normal_values_cover_at_their_confidence() -> None:
    hits = []
    for seed in range(400):
        estimate = replications(list(np.random.default_rng(seed).normal(3, 1, 5)), 0.9)
        hits.append(estimate.low <= 3 <= estimate.high)
    assert abs(coverage(hits) - 0.9) < 0.06  # four standard errors of a share of 0.9 in 400


def test_batch_means_cover_the_mean_of_a_correlated_series_where_plain_intervals_do_not() -> None:
    batched, naive = [], []
    for seed in range(200):
        series = ar1(8000, 0.9, seed)
        estimate = batch_means(series, 0.95)
        batched.append(estimate.low <= 0 <= estimate.high)
        naive.append(abs(series.mean()) <= 1.96 * series.std() / math.sqrt(len(series)))
    assert coverage(batched) > 0.95 - 0.06  # four standard errors of a share of 0.95 in 200
    assert coverage(naive) < 0.75


def test_the_half_width_is_that_of_theory() -> None:
    widths = [batch_means(ar1(20_000, 0.8, seed)).half_width for seed in range(40)]
    exact = 1.96 / (1 - 0.8) / math.sqrt(20_000)  # asymptotic variance 1 / (1 − φ)²
    assert np.mean(widths) == pytest.approx(exact, rel=0.12)  # Student's quantile is 3 % above the normal's


def test_batch_means_of_a_queue_cover_its_mean_wait() -> None:
    load, hits = 0.6, []
    for seed in range(120):
        estimate = batch_means(mm1_waits(40_000, load, seed)[1000:], 0.95)
        hits.append(estimate.low <= load / (1 - load) <= estimate.high)
    assert coverage(hits) > 0.95 - 0.09  # four standard errors of a share of 0.95 in 120, and a bias towards short runs


def test_a_series_too_correlated_for_its_length_is_called_so() -> None:
    assert not batch_means(ar1(400, 0.999, 1)).independent
    assert batch_means(ar1(20_000, 0.5, 1)).independent


def test_a_batch_quantile_covers_the_quantile() -> None:
    hits = []
    for seed in range(100):
        estimate = batch_quantile(ar1(20_000, 0.5, seed), 0.99)
        hits.append(estimate.low <= 2.3263 / math.sqrt(1 - 0.25) <= estimate.high)
    assert coverage(hits) > 0.95 - 0.11  # four standard errors in 100, and the quantile's bias of order 1 / batch


def test_a_p99_of_few_values_is_not_trusted() -> None:
    assert not batch_quantile(ar1(2_000, 0.0, 1), 0.99).independent
    assert batch_quantile(ar1(20_000, 0.0, 3), 0.99).independent
    assert samples_for_quantile(0.99) == 299
    assert samples_for_quantile(0.5) == 5


def test_mser5_finds_where_a_transient_has_died_out() -> None:
    """It decays as φᵗ from 50: below the stationary deviation of 2.3 after 30 steps, below a tenth of it after 53."""
    cuts = [mser5(ar1(2000, 0.9, seed, start=50)) for seed in range(50)]
    assert 20 <= np.median(cuts) <= 80
    assert np.median([mser5(ar1(2000, 0.9, seed)) for seed in range(50)]) < np.median(cuts) + 200
    step = np.concatenate([np.full(100, 9.0), np.random.default_rng(1).normal(0, 1, 900)])
    assert 100 <= mser5(step) <= 130


def test_mser5_cuts_at_most_half() -> None:
    assert mser5(np.arange(1000.0)) == 500
    assert mser5(np.full(100, 7.0)) == 0
    with pytest.raises(ValueError, match="at least 20"):
        mser5([1.0] * 19)


def test_autocorrelation_is_that_of_the_process() -> None:
    assert lag1_autocorrelation(ar1(50_000, 0.7, 2)) == pytest.approx(0.7, abs=0.015)  # four standard errors: 0.013
    assert lag1_autocorrelation([1.0, 1.0, 1.0]) == 0


def test_replication_goes_on_until_the_interval_is_as_narrow_as_asked() -> None:
    rng = np.random.default_rng(5)
    draws = rng.normal(100, 10, 1000)
    estimate = until_precise(lambda r: float(draws[r]), 0.02, max_samples=1000)
    assert estimate.relative_half_width <= 0.02
    assert estimate.samples == pytest.approx((1.96 * 10 / 2) ** 2, rel=0.5)
    assert until_precise(lambda r: float(draws[r]), 0.001, max_samples=20).samples == 20
    assert until_precise(lambda r: 5.0, 0.01).samples == 5


def test_too_few_values_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        replications([1.0])
    with pytest.raises(ValueError, match="at least 20"):
        batch_means([1.0] * 19)
