"""The workload of a group of clients: what each of them does, how often, and how many they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rayos_model.scenario.tables import DEFAULT_RATE_HZ, WorkloadName


@dataclass(frozen=True, slots=True)
class ClientWorkload:
    """A group of `count` clients, each repeating one activity `rate_hz` times per second.

    `settings` are further keys of the group's `[[clients]]` table: `surface`, `damage`, `think`, `priority` …
    """

    name: WorkloadName
    rate_hz: float
    count: int
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, name: WorkloadName, count: int = 1, rate_hz: float | None = None, **settings: Any) -> ClientWorkload:
        """A workload by name, by default at the rate of `DEFAULT_RATE_HZ`."""
        return cls(name, DEFAULT_RATE_HZ[name] if rate_hz is None else rate_hz, count, settings)

    def to_group(self) -> dict[str, Any]:
        """The group's `[[clients]]` table."""
        rate = {"rate_hz": self.rate_hz} if self.rate_hz else {}
        return {"count": self.count, "workload": self.name, **rate, **self.settings}
