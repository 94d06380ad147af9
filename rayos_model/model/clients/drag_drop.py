"""A client that drags data to its peer, or receives it."""

from __future__ import annotations

from collections import deque

from rayos_model.contract.abi import PIPE_BYTES, BatchTag, Workload
from rayos_model.contract.image import Group
from rayos_model.model.clients.periodic import Periodic
from rayos_model.model.core import Core
from rayos_model.model.cpu.thread import BLOCK, Body
from rayos_model.model.ipc.wire import EventKind
from rayos_model.model.service_times import AT_BLOCK


class DragDrop(Periodic):
    """Starts a drag each gap; as the peer of another client, accepts the drop and reads the data.

    Never blocks on a pipe while a drag of its own still waits for `send`, so that whoever must write is listening.
    """

    workload = Workload.DRAG_DROP

    def __init__(self, core: Core, group: Group, identity: int, generation: int, end_ns: int) -> None:
        super().__init__(core, group, identity, generation, end_ns)
        self._dragging = False
        self._unsent = False  # its data was not asked for yet
        self._reading = False  # holds the read end of a drop's pipe
        self._steps: deque[str] = deque()

    def event(self, kind: EventKind, now: int) -> None:
        if kind.name in ("send", "finished", "cancelled"):
            self._unsent = False
        if kind.name in ("drag_enter", "drop", "send", "finished", "cancelled"):
            self._steps.append(kind.name)

    def due(self) -> int | None:
        return 0 if self._steps or (self._reading and not self._unsent) else self.next_ns

    def act(self) -> Body:
        if self._steps:
            yield from self._step(self._steps.popleft())
        elif self._reading and not self._unsent:
            self._reading = False
            yield from self._read_and_finish()
        else:
            self.advance()
            if not self._dragging:
                self._dragging = self._unsent = True
                yield from self.send(BatchTag.DRAG)

    def _step(self, step: str) -> Body:
        if step == "drag_enter":
            yield from self.send(BatchTag.ACCEPT)
        elif step == "drop":
            cost = self.flow.to(("pipe",))
            yield from self.send(BatchTag.RECEIVE, before=cost)
            yield self.flow.to(("close",))
            self._reading = True
        elif step == "send":
            yield self._io("pipe_write") + self.flow.to(("close",))
            self.core.display.pipe_written(self)
        else:
            self._dragging = False
            yield from self.send(BatchTag.DRAG_DONE)

    def _io(self, name: str) -> int:
        """Moves all the data through the pipe, as often as it takes; the cost."""
        left, cost = self.group.transfer_bytes, 0
        while left > 0:
            cost += self.flow.to((name, min(left, PIPE_BYTES)))
            left -= PIPE_BYTES
        return cost

    def _read_and_finish(self) -> Body:
        while not self.core.display.pipe_ready(self):
            self.thread.deadline = None
            self.thread.trailing = self.flow.to(AT_BLOCK)
            yield BLOCK
        cost = self._io("pipe_read") + self.flow.to(("pipe_read", 0)) + self.flow.to(("close",))
        yield from self.send(BatchTag.FINISH, before=cost)
