"""A client that idles, then renders and receives input in a surge."""

from __future__ import annotations

from rayos_model.contract.abi import Workload
from rayos_model.contract.image import Group
from rayos_model.model.clients.rendering import Rendering
from rayos_model.model.core import Core


class Surge(Rendering):
    """Idle until the timeline's surge; from then on renders."""

    workload = Workload.SURGE

    def __init__(self, core: Core, group: Group, identity: int, generation: int, end_ns: int) -> None:
        super().__init__(core, group, identity, generation, end_ns)
        self._active = False

    def frame(self, now: int) -> None:
        if self._active:
            super().frame(now)

    def surge(self, now: int) -> None:
        self._active = True
        if not self.frame_pending:
            super().frame(now)
