"""A Wayland client: its thread, its inbox, and the workloads (docs/explanation/clients.md)."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from rayos_model.contract.abi import Action, BatchTag, Detection, EndReason, ThreadId, TraceKind, Workload
from rayos_model.contract.image import Group
from rayos_model.costs.address_space import row_steps
from rayos_model.costs.boot_pages import PAGE_BYTES
from rayos_model.model.core import Core
from rayos_model.model.cpu.thread import BLOCK, LEAVE, Body, Thread
from rayos_model.model.ipc import wire
from rayos_model.model.ipc.inbox import Inbox
from rayos_model.model.ipc.socket import Sent
from rayos_model.model.ipc.wire import BATCHES, Batch, Configured, EventKind
from rayos_model.model.pcg32 import STREAM_GAP, STREAM_THINK, Random
from rayos_model.model.process import Process
from rayos_model.model.service_times import AT_BLOCK, Point

RECEIVE_BYTES: Final = 4096
_WAKE: Final[Point] = ("wake",)
# Looked up once: members of an enumeration are slow to reach before Python 3.12.
_FRAME: Final = BatchTag.FRAME
_EVENT_DELIVERY: Final = TraceKind.M_EVENT_DELIVERY


class OutOfMemory(Exception):
    """The client's buffers were refused; it exits, as a client of the kernel does."""


