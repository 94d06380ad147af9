"""Launcher and reporter: create and free clients, print the second's snapshot (docs/explanation/supervisor.md)."""

from __future__ import annotations

from collections import deque
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from rayos_model.contract.abi import ThreadId
from rayos_model.contract.trace_record import TraceKind
from rayos_model.model.clients.client import Client
from rayos_model.model.clients.registry import WORKLOADS
from rayos_model.model.cpu.thread import BLOCK, Body, Thread
from rayos_model.model.service_times import AT_BLOCK

if TYPE_CHECKING:
    from rayos_model.model.load.stressors import Stressor
    from rayos_model.model.machine import Machine

LAUNCHER_PRIORITY = 25
REPORTER_PRIORITY = 30
SECOND_NS = 1_000_000_000
REASON_LEFT, REASON_FAULT, REASON_KILLED, REASON_PROTOCOL = range(4)  # M_CLIENT_DESTROYED, kernel/abi.h


class Supervisor:
    """The launcher and reporter threads and what they know."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.failed = False  # a crash, hang, leak or disconnection happened
        self._launch = machine.flow(machine.launcher_costs, ThreadId.LAUNCHER, AT_BLOCK)
        self._report = machine.flow(machine.reporter_costs, ThreadId.REPORTER, AT_BLOCK)
        self.launcher = Thread(ThreadId.LAUNCHER, "launcher", LAUNCHER_PRIORITY, self._launcher())
        self.reporter = Thread(ThreadId.REPORTER, "reporter", REPORTER_PRIORITY, self._reporter())
        self._spawns = [
            (group.start_ns + index * group.stagger_ns, group.first_client + index, 0)
            for group in machine.groups
            for index in range(group.count)
        ]
        heapify(self._spawns)
        self._exited: deque[Client] = deque()
        self._stressors_exited: deque[Stressor] = deque()
        self._generations: dict[int, int] = {}
        self._reported = False  # the last whole second

    def kill(self, client: Client) -> None:
        """Ends a client by force."""
        client.end_reason = REASON_KILLED
        self.machine.processor.kill(client.thread)
        self.exited(client)

    def exited(self, client: Client) -> None:
        """A client's thread ended: the compositor is told, the launcher frees the process."""
        self.machine.failures.mutexes.release_all(client)
        self.failed |= client.end_reason != REASON_LEFT and not self.machine.failures.is_open(client.id)
        self.machine.compositor.close(client)
        self._exited.append(client)
        self.machine.processor.wake(self.launcher)

    def stressor_exited(self, stressor: Stressor) -> None:
        """A stressor's thread ended: the launcher frees the process."""
        self._stressors_exited.append(stressor)
        self.machine.processor.wake(self.launcher)

    def released(self, client: Client) -> None:
        """The compositor dropped the client's objects and with them its references to shared memory."""
        self.machine.memory.leave(client)
        self.machine.processor.wake(self.launcher)

    def _launcher(self) -> Body:
        machine, thread, flow = self.machine, self.launcher, self._launch
        duration = machine.settings.duration_ns
        for stressor in list(machine.stressors.values()):
            machine.memory.enter(stressor)
            yield flow.to(("spawn.load",))
            machine.processor.spawn(stressor.thread)
        load = machine.load_generator
        while not self._is_over():
            now = machine.processor.now
            if self._exited:
                yield from self._reap(self._exited.popleft())
            elif self._stressors_exited:
                yield from self._reap_stressor(self._stressors_exited.popleft())
            elif self._spawns and self._spawns[0][0] <= now:
                _, identity, generation = heappop(self._spawns)
                if now < duration:
                    yield from self._spawn(identity, generation)
            elif load.due(now >= duration):
                yield from load.adjust(now >= duration)
            else:
                thread.deadline = self._spawns[0][0] if self._spawns else duration + 2 * SECOND_NS
                if load.exists and now < duration:
                    thread.deadline = min(thread.deadline, duration)
                thread.trailing = flow.to(AT_BLOCK)
                yield BLOCK
                if (
                    not self._exited
                    and not self._stressors_exited
                    and machine.processor.now >= duration + 2 * SECOND_NS
                ):
                    for client in list(machine.clients.values()):
                        self.kill(client)
        yield from self._close_disk()

    def _is_over(self) -> bool:
        """Whether the duration has passed, its last second is reported, and nobody is left."""
        machine = self.machine
        left = self._spawns or machine.clients or machine.stressors or machine.load_generator.exists
        return self._reported and not left and machine.processor.now >= machine.settings.duration_ns

    def _close_disk(self) -> Body:
        disk, processor = self.machine.disk, self.machine.processor
        if disk is None:
            return
        while not disk.close():
            self.launcher.deadline = processor.now + SECOND_NS // 1000
            self.launcher.trailing = self._launch.to(AT_BLOCK)
            yield BLOCK
        disk.store.shrink(disk.store.cached)

    def _reap_stressor(self, stressor: Stressor) -> Body:
        machine = self.machine
        yield self._launch.to(("reap", machine.memory.pages_of(stressor)))
        machine.memory.leave(stressor)
        del machine.stressors[stressor.id]
        machine.measure(TraceKind.M_CLIENT_DESTROYED, stressor.id, 0, ThreadId.LAUNCHER)

    def _spawn(self, identity: int, generation: int) -> Body:
        machine = self.machine
        if not machine.memory.has_room_for_client():
            machine.say("RAYOS_DIAG:spawn", f"client {identity} out of memory")
            self.failed = True
            return
        group = machine.group_of(identity)
        now = machine.processor.now
        end = (
            min(now + group.lifetime_ns, machine.settings.duration_ns)
            if group.lifetime_ns
            else machine.settings.duration_ns
        )
        client = WORKLOADS[group.workload](machine, group, identity, generation, end)
        machine.clients[identity] = client
        self._generations[identity] = generation
        machine.memory.enter(client)
        self._launch.subject = identity
        yield self._launch.to(("spawn.client",))
        machine.say("RAYOS_SOAK:CLIENT_CREATED", identity)
        machine.measure(TraceKind.M_CLIENT_CREATED, identity, generation, ThreadId.LAUNCHER)
        machine.processor.spawn(client.thread)

    def _reap(self, client: Client) -> Body:
        machine = self.machine
        self._launch.subject = client.id
        yield self._launch.to(("reap", machine.memory.pages_of(client)))
        del machine.clients[client.id]
        machine.say("RAYOS_SOAK:CLIENT_DESTROYED", client.id)
        machine.measure(TraceKind.M_CLIENT_DESTROYED, client.id, client.end_reason, ThreadId.LAUNCHER)
        lost = client.end_reason != REASON_LEFT
        if client.group.lifetime_ns or (lost and machine.settings.respawn_ns):
            yield from self._plan_successor(client, machine.settings.respawn_ns if lost else 0)

    def _plan_successor(self, client: Client, delay_ns: int) -> Body:
        machine = self.machine
        at = machine.processor.now + delay_ns
        if at >= machine.settings.duration_ns:
            return
        heappush(self._spawns, (at, client.id, self._generations[client.id] + 1))
        if machine.failures.is_open(client.id):
            machine.failures.recovering(client.id)
            yield self._launch.to(("recover",))

    def _reporter(self) -> Body:
        machine, thread, flow = self.machine, self.reporter, self._report
        idle_before = 0
        for second in range(1, machine.settings.duration_ns // SECOND_NS + 1):
            thread.deadline = second * SECOND_NS
            thread.trailing = flow.to(AT_BLOCK)
            yield BLOCK
            idle_now = machine.processor.idle_ns()
            idle, idle_before = idle_now - idle_before, idle_now
            yield flow.to(("snapshot",))
            machine.snapshot(idle)
            if machine.profile:
                yield flow.to(("profile",))
                machine.profile.memory()
        self._reported = True
        machine.processor.wake(self.launcher)
