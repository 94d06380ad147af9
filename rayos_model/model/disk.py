"""The disk: how long requests take, and the store and buffer cache in front of it (docs/store.md), without the data.

It walks the kernel's steps in the kernel's order: which block a put goes to, what is in the cache and what is
written when follow from the same rules. It must not know who uses the store.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from rayos_model.abi import BLOCK_BYTES, ThreadId, TraceKind
from rayos_model.image import Disk as DiskImage
from rayos_model.model.costs import CostModel, Point
from rayos_model.model.memory import MemoryUse
from rayos_model.model.processor import BLOCK, Body, Processor, Thread

if TYPE_CHECKING:
    from rayos_model.model.machine import Machine

DISK_PRIORITY: Final = 18
SLOTS: Final = 64
WRITE_BATCH: Final = 16
WRITE_AGE_NS: Final = 10_000_000
_BLOCK: Point = ("block",)


class Operation(IntEnum):
    READ = 0
    WRITE = 1
    FLUSH = 2


class State(IntEnum):
    """Of a block in the cache."""

    CLEAN = 0
    DIRTY = 1
    WRITING = 2
    WANTED = 3
    READING = 4


@dataclass(order=True, slots=True)
class Request:
    """One request to the device; in order of delivery."""

    deadline_ns: int
    order: int
    submitted_ns: int
    operation: Operation
    block: int


class Device:
    """`channels` servers, first come, first served; each takes latency and bytes / bandwidth for a request."""

    def __init__(self, disk: DiskImage) -> None:
        self._latency_ns = disk.latency_ns
        self._block_ns = BLOCK_BYTES * 1_000_000_000 // disk.bytes_per_s
        self._free_ns = [0] * disk.channels
        self._flight: list[Request] = []
        self._submitted = 0

    @property
    def room(self) -> bool:
        """Whether another request can be submitted."""
        return len(self._flight) < SLOTS

    @property
    def deadline(self) -> int | None:
        """When the next request is delivered, ns; None: none is in flight."""
        return self._flight[0].deadline_ns if self._flight else None

    def submit(self, operation: Operation, block: int, now: int) -> None:
        """Hands a request to the device; a flush comes after everything before it."""
        if operation is Operation.FLUSH:
            deadline = max(now, *self._free_ns) + self._latency_ns
        else:
            first = min(range(len(self._free_ns)), key=self._free_ns.__getitem__)
            deadline = max(self._free_ns[first], now) + self._latency_ns + self._block_ns
            self._free_ns[first] = deadline
        heappush(self._flight, Request(deadline, self._submitted, now, operation, block))
        self._submitted += 1

    def next(self, now: int) -> Request | None:
        """The next request delivered by `now`."""
        if self._flight and self._flight[0].deadline_ns <= now:
            return heappop(self._flight)
        return None


@dataclass(slots=True)
class _Epoch:
    unwritten: int = 0
    freed: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Version:
    """What one block of the disk holds: a version of the record of that name."""

    generation: int
    name: Hashable


Contents = dict[int, Version]
"""What is on the disk itself, by block: what a power cut leaves, and the next boot begins with."""


def recover(contents: Mapping[int, Version]) -> dict[Hashable, int]:
    """Record → block: of the versions of a record the one with the greatest generation is the record."""
    by_age = sorted(contents.items(), key=lambda entry: entry[1].generation)
    return {version.name: block for block, version in by_age}


class Store:
    """Records by name on `blocks` blocks, through a cache of at most `capacity` of them.

    `contents` is what an earlier life has left on the disk.
    """

    def __init__(
        self,
        disk: DiskImage,
        memory: MemoryUse,
        wake: Callable[[str], None],
        kick: Callable[[], None],
        contents: Mapping[int, Version],
    ) -> None:
        self.device = Device(disk)
        self.contents: Contents = dict(contents)
        self.hits = self.misses = 0
        self._blocks = (disk.mb << 20) // BLOCK_BYTES
        self._capacity = disk.cache_pages
        self._memory = memory
        self._wake = wake
        self._kick = kick
        self._block_of: dict[Hashable, int] = {}
        self._busy = bytearray(self._blocks)
        self._unwritten: dict[int, Version] = {}
        self._generation = 0
        self._cursor = 1
        self._recover()
        self._state: dict[int, State] = {}
        self._epoch_of: dict[int, int] = {}
        self._lists: dict[State, OrderedDict[int, None]] = {state: OrderedDict() for state in State}
        self._epochs = [_Epoch(), _Epoch()]
        self._open, self._durable, self._wanted = 1, 0, 0
        self._first_dirty_ns = 0
        self._draining = self._flushing = False

    def _recover(self) -> None:
        self._block_of.update(recover(self.contents))
        self._generation = max((version.generation for version in self.contents.values()), default=0)
        for block in self._block_of.values():
            self._busy[block] = 1

    # ---- the cache ------------------------------------------------------------------------------

    @property
    def cached(self) -> int:
        """Blocks in the cache."""
        return len(self._state)

    @property
    def dirty(self) -> int:
        """Blocks that wait to be written."""
        return len(self._lists[State.DIRTY])

    def _set(self, block: int, state: State) -> None:
        old = self._state.get(block)
        if old is None:
            self._memory.take(1)
        else:
            del self._lists[old][block]
        self._state[block] = state
        self._lists[state][block] = None

    def shrink(self, blocks: int) -> int:
        """Drops up to so many clean blocks, the least used first; how many it dropped."""
        clean = self._lists[State.CLEAN]
        dropped = min(blocks, len(clean))
        for _ in range(dropped):
            block, _ = clean.popitem(last=False)
            del self._state[block]
        self._memory.give(dropped)
        return dropped

    def _has_room(self) -> bool:
        return len(self._state) < self._capacity or bool(self._lists[State.CLEAN])

    def _insert(self, block: int, state: State) -> None:
        if len(self._state) >= self._capacity:
            self.shrink(1)
        self._set(block, state)

    # ---- put, get, flush --------------------------------------------------------------------------

    @property
    def _closing(self) -> bool:
        return self._open == self._durable + 2

    def _allocate(self) -> int:
        for _ in range(1, self._blocks):
            block = self._cursor
            self._cursor = block + 1 if block + 1 < self._blocks else 1
            state = self._state.get(block)
            if self._busy[block] or state not in (None, State.CLEAN):
                continue
            if state is not None:
                del self._lists[state][block], self._state[block]
                self._memory.give(1)
            return block
        return 0

    def put(self, name: Hashable, now: int) -> bool:
        """Puts a record; False: there is no room at present, a wake of `room` says when to try again."""
        self._memory.make_room()
        epoch = self._epochs[self._open & 1]
        block = self._allocate() if self._has_room() else 0
        if not block:
            if self._has_room():
                self.flush()
            self._kick()
            return False
        self._insert(block, State.DIRTY)
        self._epoch_of[block] = self._open & 1
        epoch.unwritten += 1
        self._busy[block] = 1
        if name in self._block_of:
            epoch.freed.append(self._block_of[name])
        self._block_of[name] = block
        self._generation += 1
        self._unwritten[block] = Version(self._generation, name)
        if self.dirty == 1:
            self._first_dirty_ns = now
        if self.dirty in (1, WRITE_BATCH):
            self._kick()
        return True

    def get(self, name: Hashable) -> str | None:
        """None: it is in the cache; else what to wait for, to try again."""
        block = self._block_of[name]
        state = self._state.get(block)
        if state in (State.WANTED, State.READING):
            return f"block {block}"
        if state is not None:
            if state is State.CLEAN:
                self._set(block, State.CLEAN)
            self.hits += 1
            return None
        self._memory.make_room()
        if not self._has_room():
            return "room"
        self._insert(block, State.WANTED)
        self.misses += 1
        self._kick()
        return f"block {block}"

    def flush(self) -> int:
        """Asks for all that was put to become durable; the epoch for `flushed`."""
        self._wanted = self._open
        self._kick()
        return self._open

    def flushed(self, epoch: int) -> bool:
        """Whether that epoch is durable; a wake of `durable` says when to look again."""
        return self._durable >= epoch

    # ---- work for the disk ------------------------------------------------------------------------

    def _deliver(self, request: Request) -> None:
        if request.operation is Operation.FLUSH:
            self._flushing = False
            self._durable += 1
            epoch = self._epochs[self._durable & 1]
            for block in epoch.freed:
                self._busy[block] = 0
            self._epochs[self._durable & 1] = _Epoch()
            self._wake("durable")
        else:
            self._set(request.block, State.CLEAN)
            if request.operation is Operation.WRITE:
                self.contents[request.block] = self._unwritten.pop(request.block)
                self._epochs[self._epoch_of.pop(request.block)].unwritten -= 1
            else:
                self._wake(f"block {request.block}")
        self._wake("room")

    def step(self, now: int) -> tuple[str, Request | Operation] | None:
        """One thing done for the disk: its point, and the request delivered or the operation submitted."""
        device = self.device
        if request := device.next(now):
            self._deliver(request)
            return f"disk_done.{request.operation.name.lower()}", request
        if self._wanted == self._open and not self._closing:
            self._open += 1
        dirty = self.dirty
        overdue = dirty >= WRITE_BATCH or now >= self._first_dirty_ns + WRITE_AGE_NS
        self._draining = dirty > 0 and (self._draining or overdue or self._closing)
        if not device.room:
            return None
        if wanted := self._lists[State.WANTED]:
            return self._submit(Operation.READ, next(iter(wanted)), State.READING, now)
        if self._draining:
            return self._submit(Operation.WRITE, next(iter(self._lists[State.DIRTY])), State.WRITING, now)
        if not self._closing or self._flushing or self._epochs[(self._durable + 1) & 1].unwritten:
            return None
        self._flushing = True
        device.submit(Operation.FLUSH, 0, now)
        return "disk_submit.flush", Operation.FLUSH

    def _submit(self, operation: Operation, block: int, state: State, now: int) -> tuple[str, Operation]:
        self._set(block, state)
        self.device.submit(operation, block, now)
        return f"disk_submit.{operation.name.lower()}", operation

    @property
    def deadline(self) -> int | None:
        """When there will be something to do, ns, if nothing wakes the disk before."""
        age = self._first_dirty_ns + WRITE_AGE_NS if self.dirty and not self._draining else None
        times = [time for time in (self.device.deadline, age) if time is not None]
        return min(times, default=None)


class DiskThread:
    """The kernel's disk thread, and those that wait for the disk."""

    def __init__(self, machine: Machine, disk: DiskImage, costs: CostModel, contents: Mapping[int, Version]) -> None:
        self._machine = machine
        self._processor: Processor = machine.processor
        self._flow = machine.flow(costs, ThreadId.DISK, _BLOCK)
        self._waiting: list[tuple[str, Thread]] = []
        self.store = Store(disk, machine.memory, self._wake, lambda: machine.processor.wake(self.thread), contents)
        self.thread = Thread(ThreadId.DISK, "disk", DISK_PRIORITY, self._body())

    def wait(self, thread: Thread, what: str, trailing: int) -> Body:
        """Blocks the running thread until a wake of `what`."""
        self._waiting.append((what, thread))
        thread.deadline = None
        thread.trailing = trailing
        yield BLOCK

    def _wake(self, what: str) -> None:
        woken = [thread for waits_for, thread in self._waiting if waits_for == what]
        if woken:
            self._waiting = [entry for entry in self._waiting if entry[0] != what]
            for thread in woken:
                self._processor.wake(thread)

    def snapshot(self) -> None:
        """The second's record of the cache."""
        store = self.store
        self._machine.measure(TraceKind.M_CACHE, store.hits, store.misses, ThreadId.REPORTER)
        self._machine.measure(TraceKind.M_CACHE_PAGES, store.dirty, store.cached, ThreadId.REPORTER)
        store.hits = store.misses = 0

    def _body(self) -> Body:
        store, processor, flow, thread = self.store, self._processor, self._flow, self.thread
        news = False
        while True:
            now = processor.now
            if step := store.step(now):
                label, what = step
                if isinstance(what, Request):
                    subject = what.block << 2 | what.operation
                    latency = now - what.submitted_ns
                    self._machine.measure(TraceKind.M_DISK_REQUEST, subject, latency, ThreadId.DISK)
                else:
                    news = True
                yield flow.to((label,))
            elif news:
                news = False
                yield flow.to(("disk_notify",))
            else:
                thread.deadline = store.deadline
                thread.trailing = flow.to(_BLOCK)
                yield BLOCK
