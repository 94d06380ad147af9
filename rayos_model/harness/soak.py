"""Soak tests: clients × duration on any system, judged and diagnosed. Must not know which system it is.

harness = SoakTestHarness([ClientWorkload.of("rendering", count=4)], duration_s=3600)
result = harness.run(ModelSystem(load_calibration("icount")))
assert result.passed, result.diagnostics
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rayos_model.analysis.clients import VirtualClient, diagnose_clients, virtual_clients
from rayos_model.harness.workload import ClientWorkload
from rayos_model.metrics.metrics import Metrics
from rayos_model.run.run import Run
from rayos_model.run.system import ProgressFn, System, execute
from rayos_model.scenario.scenario import Scenario, from_dict


@dataclass(frozen=True, slots=True)
class SoakTestResult:
    """The outcome of a soak; `diagnostics` has one line for each criterion or client that failed."""

    run: Run
    passed: bool
    diagnostics: tuple[str, ...]

    @property
    def metrics(self) -> Metrics:
        return self.run.metrics

    @classmethod
    def of(cls, run: Run) -> SoakTestResult:
        """Judge a finished run."""
        failed = [verdict for verdict in run.verdicts if not verdict.ok]
        lines = [
            f"{verdict.metric}: required {verdict.required}, "
            + ("not measured" if verdict.measured is None else f"measured {verdict.measured:g} {verdict.unit}".rstrip())
            for verdict in failed
        ]
        for diagnosis in diagnose_clients(run):
            if not diagnosis.healthy:
                departures = ", ".join(diagnosis.departures) or "never left"
                lines.append(
                    f"client {diagnosis.client.id} ({diagnosis.client.workload}): {diagnosis.lives} lives, "
                    f"{diagnosis.crashes} crashes, {diagnosis.hangs} hangs, "
                    f"{diagnosis.protocol_errors} protocol errors; {departures}"
                    + ("; memory was refused to it" if diagnosis.refused else "")
                )
        return cls(run, not failed, tuple(lines))


class SoakTestHarness:
    """N clients for a duration. Raises `BadInput` when workloads or criteria make no valid scenario."""

    def __init__(
        self,
        workloads: Iterable[ClientWorkload],
        duration_s: float,
        *,
        name: str = "soak",
        seed: int = 1,
        criteria: Mapping[str, str] | None = None,
        **tables: Mapping[str, Any],
    ) -> None:
        """`tables` are further top-level tables of a scenario: `machine`, `display`."""
        self.scenario = from_dict(
            {
                "name": name,
                "kind": "soak",
                "duration_s": duration_s,
                "seed": seed,
                "clients": [workload.to_group() for workload in workloads],
                "criteria": dict(criteria or {}),
                **tables,
            },
            source=name,
        )

    @classmethod
    def for_scenario(cls, scenario: Scenario) -> SoakTestHarness:
        """A harness for a scenario that exists already."""
        harness = cls.__new__(cls)
        harness.scenario = scenario
        return harness

    @property
    def clients(self) -> Sequence[VirtualClient]:
        """The clients it will run."""
        return virtual_clients(self.scenario)

    def run(self, system: System, out: str | Path | None = None, progress: ProgressFn | None = None) -> SoakTestResult:
        """Run on a system; see `systems.execute` for what is raised."""
        return SoakTestResult.of(execute(system, self.scenario, out, progress))
