"""The stressors of disk and memory: `kernel/clients/stress.c` without the data."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Final

from rayos_model.contract.abi import STRESS_FLUSH_EVERY, STRESS_SLOTS, ThreadId, TraceKind
from rayos_model.model.core import Core
from rayos_model.model.cpu.thread import BLOCK, Block, Body, Thread
from rayos_model.model.disk.calls import flush, get, put
from rayos_model.model.load.generator import WHOLE_PPM, LoadGenerator
from rayos_model.model.pcg32 import Congruence
from rayos_model.model.roles import DiskService
from rayos_model.model.service_times import AT_BLOCK

GET_EVERY: Final = 4
CHUNK_PAGES: Final = 64
STEP_NS: Final = 10_000_000
CHURN_TURNS: Final = 10
_PICK_INCREMENT: Final = 1442695040888963407

Resize = Generator[int | Block, None, int]
"""A part of a thread's body that returns the pages it holds afterwards."""


class Stressor:
    """One stressor's process; subclasses say what it does until the end of the scenario."""

    def __init__(self, core: Core, generator: LoadGenerator, identity: int) -> None:
        self.core = core
        self._generator = generator
        self.id = identity
        self.end_ns = core.settings.duration_ns
        self.flow = core.flow(core.client_costs, ThreadId.CLIENT0 + identity, ("start",))
        self.thread = Thread(ThreadId.CLIENT0 + identity, f"stressor-{identity}", core.load.cpu_priority, self._body())

    def stress(self) -> Body:
        """What it does from its first instruction to its last."""
        raise NotImplementedError

    def _body(self) -> Body:
        yield self.flow.to(("first",))
        yield from self.stress()
        yield self.flow.to(("exit",))

    def level(self, whole: int) -> int:
        """The present level's share of it."""
        return whole * self._generator.level_ppm // WHOLE_PPM

    def sleep(self, deadline_ns: int) -> Body:
        """Sleeps until then."""
        self.thread.deadline = deadline_ns
        self.thread.trailing = self.flow.to(AT_BLOCK)
        yield BLOCK


class DiskStressor(Stressor):
    """Puts records in turn, gets one of every fourth, flushes regularly; no faster than its share of the rate."""

    def __init__(self, core: Core, generator: LoadGenerator, identity: int, disk: DiskService) -> None:
        self._disk = disk
        self._period_ns = core.load.disk_depth * 1_000_000_000 // core.load.disk_iops
        super().__init__(core, generator, identity)

    def stress(self) -> Body:
        processor = self.core.processor
        due, n = processor.now, 0
        pick = Congruence(self.core.settings.seed + self.id, _PICK_INCREMENT)
        while processor.now < self.end_ns:
            n += 1
            while not (yield from put(self, self._disk, (self.id, n % STRESS_SLOTS))):
                yield from self.sleep(processor.now + STEP_NS)
            if n % GET_EVERY == 0:
                pick.step()
                ago = (pick.high >> 1) % STRESS_SLOTS
                if ago < n:
                    yield from get(self, self._disk, (self.id, (n - ago) % STRESS_SLOTS))
            if n % STRESS_FLUSH_EVERY == 0:
                yield from flush(self, self._disk, n)
            while not (share := self.level(WHOLE_PPM)) and processor.now < self.end_ns:
                yield from self.sleep(processor.now + STEP_NS)
                due = processor.now
            due += self._period_ns * WHOLE_PPM // share if share else 0
            now = processor.now
            if due > now:
                yield from self.sleep(due)
            elif now - due > STEP_NS:
                due = now
        yield from flush(self, self._disk, n)


class MemoryStressor(Stressor):
    """Holds its share of all memory, takes and returns some of it all the time, and is refused what is not there."""

    def stress(self) -> Body:
        processor, memory = self.core.processor, self.core.memory
        whole = memory.target_pages(self.core.load.memory_ppm)
        held = 0
        for turn in self._turns():
            target, before = self.level(whole), held
            if held < target:
                held = yield from self._map(held, min(target - held, CHUNK_PAGES))
            elif held > target or turn % CHURN_TURNS == 0:
                held = yield from self._unmap(held, min(held - target if held > target else held, CHUNK_PAGES))
            if held in (before, target):
                yield from self.sleep(processor.now + STEP_NS)
        while held:
            held = yield from self._unmap(held, min(held, CHUNK_PAGES))

    def _turns(self) -> Iterator[int]:
        turn = 0
        while self.core.processor.now < self.end_ns:
            yield turn
            turn += 1

    def _map(self, held: int, pages: int) -> Resize:
        memory = self.core.memory
        before = memory.reclaimed
        granted = memory.map_pages(self, held, pages)
        dropped = memory.reclaimed - before
        if granted < pages:
            self.core.measure(TraceKind.M_REFUSED, self.id, held, self.thread.index)
            yield self.thread.masking(self.flow.to(("memory.refused", granted, dropped)))
            return held
        yield self.thread.masking(self.flow.to(("memory.map", pages, dropped)))
        return held + pages

    def _unmap(self, held: int, pages: int) -> Resize:
        self.core.memory.give(pages)
        yield self.thread.masking(self.flow.to(("memory.unmap", pages, 0)))
        return held - pages
