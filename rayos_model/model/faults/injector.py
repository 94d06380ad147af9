"""Faults: where they come from, whom they strike, what becomes of each (docs/explanation/faults.md)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rayos_model.contract.abi import (
    FAULT_TARGET_DISK,
    FAULT_TARGET_HEAP,
    FAULT_TARGET_NETWORK,
    Detection,
    DiskRefusal,
    FaultKind,
    NetSide,
    Report,
    ScenarioKind,
    ThreadId,
    TraceKind,
)
from rayos_model.contract.image import Fault
from rayos_model.contract.macros import fault_subject
from rayos_model.model.clients.client import Client
from rayos_model.model.core import Core
from rayos_model.model.cpu.thread import BLOCK, EXITED, Body, Thread
from rayos_model.model.disk.device import Operation
from rayos_model.model.disk.disk_thread import DiskThread
from rayos_model.model.faults.faulty import struck
from rayos_model.model.faults.mutex import Mutexes, locks_out
from rayos_model.model.faults.source import Source, instant_of
from rayos_model.model.network import Network
from rayos_model.model.process import Process
from rayos_model.model.roles import FailureLog
from rayos_model.model.service_times import AT_BLOCK, CostModel

INJECTOR_PRIORITY = 28
RECOVERY_LIMIT_NS: Final = 5_000_000_000
_KILL = 2  # variant of CLIENT_CRASH
_HEAP = 1  # variant of MEMORY_CORRUPTION
_DETECTION_NAMES = {Detection.PROTOCOL: "protocol_error"}


@dataclass(slots=True)
class OpenFault:
    """A fault whose target does not serve again yet."""

    subject: int  # FAULT_SUBJECT
    kind: FaultKind
    injected_ns: int
    over_ns: int  # recovery counts from here: when it struck, or the end of what lasts
    detected: bool = False


class Failures(FailureLog):
    """The injector's thread, and the book of open faults: at most one for each target."""

    def __init__(
        self, core: Core, costs: CostModel, faults: Sequence[Fault], network: Network | None, disk: DiskThread | None
    ) -> None:
        self.core = core
        self._network = network
        self._disk = disk
        self.sources = [Source(core.settings.seed, index, fault) for index, fault in enumerate(faults)]
        self._flow = core.flow(costs, ThreadId.INJECTOR, ("start",))
        self.thread = Thread(ThreadId.INJECTOR, "injector", INJECTOR_PRIORITY, self._body())
        self._open: dict[int, OpenFault] = {}
        self._lines: deque[tuple[Report, str]] = deque()
        self._mutexes = Mutexes(core)
        self._rejoin: tuple[int, NetSide] | None = None  # when the partition ends, and whose link is cut
        self._mend_ns: int | None = None  # when the outage of the disk ends
        self._refused = Operation.FLUSH  # what the disk refused last
        self._missed = False  # a fault undetected, unrecovered, or a failure that nobody injected
        self.watching = core.settings.kind == ScenarioKind.FAILURE
        self._next_scrub = core.settings.scrub_interval_ns

    # ---- what other parts report ----------------------------------------------------------------------

    def detector_on(self, detector: Detection) -> bool:
        """Whether a detector works: always, but in tests of the tests."""
        return not self.core.settings.detectors_off >> detector & 1

    def is_open(self, target: int) -> bool:
        """Whether a target was struck and has not recovered."""
        return target in self._open

    def detected(self, target: int, how: Detection, thread: int) -> None:
        """A failure was noticed, now; the first time of each fault counts."""
        noticed = self.notice(target, how)
        if noticed is not None:
            subject, since = noticed
            elapsed = 0 if since is None else self.core.processor.now - since
            self.core.measure(TraceKind.M_FAULT_DETECTED, subject, elapsed, thread)

    def notice(self, target: int, how: Detection) -> tuple[int, int | None] | None:
        """For a caller that measures it: FAULT_SUBJECT and when it was injected; None if noticed before."""
        fault = self._open.get(target)
        if not self.watching or (fault is not None and fault.detected):
            return None
        name = _DETECTION_NAMES.get(how, how.name.lower())
        self._report(Report.DETECTED, f"DETECTED:{name}:{_name(target)}")
        self._missed |= fault is None
        if fault is None:
            return fault_subject(target, 0), None
        fault.detected = True
        return fault.subject, fault.injected_ns

    def recovering(self, target: int) -> None:
        """A lost client's replacement is planned; the network's session is lost."""
        self._report(Report.RECOVERY_START, f"RECOVERY_START:{_name(target)}")

    def session_lost(self, how: Detection) -> None:
        """The server has noticed that it reaches the remote display no more."""
        self.detected(FAULT_TARGET_NETWORK, how, ThreadId.NETWORK)
        if self.is_open(FAULT_TARGET_NETWORK):
            self.recovering(FAULT_TARGET_NETWORK)

    def session_in_step(self) -> None:
        """The remote display shows again what the server sent last."""
        if self.is_open(FAULT_TARGET_NETWORK):
            self._recovered(FAULT_TARGET_NETWORK, ThreadId.NETWORK)

    def disk_refused(self) -> None:
        """The disk has refused a request, and the kernel has noticed."""
        first = self.is_open(FAULT_TARGET_DISK) and not self._open[FAULT_TARGET_DISK].detected
        self.detected(FAULT_TARGET_DISK, Detection.IO_ERROR, ThreadId.DISK)
        if first:
            self.recovering(FAULT_TARGET_DISK)

    def disk_served(self, operation: Operation) -> None:
        """An operation was carried out, and none of its kind is refused any more."""
        fault = self._open.get(FAULT_TARGET_DISK)
        if fault is not None and fault.detected and operation is self._refused and self._mend_ns is None:
            self._recovered(FAULT_TARGET_DISK, ThreadId.DISK)

    def shown(self, client: int) -> tuple[int, int] | None:
        fault = self._open.get(client)
        if fault is None or not fault.detected:
            return None
        self._close(client, success=True)
        return fault.subject, fault.injected_ns

    def finish(self, passed: bool) -> bool:
        """Says the verdict on all faults; whether all is well."""
        if not self.watching:
            return passed
        for target in list(self._open):
            self._close(target, success=False)
        while self._lines:
            self.core.say(f"RAYOS_FAILURE:{self._lines.popleft()[1]}")
        passed = passed and not self._missed
        self.core.say("RAYOS_FAILURE:TEST_COMPLETE", "pass" if passed else "fail")
        return passed

    def abandon(self, client: Process) -> None:
        self._mutexes.release_all(client)

    # ---- the log ------------------------------------------------------------------------------

    def _report(self, report: Report, text: str) -> None:
        self._lines.append((report, text))
        self.core.processor.wake(self.thread)

    def _close(self, target: int, *, success: bool) -> None:
        fault = self._open.pop(target)
        self._missed |= not (success and fault.detected)
        outcome = "success" if success else "timeout"
        self._report(Report.RECOVERY_COMPLETE, f"RECOVERY_COMPLETE:{_name(target)}:{outcome}")

    def _recovered(self, target: int, thread: int) -> None:
        fault = self._open[target]
        since = self.core.processor.now - fault.over_ns
        self.core.measure(TraceKind.M_FAULT_RECOVERED, fault.subject, since, thread)
        self._close(target, success=True)

    def _inject(self, target: int, source: Source) -> None:
        kind, now = FaultKind(source.fault.kind), self.core.processor.now
        subject = fault_subject(target, kind)
        self._open[target] = OpenFault(subject, kind, now, now + source.fault.duration_ns)
        self.core.measure(TraceKind.M_FAULT_INJECTED, subject, source.variant, ThreadId.INJECTOR)
        self._report(Report.INJECT, f"INJECT:{kind.name.lower()}:{_name(target)}")

    # ---- the thread ------------------------------------------------------------------------------

    def _body(self) -> Body:
        processor, thread, flow = self.core.processor, self.thread, self._flow
        while True:
            now = processor.now
            source = min((s for s in self.sources if s.at_ns is not None), key=instant_of, default=None)
            late = [target for target, fault in self._open.items() if fault.over_ns + RECOVERY_LIMIT_NS <= now]
            if self._lines:
                report, text = self._lines.popleft()
                yield flow.to((f"report.{report.name.lower()}",))
                self.core.say(f"RAYOS_FAILURE:{text}")
            elif self._rejoin is not None and self._rejoin[0] <= now:
                yield from self._end_partition()
            elif self._mend_ns is not None and self._mend_ns <= now:
                yield from self._end_outage()
            elif source is not None and instant_of(source) <= now:
                yield from self._strike(source)
            elif self._next_scrub and self._next_scrub <= now:
                yield from self._scrub()
            elif late:
                for target in late:
                    self._close(target, success=False)
            else:
                times = [fault.over_ns + RECOVERY_LIMIT_NS for fault in self._open.values()]
                times += [instant_of(source)] if source else []
                times += [self._next_scrub] if self._next_scrub else []
                times += [self._rejoin[0]] if self._rejoin else []
                times += [self._mend_ns] if self._mend_ns is not None else []
                thread.deadline = min(times, default=None)
                thread.trailing = flow.to(AT_BLOCK)
                yield BLOCK

    def _target(self, fault: Fault, start: int) -> Client | None:
        """The `start`-th client of a fault's range, or else the next, round to the first, that can be struck."""
        for n in range(fault.client_count):
            client = self.core.clients.get(fault.first_client + (start + n) % fault.client_count)
            if not isinstance(client, Client) or not self._can_be_struck(client):
                continue
            if fault.kind != FaultKind.DEADLOCK or (client.presented and client.receiving):
                return client
        return None

    def _can_be_struck(self, client: Process) -> bool:
        connected = self.core.display.is_connected(client)
        return connected and client.thread.state != EXITED and client.id not in self._open

    def _strike(self, source: Source) -> Body:
        kind, variant = FaultKind(source.fault.kind), source.variant
        if kind is FaultKind.NETWORK_PARTITION:
            yield from self._part(source)
            return
        if kind in (FaultKind.DISK_ERROR, FaultKind.DISK_OUTAGE):
            yield from self._strike_disk(source, kind)
            return
        target = self._target(source.fault, source.fault.client_count * source.whom >> 32)
        other = None
        if kind is FaultKind.DEADLOCK and target is not None:
            other = self._target(source.fault, target.id - source.fault.first_client + 1)
            target = None if other is target else target
        heap = kind is FaultKind.MEMORY_CORRUPTION and variant == _HEAP
        if (heap and FAULT_TARGET_HEAP in self._open) or (not heap and target is None):
            source.put_off()
            return
        self._inject(FAULT_TARGET_HEAP if heap or target is None else target.id, source)
        yield self._flow.to((f"inject.{kind.name.lower()}.{variant}",))
        source.done += 1
        source.draw_next()
        if heap or target is None:
            return
        if other is not None:
            self.core.processor.restart(other.thread, locks_out(other, self._mutexes, other.id, second=False))
            self.core.processor.restart(target.thread, locks_out(target, self._mutexes, other.id, second=True))
        elif kind is FaultKind.CLIENT_CRASH and variant == _KILL:
            self.core.processes.kill(target)
            self.detected(target.id, Detection.KILL, ThreadId.INJECTOR)
        else:
            self.core.processor.restart(target.thread, struck(self.core, target, kind, variant))

    def _part(self, source: Source) -> Body:
        network = self._network
        if network is None or self._rejoin is not None or self.is_open(FAULT_TARGET_NETWORK):
            source.put_off()
            return
        side = NetSide(source.variant)
        self._inject(FAULT_TARGET_NETWORK, source)
        self._rejoin = self._open[FAULT_TARGET_NETWORK].over_ns, side
        network.link(side, up=False)
        self._flow.subject = FAULT_TARGET_NETWORK
        yield self._flow.to((f"inject.network_partition.{source.variant}",))
        source.done += 1
        source.draw_next()

    def _end_partition(self) -> Body:
        network = self._network
        assert network is not None
        assert self._rejoin is not None
        side = self._rejoin[1]
        self._rejoin = None
        network.link(side, up=True)
        self._flow.subject = side
        yield self._flow.to(("link",))

    def _strike_disk(self, source: Source, kind: FaultKind) -> Body:
        disk = self._disk
        assert disk is not None
        lasts = kind is FaultKind.DISK_OUTAGE
        refusal = DiskRefusal((DiskRefusal.READS if lasts else DiskRefusal.READ) + source.variant)
        block = disk.store.next_block() if refusal is DiskRefusal.BLOCK else 0
        full = refusal is DiskRefusal.BLOCK and not block
        if self.is_open(FAULT_TARGET_DISK) or self._mend_ns is not None or full:
            source.put_off()
            return
        self._inject(FAULT_TARGET_DISK, source)
        self._refused = Operation.READ if refusal in (DiskRefusal.READ, DiskRefusal.READS) else Operation.WRITE
        if lasts:
            self._mend_ns = self._open[FAULT_TARGET_DISK].over_ns
        disk.store.device.refuse(refusal, block)
        self._flow.subject = FAULT_TARGET_DISK
        yield self._flow.to((f"inject.{kind.name.lower()}.{source.variant}",))
        source.done += 1
        source.draw_next()

    def _end_outage(self) -> Body:
        disk = self._disk
        assert disk is not None
        self._mend_ns = None
        disk.store.device.refuse(DiskRefusal.NOTHING, 0)
        self._flow.subject = 0
        yield self._flow.to(("mend",))

    def _scrub(self) -> Body:
        while self._next_scrub <= self.core.processor.now:
            self._next_scrub += self.core.settings.scrub_interval_ns
        yield self._flow.to(("scrub",))
        fault = self._open.get(FAULT_TARGET_HEAP)
        if fault is None or not self.detector_on(Detection.RED_ZONE):
            return
        self.detected(FAULT_TARGET_HEAP, Detection.RED_ZONE, ThreadId.INJECTOR)
        self._recovered(FAULT_TARGET_HEAP, ThreadId.INJECTOR)


def _name(target: int) -> str:
    others = {FAULT_TARGET_HEAP: "heap", FAULT_TARGET_NETWORK: "network", FAULT_TARGET_DISK: "disk"}
    return others.get(target, str(target))
