"""A client whose window is resized interactively."""

from __future__ import annotations

from rayos_model.contract.abi import BatchTag, Workload
from rayos_model.model.clients.periodic import Periodic
from rayos_model.model.cpu.thread import Body


class Resize(Periodic):
    """Drags a corner of its window, one gap after another."""

    workload = Workload.RESIZE

    def act(self) -> Body:
        self.advance()
        yield from self.send(BatchTag.RESIZE)
