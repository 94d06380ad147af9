"""The clients of a run as it saw them: when each instance lived, and why it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rayos_model.contract.abi import TraceKind
from rayos_model.metrics.histogram import LatencyHistogram
from rayos_model.metrics.refusals import RefusalTracker
from rayos_model.run.run import Run
from rayos_model.scenario.scenario import Scenario
from rayos_model.scenario.tables import ClientGroup, WorkloadName

_DEPARTURES = ("left", "fault", "killed", "protocol error")


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
