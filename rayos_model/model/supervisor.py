"""Launcher and reporter: create and free clients, print the second's snapshot (docs/explanation/supervisor.md)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush

from rayos_model.contract.abi import EndReason, ThreadId, TraceKind
from rayos_model.model.clients.registry import WORKLOADS
from rayos_model.model.core import Core
from rayos_model.model.cpu.thread import BLOCK, Body, Thread
from rayos_model.model.disk.disk_thread import DiskThread
from rayos_model.model.load.generator import LoadGenerator
from rayos_model.model.load.stressors import Stressor
from rayos_model.model.process import Process
from rayos_model.model.roles import ProcessTable
from rayos_model.model.service_times import AT_BLOCK, CostModel

LAUNCHER_PRIORITY = 25
REPORTER_PRIORITY = 30
SECOND_NS = 1_000_000_000


class Supervisor(ProcessTable):
    """The launcher and reporter threads and what they know."""

    def __init__(
        self,
        core: Core,
        reporter_costs: CostModel,
        load: LoadGenerator,
        stressors: dict[int, Stressor],
        disk: DiskThread | None,
        snapshot: Callable[[int], None],
    ) -> None:
        self.core = core
        self._load = load
        self._stressors = stressors
        self._disk = disk
        self._snapshot = snapshot
        self.failed = False  # a crash, hang, leak or disconnection happened
        self._launch = core.flow(core.launcher_costs, ThreadId.LAUNCHER, AT_BLOCK)
        self._report = core.flow(reporter_costs, ThreadId.REPORTER, AT_BLOCK)
        self.launcher = Thread(ThreadId.LAUNCHER, "launcher", LAUNCHER_PRIORITY, self._launcher())
        self.reporter = Thread(ThreadId.REPORTER, "reporter", REPORTER_PRIORITY, self._reporter())
        self._spawns = [
            (group.start_ns + index * group.stagger_ns, group.first_client + index, 0)
            for group in core.groups
            for index in range(group.count)
        ]
        heapify(self._spawns)
        self._exited: deque[Process] = deque()
        self._stressors_exited: deque[Stressor] = deque()
        self._generations: dict[int, int] = {}
        self._reported = False  # the last whole second

    def kill(self, client: Process) -> None:
        """Ends a client by force."""
        client.end_reason = EndReason.KILLED
        self.core.processor.kill(client.thread)
        self.exited(client)

    def exited(self, client: Process) -> None:
        """A client's thread ended: notifies the compositor; the launcher frees the process."""
        self.core.failures.abandon(client)
        self.failed |= client.end_reason is not EndReason.LEFT and not self.core.failures.is_open(client.id)
        self.core.display.close(client)
        self._exited.append(client)
        self.core.processor.wake(self.launcher)

    def stressor_exited(self, stressor: Stressor) -> None:
        """A stressor's thread ended: the launcher frees the process."""
        self._stressors_exited.append(stressor)
        self.core.processor.wake(self.launcher)

    def released(self, client: Process) -> None:
        """The compositor dropped the client's objects and with them its references to shared memory."""
        self.core.memory.leave(client)
        self.core.processor.wake(self.launcher)

    def _launcher(self) -> Body:
        core, thread, flow = self.core, self.launcher, self._launch
        duration = core.settings.duration_ns
        for stressor in list(self._stressors.values()):
            core.memory.enter(stressor)
            yield flow.to(("spawn.load",))
            core.processor.spawn(stressor.thread)
        load = self._load
        while not self._is_over():
            now = core.processor.now
            if self._exited:
                yield from self._reap(self._exited.popleft())
            elif self._stressors_exited:
                yield from self._reap_stressor(self._stressors_exited.popleft())
            elif self._spawns and self._spawns[0][0] <= now:
                _, identity, generation = heappop(self._spawns)
                yield from self._spawn(identity, generation)
            elif load.due(now >= duration):
                yield from load.adjust(now >= duration)
            else:
                thread.deadline = self._spawns[0][0] if self._spawns else duration + 2 * SECOND_NS
                if load.exists and now < duration:
                    thread.deadline = min(thread.deadline, duration)
                thread.trailing = flow.to(AT_BLOCK)
                yield BLOCK
                if not self._exited and not self._stressors_exited and core.processor.now >= duration + 2 * SECOND_NS:
                    for client in list(core.clients.values()):
                        self.kill(client)
        yield from self._close_disk()

    def _is_over(self) -> bool:
        """Whether the duration has passed, its last second is reported, and nobody is left."""
        core = self.core
        left = self._spawns or core.clients or self._stressors or self._load.exists
        return self._reported and not left and core.processor.now >= core.settings.duration_ns

    def _close_disk(self) -> Body:
        disk, processor = self._disk, self.core.processor
        if disk is None:
            return
        while not disk.close():
            self.launcher.deadline = processor.now + SECOND_NS // 1000
            self.launcher.trailing = self._launch.to(AT_BLOCK)
            yield BLOCK
        disk.store.shrink(disk.store.cached)

    def _reap_stressor(self, stressor: Stressor) -> Body:
        core = self.core
        yield self._launch.to(("reap", core.memory.pages_of(stressor)))
        core.memory.leave(stressor)
        del self._stressors[stressor.id]
        core.measure(TraceKind.M_CLIENT_DESTROYED, stressor.id, 0, ThreadId.LAUNCHER)

    def _spawn(self, identity: int, generation: int) -> Body:
        core = self.core
        if not core.memory.has_room_for_client():
            core.say("RAYOS_DIAG:spawn", f"client {identity} out of memory")
            self.failed = True
            return
        group = core.group_of(identity)
        now = core.processor.now
        end = (
            min(now + group.lifetime_ns, core.settings.duration_ns) if group.lifetime_ns else core.settings.duration_ns
        )
        client = WORKLOADS[group.workload](core, group, identity, generation, end)
        core.clients[identity] = client
        self._generations[identity] = generation
        core.memory.enter(client)
        self._launch.subject = identity
        yield self._launch.to(("spawn.client",))
        core.say("RAYOS_SOAK:CLIENT_CREATED", identity)
        core.measure(TraceKind.M_CLIENT_CREATED, identity, generation, ThreadId.LAUNCHER)
        core.processor.spawn(client.thread)

    def _reap(self, client: Process) -> Body:
        core = self.core
        self._launch.subject = client.id
        yield self._launch.to(("reap", core.memory.pages_of(client)))
        del core.clients[client.id]
        core.say("RAYOS_SOAK:CLIENT_DESTROYED", client.id)
        core.measure(TraceKind.M_CLIENT_DESTROYED, client.id, client.end_reason, ThreadId.LAUNCHER)
        lost = client.end_reason is not EndReason.LEFT
        if client.group.lifetime_ns or (lost and core.settings.respawn_ns):
            yield from self._plan_successor(client, core.settings.respawn_ns if lost else 0)

    def _plan_successor(self, client: Process, delay_ns: int) -> Body:
        core = self.core
        at = core.processor.now + delay_ns
        if at >= core.settings.duration_ns:
            return
        heappush(self._spawns, (at, client.id, self._generations[client.id] + 1))
        if core.failures.is_open(client.id):
            core.failures.recovering(client.id)
            yield self._launch.to(("recover",))

    def _reporter(self) -> Body:
        core, thread, flow = self.core, self.reporter, self._report
        idle_before = 0
        for second in range(1, core.settings.duration_ns // SECOND_NS + 1):
            thread.deadline = second * SECOND_NS
            thread.trailing = flow.to(AT_BLOCK)
            yield BLOCK
            idle_now = core.processor.idle_ns()
            idle, idle_before = idle_now - idle_before, idle_now
            yield flow.to(("snapshot",))
            self._snapshot(idle)
            if core.profile:
                yield flow.to(("profile",))
                core.profile.memory()
        self._reported = True
        core.processor.wake(self.launcher)
