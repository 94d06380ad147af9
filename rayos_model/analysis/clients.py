"""Diagnosis of each client of a run: instances, latency, failures and reasons of exit. Must not know the system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rayos_model.contract.abi import EndReason, TraceKind
from rayos_model.metrics.histogram import LatencyHistogram
from rayos_model.metrics.refusals import RefusalTracker
from rayos_model.run.run import Run
from rayos_model.scenario.scenario import Scenario
from rayos_model.scenario.tables import ClientGroup, WorkloadName

_DEPARTURES = ("left", "fault", "killed", "protocol error", "refused")


@dataclass(frozen=True, slots=True)
class VirtualClient:
    """One client of a scenario; `group` is the index of its group in `scenario.clients`."""

    id: int
    group: int
    workload: WorkloadName
    settings: ClientGroup


@dataclass(frozen=True, slots=True)
class ClientDiagnosis:
    """One client in a run's trace, warm-up included."""

    client: VirtualClient
    lives: int
    """Number of instances that were created."""
    commits: int
    latency: LatencyHistogram
    """Commit-to-present."""
    crashes: int
    hangs: int
    protocol_errors: int
    departures: tuple[str, ...]
    """How each instance ended: left, fault, killed or protocol error."""
    refused: bool
    """Whether an instance failed to start, or ended early, for lack of memory."""

    @property
    def healthy(self) -> bool:
        """Whether the client ran without refused memory, crash, hang, protocol error or kill."""
        return (
            self.lives > 0
            and not self.refused
            and all(reason == "left" for reason in self.departures)
            and not (self.crashes or self.hangs or self.protocol_errors)
        )


def virtual_clients(scenario: Scenario) -> list[VirtualClient]:
    """The clients of a scenario, in order of id."""
    groups = [(index, group) for index, group in enumerate(scenario.clients) for _ in range(group.count)]
    return [VirtualClient(id, index, group.workload, group) for id, (index, group) in enumerate(groups)]


def diagnose_clients(run: Run) -> list[ClientDiagnosis]:
    """The diagnosis of each client of a run, in order of id."""
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
        reasons = tuple(_DEPARTURES[min(int(reason), EndReason.REFUSED)] for reason in of(kinds.M_CLIENT_DESTROYED))
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
