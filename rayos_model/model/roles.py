"""Roles: what parts of the machine need of each other, as abstract classes, so that no part knows another's class.

A part holds `Core`, which holds one object for each role; `Machine` puts them there.
"""

from __future__ import annotations

from abc import abstractmethod

from rayos_model.contract.abi import Detection
from rayos_model.model.cpu.thread import Body, Thread
from rayos_model.model.disk.device import Operation
from rayos_model.model.disk.store import Store
from rayos_model.model.ipc.socket import Sent
from rayos_model.model.process import Process


class Display:
    """The compositor, as clients and the rest of the kernel see it."""

    thread: Thread

    @abstractmethod
    def connect(self, client: Process) -> None:
        """A client connects."""

    @abstractmethod
    def deliver(self, sent: Sent) -> None:
        """A batch arrives in a client's socket."""

    @abstractmethod
    def close(self, client: Process) -> None:
        """A client's process has ended."""

    @abstractmethod
    def is_connected(self, client: Process) -> bool:
        """Whether this instance of a client is connected."""

    @abstractmethod
    def surfaces_of(self, client: Process) -> int:
        """Number of surfaces with content that a connected client has."""

    @abstractmethod
    def pipe_written(self, source: Process) -> None:
        """The source of a drag has written its data and closed the pipe."""

    @abstractmethod
    def pipe_ready(self, target: Process) -> bool:
        """Whether the data of a drop waits in the target's pipe; consumes it."""

    @abstractmethod
    def forget_shm(self, client: Process, pages: int) -> None:
        """A client releases shared memory that is still on screen."""


class FailureLog:
    """The log of open faults: each part reports here what fails, and what works again."""

    @abstractmethod
    def detector_on(self, detector: Detection) -> bool:
        """Whether a detector works: always, except in tests of the tests."""

    @abstractmethod
    def is_open(self, target: int) -> bool:
        """Whether a fault struck a target that has not recovered."""

    @abstractmethod
    def detected(self, target: int, how: Detection, thread: int) -> None:
        """A failure is detected now, by a thread; the first detection of each fault counts."""

    @abstractmethod
    def notice(self, target: int, how: Detection) -> tuple[int, int | None] | None:
        """Detection for a caller that measures it: FAULT_SUBJECT and time of injection, ns; None if detected before."""

    @abstractmethod
    def recovering(self, target: int) -> None:
        """Recovery begins: a lost client's replacement is planned, or the network's session is lost."""

    @abstractmethod
    def shown(self, client: int) -> tuple[int, int] | None:
        """A client's first frame is on screen: FAULT_SUBJECT and start of recovery, ns, of the fault that this ends."""

    @abstractmethod
    def session_lost(self, how: Detection) -> None:
        """The server detects that it no longer reaches the remote display."""

    @abstractmethod
    def session_in_step(self) -> None:
        """The remote display shows again what the server sent last."""

    @abstractmethod
    def disk_refused(self) -> None:
        """The kernel learns that the disk refused a request."""

    @abstractmethod
    def disk_served(self, operation: Operation) -> None:
        """An operation was carried out, and none of its kind is refused any more."""

    @abstractmethod
    def abandon(self, client: Process) -> None:
        """A client has ended: it waits for no mutex and owns none."""


class ProcessTable:
    """The launcher, as the rest of the kernel sees it."""

    launcher: Thread

    @abstractmethod
    def kill(self, client: Process) -> None:
        """Ends a client by force."""

    @abstractmethod
    def exited(self, client: Process) -> None:
        """A client's thread has ended."""

    @abstractmethod
    def released(self, client: Process) -> None:
        """The compositor dropped a client's objects, and with them its references to shared memory."""


class DiskService:
    """The disk, as processes see it."""

    store: Store

    @abstractmethod
    def wait(self, thread: Thread, what: str, trailing_ns: int) -> Body:
        """Blocks the running thread until `what` is signalled."""
