"""A client's process, as the rest of the machine sees it. What its workload does is a subclass's, in `clients/`."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from rayos_model.contract.abi import EndReason, Workload
from rayos_model.contract.image import Group
from rayos_model.model.cpu.thread import Thread
from rayos_model.model.ipc.inbox import Inbox
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
    end_reason: EndReason
    """Why it ended, or will end unless something happens."""
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
