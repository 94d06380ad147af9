"""The burst: one item's work of the compositor, gathered point by point, then consumed as one piece of CPU time.

Handlers change state immediately and record here what takes time: points, measurements at points, and the events that
clients receive. When the burst is consumed, each measurement is stamped at its offset, moved by the interruptions
before it, and each client's events are queued in one write. docs/explanation/model.md says why that is exact.
"""

from __future__ import annotations

from typing import Final

from rayos_model.contract.abi import Detection, ThreadId, TraceKind
from rayos_model.model.core import Core
from rayos_model.model.cpu.thread import EXITED, Body, Thread
from rayos_model.model.ipc.inbox import Write
from rayos_model.model.ipc.wire import EventKind
from rayos_model.model.process import Process
from rayos_model.model.service_times import AT_BLOCK, Point
from rayos_model.model.wayland.surface import Seat, Surface

COMMIT_TO_PRESENT: Final = TraceKind.M_COMMIT_TO_PRESENT
COMPOSITION: Final = TraceKind.M_COMPOSITION

QueuedWrite = tuple[int, Process, Write]
"""Offset in the burst, client, write."""


class Burst:
    """The burst being gathered, and the compositor's walk from point to point."""

    def __init__(self, core: Core, seats: dict[int, Seat]) -> None:
        self._core = core
        self._seats = seats
        self._printed = core.integration.printed
        self._measures: list[tuple[int, TraceKind, int, int | Surface | None, int]] = []
        self._events: dict[int, list[EventKind]] = {}
        self.flow = core.flow(core.compositor_costs, ThreadId.COMPOSITOR, AT_BLOCK)
        self.offset_ns = 0
        """CPU time of the burst so far."""
        self.handling = False
        """An item is being handled."""
        self.frame_finished_ns = 0
        """When the last composite pass ended."""
        self.latencies_ns: list[int] = []
        """Commit-to-present latencies of the current second."""

    # ---- gathering -------------------------------------------------------------------------------

    def advance(self, point: Point) -> None:
        """Moves the compositor's thread on to a point."""
        self.offset_ns += self.flow.to(point)

    def measure(self, kind: TraceKind, subject: int, since: int | None = None, arg: int = 0) -> None:
        """A measurement at the present offset: of `arg`, or of the time since `since`, ns."""
        self._measures.append((self.offset_ns, kind, subject, since, arg))

    def measure_presentation(self, surface: Surface) -> None:
        """How far this presentation is from one period after the last."""
        self._measures.append((self.offset_ns, TraceKind.M_PRESENTATION_JITTER, surface.client.id, surface, 0))

    def note_marker(self, number: int) -> bool:
        """Records the time of a marker if its cause is in the item being handled."""
        if not self.handling:
            return False
        self.measure(TraceKind.M_MARKER, number)
        return True

    def send(self, client: Process, *kinds: EventKind) -> None:
        """Adds events to those that a client receives when the item is done."""
        self.events_for(client).extend(kinds)

    def events_for(self, client: Process) -> list[EventKind]:
        """The events that a client receives when the item is done."""
        return self._events.setdefault(client.id, [])

    def finish(self) -> list[QueuedWrite]:
        """Ends the gathering: adds one queue-write for each client with events, and the printing of milestones."""
        writes = self._gather_writes() if self._events else []
        while self._printed:
            self.advance(("marker", self._printed.pop(0)))
        self.handling = False
        return writes

    def _gather_writes(self) -> list[QueuedWrite]:
        writes: list[QueuedWrite] = []
        processor, claimed = self._core.processor, set[int]()
        for identity, kinds in self._events.items():
            seat = self._seats.get(identity)
            if seat is None:
                continue
            size, count = sum(kind.bytes for kind in kinds), sum(kind.events for kind in kinds)
            self.flow.subject = identity
            self.offset_ns += processor.seek(seat.client.thread, claimed, several=True)
            self.advance(("events", size, count))
            writes.append((self.offset_ns, seat.client, Write(size, kinds)))
        self._events.clear()
        return writes

    # ---- consuming -------------------------------------------------------------------------------

    def consumed(self, thread: Thread, writes: list[QueuedWrite]) -> None:
        """The thread has consumed the burst in one piece: stamps its measurements and queues its writes."""
        self._stamp(thread, 0, self.offset_ns)
        for offset, client, write in writes:
            self._queue(client, write, thread.time_at(offset))
        self.offset_ns = 0

    def consume_in_parts(self, thread: Thread, writes: list[QueuedWrite], taken_ns: int, *, woken: bool) -> Body:
        """Consumes the burst up to the offset at which a batch is taken, and to each queue-write.

        For CPUs in parallel: the kernel lock is held at these places. If the thread was `woken` for the batch, it has
        held the lock since.
        """
        processor, begun = self._core.processor, 0
        service = processor.overheads.service_lock_hold_ns
        parts: list[tuple[int, int, tuple[Process, Write] | None]] = [(taken_ns, taken_ns if woken else service, None)]
        parts += [(offset, service, (client, write)) for offset, client, write in writes]
        for ended, locked, queued in (*parts, (self.offset_ns, 0, None)):
            if ended > begun:
                thread.locked_from = max(ended - begun - locked, 0)
                yield ended - begun
                self._stamp(thread, begun, ended)
                begun = ended
            if queued is not None:
                self._queue(*queued, processor.now)
        self.offset_ns = 0

    def _stamp(self, thread: Thread, begun: int, ended: int) -> None:
        """Writes the measurements of the part from `begun` to `ended`, each at the time its point was reached."""
        trace, made = self._core.trace, 0
        for offset, kind, subject, since, arg in self._measures:
            if offset > ended:
                break
            made += 1
            now = thread.time_at(offset - begun)
            if kind is COMPOSITION:
                self.frame_finished_ns = now
                since = thread.time_at(arg - begun)
            if isinstance(since, Surface):
                last, since.presented_ns = since.presented_ns, now
                if last is None:
                    continue
                arg, since = abs(now - last - since.client.group.period_ns), None
            value = arg if since is None else now - since
            trace.measure(now, kind, subject, value, thread.index)
            if kind is COMMIT_TO_PRESENT:
                self.latencies_ns.append(value)
        del self._measures[:made]

    def _queue(self, client: Process, write: Write, now: int) -> None:
        """Puts a write into a client's queue."""
        write.queued_ns = now
        if client.inbox.put(write):
            if client.receiving:
                self._core.processor.wake(client.thread)
        else:
            self._overflow(client)

    def _overflow(self, client: Process) -> None:
        """A client does not read: it is disconnected and killed."""
        failures = self._core.failures
        if client.thread.state != EXITED and failures.detector_on(Detection.OVERFLOW):
            failures.detected(client.id, Detection.OVERFLOW, ThreadId.COMPOSITOR)
            self._core.processes.kill(client)
