"""A client that draws and commits a frame after each frame callback."""

from __future__ import annotations

from rayos_model.contract.abi import Workload
from rayos_model.contract.image import Group
from rayos_model.model.clients.client import Client
from rayos_model.model.core import Core
from rayos_model.model.cpu.thread import Body


class Rendering(Client):
    """Draws a frame at each frame callback, no faster than its rate."""

    workload = Workload.RENDERING

    def __init__(self, core: Core, group: Group, identity: int, generation: int, end_ns: int) -> None:
        super().__init__(core, group, identity, generation, end_ns)
        self._wake: int | None = None
        self._due = 0
        self._paced = group.period_ns > core.refresh_ns

    def frame(self, now: int) -> None:
        if not self._paced:
            self._wake = now + self.think()
            return
        if self._due < now - self.group.period_ns:
            self._due = now
        self._wake = max(now, self._due) + self.think()
        self._due += self.group.period_ns

    def due(self) -> int | None:
        return self._wake

    def act(self) -> Body:
        self._wake = None
        return self.send_frame()
