"""The whole simulated machine: processor, memory, compositor, clients, supervisor on one SimPy clock."""

from __future__ import annotations

from collections.abc import Callable

from simpy import Environment

from rayos_model.abi import PAGE_KB, BatchTag, Records, ThreadId, TraceKind
from rayos_model.image import Group, Image
from rayos_model.model.client import Client
from rayos_model.model.compositor import Compositor
from rayos_model.model.costs import CostModel, Path
from rayos_model.model.memory import MemoryUse
from rayos_model.model.processor import EXITED, Overheads, Processor, Thread
from rayos_model.model.supervisor import SECOND_NS, Supervisor
from rayos_model.model.tracing import TraceBuffer
from rayos_model.parameters import Parameters


class Machine:
    """One run's state. `on_second(second, flips)` is called after each snapshot, `say` writes a marker line."""

    def __init__(
        self,
        image: Image,
        parameters: Parameters,
        records: Callable[[Records], None],
        line: Callable[[str], None],
        on_second: Callable[[int, int], None],
    ) -> None:
        self.env = Environment(initial_time=0)
        self.settings = image.settings
        self.groups = image.groups
        self.tables = image.tables
        self.refresh_ns = 10**12 // image.settings.refresh_mhz
        self.client_costs = CostModel(parameters, "client")
        self.compositor_costs = CostModel(parameters, "compositor")
        self.launcher_costs = CostModel(parameters, "launcher")
        self.reporter_costs = CostModel(parameters, "reporter")
        self.trace = TraceBuffer(records)
        self._line = line
        self._on_second = on_second
        scheduling = parameters.scheduling
        self.processor = Processor(
            self.env,
            image.settings.quantum_ns,
            Overheads(round(scheduling.dispatch_ns), round(scheduling.interrupt_ns), round(scheduling.idle_wake_ns)),
        )
        self.memory = MemoryUse(parameters.memory, image.settings)
        self.clients: dict[int, Client] = {}
        self._group_of = {group.first_client + i: group for group in image.groups for i in range(group.count)}
        self.compositor = Compositor(self)
        self.supervisor = Supervisor(self)
        self.processor.on_exit = self._thread_ended
        self._send_paths: dict[tuple[BatchTag, int, int], Path] = {}
        self._second = 0

    # ---- running ---------------------------------------------------------------------------------

    def run(self) -> bool:
        """Runs the scenario to its end; whether the machine itself found nothing wrong."""
        settings, processor = self.settings, self.processor
        self.say("RAYOS_SOAK:START", len(self._group_of), settings.duration_ns // SECOND_NS)
        self.measure(TraceKind.M_BASELINE, 0, self.memory.baseline, ThreadId.LAUNCHER)
        for thread in (self.supervisor.reporter, self.supervisor.launcher, self.compositor.thread):
            processor.spawn(thread)
        launcher = self.supervisor.launcher
        step = self.env.step
        while launcher.state != EXITED:
            step()
        leaked = self.memory.pages - self.memory.baseline
        self.measure(TraceKind.M_PAGES_PEAK, 0, self.memory.peak, ThreadId.LAUNCHER)
        self.measure(TraceKind.M_LEAK, 0, leaked, ThreadId.LAUNCHER)
        passed = not self.supervisor.failed and leaked == 0
        self.say("RAYOS_SOAK:COMPLETE", "pass" if passed else "fail")
        self.trace.flush()
        return passed

    def _thread_ended(self, thread: Thread) -> None:
        client = self.clients.get(thread.index - ThreadId.CLIENT0)
        if client is not None and client.thread is thread:
            self.supervisor.exited(client)

    # ---- what its parts use ------------------------------------------------------------------------

    def say(self, marker: str, *fields: object) -> None:
        """Writes one marker line."""
        self._line(":".join((marker, *map(str, fields))))

    def measure(self, kind: TraceKind, subject: int, arg: int, thread: int) -> None:
        """Writes one measurement record, now."""
        self.trace.measure(self.processor.now, kind, subject, arg, thread)

    def group_of(self, client: int) -> Group:
        """The group a client belongs to."""
        return self._group_of[client]

    def send_path(self, tag: BatchTag, px: int, rows: int) -> Path:
        """The points of one `send` after drawing `px` pixels in `rows` rows."""
        key = (tag, px, rows)
        path = self._send_paths.get(key)
        if path is None:
            name = tag.name.lower()
            path = self._send_paths[key] = Path((f"enter.{name}", px, rows), (f"send.{name}",))
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
        compositor = self.compositor
        busy = round(100 * (1 - idle_ns / SECOND_NS))
        flips, p99_us = compositor.end_second()
        self.say("RAYOS_SOAK:METRICS_SNAPSHOT", busy, pages * PAGE_KB, p99_us, flips)
        self.trace.flush()
        self._on_second(self._second, flips)
