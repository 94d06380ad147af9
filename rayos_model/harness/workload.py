"""A group of clients that do the same work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rayos_model.scenario.tables import DEFAULT_RATE_HZ, WorkloadName


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
