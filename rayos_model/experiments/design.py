"""Designs of experiments: grids of values, Latin hypercubes over ranges, and their product."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rayos_model.errors import BadInput
from rayos_model.scenario.keys import parse_value, split_values

Point = dict[str, Any]
"""Dotted key → value."""


@dataclass(frozen=True, slots=True)
class Range:
    """An interval for a Latin hypercube to sample; yields integers when both ends are integers."""

    low: float
    high: float

    def at(self, fraction: float) -> float:
        """The value at a fraction of the interval, 0 ≤ fraction < 1. An integer range includes both ends."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return self.low + int(fraction * (self.high - self.low + 1))
        return round(self.low + fraction * (self.high - self.low), 9)


def parse_setting(text: str) -> tuple[str, list[Any] | Range]:
    """Parses `KEY=V,V,…` or `KEY=LOW..HIGH`. Raises `BadInput` for anything else."""
    key, equals, values = text.partition("=")
    key = key.strip()
    if not equals or not key or not values.strip():
        raise BadInput(f"--set {text!r}: expected KEY=V,V,… or KEY=LOW..HIGH, such as clients=16,32,64")
    low, dots, high = values.partition("..")
    if not dots:
        return key, split_values(values)
    ends = [end for end in map(parse_value, (low, high)) if isinstance(end, int | float) and not isinstance(end, bool)]
    if len(ends) != 2 or ends[0] >= ends[1]:
        raise BadInput(f"--set {text!r}: expected two numbers LOW..HIGH with LOW below HIGH")
    return key, Range(ends[0], ends[1])


def design(settings: Mapping[str, Sequence[Any] | Range], samples: int | None, seed: int) -> list[Point]:
    """The points: every combination of the listed values, each with `samples` Latin hypercube points over all ranges.

    The hypercube (McKay, Beckman and Conover 1979; `scipy.stats.qmc`) is determined by `seed`. Raises `BadInput` for a
    range without a number of samples, or the reverse.
    """
    ranges = {key: values for key, values in settings.items() if isinstance(values, Range)}
    lists = {key: list(values) for key, values in settings.items() if not isinstance(values, Range)}
    if ranges and samples is None:
        raise BadInput(f"{next(iter(ranges))}: a range LOW..HIGH needs the number of samples: --lhs N")
    if samples is not None and (samples < 1 or not ranges):
        raise BadInput("--lhs: expected a number of at least 1, and at least one --set KEY=LOW..HIGH")
    cubes: list[Point] = [{}]
    if ranges and samples is not None:
        from scipy.stats import qmc

        fractions = qmc.LatinHypercube(len(ranges), rng=np.random.default_rng(seed)).random(samples)
        cubes = [{key: r.at(float(x)) for (key, r), x in zip(ranges.items(), row, strict=True)} for row in fractions]
    grid = [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]
    return [{key: {**fixed, **cube}[key] for key in settings} for fixed in grid for cube in cubes]
