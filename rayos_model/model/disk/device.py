"""The disk as a device: how long each request takes, which it refuses, and the driver's retries.

docs/explanation/store.md describes both. It must not know what is written, nor why anything is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from heapq import heappop, heappush
from typing import Final

from rayos_model.contract.abi import BLOCK_BYTES, DiskRefusal
from rayos_model.contract.image import Disk

SLOTS: Final = 64
TRIES: Final = 3
BACKOFF_NS: Final = 1_000_000
"""Before the first retry; before the next, four times as long."""


class Operation(IntEnum):
    READ = 0
    WRITE = 1
    FLUSH = 2


_FLUSH: Final = Operation.FLUSH  # looked up once: members of an enumeration are slow to reach before Python 3.12
_REFUSED: Final[dict[DiskRefusal, Operation]] = {
    DiskRefusal.READ: Operation.READ,
    DiskRefusal.WRITE: Operation.WRITE,
    DiskRefusal.READS: Operation.READ,
    DiskRefusal.WRITES: Operation.WRITE,
}


class Request:
    """One request to the device."""

    __slots__ = ("block", "operation", "order", "refused", "resting", "submitted_ns", "tries")

    def __init__(self, submitted_ns: int, operation: Operation, block: int) -> None:
        self.submitted_ns = submitted_ns
        self.operation = operation
        self.block = block
        self.order = 0  # its place among all that were offered to the device
        self.tries = 0
        self.refused = False
        self.resting = False  # refused, to be offered again at its deadline


class Device:
    """`channels` servers, first come, first served; each takes latency and bytes / bandwidth for a request.

    `on_refused` is called for each refused request while `seeing`; otherwise such a request counts as carried out.
    """

    def __init__(self, disk: Disk, on_refused: Callable[[Request], None], *, seeing: bool) -> None:
        self._latency_ns = disk.latency_ns
        self._block_ns = BLOCK_BYTES * 1_000_000_000 // disk.bytes_per_s
        self._free_ns = [0] * disk.channels
        self._flight: list[tuple[int, int, Request]] = []  # by (deadline in ns, order)
        self._unreported: list[Request] = []
        self._submitted = 0
        self._retrying = [0] * len(Operation)
        self._returned = 0  # those before this one have come back from the device, to be delivered in time
        self.awaited = False  # the last one delivered had not
        self._refusal = DiskRefusal.NOTHING
        self._bad: set[int] = set()
        self._on_refused = on_refused
        self.seeing = seeing

    @property
    def room(self) -> bool:
        """Whether another request can be submitted."""
        return len(self._flight) < SLOTS

    @property
    def deadline(self) -> int | None:
        """When the next request is delivered, or offered again, ns; None: none is in flight."""
        return self._flight[0][0] if self._flight else None

    def refuse(self, refusal: DiskRefusal, block: int) -> None:
        """From now on it refuses this, and bad blocks, of which `block` may be another."""
        self._refusal = refusal
        if refusal is DiskRefusal.BLOCK:
            self._bad.add(block)

    def retrying(self, operation: Operation) -> bool:
        """Whether one of these requests was refused and is not delivered yet."""
        return self._retrying[operation] > 0

    def submit(self, operation: Operation, block: int, now: int) -> None:
        """Hands a request to the device; a flush comes after everything before it."""
        self._offer(Request(now, operation, block), now)

    def notify(self) -> bool:
        """Tells the device of what was submitted, which it carries out or refuses; False: nothing new."""
        news = bool(self._unreported)
        for request in self._unreported:
            request.refused = self._refuses(request)
        self._unreported.clear()
        return news

    def next(self, now: int) -> Request | None:
        """The next request delivered by `now`; `refused` if it failed for good."""
        while self._flight and self._flight[0][0] <= now:
            request = heappop(self._flight)[2]
            if request.resting:
                request.resting = False
                self._offer(request, now)
                continue
            self.awaited = request.order >= self._returned
            if self.awaited:
                self.notify()
                self._returned = self._submitted
            failed = request.refused and self.seeing
            if failed:
                self._on_refused(request)
            if not failed or request.tries == TRIES:
                self._retrying[request.operation] -= request.tries > 1
                return request
            self._retrying[request.operation] += request.tries == 1
            request.resting = True
            deadline_ns = now + (BACKOFF_NS << 2 * (request.tries - 1))
            heappush(self._flight, (deadline_ns, request.order, request))
        return None

    def _offer(self, request: Request, now: int) -> None:
        if request.operation is _FLUSH:
            deadline_ns = max(now, *self._free_ns) + self._latency_ns
        else:
            free_ns = min(self._free_ns)
            deadline_ns = max(free_ns, now) + self._latency_ns + self._block_ns
            self._free_ns[self._free_ns.index(free_ns)] = deadline_ns
        request.order = self._submitted
        request.tries += 1
        self._submitted += 1
        heappush(self._flight, (deadline_ns, request.order, request))
        self._unreported.append(request)

    def _refuses(self, request: Request) -> bool:
        if request.operation is Operation.WRITE and request.block in self._bad:
            return True
        if _REFUSED.get(self._refusal) is not request.operation:
            return False
        if self._refusal in (DiskRefusal.READ, DiskRefusal.WRITE):
            self._refusal = DiskRefusal.NOTHING
        return True
