"""The core of the machine: what every part shares. It knows the parts by their roles only."""

from __future__ import annotations

from collections.abc import Callable

from rayos_model.contract.abi import BatchTag, ScenarioKind, ThreadId, TraceKind
from rayos_model.contract.image import Group, Image
from rayos_model.contract.trace_record import Records
from rayos_model.costs.cache_state import CacheState
from rayos_model.costs.parameters import Parameters
from rayos_model.model.cpu.clock import Clock
from rayos_model.model.cpu.factory import make_processor
from rayos_model.model.cpu.thread import Thread
from rayos_model.model.integration import Integration
from rayos_model.model.memory import MemoryUse
from rayos_model.model.noise import Noise
from rayos_model.model.process import Process
from rayos_model.model.profile import Profile
from rayos_model.model.roles import DiskService, Display, FailureLog, ProcessTable
from rayos_model.model.service_times import CostModel, Flow, NoisyFlow, Path, Point, RecordedFlow
from rayos_model.model.tracing import TraceBuffer


class Core:
    """One run's clock, CPUs, memory, trace and marker log, the walks of its threads, and one object for each role."""

    display: Display
    failures: FailureLog
    processes: ProcessTable
    disk: DiskService | None

    def __init__(
        self,
        image: Image,
        parameters: Parameters,
        records: Callable[[Records], None],
        line: Callable[[str], None],
        trace_points: bool,
    ) -> None:
        self.env = Clock()
        self.settings = image.settings
        self.groups = image.groups
        self.tables = image.tables
        self.events = image.events
        self.load = image.load
        self.refresh_ns = 10**12 // image.settings.refresh_millihertz
        self.client_costs = CostModel(parameters, "client")
        self.compositor_costs = CostModel(parameters, "compositor")
        self.launcher_costs = CostModel(parameters, "launcher")
        self.clients: dict[int, Process] = {}
        self.disk = None
        self._line = line
        self._records = records
        self._group_of = {group.first_client + i: group for group in image.groups for i in range(group.count)}
        self._noisy = bool(parameters.scheduling.idle_wake_spread_ns)
        self._noise = Noise(self.settings.seed, ThreadId.COMPOSITOR, parameters.persistence)
        self._cache_state = CacheState()
        self.processor = make_processor(self.env, image.settings, parameters)
        if self._noisy:
            self.processor.note_timer()
        self._trace_points = trace_points
        if trace_points:
            self.processor.on_burst = lambda thread: self._points_of(thread, thread.time_at)
            self.processor.on_block = lambda thread, since: self._points_of(thread, lambda offset: since + offset)
        self._flows: dict[int, RecordedFlow] = {}  # by thread, where points are traced
        self._send_paths: dict[int, Path] = {}
        self.memory = MemoryUse(parameters.memory, image.settings, image.disk, image.network)
        profiled = image.settings.kind == ScenarioKind.PERFORMANCE
        self.profile = Profile(image.settings, self.memory, self.say) if profiled else None
        self.trace = TraceBuffer(self._keep)
        self.integration = Integration(image, self.say)

    # ---- log and trace ---------------------------------------------------------------------------

    def say(self, marker: str, *fields: object) -> None:
        """Writes one marker line."""
        self._line(":".join((marker, *map(str, fields))))

    def measure(self, kind: TraceKind, subject: int, arg: int, thread: int) -> None:
        """Writes one measurement record, now."""
        self.trace.measure(self.processor.now, kind, subject, arg, thread)

    def _keep(self, records: Records) -> None:
        self._records(records)
        if self.profile:
            self.profile.feed(records)

    def _points_of(self, thread: Thread, time_at: Callable[[int], int]) -> None:
        """Writes the points that a thread reached in the burst it has consumed."""
        flow = self._flows.get(thread.index)
        if flow is None:  # a computing process reaches no points
            return
        consumed = 0
        for point, cost, subject in flow.crossed:
            consumed += cost
            self.trace.point(time_at(consumed), point, subject, cost, thread.index, self.processor.sleepers)
        flow.crossed.clear()

    # ---- walks -----------------------------------------------------------------------------------

    def flow(self, costs: CostModel, thread: int, start: Point) -> Flow:
        """A new thread's walk from `start`."""
        if not self._trace_points:
            if self._noisy:
                return NoisyFlow(costs, self.processor, start, self._noise, self._cache_state, thread)
            return Flow(costs, self.processor, start)
        flow = self._flows[thread] = RecordedFlow(costs, self.processor, start)
        return flow

    def send_path(self, tag: int, steps: int, rows: int) -> Path:
        """The points of one `send` after drawing `rows` rows in `steps` steps."""
        key = steps << 32 | rows << 8 | tag  # a number is found sooner than a tuple
        path = self._send_paths.get(key)
        if path is None:
            name = BatchTag(tag).name.lower()
            path = self._send_paths[key] = Path((f"enter.{name}", steps, rows), (f"send.{name}",))
        return path

    # ---- clients ---------------------------------------------------------------------------------

    @property
    def client_count(self) -> int:
        """Clients over all groups."""
        return len(self._group_of)

    def group_of(self, client: int) -> Group:
        """The group a client belongs to."""
        return self._group_of[client]

    def peer(self, client: Process) -> Process | None:
        """The receiver of a client's drops and copies: the next client of its group; None when that is not alive."""
        group = client.group
        index = (client.id - group.first_client + 1) % group.count
        return self.clients.get(group.first_client + index)
