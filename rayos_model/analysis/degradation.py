"""Degradation curve of a stress run: latency over load, and whether it is graceful. Must not know the system."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pandas as pd

from rayos_model.contract.abi import TraceKind
from rayos_model.contract.markers import parse
from rayos_model.metrics.histogram import LatencyHistogram
from rayos_model.run.run import Run
from rayos_model.scenario.tables import NS

NOISE: Final = 0.05
"""Relative change of latency below which it counts as unchanged: the tolerance of predictions."""


@dataclass(frozen=True, slots=True)
class ResourceMonitor:
    """Resource use per second: columns second (from 1), level, settled, cpu_percent, memory_kb, p99_us.

    A second is settled if the level was the same in the second before, or if steps last one second.
    """

    seconds: pd.DataFrame

    @classmethod
    def of(cls, run: Run) -> Self:
        """From a finished run. A run without load has level 0 throughout."""
        levels = _levels(run)
        table = run.metrics.seconds
        count = min(len(levels), len(table["time_s"]))
        settled = [run.scenario.load.step_s == 1 or (i > 0 and levels[i - 1] == levels[i]) for i in range(count)]
        columns = {name: table[name][:count] for name in ("cpu_percent", "memory_kb", "p99_us")}
        seconds = {"second": range(1, count + 1), "level": levels[:count], "settled": settled, **columns}
        return cls(pd.DataFrame(seconds))

    def at(self, level: float) -> pd.DataFrame:
        """The settled seconds at a level."""
        return self.seconds[self.seconds["settled"] & (self.seconds["level"] == level)]

    @property
    def levels(self) -> list[float]:
        """The levels with at least one settled second, ascending."""
        return sorted(float(level) for level in self.seconds.loc[self.seconds["settled"], "level"].unique())


def _levels(run: Run) -> list[float]:
    """The level of each second. LOAD_APPLIED follows the first snapshot at its level."""
    levels: list[float] = []
    level = 0.0
    for marker in parse(run.markers()).markers:
        if marker.name == "RAYOS_SOAK:METRICS_SNAPSHOT":
            levels.append(level)
        elif marker.name == "RAYOS_STRESS:LOAD_APPLIED":
            level = levels[-1] = float(marker["level"])
    return levels


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def over(self, base: Estimate) -> Estimate:
        """The ratio to `base`; relative errors of independent estimates add in quadrature."""
        if not base.value or math.isinf(self.value):
            return Estimate(math.inf, math.inf, math.inf)
        ratio = self.value / base.value
        down = math.hypot(math.log(self.value / self.low), math.log(base.high / base.value))
        up = math.hypot(math.log(self.high / self.value), math.log(base.value / base.low))
        return Estimate(ratio, ratio * math.exp(-down), ratio * math.exp(up))


_NEVER: Final = Estimate(math.inf, math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Commit-to-present at a level, and its ratio to that at the lowest level; infinite if no frame was shown."""

    level: float
    samples: int
    cpu_percent: float
    p50_us: Estimate
    p99_us: Estimate
    p50_ratio: Estimate
    p99_ratio: Estimate


@dataclass(frozen=True, slots=True)
class DegradationAnalyzer:
    """The degradation curve of a run, lowest level first, and whether it is graceful.

    Graceful means: from each level to the next the p99 ratio does not fall by more than `NOISE` (monotone), and does
    not rise by more than `max_slope` times the difference of levels (no cliff).
    """

    points: tuple[CurvePoint, ...]
    max_slope: float

    @classmethod
    def of(cls, run: Run) -> Self:
        """From a finished run. Raises `ValueError` when no level has a settled second."""
        monitor = ResourceMonitor.of(run)
        records = run.trace(TraceKind.M_COMMIT_TO_PRESENT)
        ended = records["time_ns"] // NS + 1
        points: list[CurvePoint] = []
        for level in monitor.levels:
            seconds = monitor.at(level)
            histogram = LatencyHistogram()
            histogram.add(records["arg"][np.isin(ended, seconds["second"])])
            p50, p99 = (_estimate(histogram, p) for p in (0.5, 0.99))
            base = points[0] if points else None
            cpu = float(seconds["cpu_percent"].astype(float).mean())
            points.append(
                CurvePoint(
                    level=level,
                    samples=histogram.count,
                    cpu_percent=cpu,
                    p50_us=p50,
                    p99_us=p99,
                    p50_ratio=p50.over(base.p50_us if base else p50),
                    p99_ratio=p99.over(base.p99_us if base else p99),
                )
            )
        if not points:
            raise ValueError("no level of load lasted two whole seconds; expected longer steps (load.step_s)")
        return cls(tuple(points), run.scenario.load.max_slope)

    @property
    def failures(self) -> tuple[str, ...]:
        """Reasons why the curve is not graceful, one line each."""
        lines = []
        for before, after in zip(self.points, self.points[1:], strict=False):
            where = f"from level {before.level:g} to {after.level:g}"
            slope = (after.p99_ratio.value - before.p99_ratio.value) / (after.level - before.level)
            if math.isinf(after.p99_ratio.value):
                lines.append(f"{where} no more frames are shown")
            elif slope > self.max_slope:
                lines.append(f"{where} the p99 ratio rises by {slope:.2f} per unit of load, above {self.max_slope:g}")
            if after.p99_ratio.high < before.p99_ratio.low * (1 - NOISE):
                lines.append(f"{where} latency falls by more than the noise")
        return tuple(lines)

    @property
    def graceful(self) -> bool:
        return not self.failures

    @property
    def knee(self) -> float | None:
        """The level at which latency starts to rise: the knee of the hinge function that best fits the p99 ratios.

        A hinge function is constant up to its knee and linear after it; least squares over all levels but the last.
        None if latency never rises above the noise.
        """
        levels = np.array([point.level for point in self.points])
        ratios = np.array([point.p99_ratio.value for point in self.points])
        ratios = np.where(np.isinf(ratios), 10 * np.max(ratios[np.isfinite(ratios)]), ratios)
        if len(levels) < 3 or ratios.max() < 1 + NOISE:
            return None

        def misfit(bend: float) -> float:
            hinge = np.column_stack([np.ones_like(levels), np.maximum(levels - bend, 0)])
            fitted = hinge @ np.linalg.lstsq(hinge, ratios, rcond=None)[0]
            return float(np.sum((ratios - fitted) ** 2))

        return float(min(levels[:-1], key=misfit))

    def table(self) -> pd.DataFrame:
        """One row per level: samples, CPU, p50 and p99 in µs, both ratios, the interval of the p99 ratio."""
        return pd.DataFrame(
            {
                "level": point.level,
                "samples": point.samples,
                "cpu_percent": point.cpu_percent,
                "p50_us": point.p50_us.value,
                "p99_us": point.p99_us.value,
                "p50_ratio": point.p50_ratio.value,
                "p99_ratio": point.p99_ratio.value,
                "p99_ratio_low": point.p99_ratio.low,
                "p99_ratio_high": point.p99_ratio.high,
            }
            for point in self.points
        )


def _estimate(histogram: LatencyHistogram, p: float) -> Estimate:
    if not histogram.count:
        return _NEVER
    low, high = histogram.interval(p)
    return Estimate(histogram.quantile(p) / 1000, low / 1000, high / 1000)