class Client(Process):
    """One client's process; subclasses say what the workload does.

    Contract for a workload: `frame(now)` is called for each frame callback, `input(now)` for each input event, other
    events arrive by `event(kind, now)`; `due()` is the time of its next action (None: waits for an event);
    `act()` performs it.
    """

    def __init__(self, core: Core, group: Group, identity: int, generation: int, end_ns: int) -> None:
        self.core = core
        self.group = group
        self.id = identity
        self.end_ns = end_ns
        self.inbox = Inbox(core.settings.socket_bytes)
        self.flow = core.flow(core.client_costs, ThreadId.CLIENT0 + identity, ("start",))
        self.thread = Thread(ThreadId.CLIENT0 + identity, f"client-{identity}", group.priority, self._body())
        self.connected_ns = 0
        self.dropped = False  # disconnected by the compositor
        self.end_reason = EndReason.LEFT
        self.presented = False  # its first frame has been on screen
        self.receiving = False  # waits for events
        self.frames = 1  # FIRST draws the 0th
        self.frame_pending = False
        self.shm_pages = 0  # of the last shared memory this client created
        self._think_table = core.tables[group.think_table]
        self._think = Random(core.settings.seed, identity, generation, STREAM_THINK)
        self.gaps = Random(core.settings.seed, identity, generation, STREAM_GAP)
        self.width, self.height = group.surface_width, group.surface_height
        self.leaving = False
        events = [event for event in core.events if event.concerns(identity)]
        self._decorated = any(event.action == Action.THEME_CHANGE for event in events)
        self._timeline = deque(event for event in events if event.action >= Action.MAXIMIZE)
        self._configured: Configured | None = None  # the latest not obeyed yet
        self._stale = False  # the buffer in the back shows another theme
        self._owes_pong = False
        self._woken = 0  # CPU ns of a wake-up at a deadline, spent with the action that follows at once
        self._seen: set[str] = set()
        self.presents_media = self.workload is Workload.MEDIA  # its presentation has a rhythm to keep

    # ---- what workloads override -------------------------------------------------------------

    def frame(self, now: int) -> None:
        """The main surface's frame callback arrived."""

    def input(self, now: int) -> None:
        """An input event arrived."""

    def event(self, kind: EventKind, now: int) -> None:
        """Any other event arrived."""

    def surge(self, now: int) -> None:
        """The timeline's surge."""

    def close(self, now: int) -> None:
        """The window was asked to close."""
        self.leaving = True

    def due(self) -> int | None:
        """When the next action is due, ns; None while it waits for an event."""
        return None

    def act(self) -> Body:
        """Performs the action that is due."""
        yield from ()

    def leave_batch(self) -> Batch:
        """The requests that undo everything at the end."""
        batch = BATCHES[BatchTag.LEAVE]
        if self._decorated:
            requests = ("zxdg_toplevel_decoration_v1.destroy", *batch.requests, "zxdg_decoration_manager_v1.destroy")
            batch = Batch(requests, batch.bytes + 16)
        return batch

    # ---- steps that workloads use ------------------------------------------------------------

    def think(self) -> int:
        """A think time drawn from the group's table, ns."""
        return self._think.quantile(self._think_table)

    def gap(self) -> int:
        """A gap between actions drawn from the group's table, ns."""
        return self.gaps.quantile(self.core.tables[self.group.gap_table])

    def send(
        self,
        tag: BatchTag,
        width: int = 0,
        rows: int = 0,
        *,
        before: int = 0,
        batch: Batch | None = None,
        secondary: bool = False,
        damage: tuple[int, int] = (0, 0),
        detail: Any = None,
        refused: Detection | None = None,
    ) -> Body:
        """Draws `rows` rows of `width` pixels, enters `send` and puts a batch into the socket.

        `before` ns of earlier segments run in the same burst.
        """
        steps = row_steps(width) * rows
        self.thread.touched.draw(steps)
        path = self.core.send_path(tag, steps, rows)
        entering, sending = self.flow.along(path)
        before += self._woken
        self._woken = 0
        entering += before
        self.thread.masked_from = self.thread.locked_from = entering
        yield before + sending + self.core.processor.seek(self.core.display.thread, set())
        # Overhead that a preemption cut short still counts in the mark: it must not lie beyond the burst's own end.
        sent_ns = min(self.thread.time_at(entering), self.core.processor.now)
        sent = Sent(self, tag, sent_ns, batch or BATCHES[tag], secondary, damage, detail, refused)
        self.core.display.deliver(sent)
        yield 1  # the compositor preempts here; what it answers is seen when this returns

    def send_frame(self) -> Body:
        """Draws the damaged band of the next frame and commits it."""
        width, height = self.width, self.height
        rows = max(1, height * self.group.damage_ppm // 1_000_000)
        y = self.frames * rows % (height - rows + 1)
        # The other buffer missed the frame before; the first two frames find theirs whole.
        drawn = 2 * rows if rows < height and self.frames > 1 else rows
        if self._stale:
            drawn, self._stale = height, False
        self.frames += 1
        self.frame_pending = True
        yield from self.send(_FRAME, width, drawn, damage=(y, rows))

    def send_first(self, *, secondary: bool) -> Body:
        """Allocates buffers (two, one for a secondary surface), draws them whole and commits the first."""
        width, height = self.group.surface_width, self.group.surface_height
        buffers = 1 if secondary else 2
        pages = -(-width * height * 4 * buffers // PAGE_BYTES)
        self.shm_pages = pages
        self._allocate(pages)
        yield self.thread.masking(self.flow.to(("shm", pages)))
        batch = wire.FIRST_SECONDARY if secondary else None
        yield from self.send(
            BatchTag.FIRST, width, buffers * height, batch=batch, secondary=secondary, damage=(0, height)
        )

    def _obey(self, configured: Configured) -> Body:
        """Acknowledges a configure with content that obeys it: new buffers for a new size, else all of it anew."""
        self._configured = None
        size = (configured.width or self.width, configured.height or self.height)
        detail = (configured.serial, *size)
        self.frame_pending = True
        if size == (self.width, self.height):
            self.frames += 1
            self._stale = True
            yield from self.send(BatchTag.RETHEME, self.width, self.height, damage=(0, self.height), detail=detail)
            return
        self.width, self.height = size
        self.frames, self._stale = 1, False
        before, self.shm_pages = self.shm_pages, self._shm_pages(2)
        self._allocate(self.shm_pages)
        yield self.thread.masking(self.flow.to(("shm", self.shm_pages)))
        yield from self.send(BatchTag.RECONFIGURE, self.width, 2 * self.height, damage=(0, self.height), detail=detail)
        self.thread.touched.unmap(before)
        yield self.thread.masking(self.flow.to(("shm_free", before)))
        self.core.display.forget_shm(self, before)

    def _allocate(self, pages: int) -> None:
        if not self.core.memory.allocate_shm(self, pages):
            raise OutOfMemory
        self.thread.touched.map(pages)

    def _shm_pages(self, buffers: int) -> int:
        return -(-self.width * self.height * 4 * buffers // PAGE_BYTES)

    def _timeline_action(self) -> Body:
        action = Action(self._timeline.popleft().action)
        if action is Action.SURGE:
            self.surge(self.core.processor.now)
        elif action is Action.RESIZE:
            yield from self.send(BatchTag.RESIZE)
        else:
            yield from self.send(BatchTag.SHELL, batch=wire.SHELL[action])

    # ---- the thread ----------------------------------------------------------------------------

    def _body(self) -> Body:
        yield self.flow.to(("first",))
        self.connected_ns = self.core.processor.now
        self.core.display.connect(self)
        yield 1
        yield from self.send(BatchTag.REGISTRY)
        yield from self._await("synced")
        yield from self.send(BatchTag.BIND)
        yield from self._await("configure")
        if self._decorated:
            yield from self.send(BatchTag.DECORATE)
            yield from self._await("configure")
        self._configured = None
        yield from self.send(BatchTag.ACK)
        try:
            yield from self.send_first(secondary=False)
        except OutOfMemory:
            self.end_reason = EndReason.REFUSED
            yield self.flow.to(("exit",))
            return
        self.frame_pending = True
        yield from self.go_on()

    def go_on(self) -> Body:
        """Its loop, to its end."""
        try:
            yield from self._loop()
            yield from self.send(BatchTag.LEAVE, batch=self.leave_batch())
        except OutOfMemory:
            self.end_reason = EndReason.REFUSED
        yield self.flow.to(("exit",))

    def serve_until(self, deadline: int) -> Body:
        """Handles what is received, and does nothing of its own."""
        while self.core.processor.now < deadline:
            yield from self.receive(deadline)

    def thrown_out(self) -> Body:
        """Learns that it was disconnected for an error, and exits."""
        yield from self._await("error")
        self.end_reason = EndReason.PROTOCOL
        yield self.flow.to(("exit",))

    def _await(self, name: str) -> Body:
        self._seen.discard(name)
        while name not in self._seen:
            yield from self.receive(self.end_ns)

    def _loop(self) -> Body:
        processor, end = self.core.processor, self.end_ns
        while True:
            if self._owes_pong:
                self._owes_pong = False
                yield from self.send(BatchTag.PONG)
                continue
            now = processor.now
            if self.leaving or now >= end:
                return
            wanted = self._timeline[0].at_ns if self._timeline else end
            if wanted <= now:
                yield from self._timeline_action()
                continue
            if self._configured is not None and not self.frame_pending:
                yield from self._obey(self._configured)
                continue
            due = self.due()
            if due is not None and due <= now:
                yield from self.act()
                continue
            until = min(end, wanted)
            yield from self.receive(until if due is None else min(until, due))

    def receive(self, deadline: int) -> Body:
        """One `recv`: takes what is queued, or waits for it until the deadline."""
        thread, flow = self.thread, self.flow
        if not self.inbox:
            thread.deadline = deadline
            thread.trailing = flow.to(AT_BLOCK) + self._woken
            self._woken = 0
            self.receiving = True
            try:
                yield BLOCK
            finally:  # also when a fault strikes
                self.receiving = False
            if not self.inbox:
                self._woken = flow.to(_WAKE)
                return
        taken = self.inbox.take(RECEIVE_BYTES)
        size = sum(write.bytes for write in taken)
        thread.locked_from = 0
        yield flow.to(("receive", size, len(taken))) + self._woken
        self._woken = 0
        now, trace = self.core.processor.now, self.core.trace
        for write in taken:
            trace.measure(now, _EVENT_DELIVERY, self.id, now - write.queued_ns, thread.index)
        yield LEAVE
        now = self.core.processor.now
        for write in taken:
            for kind in write.events:
                self._handle(kind, now)

    def _handle(self, kind: EventKind, now: int) -> None:
        name = kind.name
        if name == "done":
            self.frame_pending = False
            self.frame(now)
        elif name == "input":
            self.input(now)
        elif name == "ping":
            self._owes_pong = True
        elif name == "close":
            self.close(now)
        else:
            if isinstance(kind, Configured):
                self._configured = kind
            self._seen.add(name)
            self.event(kind, now)
