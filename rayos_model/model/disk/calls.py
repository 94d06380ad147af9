"""System calls that reach the store: put, get and flush."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

from rayos_model.contract.abi import Syscall, TraceKind
from rayos_model.model.core import Core
from rayos_model.model.cpu.thread import Block, Thread
from rayos_model.model.disk.store import StoreError
from rayos_model.model.roles import DiskService
from rayos_model.model.service_times import AT_BLOCK, Flow, Point

_CALL: Point = ("call",)
_BLOCK_GET: Point = ("block.get",)
_BLOCK_FLUSH: Point = ("block.flush",)


class Caller(Protocol):
    """A process that calls the store."""

    core: Core
    id: int
    flow: Flow
    thread: Thread


Call = Generator[int | Block, None, bool]
"""A system call on the store, a part of a thread's body; False: it was answered by E_IO."""


def _failed(caller: Caller, call: Syscall) -> bool:
    caller.core.measure(TraceKind.M_STORE_ERROR, caller.id, call, caller.thread.index)
    return False


def put(caller: Caller, disk: DiskService, name: tuple[int, int]) -> Call:
    """Puts a record into the store; waits while the cache has no room."""
    yield caller.flow.to(_CALL)
    try:
        while True:
            dropped = caller.core.memory.make_room()
            yield caller.thread.masking(caller.flow.to(("put", dropped)))
            if disk.store.put(name, caller.core.processor.now):
                break
            yield from disk.wait(caller.thread, "room", caller.flow.to(AT_BLOCK))
    except StoreError:
        return _failed(caller, Syscall.PUT)
    yield 1  # a disk thread that was woken runs here
    return True


def get(caller: Caller, disk: DiskService, name: tuple[int, int]) -> Call:
    """Waits until a record is in the cache, and copies it out."""
    try:
        while what := disk.store.get(name):
            yield from disk.wait(caller.thread, what, caller.flow.to(_BLOCK_GET))
    except StoreError:
        return _failed(caller, Syscall.GET)
    yield caller.thread.masking(caller.flow.to(("get",)))
    return True


def flush(caller: Caller, disk: DiskService, tag: int) -> Call:
    """Waits until all that was put before is durable."""
    epoch = disk.store.flush()
    try:
        while not disk.store.flushed(epoch):
            yield from disk.wait(caller.thread, "durable", caller.flow.to(_BLOCK_FLUSH))
    except StoreError:
        return _failed(caller, Syscall.FLUSH)
    caller.core.measure(TraceKind.M_DURABLE, caller.id, tag, caller.thread.index)
    yield caller.flow.to(("durable",))
    return True
