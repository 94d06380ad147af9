"""Background load: the computing processes, as many as the level says (docs/explanation/load.md)."""

from __future__ import annotations

from rayos_model.contract.abi import ThreadId
from rayos_model.model.core import Core
from rayos_model.model.cpu.multiprocessor import Multiprocessor
from rayos_model.model.cpu.thread import RUNNING, Body, Thread
from rayos_model.model.cpu.virtual_cpu import ComputingThread

WHOLE_PPM = 1_000_000
_LONG_NS = 10**15


def _endless() -> Body:
    while True:
        yield _LONG_NS


class LoadGenerator:
    """Starts and ends computing processes; what takes time is a part of the launcher's body."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._load = core.load
        self.level_ppm = 0
        self._running: list[Thread] = []
        self._dead: list[Thread] = []  # off their processor, not yet freed
        self._existing = 0

    @property
    def exists(self) -> bool:
        """Whether any process of it is not freed yet."""
        return self._existing > 0

    def set(self, level_ppm: int) -> None:
        """The share of the whole load that is to run from now on."""
        self.level_ppm = level_ppm
        self._core.processor.wake(self._core.processes.launcher)

    def due(self, over: bool) -> bool:
        """Whether `adjust` has anything to do."""
        return bool(self._dead) or len(self._running) != self._wanted(over)

    def adjust(self, over: bool) -> Body:
        """Frees what is dead, starts what is missing, ends what is too much; `over`: all of it."""
        core = self._core
        while self._dead:
            thread = self._dead.pop(0)
            yield core.launcher_costs.between(("block",), ("reap", core.memory.pages_of(thread)))[0]
            core.memory.leave(thread)
            self._existing -= 1
        wanted = self._wanted(over)
        while len(self._running) < wanted:
            yield core.launcher_costs.between(("block",), ("spawn.load",))[0]
            thread = self._thread(ThreadId.CLIENT0 + core.client_count + len(self._running))
            self._running.append(thread)
            self._existing += 1
            core.memory.enter(thread)
            core.processor.spawn(thread)
        while len(self._running) > wanted:
            thread = self._running.pop()
            leaves_later = thread.state == RUNNING
            core.processor.kill(thread)
            if not leaves_later:
                self.ended(thread)

    def ended(self, thread: Thread) -> None:
        """A process that was killed has left its processor."""
        self._dead.append(thread)
        self._core.processor.wake(self._core.processes.launcher)

    def _wanted(self, over: bool) -> int:
        return 0 if over else (self._load.cpu_threads * self.level_ppm + WHOLE_PPM // 2) // WHOLE_PPM

    def _thread(self, index: int) -> Thread:
        if isinstance(self._core.processor, Multiprocessor):
            return ComputingThread(index, "compute", self._load.cpu_priority)
        return Thread(index, "compute", self._load.cpu_priority, _endless())
