"""Soak tests: N clients for a duration, on any system, judged and diagnosed client by client.

    harness = SoakTestHarness([ClientWorkload.of("rendering", count=4)], duration_s=3600)
    result = harness.run(ModelSystem(load_calibration("icount")))
    assert result.passed, result.diagnostics

Must not know which system it runs on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from rayos_model.analysis.clients import ClientDiagnosis, VirtualClient, diagnose_clients, virtual_clients
from rayos_model.harness.harness import Harness, Result, failed_criteria
from rayos_model.run.run import Run


@dataclass(frozen=True, slots=True)
class SoakTestResult(Result):
    """The outcome of a soak test. It passes when every criterion holds.

    `diagnostics` has a line for each failed criterion and, also in a soak that passed, for each client that did not
    end as it should.
    """

    @classmethod
    def of(cls, run: Run) -> Self:
        """Judges a finished run."""
        failed = failed_criteria(run)
        unhealthy = [_describe(client) for client in diagnose_clients(run) if not client.healthy]
        return cls(run, not failed, (*failed, *unhealthy))


def _describe(diagnosis: ClientDiagnosis) -> str:
    departures = ", ".join(diagnosis.departures) or "never left"
    refused = "; memory was refused to it" if diagnosis.refused else ""
    return (
        f"client {diagnosis.client.id} ({diagnosis.client.workload}): {diagnosis.lives} instances, "
        f"{diagnosis.crashes} crashes, {diagnosis.hangs} hangs, {diagnosis.protocol_errors} protocol errors; "
        f"{departures}{refused}"
    )


class SoakTestHarness(Harness[SoakTestResult]):
    """N clients for a duration. The constructor raises `BadInput` when its arguments make no valid scenario."""

    kind = "soak"
    result = SoakTestResult

    @property
    def clients(self) -> Sequence[VirtualClient]:
        """The clients of the scenario, by id."""
        return virtual_clients(self.scenario)
