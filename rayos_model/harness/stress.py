"""Stress tests: clients under a background load, often in steps, and the latency at each level of the load.

    harness = StressTestHarness.for_scenario(load_shipped("stress-curve"))
    result = harness.run(ModelSystem(load_calibration("icount")))
    assert result.passed, result.diagnostics

Must not know which system it runs on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from rayos_model.analysis.degradation import DegradationAnalyzer, ResourceMonitor
from rayos_model.contract.markers import parse
from rayos_model.harness.harness import Harness, Result, failed_criteria
from rayos_model.harness.workload import ClientWorkload
from rayos_model.run.run import Run
from rayos_model.scenario.tables import Load


@dataclass(frozen=True, slots=True)
class LoadGenerator:
    """The background load of a test: the keys of its scenario's `[load]` table, with the same meaning and units."""

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
class StressTestResult(Result):
    """The outcome of a stress test: the degradation curve, and resource use per second.

    `diagnostics` has a line for each failed criterion and for each place where the curve is not graceful.
    """

    curve: DegradationAnalyzer
    resources: ResourceMonitor

    @classmethod
    def of(cls, run: Run) -> Self:
        """Judges a finished run by its criteria, by the verdict of the system itself, and, for a load in steps, by the
        degradation curve.
        """
        curve = DegradationAnalyzer.of(run)
        lines = failed_criteria(run)
        complete = parse(run.markers()).named("RAYOS_STRESS:COMPLETE")
        if [marker["result"] for marker in complete] != ["pass"]:
            lines.append("the system itself did not report a pass: see its RAYOS_DIAG lines")
        lines += curve.failures
        return cls(run, not lines, tuple(lines), curve, ResourceMonitor.of(run))


class StressTestHarness(Harness[StressTestResult]):
    """Clients under a background load. The resource limits of the test are the scenario's table `machine`."""

    kind = "stress"
    result = StressTestResult

    def __init__(
        self,
        workloads: Iterable[ClientWorkload],
        load: LoadGenerator,
        duration_s: float,
        *,
        name: str | None = None,
        seed: int = 1,
        criteria: Mapping[str, str] | None = None,
        **tables: Any,
    ) -> None:
        """As `Harness`, under the background load `load`."""
        tables["load"] = load.to_table()
        super().__init__(workloads, duration_s, name=name, seed=seed, criteria=criteria, **tables)

    @property
    def load(self) -> Load:
        """The `[load]` table of the scenario."""
        return self.scenario.load
