"""Distributions of times in a scenario, compiled to the quantile tables from which both systems draw.

A table has 1025 whole nanoseconds in ascending order: entry i is the quantile at i/1024, the last at 1 − 1/8192. Must
not know what the times are for.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from scipy import special

from rayos_model.contract.abi import QUANTILES

_PROBABILITIES: Final = np.append(np.arange(QUANTILES - 1) / (QUANTILES - 1), 1 - 1 / 8192)

_LONGEST_US: Final = 4.4e9
_SHORTEST_US: Final = 0.001
LONGEST_NS: Final = 1 << 42
"""Upper bound of a table entry (73 minutes): the product in the interpolation then fits in 64 bits."""


class _Distribution(BaseModel):
    """A distribution of times, µs. A subclass defines `quantiles_us`, the quantiles at an array of probabilities."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def quantiles_us(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        raise NotImplementedError

    def table(self) -> tuple[int, ...]:
        """The quantile table, ns. Raises `ValueError` for a quantile of 2⁴² ns or more."""
        ns = np.maximum(np.rint(self.quantiles_us(_PROBABILITIES) * 1000.0), 0.0)
        if not np.all(np.isfinite(ns)) or ns.max() >= LONGEST_NS:
            raise ValueError(f"expected times below {LONGEST_NS / 1e9:.0f} s, got a longer quantile")
        return tuple(np.maximum.accumulate(ns.astype(np.int64)).tolist())

    @model_validator(mode="after")
    def _has_table(self) -> Self:
        self.table()
        return self


class Constant(_Distribution):
    dist: Literal["constant"] = "constant"
    value_us: float = Field(default=0.0, ge=0, le=_LONGEST_US, description="the value")

    def quantiles_us(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.full_like(p, self.value_us)


class Exponential(_Distribution):
    dist: Literal["exponential"] = "exponential"
    mean_us: float = Field(ge=_SHORTEST_US, le=_LONGEST_US, description="mean")

    def quantiles_us(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(-special.log1p(-p) * self.mean_us, dtype=np.float64)


class Uniform(_Distribution):
    dist: Literal["uniform"] = "uniform"
    low_us: float = Field(ge=0, le=_LONGEST_US, description="least value")
    high_us: float = Field(ge=_SHORTEST_US, le=_LONGEST_US, description="greatest value; at least low_us")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.high_us < self.low_us:
            raise ValueError(f"expected high_us ≥ low_us, got {self.high_us:g} < {self.low_us:g}")
        return self

    def quantiles_us(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        return p * (self.high_us - self.low_us) + self.low_us


class Lognormal(_Distribution):
    dist: Literal["lognormal"] = "lognormal"
    median_us: float = Field(ge=_SHORTEST_US, le=_LONGEST_US, description="median")
    sigma: float = Field(gt=0, le=10, description="standard deviation of the logarithm")

    def quantiles_us(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.exp(self.sigma * special.ndtri(p)) * self.median_us, dtype=np.float64)


class Gamma(_Distribution):
    dist: Literal["gamma"] = "gamma"
    mean_us: float = Field(ge=_SHORTEST_US, le=_LONGEST_US, description="mean")
    shape: float = Field(ge=1e-3, le=1e6, description="shape parameter")

    def quantiles_us(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(special.gammaincinv(self.shape, p) * (self.mean_us / self.shape), dtype=np.float64)


class Empirical(_Distribution):
    """Quantiles at evenly spaced probabilities from 0 to 1, ascending; interpolated linearly."""

    dist: Literal["empirical"] = "empirical"
    quantiles: tuple[Annotated[float, Field(ge=0, le=_LONGEST_US)], ...] = Field(
        min_length=2,
        max_length=65_536,
        description="values in µs at evenly spaced probabilities from 0 to 1, ascending",
    )

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if list(self.quantiles) != sorted(self.quantiles):
            raise ValueError("expected quantiles in ascending order")
        return self

    def quantiles_us(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.interp(p, np.linspace(0.0, 1.0, len(self.quantiles)), self.quantiles), dtype=np.float64)


Distribution = Annotated[Constant | Exponential | Uniform | Lognormal | Gamma | Empirical, Field(discriminator="dist")]
"""Any of them, such as `{ dist = "exponential", mean_us = 500 }`."""

DISTRIBUTIONS: Final[dict[str, type[_Distribution]]] = {
    "constant": Constant,
    "exponential": Exponential,
    "uniform": Uniform,
    "lognormal": Lognormal,
    "gamma": Gamma,
    "empirical": Empirical,
}

ZERO: Final = Constant()
