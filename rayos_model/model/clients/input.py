"""A client that receives keys and pointer motions and redraws after each."""

from __future__ import annotations

from rayos_model.contract.abi import Workload
from rayos_model.contract.image import Group
from rayos_model.model.clients.client import Client
from rayos_model.model.core import Core
from rayos_model.model.cpu.thread import Body


class Input(Client):
    """Reacts to input events by redrawing a part."""

    workload = Workload.INPUT

    def __init__(self, core: Core, group: Group, identity: int, generation: int, end_ns: int) -> None:
        super().__init__(core, group, identity, generation, end_ns)
        self._wake: int | None = None

    def input(self, now: int) -> None:
        if self._wake is None:
            self._wake = now + self.think()

    def due(self) -> int | None:
        return None if self.frame_pending else self._wake

    def act(self) -> Body:
        self._wake = None
        return self.send_frame()
