"""Performance profiling: latency, throughput, memory and CPU time of one scenario on any system.

    report = PerformanceProfiler(load_shipped("perf-buffer-commit")).run(KernelSystem())
    print(report.latency["buffer_commit"].quantile(0.999), report.throughput["frames"])

Must not know which system it runs on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import pandas as pd

from rayos_model.contract.markers import Marker, parse
from rayos_model.contract.metric_units import OPERATIONS, QUANTILE_OF
from rayos_model.errors import BadInput
from rayos_model.harness.harness import Harness, Result, failed_criteria
from rayos_model.metrics.histogram import LatencyHistogram as LatencyHistogram
from rayos_model.metrics.resources import ResourceTracker as ResourceTracker
from rayos_model.metrics.throughput import ThroughputCounter as ThroughputCounter
from rayos_model.run.run import Run
from rayos_model.scenario.scenario import Scenario

PROFILED: Final = OPERATIONS[:6]
"""Operations whose latency the RAYOS_PERF markers report; see profile.c of the kernel."""

_SAMPLE_TOLERANCE: Final = 1 / 128
"""Relative. Both histograms know a quantile to 1/256 of its value."""


@dataclass(frozen=True, slots=True)
class PerformanceReport(Result):
    """The measurements of a profiled run.

    `latency`: operation → histogram (ns). `throughput`: `frames`, `commits`, `events`, `clients` → per second.
    `resources`: metric of CPU and memory → value in the unit of `metric_units.METRIC_UNITS`.
    """

    latency: Mapping[str, LatencyHistogram]
    throughput: Mapping[str, float]
    resources: Mapping[str, float]

    @classmethod
    def of(cls, run: Run) -> Self:
        """Reads a finished run."""
        values = {name: value.value for name, value in run.metrics.values.items()}
        throughput = {
            name.removeprefix("throughput."): rate for name, rate in values.items() if name.startswith("throughput.")
        }
        resources = {
            name: value
            for name, value in values.items()
            if name.partition(".")[0] in ("cpu", "memory", "fragmentation", "allocations")
        }
        latency = {op: run.metrics.histogram(op) for op in OPERATIONS if run.metrics.histogram(op).count}
        return cls(run, run.passed, tuple(failed_criteria(run)), latency, throughput, resources)

    def latencies(self) -> pd.DataFrame:
        """One row for each operation: count, quantiles and max, in µs.

        Each quantile of `metric_units.QUANTILE_OF` has three columns, the estimate and the ends of its 95 % interval:
        `p99`, `p99_low`, `p99_high`.
        """
        rows = {}
        for operation, histogram in self.latency.items():
            row: dict[str, float] = {"count": histogram.count}
            for name, p in QUANTILE_OF.items():
                low, high = histogram.interval(p)
                row |= {name: histogram.quantile(p) / 1000, f"{name}_low": low / 1000, f"{name}_high": high / 1000}
            rows[operation] = {**row, "max": histogram.maximum_ns / 1000}
        return pd.DataFrame.from_dict(rows, orient="index")

    def hot_paths(self) -> pd.DataFrame:
        """Self time by control-flow point as the kernel accounts it itself, largest share first.

        Columns: mean_us, share_percent (of all CPU time). Empty for a run of the model, which keeps no such accounts.
        """
        found: dict[str, dict[str, float]] = {}
        for marker in parse(self.run.markers()).named("RAYOS_PERF:REPORT"):
            group, _, point = str(marker["metric"]).partition(".")
            column = {"self_time": "mean_us", "self_share": "share_percent"}.get(group)
            if column:
                found.setdefault(point, {})[column] = float(marker["value"])
        table = pd.DataFrame.from_dict(found, orient="index", columns=["mean_us", "share_percent"])
        return table.sort_values("share_percent", ascending=False)


class PerformanceProfiler(Harness[PerformanceReport]):
    """A scenario of kind performance, to be profiled on any system."""

    kind = "performance"
    result = PerformanceReport

    def __init__(self, scenario: Scenario) -> None:
        """Raises `BadInput` for a scenario of another kind."""
        if scenario.kind != "performance":
            raise BadInput(f'{scenario.name}: expected kind = "performance", got "{scenario.kind}"')
        self.scenario = scenario


def marker_disagreements(run: Run) -> list[str]:
    """One line for each RAYOS_PERF marker that differs from the metric computed from the same run's trace.

    The system computes its markers itself, so agreement checks its histograms against ours.
    """
    log = parse(run.markers())
    problems = []
    for marker in log.named("RAYOS_PERF:SAMPLE"):
        quantile = {"50": "p50", "95": "p95", "99": "p99", "99.9": "p999"}[f"{float(marker['percentile']):g}"]
        problems += _disagreement(run, marker, f"{marker['operation']}.{quantile}", "latency_us", _SAMPLE_TOLERANCE)
    for marker in log.named("RAYOS_PERF:THROUGHPUT"):
        problems += _disagreement(run, marker, f"throughput.{marker['operation']}", "ops_per_sec", 1e-3)
    return problems


def _disagreement(run: Run, marker: Marker, metric: str, field: str, tolerance: float) -> list[str]:
    reported = float(marker[field])
    found = run.metrics.values.get(metric)
    if found is not None and abs(reported - found.value) <= tolerance * found.value + 0.002:
        return []
    computed = "nothing" if found is None else f"{found.value:g}"
    return [f"line {marker.line}: {marker}: computed from the trace: {computed}"]
