"""Stress tests: background load in steps on any system, and what it does to latency. Must not know which system it is.

harness = StressTestHarness.for_scenario(scenario.load("stress-curve"))
result = harness.run(ModelSystem(load_calibration("icount")))
assert result.passed, result.diagnostics
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pandas as pd

from rayos_model.abi import TraceKind
from rayos_model.histogram import LatencyHistogram
from rayos_model.markers import parse
from rayos_model.metrics import Metrics
from rayos_model.run import Run
from rayos_model.scenario import NS, Load, Scenario, from_dict
from rayos_model.soak import ClientWorkload
from rayos_model.systems import ProgressFn, System, execute

NOISE: Final = 0.05
"""Relative; a rise or fall of latency below it is no degradation and no improvement: what predictions are held to."""


@dataclass(frozen=True, slots=True)
class LoadGenerator:
    """The background load of a test: the `[load]` table of its scenario, whose keys its fields are."""

    cpu_threads: int = 0
    cpu_priority: int = 10
    steps: tuple[float, ...] = ()
    step_s: int = 5
    latency_limit_ms: float | None = None
    max_slope: float = 2.0

    def to_table(self) -> dict[str, Any]:
        """The `[load]` table."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class ResourceMonitor:
    """What a run used, second by second: columns second (from 1), level, settled, cpu_percent, memory_kb, p99_us.

    A second is settled when the level was the same in the second before it, or when steps last one second.
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
        """The levels that were held for a settled second, ascending."""
        return sorted(float(level) for level in self.seconds.loc[self.seconds["settled"], "level"].unique())


def _levels(run: Run) -> list[float]:
    """The level of each second: LOAD_APPLIED follows the first snapshot of its level."""
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
        """Their ratio; relative errors of independent estimates add in squares."""
        if not base.value or math.isinf(self.value):
            return Estimate(math.inf, math.inf, math.inf)
        ratio = self.value / base.value
        down = math.hypot(math.log(self.value / self.low), math.log(base.high / base.value))
        up = math.hypot(math.log(self.high / self.value), math.log(base.value / base.low))
        return Estimate(ratio, ratio * math.exp(-down), ratio * math.exp(up))


_NEVER: Final = Estimate(math.inf, math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Commit-to-present latency at a level, µs, and relative to that at the lowest. Infinite: no frame was shown."""

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

    Graceful: from each level to the next the p99 ratio falls by no more than the noise (monotone), and rises by no more
    than `max_slope` times the difference of levels (no cliff).
    """

    points: tuple[CurvePoint, ...]
    max_slope: float

    @classmethod
    def of(cls, run: Run) -> Self:
        """From a finished run. Raises `ValueError` when no level was held long enough to be measured."""
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
            raise ValueError("no level of load was held for a whole second after its first")
        return cls(tuple(points), run.scenario.load.max_slope)

    @property
    def failures(self) -> tuple[str, ...]:
        """Why the curve is not graceful, a line each."""
        lines = []
        for before, after in zip(self.points, self.points[1:], strict=False):
            where = f"from level {before.level:g} to {after.level:g}"
            slope = (after.p99_ratio.value - before.p99_ratio.value) / (after.level - before.level)
            if math.isinf(after.p99_ratio.value):
                lines.append(f"{where} frames stop being shown")
            elif slope > self.max_slope:
                lines.append(f"{where} the p99 ratio rises by {slope:.2f} per unit of load, above {self.max_slope:g}")
            if after.p99_ratio.high < before.p99_ratio.low * (1 - NOISE):
                lines.append(f"{where} latency falls beyond noise")
        return tuple(lines)

    @property
    def graceful(self) -> bool:
        return not self.failures

    @property
    def knee(self) -> float | None:
        """The level at which latency begins to rise: the bend of the hinge that fits the p99 ratios best.

        A hinge is flat up to its bend and straight after it; least squares over all bends but the last level. None when
        latency rises nowhere above the noise.
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
        """A row a level: samples, CPU, p50 and p99 in µs, both ratios with their intervals."""
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


@dataclass(frozen=True, slots=True)
class StressTestResult:
    """The outcome of a stress test; `diagnostics` has a line for each criterion that failed, and for each cliff."""

    run: Run
    curve: DegradationAnalyzer
    resources: ResourceMonitor
    passed: bool
    diagnostics: tuple[str, ...]

    @property
    def metrics(self) -> Metrics:
        return self.run.metrics

    @classmethod
    def of(cls, run: Run) -> Self:
        """Judge a finished run: its criteria, its own verdict, and, where the load goes in steps, the curve."""
        curve = DegradationAnalyzer.of(run)
        lines = [
            f"{verdict.metric}: required {verdict.required}, "
            + ("not measured" if verdict.measured is None else f"measured {verdict.measured:g} {verdict.unit}".rstrip())
            for verdict in run.verdicts
            if not verdict.ok
        ]
        complete = parse(run.markers()).named("RAYOS_STRESS:COMPLETE")
        if [marker["result"] for marker in complete] != ["pass"]:
            lines.append("the system itself found that something was wrong: see its RAYOS_DIAG lines")
        lines += curve.failures
        return cls(run, curve, ResourceMonitor.of(run), not lines, tuple(lines))


class StressTestHarness:
    """Clients under a background load. Raises `BadInput` when they make no valid scenario."""

    def __init__(
        self,
        workloads: Sequence[ClientWorkload],
        load: LoadGenerator,
        duration_s: float,
        *,
        name: str = "stress",
        seed: int = 1,
        criteria: Mapping[str, str] | None = None,
        **tables: Mapping[str, Any],
    ) -> None:
        """`tables` are further top-level tables of a scenario: `machine` (the limits of its resources), `display`."""
        self.scenario = from_dict(
            {
                "name": name,
                "kind": "stress",
                "duration_s": duration_s,
                "seed": seed,
                "clients": [workload.to_group() for workload in workloads],
                "load": load.to_table(),
                "criteria": dict(criteria or {}),
                **tables,
            },
            source=name,
        )

    @classmethod
    def for_scenario(cls, scenario: Scenario) -> Self:
        """A harness for a scenario that exists already."""
        harness = cls.__new__(cls)
        harness.scenario = scenario
        return harness

    @property
    def load(self) -> Load:
        return self.scenario.load

    def run(
        self, system: System, out: str | Path | None = None, progress: ProgressFn | None = None
    ) -> StressTestResult:
        """Run on a system; see `systems.execute` for what is raised."""
        return StressTestResult.of(execute(system, self.scenario, out, progress))
