"""A distribution's table holds its quantiles, in ns, at i/1024 and at the end at 1 − 1/8192."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from rayos_model.contract.abi import QUANTILES
from rayos_model.scenario.distribution import Constant, Empirical, Exponential, Gamma, Lognormal, Uniform

ALL = (
    Constant(value_us=3),
    Exponential(mean_us=500),
    Uniform(low_us=10, high_us=20),
    Lognormal(median_us=700, sigma=0.6),
    Gamma(mean_us=900, shape=2.5),
    Empirical(quantiles=(0, 10, 100)),
)


@pytest.mark.parametrize("distribution", ALL, ids=lambda one: str(one.dist))
def test_tables_are_ascending_whole_nanoseconds(distribution: Exponential) -> None:
    table = distribution.table()
    assert len(table) == QUANTILES
    assert list(table) == sorted(table)
    assert all(type(entry) is int and entry >= 0 for entry in table)


def test_quantiles_agree_with_closed_forms() -> None:
    exponential = Exponential(mean_us=500).table()
    assert exponential[512] == round(500_000 * math.log(2))
    assert exponential[0] == 0
    assert exponential[-1] == round(500_000 * math.log(8192))
    assert Uniform(low_us=10, high_us=20).table()[256] == 12_500
    assert Lognormal(median_us=700, sigma=0.6).table()[512] == 700_000
    assert Empirical(quantiles=(0, 10, 100)).table()[512] == 10_000
    assert set(Constant(value_us=3).table()) == {3000}


def test_quantiles_are_those_of_scipy() -> None:
    p = np.linspace(0, 0.9999, 777)
    for mine, theirs in (
        (Exponential(mean_us=321), stats.expon(scale=321)),
        (Uniform(low_us=7, high_us=1234), stats.uniform(loc=7, scale=1227)),
        (Lognormal(median_us=700, sigma=0.6), stats.lognorm(0.6, scale=700)),
        (Gamma(mean_us=450, shape=2.5), stats.gamma(2.5, scale=180)),
    ):
        assert mine.quantiles_us(p) == pytest.approx(theirs.ppf(p), rel=1e-12)


def test_impossible_parameters_are_refused() -> None:
    with pytest.raises(ValidationError, match="ascending"):
        Empirical(quantiles=(3, 1))
    with pytest.raises(ValidationError, match="high_us"):
        Uniform(low_us=5, high_us=2)
    with pytest.raises(ValidationError):
        Exponential(mean_us=math.inf)
