"""A pipe between two clients, and the clipboard offers that lead to one."""

from __future__ import annotations

from dataclasses import dataclass

from rayos_model.model.core import Core
from rayos_model.model.cpu.thread import Thread
from rayos_model.model.ipc.wire import EventKind
from rayos_model.model.process import Process


class Pipe:
    """A pipe of PIPE_BYTES with one reader and one writer."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.used = 0
        self.open = True  # for writing
        self.whole = False  # what was written ends as it should
        self.reader: Thread | None = None
        self.writer: Thread | None = None

    def close(self, *, whole: bool = False) -> None:
        """No more will be written."""
        self.open = False
        self.whole = whole
        self._wake(self.reader)

    def put(self, size: int) -> None:
        """`size` bytes, for which there is room, were written."""
        self.used += size
        self._core.integration.counters.pipe_in += size
        self._wake(self.reader)

    def take(self) -> None:
        """All that was in it has been read."""
        self._core.integration.counters.pipe_out += self.used
        self.used = 0
        self._wake(self.writer)

    def _wake(self, thread: Thread | None) -> None:
        if thread is not None:
            self._core.processor.wake(thread)


@dataclass(slots=True)
class Offer:
    """What a copy is to the client that may paste it; `giver` is None once the copy was replaced or its client left."""

    giver: Process | None


@dataclass(frozen=True, slots=True)
class Selected(EventKind):
    """A selection was offered."""

    offer: Offer


@dataclass(frozen=True, slots=True)
class Wanted(EventKind):
    """One type of a copy is to be written to a pipe."""

    mime: int
    pipe: Pipe
