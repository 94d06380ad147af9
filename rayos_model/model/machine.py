"""The machine: builds all parts of one run, connects them, and runs the scenario to its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rayos_model.contract.abi import ScenarioKind, ThreadId, TraceKind
from rayos_model.contract.image import Image
from rayos_model.contract.macros import PAGE_KB
from rayos_model.contract.trace_record import Records
from rayos_model.costs.parameters import Parameters
from rayos_model.model.core import Core
from rayos_model.model.cpu.thread import EXITED, Thread
from rayos_model.model.disk.disk_thread import DiskThread
from rayos_model.model.disk.store import Version
from rayos_model.model.faults.injector import Failures
from rayos_model.model.load.generator import WHOLE_PPM, LoadGenerator
from rayos_model.model.load.stress import Stress, p99
from rayos_model.model.load.stressors import DiskStressor, MemoryStressor, Stressor
from rayos_model.model.network import Network
from rayos_model.model.service_times import CostModel
from rayos_model.model.supervisor import SECOND_NS, Supervisor
from rayos_model.model.wayland.compositor import Compositor


class Machine:
    """One run's parts. No part knows this class.

    `records` receives the trace in chunks, `line` each marker line; `on_second(second, flips)` is called after each
    snapshot. `contents` is what an earlier machine has left on the disk.
    """

    def __init__(
        self,
        image: Image,
        parameters: Parameters,
        records: Callable[[Records], None],
        line: Callable[[str], None],
        on_second: Callable[[int, int], None],
        trace_points: bool = False,
        contents: Mapping[int, Version] | None = None,
    ) -> None:
        if image.settings.vcpus > 1:
            parameters = parameters.on_smp()
        core = self.core = Core(image, parameters, records, line, trace_points)
        self._on_second = on_second
        self._second = 0
        self._disk = (
            DiskThread(core, image.disk, CostModel(parameters, "disk"), contents or {}) if image.disk.mb else None
        )
        if self._disk:
            core.disk = self._disk
            core.memory.reclaim = self._disk.store.shrink
            core.memory.on_reclaim = self._reclaimed
        present = image.network.heartbeat_ns > 0
        self._network = Network(core, image.network, CostModel(parameters, "network")) if present else None
        self._load = LoadGenerator(core)
        self._stressors = self._make_stressors()
        self._compositor = Compositor(core)
        self._supervisor = Supervisor(
            core, CostModel(parameters, "reporter"), self._load, self._stressors, self._disk, self._snapshot
        )
        self._failures = Failures(core, CostModel(parameters, "injector"), image.faults, self._network, self._disk)
        stressed = image.settings.kind == ScenarioKind.STRESS
        self._stress = (
            Stress(image.settings, image.load, self._load, core.say, self._memory_percent) if stressed else None
        )
        core.display = self._compositor
        core.processes = self._supervisor
        core.failures = self._failures
        core.integration.mark = self._mark
        core.processor.on_exit = self._thread_ended

    def _make_stressors(self) -> dict[int, Stressor]:
        core, load = self.core, self.core.load
        first = core.client_count + load.cpu_threads
        made: list[Stressor] = []
        if self._disk and load.disk_iops:
            made += [DiskStressor(core, self._load, first + i, self._disk) for i in range(load.disk_depth)]
        if load.memory_ppm:
            made.append(MemoryStressor(core, self._load, first + len(made)))
        return {stressor.id: stressor for stressor in made}

    # ---- running ---------------------------------------------------------------------------------

    def run_until(self, instant_ns: int) -> None:
        """Runs the scenario until its power is cut: all that happens before that instant, and nothing more."""
        self._start()
        env, launcher = self.core.env, self._supervisor.launcher
        while launcher.state != EXITED and env.horizon() < instant_ns:
            env.step()
        self.core.trace.flush()

    def run(self) -> bool:
        """Runs the scenario to its end; whether the machine itself found nothing wrong."""
        self._start()
        env, launcher = self.core.env, self._supervisor.launcher
        while launcher.state != EXITED:
            env.step()
        return self._finish()

    @property
    def segments_not_calibrated(self) -> list[str]:
        """Pairs of points of clients and compositor that calibration never observed, in order."""
        return sorted(self.core.compositor_costs.unseen | self.core.client_costs.unseen)

    def _start(self) -> None:
        core, processor = self.core, self.core.processor
        if core.profile:
            core.profile.start()
        core.say("RAYOS_SOAK:START", core.client_count, core.settings.duration_ns // SECOND_NS)
        core.measure(TraceKind.M_BASELINE, 0, core.memory.baseline, ThreadId.LAUNCHER)
        core.integration.start()
        processor.begin(self._supervisor.launcher)
        if self._disk:
            processor.spawn(self._disk.thread)
        if self._stress:
            self._stress.start()
        else:
            self._load.set(WHOLE_PPM)
        processor.spawn(self._supervisor.reporter)
        processor.spawn(self._compositor.thread)
        if self._failures.watching:
            processor.spawn(self._failures.thread)
        if self._network:
            processor.spawn(self._network.thread)

    def _finish(self) -> bool:
        core, memory, failed = self.core, self.core.memory, self._supervisor.failed
        leaked = memory.pages - memory.baseline
        core.measure(TraceKind.M_PAGES_PEAK, 0, memory.peak, ThreadId.LAUNCHER)
        core.measure(TraceKind.M_LEAK, 0, leaked, ThreadId.LAUNCHER)
        verified = core.integration.finish(not failed, leaked)
        passed = self._failures.finish(verified and not failed and leaked == 0)
        core.trace.flush()
        if core.profile:
            core.profile.report()
        if self._stress:
            self._stress.report(passed)
        core.say("RAYOS_SOAK:COMPLETE", "pass" if passed else "fail")
        return passed

    # ---- what connects the parts -----------------------------------------------------------------

    def _reclaimed(self, pages: int) -> None:
        running = self.core.processor.current_thread()
        self.core.measure(TraceKind.M_RECLAIM, 0, pages, running.index if running else ThreadId.IDLE)

    def _thread_ended(self, thread: Thread) -> None:
        client = self.core.clients.get(thread.index - ThreadId.CLIENT0)
        if client is not None and client.thread is thread:
            self._supervisor.exited(client)
            return
        stressor = self._stressors.get(thread.index - ThreadId.CLIENT0)
        if stressor is not None:
            self._supervisor.stressor_exited(stressor)
        elif thread.index >= ThreadId.CLIENT0 + self.core.client_count:
            self._load.ended(thread)

    def _mark(self, number: int) -> None:
        """The time of an integration marker's line."""
        if not self._compositor.burst.note_marker(number):
            self.core.measure(TraceKind.M_MARKER, number, 0, ThreadId.LAUNCHER)

    def _memory_percent(self) -> int:
        return self.core.memory.pages * PAGE_KB * 100 // (self.core.settings.memory_mb * 1024)

    def _snapshot(self, idle_ns: int) -> None:
        """The reporter's work at each whole second; `idle_ns` is the idle time of that second."""
        core, pages = self.core, self.core.memory.pages
        self._second += 1
        core.measure(TraceKind.M_IDLE, 0, idle_ns, ThreadId.REPORTER)
        core.measure(TraceKind.M_PAGES, 0, pages, ThreadId.REPORTER)
        if self._disk:
            self._disk.snapshot()
        busy = round(100 * (1 - idle_ns / (SECOND_NS * core.settings.vcpus)))
        flips, latencies = self._compositor.end_second()
        core.say("RAYOS_SOAK:METRICS_SNAPSHOT", busy, pages * PAGE_KB, p99(latencies) // 1000, flips)
        if self._stress:
            self._stress.second(self._second, latencies, busy)
        self._on_second(self._second, flips)
