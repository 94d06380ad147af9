"""The whole simulated machine: processor, memory, compositor, clients, supervisor on one SimPy clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rayos_model.contract.abi import PAGE_KB, BatchTag, ScenarioKind, ThreadId
from rayos_model.contract.image import Group, Image
from rayos_model.contract.trace_record import Records, TraceKind
from rayos_model.costs.cache_state import CacheState
from rayos_model.costs.parameters import Parameters
from rayos_model.model.clients.client import Client
from rayos_model.model.cpu.clock import Clock
from rayos_model.model.cpu.host import HostSettings
from rayos_model.model.cpu.parallel import Parallel
from rayos_model.model.cpu.thread import EXITED, Overheads, Thread
from rayos_model.model.cpu.turn_taking import TurnTaking
from rayos_model.model.cpu.uniprocessor import Processor
from rayos_model.model.cpu.virtual_cpu import Several
from rayos_model.model.disk.disk_thread import DiskThread
from rayos_model.model.disk.store import Version
from rayos_model.model.faults.injector import Failures
from rayos_model.model.integration import Integration
from rayos_model.model.load.generator import WHOLE_PPM, LoadGenerator
from rayos_model.model.load.stress import Stress, p99
from rayos_model.model.load.stressors import DiskStressor, MemoryStressor, Stressor
from rayos_model.model.memory import MemoryUse
from rayos_model.model.network import Network
from rayos_model.model.noise import Noise
from rayos_model.model.pcg32 import STREAM_HOST, STREAM_JITTER, Random
from rayos_model.model.profile import Profile
from rayos_model.model.service_times import CostModel, Flow, NoisyFlow, Path, Point, RecordedFlow
from rayos_model.model.supervisor import SECOND_NS, Supervisor
from rayos_model.model.tracing import TraceBuffer
from rayos_model.model.wayland.compositor import Compositor


class Machine:
    """One run's state. `on_second(second, flips)` is called after each snapshot, `say` writes a marker line.

    `contents` is what an earlier machine has left on the disk.
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
        self.env = Clock()
        self.settings = image.settings
        if image.settings.vcpus > 1:
            parameters = parameters.on_smp()
        self.groups = image.groups
        self.tables = image.tables
        self.events = image.events
        self.integration = Integration(image, self.say, self._mark)
        self.refresh_ns = 10**12 // image.settings.refresh_mhz
        self.client_costs = CostModel(parameters, "client")
        self.compositor_costs = CostModel(parameters, "compositor")
        self.launcher_costs = CostModel(parameters, "launcher")
        self.reporter_costs = CostModel(parameters, "reporter")
        self.injector_costs = CostModel(parameters, "injector")
        self._line = line
        self._on_second = on_second
        self._noisy = bool(parameters.scheduling.idle_wake_spread_ns)
        self._noise = Noise(self.settings.seed, ThreadId.COMPOSITOR, parameters.persistence)
        self._cache_state = CacheState()
        self.processor = self._make_processor(parameters)
        if self._noisy:
            self.processor.note_timer()
        self.trace_points = trace_points
        if trace_points:
            self.processor.on_burst = lambda thread: self._points_of(thread, thread.time_at)
            self.processor.on_block = lambda thread, since: self._points_of(thread, lambda offset: since + offset)
        self._flows: dict[int, RecordedFlow] = {}  # by thread, where points are traced
        self.load = image.load
        self.memory = MemoryUse(parameters.memory, image.settings, image.disk, image.network)
        profiled = image.settings.kind == ScenarioKind.PERFORMANCE
        self.profile = Profile(image.settings, self.memory, self.say) if profiled else None
        self._records = records
        self.trace = TraceBuffer(self._keep)
        self.clients: dict[int, Client] = {}
        self._group_of = {group.first_client + i: group for group in image.groups for i in range(group.count)}
        self.disk = (
            DiskThread(self, image.disk, CostModel(parameters, "disk"), contents or {}) if image.disk.mb else None
        )
        if self.disk:
            self.memory.reclaim = self.disk.store.shrink
            self.memory.on_reclaim = self._reclaimed
        present = image.network.heartbeat_ns > 0
        self.network = Network(self, image.network, CostModel(parameters, "network")) if present else None
        self.stressors = self._make_stressors()
        self.compositor = Compositor(self)
        self.load_generator = LoadGenerator(self)
        self.supervisor = Supervisor(self)
        self.failures = Failures(self, image.faults)
        stressed = image.settings.kind == ScenarioKind.STRESS
        self.stress = (
            Stress(image.settings, image.load, self.load_generator, self.say, self._memory_percent)
            if stressed
            else None
        )
        self.processor.on_exit = self._thread_ended
        self._send_paths: dict[int, Path] = {}
        self._second = 0

    def _make_processor(self, parameters: Parameters) -> Processor:
        settings, scheduling = self.settings, parameters.scheduling
        spread = scheduling.idle_wake_spread_ns
        noise = Noise(settings.seed, ThreadId.IDLE)
        overheads = Overheads(
            dispatch=round(scheduling.dispatch_ns),
            interrupt=round(scheduling.interrupt_ns),
            idle_wake=round(scheduling.idle_wake_ns),
            draw_idle_wake=(lambda: round(noise.draw(spread))) if spread else None,
            replaced=scheduling.space_switch_ns,
            replaced_used=scheduling.space_switch_used_ns,
            replaced_mapped=scheduling.space_switch_mapped_page_ns,
            replaced_drawn=scheduling.space_switch_drawn_page_ns,
            seek=scheduling.cpu_search_ns,
            told_wake=round(scheduling.ipi_wake_ns),
            leave=round(scheduling.syscall_exit_ns),
            tell=round(scheduling.bql_hold_ns),
            block_locked=round(scheduling.block_lock_hold_ns),
            service_locked=round(scheduling.service_lock_hold_ns),
            idle_locked=round(scheduling.idle_lock_hold_ns),
        )
        jitter = Random(settings.jitter_seed, stream=STREAM_JITTER) if settings.jitter_seed else None
        if settings.vcpus == 1:
            return Processor(self.env, settings.quantum_ns, overheads, jitter)
        several = Several(settings.vcpus, jitter, settings.ipi_delay_seed)
        if parameters.host_parallelism == 1:
            return TurnTaking(self.env, settings.quantum_ns, overheads, several)
        tick_ns, chance = parameters.host_tick_ns, Random(settings.seed, stream=STREAM_HOST)
        host = HostSettings(
            cores=parameters.host_parallelism,
            slice_ns=parameters.host_slice_ns,
            tick_ns=tick_ns,
            phase_ns=chance.next() * tick_ns >> 32,
            wake_ns=parameters.host_wake_ns,
            switch_ns=parameters.host_switch_ns,
        )
        return Parallel(self.env, settings.quantum_ns, overheads, several, host, chance)

    # ---- running ---------------------------------------------------------------------------------

    def run_until(self, instant_ns: int) -> None:
        """Runs the scenario until its power is cut: all that happens before that instant, and nothing more."""
        self._start()
        launcher = self.supervisor.launcher
        while launcher.state != EXITED and self.env.horizon() < instant_ns:
            self.env.step()
        self.trace.flush()

    def run(self) -> bool:
        """Runs the scenario to its end; whether the machine itself found nothing wrong."""
        self._start()
        launcher = self.supervisor.launcher
        while launcher.state != EXITED:
            self.env.step()
        return self._finish()

    def _start(self) -> None:
        settings, processor = self.settings, self.processor
        if self.profile:
            self.profile.start()
        self.say("RAYOS_SOAK:START", len(self._group_of), settings.duration_ns // SECOND_NS)
        self.measure(TraceKind.M_BASELINE, 0, self.memory.baseline, ThreadId.LAUNCHER)
        self.integration.start()
        processor.begin(self.supervisor.launcher)
        if self.disk:
            processor.spawn(self.disk.thread)
        if self.stress:
            self.stress.start()
        else:
            self.load_generator.set(WHOLE_PPM)
        processor.spawn(self.supervisor.reporter)
        processor.spawn(self.compositor.thread)
        if self.failures.watching:
            processor.spawn(self.failures.thread)
        if self.network:
            processor.spawn(self.network.thread)

    def _finish(self) -> bool:
        leaked = self.memory.pages - self.memory.baseline
        self.measure(TraceKind.M_PAGES_PEAK, 0, self.memory.peak, ThreadId.LAUNCHER)
        self.measure(TraceKind.M_LEAK, 0, leaked, ThreadId.LAUNCHER)
        verified = self.integration.finish(not self.supervisor.failed, leaked)
        passed = self.failures.finish(verified and not self.supervisor.failed and leaked == 0)
        self.trace.flush()
        if self.profile:
            self.profile.report()
        if self.stress:
            self.stress.report(passed)
        self.say("RAYOS_SOAK:COMPLETE", "pass" if passed else "fail")
        return passed

    def _make_stressors(self) -> dict[int, Stressor]:
        load = self.load
        first = len(self._group_of) + load.cpu_threads
        made: list[Stressor] = []
        if self.disk and load.disk_iops:
            made += [DiskStressor(self, first + i, self.disk) for i in range(load.disk_depth)]
        if load.memory_ppm:
            made.append(MemoryStressor(self, first + len(made)))
        return {stressor.id: stressor for stressor in made}

    def _reclaimed(self, pages: int) -> None:
        running = self.processor.running
        self.measure(TraceKind.M_RECLAIM, 0, pages, running.index if running else ThreadId.IDLE)

    def _keep(self, records: Records) -> None:
        self._records(records)
        if self.profile:
            self.profile.feed(records)

    def _thread_ended(self, thread: Thread) -> None:
        client = self.clients.get(thread.index - ThreadId.CLIENT0)
        if client is not None and client.thread is thread:
            self.supervisor.exited(client)
            return
        stressor = self.stressors.get(thread.index - ThreadId.CLIENT0)
        if stressor is not None:
            self.supervisor.stressor_exited(stressor)
        elif thread.index >= ThreadId.CLIENT0 + self.client_count:
            self.load_generator.ended(thread)

    def _memory_percent(self) -> int:
        return self.memory.pages * PAGE_KB * 100 // (self.settings.memory_mb * 1024)

    def _points_of(self, thread: Thread, time_at: Callable[[int], int]) -> None:
        """Writes the points that a thread came to in the burst it has consumed."""
        flow = self._flows[thread.index]
        consumed = 0
        for point, cost, subject in flow.crossed:
            consumed += cost
            self.trace.point(time_at(consumed), point, subject, cost, thread.index, self.processor.sleepers)
        flow.crossed.clear()

    # ---- what its parts use ------------------------------------------------------------------------

    def say(self, marker: str, *fields: object) -> None:
        """Writes one marker line."""
        self._line(":".join((marker, *map(str, fields))))

    def _mark(self, number: int) -> None:
        """The time of an integration marker's line."""
        if not self.compositor.note_marker(number):
            self.measure(TraceKind.M_MARKER, number, 0, ThreadId.LAUNCHER)

    def measure(self, kind: TraceKind, subject: int, arg: int, thread: int) -> None:
        """Writes one measurement record, now."""
        self.trace.measure(self.processor.now, kind, subject, arg, thread)

    def flow(self, costs: CostModel, thread: int, start: Point) -> Flow:
        """A new thread's walk from `start`."""
        if not self.trace_points:
            if self._noisy:
                return NoisyFlow(costs, self.processor, start, self._noise, self._cache_state, thread)
            return Flow(costs, self.processor, start)
        flow = self._flows[thread] = RecordedFlow(costs, self.processor, start)
        return flow

    @property
    def client_count(self) -> int:
        """Clients over all groups."""
        return len(self._group_of)

    def group_of(self, client: int) -> Group:
        """The group a client belongs to."""
        return self._group_of[client]

    def send_path(self, tag: int, steps: int, rows: int) -> Path:
        """The points of one `send` after drawing `rows` rows in so many steps."""
        key = steps << 32 | rows << 8 | tag  # a number is found sooner than a tuple
        path = self._send_paths.get(key)
        if path is None:
            name = BatchTag(tag).name.lower()
            path = self._send_paths[key] = Path((f"enter.{name}", steps, rows), (f"send.{name}",))
        return path

    def peer(self, client: Client) -> Client | None:
        """Who receives a client's drop: the next client of its group; None when that one is not alive."""
        group = client.group
        index = (client.id - group.first_client + 1) % group.count
        return self.clients.get(group.first_client + index)

    def snapshot(self, idle_ns: int) -> None:
        """The reporter's work at each whole second; `idle_ns` is the idle time of that second."""
        self._second += 1
        pages = self.memory.pages
        self.measure(TraceKind.M_IDLE, 0, idle_ns, ThreadId.REPORTER)
        self.measure(TraceKind.M_PAGES, 0, pages, ThreadId.REPORTER)
        if self.disk:
            self.disk.snapshot()
        compositor = self.compositor
        busy = round(100 * (1 - idle_ns / (SECOND_NS * self.settings.vcpus)))
        flips, latencies = compositor.end_second()
        self.say("RAYOS_SOAK:METRICS_SNAPSHOT", busy, pages * PAGE_KB, p99(latencies) // 1000, flips)
        if self.stress:
            self.stress.second(self._second, latencies, busy)
        self._on_second(self._second, flips)
