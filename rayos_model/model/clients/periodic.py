"""A client that acts once a period."""

from __future__ import annotations

from rayos_model.contract.image import Group
from rayos_model.model.clients.client import Client
from rayos_model.model.core import Core


class Periodic(Client):
    """A client that acts one gap after its first frame, then each gap after the last scheduled time."""

    def __init__(self, core: Core, group: Group, identity: int, generation: int, end_ns: int) -> None:
        super().__init__(core, group, identity, generation, end_ns)
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
