"""The disk thread: what moves blocks between the store and the device, and those that wait for it.

docs/explanation/store.md describes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rayos_model.contract.abi import Detection, ThreadId, TraceKind
from rayos_model.contract.image import Disk as DiskImage
from rayos_model.model.core import Core
from rayos_model.model.cpu.thread import BLOCK, Body, Thread
from rayos_model.model.disk.device import TRIES, Device, Request
from rayos_model.model.disk.store import Store, StoreError, Version
from rayos_model.model.roles import DiskService
from rayos_model.model.service_times import AT_BLOCK, CostModel

DISK_PRIORITY: Final = 18
FLUSHED: Final = "disk_done.flush"


class DiskThread(DiskService):
    """The kernel's disk thread, and those that wait for the disk."""

    def __init__(self, core: Core, disk: DiskImage, costs: CostModel, contents: Mapping[int, Version]) -> None:
        self._core = core
        self._processor = core.processor
        self._flow = core.flow(costs, ThreadId.DISK, AT_BLOCK)
        self._waiting: list[tuple[str, Thread]] = []
        self._closed_epoch: int | None = None
        seeing = not core.settings.detectors_off >> Detection.IO_ERROR & 1
        self.store = Store(
            disk,
            Device(disk, self._refused, seeing=seeing),
            core.memory,
            self._wake,
            lambda: core.processor.wake(self.thread),
            lambda operation: core.failures.disk_served(operation),
            lambda block: core.measure(TraceKind.M_CORRUPT, block, 0, ThreadId.DISK),
            contents,
        )
        self.thread = Thread(ThreadId.DISK, "disk", DISK_PRIORITY, self._body())

    def wait(self, thread: Thread, what: str, trailing_ns: int) -> Body:
        """Blocks the running thread until a wake of `what`."""
        self._waiting.append((what, thread))
        thread.deadline = None
        thread.trailing = trailing_ns
        yield BLOCK

    def _wake(self, what: str) -> None:
        woken = [thread for waits_for, thread in self._waiting if waits_for == what]
        if woken:
            self._waiting = [entry for entry in self._waiting if entry[0] != what]
            for thread in woken:
                self._processor.wake(thread)

    def _refused(self, request: Request) -> None:
        kind = TraceKind.M_DISK_ERROR if request.tries == TRIES else TraceKind.M_DISK_RETRY
        self._core.failures.disk_refused()
        self._core.measure(kind, request.block, request.operation, ThreadId.DISK)

    def close(self) -> bool:
        """Asks for all to become durable, until it is; a disk that refuses is asked again."""
        if self._closed_epoch is None:
            self._closed_epoch = self.store.flush()
        try:
            return self.store.flushed(self._closed_epoch)
        except StoreError:
            self._closed_epoch = None
            return False

    def snapshot(self) -> None:
        """The second's record of the cache."""
        store = self.store
        self._core.measure(TraceKind.M_CACHE, store.hits, store.misses, ThreadId.REPORTER)
        self._core.measure(TraceKind.M_CACHE_PAGES, store.dirty, store.cached, ThreadId.REPORTER)
        store.hits = store.misses = 0

    def _body(self) -> Body:
        store, processor, flow, thread = self.store, self._processor, self._flow, self.thread
        while True:
            now = processor.now
            if step := store.step(now):
                label, what = step
                if isinstance(what, Request):
                    subject = what.block << 2 | what.operation
                    latency = now - what.submitted_ns
                    self._core.measure(TraceKind.M_DISK_REQUEST, subject, latency, ThreadId.DISK)
                    awaited = int(store.device.awaited)
                    yield flow.to((label, store.let_go, awaited) if label == FLUSHED else (label, awaited))
                else:
                    yield flow.to((label,))
            elif store.device.notify():
                yield flow.to(("disk_notify",))
            else:
                thread.deadline = store.deadline
                thread.trailing = flow.to(AT_BLOCK)
                yield BLOCK
