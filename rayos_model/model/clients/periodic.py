"""A client that acts once a period."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rayos_model.contract.image import Group
    from rayos_model.model.machine import Machine
from rayos_model.model.clients.client import Client


class Periodic(Client):
    """A client that acts one gap after its first frame, then each gap after the last scheduled time."""

    def __init__(self, machine: Machine, group: Group, identity: int, generation: int, end_ns: int) -> None:
        super().__init__(machine, group, identity, generation, end_ns)
        self.next_ns: int | None = None

    def frame(self, now: int) -> None:
        if self.next_ns is None:
            self.next_ns = now + self.gap()

    def due(self) -> int | None:
        return self.next_ns

    def advance(self) -> None:
        """Schedules the next action."""
        assert self.next_ns is not None
        self.next_ns += self.gap()
