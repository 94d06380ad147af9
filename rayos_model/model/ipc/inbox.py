"""A client's inbox: the bounded queue of the compositor's writes to it (docs/explanation/mechanism, "Sockets")."""

from __future__ import annotations

from collections import deque
from typing import Final

from rayos_model.model.ipc import wire
from rayos_model.model.ipc.wire import EventKind


class Write:
    """One queue-write to a client: stamped when queued, delivered as a whole."""

    __slots__ = ("bytes", "events", "queued_ns")

    def __init__(self, size: int, events: list[EventKind]) -> None:
        self.queued_ns = 0
        self.bytes = size
        self.events = events


class Inbox:
    """A client's bounded queue of writes (docs/explanation/compositor.md, "Sockets")."""

    __slots__ = ("_bytes", "_capacity", "_motion", "_writes")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._bytes = 0
        self._writes: deque[Write] = deque()
        self._motion: Write | None = None  # the last write that is a pointer motion and nothing else, if not yet read

    def __bool__(self) -> bool:
        return bool(self._writes)

    def put(self, write: Write) -> bool:
        """Queues a write; False when it does not fit."""
        motion = write.events == _MOTION
        if motion and self._motion is not None and self._bytes > self._capacity // 2:
            return True  # it takes the place of the last one
        if self._bytes + write.bytes > self._capacity:
            return False
        self._writes.append(write)
        self._bytes += write.bytes
        if motion:
            self._motion = write
        return True

    def take(self, room: int) -> list[Write]:
        """The oldest writes, as many as fit whole into `room` bytes."""
        writes, taken = self._writes, []
        while writes and writes[0].bytes <= room:
            write = writes.popleft()
            room -= write.bytes
            self._bytes -= write.bytes
            taken.append(write)
            if write is self._motion:
                self._motion = None
        return taken


_MOTION: Final = [wire.MOTION]
