"""The histogram's promise: quantiles within 0.4 %, exact mean and extremes, whatever the order and the chunks."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from rayos_model.metrics.histogram import HistogramForm, LatencyHistogram, _binomial_quantile, representative

latencies = st.lists(st.integers(0, 2**50), min_size=1, max_size=200)


def histogram_of(values: list[int]) -> LatencyHistogram:
    histogram = LatencyHistogram()
    histogram.add(values)
    return histogram


@given(latencies, st.floats(0, 1))
def test_quantiles_are_order_statistics_within_the_promised_error(values: list[int], p: float) -> None:
    exact = sorted(values)[max(1, math.ceil(p * len(values))) - 1]
    # Half a bin of 128 in an octave is 1/256 = 0.39 %.
    assert histogram_of(values).quantile(p) == pytest.approx(exact, rel=0.0040, abs=0)


@given(latencies)
def test_mean_and_extremes_are_exact(values: list[int]) -> None:
    histogram = histogram_of(values)
    assert (histogram.count, histogram.minimum_ns, histogram.maximum_ns) == (len(values), min(values), max(values))
    assert histogram.mean_ns == sum(values) / len(values)


@given(latencies, latencies)
def test_merging_is_counting_together(first: list[int], second: list[int]) -> None:
    merged = histogram_of(first)
    merged.merge(histogram_of(second))
    assert merged == histogram_of(first + second)


def lognormal(seed: int, size: int, shape: float) -> NDArray[np.int64]:
    return np.asarray(np.random.default_rng(seed).lognormal(12, shape, size), np.int64)


samples = st.builds(lognormal, st.integers(0, 2**32), st.integers(1, 30_000), st.floats(0, 3))
whole_arrays = settings(max_examples=25, deadline=None)


@whole_arrays
@given(samples)
def test_quantiles_of_whole_arrays_are_numpys(values: NDArray[np.int64]) -> None:
    histogram = LatencyHistogram()
    histogram.add(values)
    for p in (0.0, 0.5, 0.95, 0.99, 0.999, 1.0):
        exact = np.quantile(values, p, method="inverted_cdf")
        assert histogram.quantile(p) == pytest.approx(exact, rel=0.0040, abs=0), p
    assert histogram.mean_ns == int(values.sum()) / len(values)


@whole_arrays
@given(samples, st.integers(1, 7))
def test_merging_chunks_loses_nothing(values: NDArray[np.int64], chunks: int) -> None:
    whole, merged = LatencyHistogram(), LatencyHistogram()
    whole.add(values)
    for chunk in np.array_split(values, chunks):
        part = LatencyHistogram()
        part.add(chunk)
        merged.merge(part)
    assert merged == whole


@whole_arrays
@given(samples)
def test_an_interval_lies_between_the_order_statistics_of_its_ranks(values: NDArray[np.int64]) -> None:
    histogram = LatencyHistogram()
    histogram.add(values)
    ordered = np.sort(values)
    for p in (0.5, 0.999):
        low, high = histogram.interval(p)
        ranks = stats.binom.interval(0.95, len(values), p)
        assert low == pytest.approx(ordered[max(int(ranks[0]) - 1, 0)], rel=0.0040, abs=0)
        assert high == pytest.approx(ordered[min(int(ranks[1]), len(values) - 1)], rel=0.0040, abs=0)
        assert low <= histogram.quantile(p) <= high


@pytest.mark.parametrize(("p", "count"), [(0.99, 1000), (0.999, 8000)])
def test_intervals_of_the_tail_cover_the_true_quantile(p: float, count: int) -> None:
    random = np.random.default_rng(24)
    true = -1e6 * math.log(1 - p)
    hits = 0
    for _ in range(300):
        histogram = LatencyHistogram()
        histogram.add(random.exponential(1e6, count).astype(np.int64))
        low, high = histogram.interval(p)
        # An end is known to its bin: half a bin's width is not a miss.
        hits += low * (1 - 1 / 256) <= true <= high * (1 + 1 / 256)
    # Nominal 95 %; three standard errors of a share over 300 trials are 3.8 points.
    assert hits / 300 >= 0.95 - 0.038


def test_what_a_histogram_would_know_of_a_value_is_its_bins_middle() -> None:
    values = np.array([0, 7, 255, 300, 12_345, 10**9, 2**60])
    known = representative(values)
    assert known[:3].tolist() == [0, 7, 255]
    assert known[3:-1] == pytest.approx(values[3:-1], rel=0.0040, abs=0)
    assert known[-1] == pytest.approx(2**52, rel=0.0040)


@given(latencies)
def test_json_keeps_everything(values: list[int]) -> None:
    histogram = histogram_of(values)
    assert LatencyHistogram.of(HistogramForm.model_validate_json(json.dumps(histogram.to_dict()))) == histogram


def test_an_empty_histogram_says_so() -> None:
    empty = LatencyHistogram()
    empty.add([])
    assert LatencyHistogram.of(HistogramForm(**empty.to_dict())) == empty
    assert (empty.count, empty.minimum_ns, empty.maximum_ns) == (0, 0, 0)
    with pytest.raises(ValueError, match="empty"):
        _ = empty.mean_ns
    with pytest.raises(ValueError, match="empty"):
        empty.quantile(0.5)


def test_negative_latencies_are_refused_and_endless_ones_counted() -> None:
    histogram = LatencyHistogram()
    with pytest.raises(ValueError, match="negative"):
        histogram.add(-1)
    histogram.add(np.array([2**64 - 1], dtype=np.uint64))
    assert histogram.maximum_ns == 2**52 - 1


def test_the_interval_covers_the_true_quantile_as_often_as_it_says() -> None:
    random = np.random.default_rng(24)
    true = 1e6 * math.log(2)
    hits = 0
    for _ in range(300):
        histogram = LatencyHistogram()
        histogram.add(random.exponential(1e6, 200).astype(np.int64))
        low, high = histogram.interval(0.5)
        hits += low <= true <= high
    # Nominal 95 %; three standard errors of a share over 300 trials are 3.8 points.
    assert hits / 300 >= 0.95 - 0.038


def test_the_distribution_ends_at_one() -> None:
    values, share = histogram_of([1, 5, 5, 900]).distribution()
    assert values[:2].tolist() == [1, 5]
    assert share.tolist() == [0.25, 0.75, 1.0]


@given(st.integers(1, 10**8), st.sampled_from([0.5, 0.95, 0.99, 0.999]), st.sampled_from([0.025, 0.975, 0.005]))
def test_binomial_quantiles_are_those_of_scipy(count: int, p: float, share: float) -> None:
    assert _binomial_quantile(share, count, p) == stats.binom.ppf(share, count, p)
