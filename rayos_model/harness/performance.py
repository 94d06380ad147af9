"""Performance profiling: one scenario on any system, and what it says of latency, throughput, memory and CPU time.

report = PerformanceProfiler(load_shipped("perf-buffer-commit")).run(KernelSystem())
print(report.latency["buffer_commit"].quantile(0.999), report.throughput["frames"])

Must not know which system it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from rayos_model.contract.markers import Marker, parse
from rayos_model.contract.metric_units import OPERATIONS, QUANTILE_OF
from rayos_model.errors import BadInput
from rayos_model.metrics.histogram import LatencyHistogram as LatencyHistogram
from rayos_model.metrics.resources import ResourceTracker as ResourceTracker
from rayos_model.metrics.throughput import ThroughputCounter as ThroughputCounter
from rayos_model.run.run import Run
from rayos_model.run.system import ProgressFn, System, execute
from rayos_model.scenario.scenario import Scenario

PROFILED: Final = OPERATIONS[:6]
"""Operations that the RAYOS_PERF lines tell of; kernel/experiment/profile.c."""

_SAMPLE_TOLERANCE: Final = 1 / 128
"""Both histograms know a quantile to 1/256 of its value."""


@dataclass(frozen=True)
class PerformanceReport:
    """What a profiled run measured.

    `latency`: operation → histogram (ns). `throughput`: `frames`, `commits`, `events`, `clients` → 1/s.
    `resources`: metric of CPU and memory → value in the unit of `units.METRIC_UNITS`.
    """

    run: Run
    passed: bool
    latency: Mapping[str, LatencyHistogram]
    throughput: Mapping[str, float]
    resources: Mapping[str, float]

    @classmethod
    def of(cls, run: Run) -> PerformanceReport:
        """Read a finished run."""
        values = {name: value.value for name, value in run.metrics.values.items()}
        throughput = {
            name.removeprefix("throughput."): rate for name, rate in values.items() if name.startswith("throughput.")
        }
        resources = {
            name: value
            for name, value in values.items()
            if name.partition(".")[0] in ("cpu", "memory", "fragmentation", "allocations")
        }
        latency = {op: run.metrics.histograms[op] for op in OPERATIONS if run.metrics.histograms[op].count}
        return cls(run, run.passed, latency, throughput, resources)

    def latencies(self) -> pd.DataFrame:
        """Operation × (count, each quantile of `units.QUANTILE_OF` with its 95 % interval, max); µs."""
        rows = {}
        for operation, histogram in self.latency.items():
            row: dict[str, float] = {"count": histogram.count}
            for name, p in QUANTILE_OF.items():
                low, high = histogram.interval(p)
                row |= {name: histogram.quantile(p) / 1000, f"{name}_low": low / 1000, f"{name}_high": high / 1000}
            rows[operation] = {**row, "max": histogram.maximum_ns / 1000}
        return pd.DataFrame.from_dict(rows, orient="index")

    def hot_paths(self) -> pd.DataFrame:
        """Self time by control-flow point as the kernel itself accounted it, largest share first.

        Columns: mean_us, share_percent. Empty for the model, which spends costs and does not account them by point.
        """
        found: dict[str, dict[str, float]] = {}
        for marker in parse(self.run.markers()).named("RAYOS_PERF:REPORT"):
            group, _, point = str(marker["metric"]).partition(".")
            column = {"self_time": "mean_us", "self_share": "share_percent"}.get(group)
            if column:
                found.setdefault(point, {})[column] = float(marker["value"])
        table = pd.DataFrame.from_dict(found, orient="index", columns=["mean_us", "share_percent"])
        return table.sort_values("share_percent", ascending=False)


class PerformanceProfiler:
    """Runs a scenario of kind performance. Raises `BadInput` for one of another kind."""

    def __init__(self, scenario: Scenario) -> None:
        if scenario.kind != "performance":
            raise BadInput(f'{scenario.name}: expected kind = "performance", got "{scenario.kind}"')
        self.scenario = scenario

    def run(
        self, system: System, out: str | Path | None = None, progress: ProgressFn | None = None
    ) -> PerformanceReport:
        """Profile on a system; see `systems.execute` for what is raised."""
        return PerformanceReport.of(execute(system, self.scenario, out, progress))


def marker_disagreements(run: Run) -> list[str]:
    """Where the RAYOS_PERF lines, which the system wrote itself, differ from the metrics computed from its trace."""
    log = parse(run.markers())
    problems = []
    for marker in log.named("RAYOS_PERF:SAMPLE"):
        quantile = {"50": "p50", "95": "p95", "99": "p99", "99.9": "p999"}[f"{float(marker['percentile']):g}"]
        problems += _disagreement(run, marker, f"{marker['operation']}.{quantile}", "latency_us", _SAMPLE_TOLERANCE)
    for marker in log.named("RAYOS_PERF:THROUGHPUT"):
        problems += _disagreement(run, marker, f"throughput.{marker['operation']}", "ops_per_sec", 1e-3)
    return problems


def _disagreement(run: Run, marker: Marker, metric: str, field: str, tolerance: float) -> list[str]:
    said = float(marker[field])
    found = run.metrics.values.get(metric)
    if found is not None and abs(said - found.value) <= tolerance * found.value + 0.002:
        return []
    computed = "nothing" if found is None else f"{found.value:g}"
    return [f"line {marker.line}: {marker}: the trace says {computed}"]
