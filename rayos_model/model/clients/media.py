"""A client that plays video: a frame at fixed times, whatever the display does."""

from __future__ import annotations

from rayos_model.contract.abi import Workload
from rayos_model.contract.image import Group
from rayos_model.model.clients.client import Client
from rayos_model.model.core import Core
from rayos_model.model.cpu.thread import Body


class Media(Client):
    """Presents a frame each period on its own clock; one whose predecessor is not on screen yet is left out."""

    workload = Workload.MEDIA

    def __init__(self, core: Core, group: Group, identity: int, generation: int, end_ns: int) -> None:
        super().__init__(core, group, identity, generation, end_ns)
        self._due: int | None = None
        self._wake: int | None = None

    def _plan(self, due: int) -> None:
        self._due = due
        self._wake = due + self.think()

    def frame(self, now: int) -> None:
        if self._due is None:
            self._plan(now + self.group.period_ns)

    def due(self) -> int | None:
        return self._wake

    def act(self) -> Body:
        assert self._due is not None
        self._plan(self._due + self.group.period_ns)
        if not self.frame_pending:
            yield from self.send_frame()
