"""The store and the buffer cache in front of the disk (docs/explanation/store.md), without the data.

It walks the kernel's steps in the kernel's order: which block a put goes to, what is in the cache and what is
written when follow from the same rules. It must not know who uses the store.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Final

from rayos_model.contract.abi import BLOCK_BYTES
from rayos_model.contract.image import Disk as DiskImage
from rayos_model.model.disk.device import Device, Operation, Request
from rayos_model.model.memory import MemoryUse

WRITE_BATCH: Final = 16
WRITE_AGE_NS: Final = 10_000_000
RESUME_NS: Final = 20_000_000
"""A disk that refuses to be written is tried again this much later."""


# States of a block in the cache.
CLEAN: Final = 0
DIRTY: Final = 1
WRITING: Final = 2
WANTED: Final = 3
READING: Final = 4

# Looked up once: members of an enumeration are slow to reach before Python 3.12.
_READ: Final = Operation.READ
_WRITE: Final = Operation.WRITE
_FLUSH: Final = Operation.FLUSH
_SUBMIT: Final = tuple(f"disk_submit.{operation.name.lower()}" for operation in Operation)
_DONE: Final = tuple(f"disk_done.{operation.name.lower()}" for operation in Operation)


@dataclass(slots=True)
class _Epoch:
    unwritten: int = 0
    written: int = 0
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


class StoreError(Exception):
    """A call on the store is answered by E_IO."""


class Store:
    """Records by name on `blocks` blocks, through a cache of at most `capacity` of them.

    `contents` is what an earlier boot has left on the disk. `on_served` is called for each operation carried out while
    none of its kind is refused any more; `on_corrupt` for a block that is not what was written there.
    """

    def __init__(
        self,
        disk: DiskImage,
        device: Device,
        memory: MemoryUse,
        wake: Callable[[str], None],
        kick: Callable[[], None],
        on_served: Callable[[Operation], None],
        on_corrupt: Callable[[int], None],
        contents: Mapping[int, Version],
    ) -> None:
        self.device = device
        self.contents: Contents = dict(contents)
        self.hits = self.misses = 0
        self._blocks = (disk.mb << 20) // BLOCK_BYTES
        self._capacity = disk.cache_pages
        self._memory = memory
        self._wake = wake
        self._kick = kick
        self._on_served = on_served
        self._on_corrupt = on_corrupt
        self._block_of: dict[Hashable, int] = {}
        self._busy = bytearray(self._blocks)
        self._unwritten: dict[int, Version] = {}
        self._generation = 0
        self._cursor = 1
        self._recover()
        self._state: dict[int, int] = {}
        self._epoch_of: dict[int, int] = {}
        self._lists: list[OrderedDict[int, None]] = [OrderedDict() for _ in range(READING + 1)]  # by state
        self._epochs = [_Epoch(), _Epoch()]
        self.let_go = 0  # blocks whose state the last flush changed
        self._open, self._durable, self._wanted = 1, 0, 0
        self._first_dirty_ns = 0
        self._draining = self._flushing = False
        self._bad = bytearray(self._blocks)
        self._suspect = False  # since the last write carried out one block could not be written
        self._refusing = False  # ... nor a second one
        self._resume_ns = 0
        self._homeless: set[int] = set()  # blocks of the cache that were refused and are not written yet
        self._unreadable: set[int] = set()  # ... that were not read

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
        return len(self._lists[DIRTY])

    def _set(self, block: int, state: int) -> None:
        old = self._state.get(block)
        if old is None:
            self._memory.take(1)
        else:
            del self._lists[old][block]
        self._state[block] = state
        self._lists[state][block] = None

    def shrink(self, blocks: int) -> int:
        """Drops up to so many clean blocks, the least used first; how many it dropped."""
        clean = self._lists[CLEAN]
        dropped = min(blocks, len(clean))
        for _ in range(dropped):
            block, _ = clean.popitem(last=False)
            del self._state[block]
        self._memory.give(dropped)
        return dropped

    def _has_room(self) -> bool:
        return len(self._state) < self._capacity or bool(self._lists[CLEAN])

    def _insert(self, block: int, state: int) -> None:
        if len(self._state) >= self._capacity:
            self.shrink(1)
        self._set(block, state)

    # ---- put, get, flush --------------------------------------------------------------------------

    @property
    def _closing(self) -> bool:
        return self._open == self._durable + 2

    def _after(self, block: int) -> int:
        return block + 1 if block + 1 < self._blocks else 1

    def next_block(self) -> int:
        """The block that the next put goes to; 0: none."""
        block = self._cursor
        for _ in range(1, self._blocks):
            if not (self._busy[block] or self._bad[block] or self._state.get(block) not in (None, CLEAN)):
                return block
            block = self._after(block)
        return 0

    def _allocate(self) -> int:
        if block := self.next_block():
            self._cursor = self._after(block)
            self._drop(block)
        return block

    def _drop(self, block: int) -> None:
        state = self._state.pop(block, None)
        if state is not None:
            del self._lists[state][block]
            self._memory.give(1)

    def put(self, name: Hashable, now: int) -> bool:
        """Puts a record; False: there is no room at present, a wake of `room` says when to try again.

        Raises `StoreError` where there will be none before the disk takes what is written.
        """
        epoch = self._epochs[self._open & 1]
        block = self._allocate() if self._has_room() else 0
        if not block and self._refusing:
            raise StoreError
        if not block:
            if self._has_room():
                self.flush()
            self._kick()
            return False
        self._insert(block, DIRTY)
        self._epoch_of[block] = self._open & 1
        epoch.unwritten += 1
        epoch.written += 1
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
        """None: it is in the cache; else what to wait for, to try again. Raises `StoreError` if it was not read."""
        block = self._block_of[name]
        state = self._state.get(block)
        if state in (WANTED, READING):
            return f"block {block}"
        if state is not None:
            if state == CLEAN:
                self._set(block, CLEAN)
            if block in self._unreadable:
                self._unreadable.discard(block)
                self._drop(block)
                raise StoreError
            self.hits += 1
            return None
        self._memory.make_room()
        if not self._has_room():
            if self._refusing:
                raise StoreError
            return "room"
        self._insert(block, WANTED)
        self.misses += 1
        self._kick()
        return f"block {block}"

    def flush(self) -> int:
        """Asks for all that was put to become durable; the epoch for `flushed`."""
        self._wanted = self._open
        self._kick()
        return self._open

    def flushed(self, epoch: int) -> bool:
        """Whether that epoch is durable; a wake of `durable` says when to look again. Raises `StoreError`."""
        if self._durable >= epoch:
            return True
        if self._refusing:
            raise StoreError
        return False

    # ---- work for the disk ------------------------------------------------------------------------

    def _deliver(self, request: Request, failed: bool, now: int) -> None:
        if request.operation is _FLUSH:
            self._flush_done()
        elif request.operation is _READ:
            self._read_done(request, failed)
        elif failed:
            self._write_failed(request.block, now)
        else:
            self._written(request)
        if failed or self.device.retrying(request.operation):
            return
        if request.operation is _READ or not self._homeless:
            self._on_served(request.operation)

    def _flush_done(self) -> None:
        self._flushing = False
        self._durable += 1
        epoch = self._epochs[self._durable & 1]
        for block in epoch.freed:
            self._busy[block] = 0
        self.let_go = len(epoch.freed) + epoch.written
        self._epochs[self._durable & 1] = _Epoch()
        self._wake("durable")
        self._wake("room")

    def _read_done(self, request: Request, failed: bool) -> None:
        self._set(request.block, CLEAN)
        if request.refused:
            self._unreadable.add(request.block)
            if not failed:
                self._on_corrupt(request.block)
        self._wake(f"block {request.block}")
        self._wake("room")

    def _written(self, request: Request) -> None:
        block = request.block
        self._suspect = self._refusing = False
        self._homeless.discard(block)
        self._set(block, CLEAN)
        version = self._unwritten.pop(block)
        if not request.refused:
            self.contents[block] = version
        self._epochs[self._epoch_of.pop(block)].unwritten -= 1
        self._wake("room")

    def _write_failed(self, block: int, now: int) -> None:
        self._homeless.add(block)
        moved = not self._suspect and self._move(block)
        self._suspect = True
        if moved:
            return
        self._set(block, DIRTY)
        self._refusing = True
        self._resume_ns = now + RESUME_NS
        self._wake("durable")
        self._wake("room")

    def _move(self, block: int) -> bool:
        """The content goes to another block, and its own is never used again."""
        to = self._allocate()
        if not to:
            return False
        self._bad[block] = self._busy[to] = 1
        self._epochs[self._epoch_of[block]].written += 1
        self._homeless.discard(block)
        self._homeless.add(to)
        self._epoch_of[to] = self._epoch_of.pop(block)
        version = self._unwritten[to] = self._unwritten.pop(block)
        if self._block_of[version.name] == block:
            self._block_of[version.name] = to
        else:
            self._epochs[self._open & 1].freed.append(to)
        del self._lists[self._state.pop(block)][block]
        self._state[to] = DIRTY
        self._lists[DIRTY][to] = None
        return True

    @property
    def _writing(self) -> bool:
        return bool(self._lists[WRITING])

    def step(self, now: int) -> tuple[str, Request | Operation] | None:
        """One thing done for the disk: its point, and the request delivered or the operation submitted."""
        device = self.device
        if request := device.next(now):
            self._deliver(request, request.refused and device.seeing, now)
            return _DONE[request.operation], request
        if self._wanted == self._open and not self._closing:
            self._open += 1
        dirty = self.dirty
        overdue = dirty >= WRITE_BATCH or now >= self._first_dirty_ns + WRITE_AGE_NS
        self._draining = dirty > 0 and (self._draining or bool(self._homeless) or overdue or self._closing)
        if not device.room:
            return None
        if wanted := self._lists[WANTED]:
            return self._submit(_READ, next(iter(wanted)), READING, now)
        if self._draining and (not self._refusing or (now >= self._resume_ns and not self._writing)):
            return self._submit(_WRITE, next(iter(self._lists[DIRTY])), WRITING, now)
        if not self._closing or self._flushing or self._epochs[(self._durable + 1) & 1].unwritten:
            return None
        self._flushing = True
        device.submit(_FLUSH, 0, now)
        return _SUBMIT[_FLUSH], _FLUSH

    def _submit(self, operation: Operation, block: int, state: int, now: int) -> tuple[str, Operation]:
        self._set(block, state)
        self.device.submit(operation, block, now)
        return _SUBMIT[operation], operation

    @property
    def deadline(self) -> int | None:
        """When there will be something to do, ns, if nothing wakes the disk before."""
        write = None
        if self.dirty and self._refusing:
            write = None if self._writing else self._resume_ns
        elif self.dirty and not self._draining:
            write = self._first_dirty_ns + WRITE_AGE_NS
        delivery = self.device.deadline
        if write is None or delivery is None:
            return delivery if write is None else write
        return min(write, delivery)
