"""A client that creates a second window, shows it and destroys it, again and again."""

from __future__ import annotations

from rayos_model.contract.abi import BatchTag, Workload
from rayos_model.contract.image import Group
from rayos_model.model.clients.periodic import Periodic
from rayos_model.model.core import Core
from rayos_model.model.cpu.thread import Body
from rayos_model.model.ipc import wire
from rayos_model.model.ipc.wire import BATCHES, Batch, EventKind


class SurfaceCreation(Periodic):
    """Creates a secondary surface each gap and destroys the one before."""

    workload = Workload.SURFACE_CREATION

    def __init__(self, core: Core, group: Group, identity: int, generation: int, end_ns: int) -> None:
        super().__init__(core, group, identity, generation, end_ns)
        self._exists = False
        self._step: str | None = None  # next step of a creation under way

    def leave_batch(self) -> Batch:
        return wire.LEAVE_BOTH if self._exists else BATCHES[BatchTag.LEAVE]

    def event(self, kind: EventKind, now: int) -> None:
        if kind.name == "configure" and self._step == "configure":
            self._step = "ack"

    def due(self) -> int | None:
        if self._step in ("ack", "first"):
            return 0
        return None if self._step == "configure" else self.next_ns

    def act(self) -> Body:
        if self._step == "ack":
            self._step = "first"
            yield from self.send(BatchTag.ACK, secondary=True)
        elif self._step == "first":
            self._step, self._exists = None, True
            yield from self.send_first(secondary=True)
        elif self._exists:
            self._exists = False
            yield from self.send(BatchTag.DESTROY)
            self.thread.touched.unmap(self.shm_pages)
            yield self.thread.masking(self.flow.to(("shm_free", self.shm_pages)))
            self.core.memory.free_shm(self, self.shm_pages)
        else:
            self.advance()
            self._step = "configure"
            yield from self.send(BatchTag.NEW_SURFACE)
