"""Stress tests: background load in steps on any system, and what it does to latency. Must not know which system it is.

harness = StressTestHarness.for_scenario(scenario.load("stress-curve"))
result = harness.run(ModelSystem(load_calibration("icount")))
assert result.passed, result.diagnostics
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from rayos_model.analysis.degradation import DegradationAnalyzer, ResourceMonitor
from rayos_model.contract.markers import parse
from rayos_model.harness.workload import ClientWorkload
from rayos_model.metrics.metrics import Metrics
from rayos_model.run.run import Run
from rayos_model.run.system import ProgressFn, System, execute
from rayos_model.scenario.scenario import Scenario, from_dict
from rayos_model.scenario.tables import Load


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
