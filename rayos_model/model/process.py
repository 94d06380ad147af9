"""A client's process, as the rest of the machine sees it. What its workload does is a subclass's, in `clients/`."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from rayos_model.contract.abi import BatchTag, Detection, FaultKind, Workload
from rayos_model.contract.image import Group
from rayos_model.model.cpu.thread import Body, Thread
from rayos_model.model.ipc.inbox import Inbox
from rayos_model.model.ipc.wire import Batch
from rayos_model.model.service_times import Flow


class Process:
    """One instance of a client: its place in the scenario, its thread and its socket."""

    workload: ClassVar[Workload] = Workload.IDLE

    group: Group
    id: int
    flow: Flow
    thread: Thread
    inbox: Inbox
    connected_ns: int
    dropped: bool
    """The compositor has disconnected it."""
    end_reason: int
    """Argument of M_CLIENT_DESTROYED, kernel/abi.h: 0 left, 1 fault, 2 killed, 3 protocol error."""
    presented: bool
    """Its first frame has been on screen."""
    receiving: bool
    """It waits for events."""
    shm_pages: int
    """Pages of the shared memory that it created last."""
    presents_media: bool
    """Its presentation has a rhythm to keep."""

    @abstractmethod
    def gap(self) -> int:
        """A gap between actions, drawn from the group's table, ns."""

    @abstractmethod
    def send(
        self,
        tag: BatchTag,
        width: int = 0,
        rows: int = 0,
        *,
        before: int = 0,
        batch: Batch | None = None,
        secondary: bool = False,
        damage: tuple[int, int] = (0, 0),
        detail: Any = None,
        refused: Detection | None = None,
    ) -> Body:
        """Draws `rows` rows of `width` pixels and sends a batch; `before` ns of earlier segments run before, as one."""

    @abstractmethod
    def struck(self, kind: FaultKind, variant: int) -> Body:
        """The body that replaces its thread's when a fault strikes, wherever that was."""

    @abstractmethod
    def serve_until(self, deadline_ns: int) -> Body:
        """Handles what it receives until then, and does nothing else."""

    @abstractmethod
    def go_on(self) -> Body:
        """Its main loop, to its end."""

    @abstractmethod
    def thrown_out(self) -> Body:
        """Receives the error for which it was disconnected, and exits."""
