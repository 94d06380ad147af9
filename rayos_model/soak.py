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

import numpy as np

from rayos_model.abi import TraceKind
from rayos_model.histogram import LatencyHistogram
from rayos_model.metrics import Metrics
from rayos_model.refusals import RefusalTracker
from rayos_model.run import Run
from rayos_model.scenario import DEFAULT_RATE_HZ, ClientGroup, Scenario, WorkloadName, from_dict
from rayos_model.systems import ProgressFn, System, execute

_DEPARTURES = ("left", "fault", "killed", "protocol error")


@dataclass(frozen=True, slots=True)
class ClientWorkload:
    """What a group of clients does, how often, by how many; `settings` are further keys of `[[clients]]`."""

    name: WorkloadName
    rate_hz: float
    count: int
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, name: WorkloadName, count: int = 1, rate_hz: float | None = None, **settings: Any) -> ClientWorkload:
        """A workload at its default rate unless told otherwise."""
        return cls(name, DEFAULT_RATE_HZ[name] if rate_hz is None else rate_hz, count, settings)

    def to_group(self) -> dict[str, Any]:
        """Its `[[clients]]` table."""
        rate = {"rate_hz": self.rate_hz} if self.rate_hz else {}
        return {"count": self.count, "workload": self.name, **rate, **self.settings}


@dataclass(frozen=True, slots=True)
class VirtualClient:
    """One client of a scenario; `group` is its index in `scenario.clients`."""

    id: int
    group: int
    workload: WorkloadName
    settings: ClientGroup


@dataclass(frozen=True, slots=True)
class ClientDiagnosis:
    """What a run's trace tells of one client, warm-up included; latency is commit-to-present."""

    client: VirtualClient
    lives: int
    commits: int
    latency: LatencyHistogram
    crashes: int
    hangs: int
    protocol_errors: int
    departures: tuple[str, ...]
    refused: bool

    @property
    def healthy(self) -> bool:
        """Lived, and neither was refused memory, crashed, hung, broke the protocol nor was killed."""
        return (
            self.lives > 0
            and not self.refused
            and all(reason == "left" for reason in self.departures)
            and not (self.crashes or self.hangs or self.protocol_errors)
        )


def virtual_clients(scenario: Scenario) -> list[VirtualClient]:
    """The clients of a scenario, by id."""
    groups = [(index, group) for index, group in enumerate(scenario.clients) for _ in range(group.count)]
    return [VirtualClient(id, index, group.workload, group) for id, (index, group) in enumerate(groups)]


def diagnose_clients(run: Run) -> list[ClientDiagnosis]:
    """What the trace of a run tells of each of its clients, by id."""
    kinds = TraceKind
    records = run.trace(
        *(kinds.M_COMMIT_TO_PRESENT, kinds.M_BUFFER_COMMIT, kinds.M_CRASH, kinds.M_HANG, kinds.M_PROTOCOL_ERROR),
        *(kinds.M_CLIENT_CREATED, kinds.M_CLIENT_DESTROYED),
    )
    refusals = RefusalTracker(run.scenario)
    refusals.feed(records)
    refused = set(refusals.clients)
    records = records[np.argsort(records["subject"], kind="stable")]
    diagnoses = []
    for client in virtual_clients(run.scenario):
        first, last = np.searchsorted(records["subject"], [client.id, client.id + 1])
        own = records[first:last]

        def of(kind: TraceKind, own: Any = own) -> Any:
            return own["arg"][own["kind"] == kind]

        latency = LatencyHistogram()
        latency.add(of(kinds.M_COMMIT_TO_PRESENT))
        reasons = tuple(_DEPARTURES[min(int(reason), 3)] for reason in of(kinds.M_CLIENT_DESTROYED))
        diagnoses.append(
            ClientDiagnosis(
                client=client,
                lives=len(of(kinds.M_CLIENT_CREATED)),
                commits=len(of(kinds.M_BUFFER_COMMIT)),
                latency=latency,
                crashes=len(of(kinds.M_CRASH)),
                hangs=len(of(kinds.M_HANG)),
                protocol_errors=len(of(kinds.M_PROTOCOL_ERROR)),
                departures=reasons,
                refused=client.id in refused,
            )
        )
    return diagnoses


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
