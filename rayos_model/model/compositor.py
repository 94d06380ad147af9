"""The compositor: one thread that dispatches requests, paints at repaint points and flips at vblanks.

Mirrors docs/mechanism.md, "Compositor". Handlers change state at once and gather the segments, measurements and
queue-writes of one item; the burst is then consumed and measurements stamped at their points within it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rayos_model.abi import BatchTag, ThreadId, TraceKind, Workload
from rayos_model.model import wire
from rayos_model.model.client import Client, Sent, Write
from rayos_model.model.costs import Flow, Path, Point
from rayos_model.model.painting import Rectangle, Stack
from rayos_model.model.processor import BLOCK, Body, Thread
from rayos_model.model.wire import EventKind

if TYPE_CHECKING:
    from rayos_model.model.machine import Machine

_VBLANK, _REPAINT, _INPUT, _DRAG, _PING = range(5)  # order among items of one instant
_BLOCK: Point = ("block",)
# Looked up once: members of an enumeration are slow to reach before Python 3.12.
_BUFFER_COMMIT = TraceKind.M_BUFFER_COMMIT
_COMMIT_TO_PRESENT = TraceKind.M_COMMIT_TO_PRESENT
_COMPOSITION = TraceKind.M_COMPOSITION
_INPUT_WORKLOAD = Workload.INPUT
DRAG_STEPS = 8
DRAG_STEP_NS = 16_000_000


@dataclass(slots=True)
class Surface:
    """A mapped or soon to be mapped window of one client."""

    key: int
    client: Client
    rectangle: Rectangle
    mapped: bool = False
    buffers: int = 0  # commits so far; from the second on a flip releases the buffer before
    sent_ns: int | None = None  # latest commit not yet shown
    callbacks: int = 0


@dataclass(frozen=True, slots=True)
class Connected:
    """A client's socket was connected."""

    client: Client


@dataclass(frozen=True, slots=True)
class Closed:
    """A client's socket was closed."""

    client: Client


class Shown(NamedTuple):
    """A surface's part in a finished frame."""

    surface: Surface
    sent_ns: int
    callbacks: int
    releases: bool
    inputs: list[int]  # scheduled times of the input events that it answers


@dataclass(slots=True)
class Seat:
    """What the compositor knows of one client."""

    client: Client
    surfaces: dict[bool, Surface] = field(default_factory=dict)  # by "secondary"
    bound: bool = False
    owes_pong_since: int | None = None
    entered: bool = False
    inputs: int = 0
    next_input_ns: int = 0
    next_step_ns: int = 0  # of the drag that it started
    queued_inputs: deque[tuple[int, int]] = field(default_factory=deque)  # (scheduled, queued) without reaction yet
    carried_inputs: list[int] = field(default_factory=list)  # scheduled times that a commit not yet painted answers
    pipe_full: bool = False
    drag_peer: Client | None = None
    drag_source: Client | None = None


class Compositor:
    """State and thread of the compositor."""

    def __init__(self, machine: Machine) -> None:
        settings = machine.settings
        self.machine = machine
        self.flow = Flow(machine.compositor_costs, machine.processor, _BLOCK)
        self.thread = Thread(ThreadId.COMPOSITOR, "compositor", settings.compositor_priority, self._body())
        self.seats: dict[int, Seat] = {}
        self.stack = Stack((0, 0, settings.width, settings.height))
        self._second_flips = 0
        self._second_latencies: list[int] = []  # commit to present, ns, of the second under way
        self._period = (10**12, settings.refresh_mhz)
        self._window = settings.repaint_window_ns
        self._timed: list[tuple[int, int, int]] = []  # (time, item, index or client)
        self._ready: deque[Sent | Connected | Closed] = deque()  # what sockets hold for the compositor, in order
        self._damage: dict[Rectangle, Rectangle] = {}  # rectangle -> the window that it is a part of
        self._previous: dict[Rectangle, Rectangle] = {}  # likewise, of the previous pass
        self._uncomposed: dict[int, Surface] = {}  # committed since the last pass, in order of commit
        self._frame: list[Shown] | None = None  # painted, waits for its flip
        self._frame_finished_ns = 0
        self._paths: dict[tuple[BatchTag, int, int], tuple[Path, tuple[tuple[int, Effect], ...]]] = {}
        self._offset = 0  # ns into the burst being gathered
        self._measures: list[tuple[int, TraceKind, int, int | None, int]] = []
        self._events: dict[int, list[EventKind]] = {}
        self._schedule_vblank(0)
        if settings.ping_interval_ns:
            heappush(self._timed, (settings.ping_interval_ns, _PING, 0))

    # ---- called by the reporter ----------------------------------------------------------------

    def end_second(self) -> tuple[int, int]:
        """Page flips and p99 commit-to-present (µs) of the second just ended; starts the next."""
        flips, latencies = self._second_flips, sorted(self._second_latencies)
        self._second_flips, self._second_latencies = 0, []
        return flips, latencies[-(-99 * len(latencies) // 100) - 1] // 1000 if latencies else 0

    # ---- called by clients -------------------------------------------------------------------

    def deliver(self, sent: Sent) -> None:
        """A batch arrived in a client's socket."""
        self._ready.append(sent)
        self.machine.processor.wake(self.thread)

    def connect(self, client: Client) -> None:
        """A client connected."""
        self.seats[client.id] = Seat(client)
        self._ready.append(Connected(client))
        self.machine.processor.wake(self.thread)

    def close(self, client: Client) -> None:
        """A client's process ended."""
        self._ready.append(Closed(client))
        self.machine.processor.wake(self.thread)

    def pipe_written(self, source: Client) -> None:
        """The drag's source wrote its data and closed the pipe."""
        peer = self.seats[source.id].drag_peer
        if peer is not None and peer.id in self.seats:
            self.seats[peer.id].pipe_full = True
            self.machine.processor.wake(peer.thread)

    def pipe_ready(self, target: Client) -> bool:
        """Whether the data of the drop waits in the target's pipe; consumes it."""
        seat = self.seats[target.id]
        ready, seat.pipe_full = seat.pipe_full, False
        return ready

    # ---- timed items ---------------------------------------------------------------------------

    def vblank_ns(self, index: int) -> int:
        """The time of a vblank, ns."""
        numerator, millihertz = self._period
        return (2 * index + 1) * numerator // (2 * millihertz)

    def _schedule_vblank(self, index: int) -> None:
        vblank = self.vblank_ns(index)
        heappush(self._timed, (max(vblank - self._window, 0), _REPAINT, index))
        heappush(self._timed, (vblank, _VBLANK, index))

    # ---- the thread ----------------------------------------------------------------------------

    def _body(self) -> Body:
        processor, thread, timed = self.machine.processor, self.thread, self._timed
        ready, handlers = self._ready, self._handlers
        while True:
            if timed[0][0] <= processor.now:
                time, item, index = heappop(timed)
                handlers[item](self, time, index)
            elif ready:
                arrived = ready.popleft()
                if isinstance(arrived, Sent):
                    self._dispatch(arrived)
                elif isinstance(arrived, Closed):
                    self._disconnect(arrived.client)
                else:
                    continue  # accepting a connection has no point of its own
            else:
                thread.deadline = timed[0][0]
                thread.trailing = self.flow.to(_BLOCK)
                yield BLOCK
                continue
            writes = self._gather_writes() if self._events else ()
            yield self._offset
            self._stamp(writes)

    def _gather_writes(self) -> list[tuple[int, Client, Write]]:
        """One queue-write for each client told something, at the end of the burst: (offset, client, write)."""
        writes: list[tuple[int, Client, Write]] = []
        for identity, kinds in self._events.items():
            seat = self.seats.get(identity)
            if seat is None:
                continue
            size = count = 0
            for kind in kinds:
                size += kind.bytes
                count += kind.events
            self._advance(("events", size, count))
            writes.append((self._offset, seat.client, Write(0, size, kinds)))
        self._events.clear()
        return writes

    def _stamp(self, writes: Iterable[tuple[int, Client, Write]]) -> None:
        """The burst has been consumed: its measurements and queue-writes happened at these instants."""
        time_at, measure, wake = self.thread.time_at, self.machine.trace.measure, self.machine.processor.wake
        for offset, kind, subject, since, arg in self._measures:
            now = time_at(offset)
            if kind is _COMPOSITION:
                self._frame_finished_ns = now
                since = time_at(arg)
            value = arg if since is None else now - since
            measure(now, kind, subject, value, self.thread.index)
            if kind is _COMMIT_TO_PRESENT:
                self._second_latencies.append(value)
        for offset, client, write in writes:
            write.queued_ns = time_at(offset)
            client.inbox.append(write)
            wake(client.thread)
        self._offset = 0
        self._measures.clear()

    def _advance(self, point: Point) -> None:
        self._offset += self.flow.to(point)

    def _measure(self, kind: TraceKind, subject: int, since: int | None = None, arg: int = 0) -> None:
        self._measures.append((self._offset, kind, subject, since, arg))

    def _tell(self, client: Client, *kinds: EventKind) -> None:
        self._events.setdefault(client.id, []).extend(kinds)

    # ---- requests ------------------------------------------------------------------------------

    def _dispatch(self, sent: Sent) -> None:
        seat = self.seats.get(sent.client.id)
        if seat is None:
            return
        path, effects = self._path(sent)
        offsets, start = self.flow.along(path), self._offset
        for index, effect in effects:
            self._offset = start + offsets[index]
            effect(self, seat, sent)
        self._offset = start + offsets[-1]

    def _path(self, sent: Sent) -> tuple[Path, tuple[tuple[int, Effect], ...]]:
        """The points of a batch and the effects its requests have, by the index of their point."""
        key = (sent.tag, len(sent.batch.requests), sent.client.shm_pages)
        known = self._paths.get(key)
        if known is None:
            points: list[Point] = [("take", sent.batch.bytes)]
            effects = []
            for index, request in enumerate(sent.batch.requests, 1):
                pool = request in ("wl_shm.create_pool", "wl_shm_pool.destroy")
                points.append((f"request.{request}", sent.client.shm_pages) if pool else (f"request.{request}",))
                if request in _EFFECTS.get(sent.tag, ()):
                    effects.append((index, _EFFECTS[sent.tag][request]))
            known = self._paths[key] = (Path(*points), tuple(effects))
        return known

    def _synced(self, seat: Seat, sent: Sent) -> None:
        self._tell(sent.client, wire.SYNCED)

    def _configure(self, seat: Seat, sent: Sent) -> None:
        """An initial commit, without buffer: the surface is configured."""
        if not seat.bound:
            seat.bound = True
            self._tell(sent.client, wire.BOUND)
        self._tell(sent.client, wire.CONFIGURE)

    def _acknowledged(self, seat: Seat, sent: Sent) -> None:
        if not sent.secondary:
            self._measure(TraceKind.M_CLIENT_CREATION, sent.client.id, sent.client.connected_ns)

    def _commit(self, seat: Seat, sent: Sent) -> None:
        client = sent.client
        self._measure(_BUFFER_COMMIT, client.id, sent.sent_ns)
        surface = seat.surfaces.get(sent.secondary)
        if surface is None:
            surface = Surface(client.id * 2 + sent.secondary, client, self._place(client, sent.secondary))
            seat.surfaces[sent.secondary] = surface
        x0, y0, x1, _y1 = surface.rectangle
        if not surface.mapped:
            surface.mapped = True
            self.stack.map(surface.key, surface.rectangle)
        first, rows = sent.damage
        self._damage[x0, y0 + first, x1, y0 + first + rows] = surface.rectangle
        surface.sent_ns = sent.sent_ns
        surface.buffers += 1
        surface.callbacks += 1
        while seat.queued_inputs and seat.queued_inputs[0][1] < sent.sent_ns:
            seat.carried_inputs.append(seat.queued_inputs.popleft()[0])
        self._uncomposed[surface.key] = surface

    def _place(self, client: Client, secondary: bool) -> Rectangle:
        width, height = client.group.surface_width, client.group.surface_height
        across, down = self.machine.settings.width, self.machine.settings.height
        x, y = 97 * client.id % (across - width + 1), 61 * client.id % (down - height + 1)
        if secondary and x + 16 + width <= across and y + 16 + height <= down:
            x, y = x + 16, y + 16
        return x, y, x + width, y + height

    def _unmap(self, seat: Seat, secondary: bool) -> None:
        surface = seat.surfaces.pop(secondary, None)
        if surface is None:
            return
        self._uncomposed.pop(surface.key, None)
        if surface.mapped:
            self._damage[surface.rectangle] = surface.rectangle
            self.stack.unmap(surface.key)
        surface.mapped = False

    def _destroyed(self, seat: Seat, sent: Sent) -> None:
        """Window and buffers go; each id is confirmed, the buffer on screen released."""
        leaving = sent.tag is BatchTag.LEAVE
        self._unmap(seat, True)
        if leaving:
            self._unmap(seat, False)
        self._tell(sent.client, wire.RELEASE, *[wire.DELETED] * (12 if leaving else 5))

    def _source_destroyed(self, seat: Seat, sent: Sent) -> None:
        self._tell(sent.client, wire.DELETED)

    def _ponged(self, seat: Seat, sent: Sent) -> None:
        seat.owes_pong_since = None

    def _start_drag(self, seat: Seat, sent: Sent) -> None:
        peer = self.machine.peer(sent.client)
        if seat.drag_peer is not None or peer is None or not self._has_window(peer):
            self._tell(sent.client, wire.DRAG_CANCELLED)
            return
        seat.drag_peer = peer
        self.seats[peer.id].drag_source = sent.client
        self._tell(peer, wire.DRAG_ENTER)
        seat.next_step_ns = self.machine.processor.now + DRAG_STEP_NS
        heappush(self._timed, (seat.next_step_ns, _DRAG, sent.client.id << 8 | 1))

    def _has_window(self, client: Client) -> bool:
        seat = self.seats.get(client.id)
        return seat is not None and False in seat.surfaces

    def _drag_action(self, seat: Seat, sent: Sent) -> None:
        if seat.drag_source is not None:
            self._tell(sent.client, wire.DRAG_ACTION)
            self._tell(seat.drag_source, wire.DRAG_ACTION)

    def _drag_receive(self, seat: Seat, sent: Sent) -> None:
        if seat.drag_source is not None:
            self._tell(seat.drag_source, wire.DRAG_SEND)

    def _drag_finish(self, seat: Seat, sent: Sent) -> None:
        if seat.drag_source is not None:
            self._tell(seat.drag_source, wire.DRAG_FINISHED)
            giver = self.seats.get(seat.drag_source.id)
            if giver is not None:
                giver.drag_peer = None
            seat.drag_source = None

    # ---- timed items ---------------------------------------------------------------------------

    def _repaint(self, time: int, index: int) -> None:
        if self._frame is not None or not self._damage:
            self._advance(("repaint",))
            return
        start = self._offset
        damage, self._damage = self._damage, {}
        rectangles = len(damage) + len(self._previous)
        work = self.stack.paint({**damage, **self._previous})
        self._previous = damage
        self._advance(("composite", work.steps, work.rows, work.blits, rectangles))
        self._frame = []
        for surface in self._uncomposed.values():
            assert surface.sent_ns is not None
            releases = surface.buffers > 1 and not surface.key & 1
            seat = self.seats[surface.client.id]
            self._frame.append(Shown(surface, surface.sent_ns, surface.callbacks, releases, seat.carried_inputs))
            surface.sent_ns, surface.callbacks, seat.carried_inputs = None, 0, []
        self._uncomposed = {}
        self._measure(_COMPOSITION, 0, arg=start)

    def _vblank(self, time: int, index: int) -> None:
        self._schedule_vblank(index + 1)
        frame = self._frame
        if frame is not None and self._frame_finished_ns < time:
            self._frame = None
            self._advance(("flip", len(frame)))
            self._measure(TraceKind.M_FLIP, 0, arg=index)
            self._second_flips += 1
            for shown in frame:
                self._present(shown)
        else:
            if frame is not None:
                self._measure(TraceKind.M_DROPPED, 0, arg=index)
            self._advance(("vblank",))

    def _present(self, shown: Shown) -> None:
        surface, client = shown.surface, shown.surface.client
        if not surface.mapped:
            return
        self._measure(_COMMIT_TO_PRESENT, client.id, shown.sent_ns)
        main = not surface.key & 1
        done = wire.DONE if main else wire.SECONDARY_DONE
        self._tell(client, *[done] * shown.callbacks, *[wire.RELEASE] * shown.releases)
        if client.workload is not _INPUT_WORKLOAD:
            return
        for scheduled_ns in shown.inputs:
            self._measure(TraceKind.M_INPUT_ROUND_TRIP, client.id, scheduled_ns)
        seat = self.seats[client.id]
        if seat.next_input_ns == 0:
            seat.next_input_ns = self.machine.processor.now + client.gap()
            heappush(self._timed, (seat.next_input_ns, _INPUT, client.id))

    def _input(self, time: int, identity: int) -> None:
        seat = self.seats.get(identity)
        if seat is None or seat.next_input_ns != time or not seat.surfaces:
            return  # meant for a client that has left
        self._advance(("input",))
        seat.inputs += 1
        odd = seat.inputs & 1
        if odd and not seat.entered:
            seat.entered = True
            self._tell(seat.client, wire.POINTER_ENTER)
        if seat.inputs == 2:
            self._tell(seat.client, wire.KEYBOARD_ENTER)
        self._tell(seat.client, wire.MOTION if odd else wire.KEY)
        seat.queued_inputs.append((time, self.machine.processor.now))
        seat.next_input_ns = time + seat.client.gap()
        heappush(self._timed, (seat.next_input_ns, _INPUT, identity))

    def _ping(self, time: int, _: int) -> None:
        settings = self.machine.settings
        heappush(self._timed, (time + settings.ping_interval_ns, _PING, 0))
        pinged = 0
        for seat in list(self.seats.values()):
            since = seat.owes_pong_since
            if since is not None and time - since >= settings.hang_timeout_ns:
                self._measure(TraceKind.M_HANG, seat.client.id, since)
                self.machine.supervisor.kill(seat.client)
            elif seat.bound and since is None:
                seat.owes_pong_since = time
                self._tell(seat.client, wire.PING)
                pinged += 1
        self._advance(("ping", pinged))

    def _drag(self, time: int, step: int) -> None:
        identity, number = step >> 8, step & 0xFF
        seat = self.seats.get(identity)
        if seat is None or seat.next_step_ns != time or seat.drag_peer is None or seat.drag_peer.id not in self.seats:
            return
        self._advance(("drag",))
        self._tell(seat.drag_peer, wire.DRAG_MOTION)
        if number < DRAG_STEPS:
            seat.next_step_ns = time + DRAG_STEP_NS
            heappush(self._timed, (seat.next_step_ns, _DRAG, step + 1))
        else:
            self._tell(seat.drag_peer, wire.DRAG_DROP)

    def _disconnect(self, client: Client) -> None:
        seat = self.seats.pop(client.id)
        for secondary in list(seat.surfaces):
            self._unmap(seat, secondary)
        self._advance(("disconnect",))
        self.machine.supervisor.released(client)

    _handlers: ClassVar[dict[int, Callable[[Compositor, int, int], None]]] = {
        _VBLANK: _vblank,
        _REPAINT: _repaint,
        _INPUT: _input,
        _DRAG: _drag,
        _PING: _ping,
    }


Effect = Callable[[Compositor, Seat, Sent], None]
_EFFECTS: dict[BatchTag, dict[str, Effect]] = {
    BatchTag.REGISTRY: {"wl_display.sync": Compositor._synced},
    BatchTag.BIND: {"wl_surface.commit": Compositor._configure},
    BatchTag.NEW_SURFACE: {"wl_surface.commit": Compositor._configure},
    BatchTag.ACK: {"xdg_surface.ack_configure": Compositor._acknowledged},
    BatchTag.FIRST: {"wl_surface.commit": Compositor._commit},
    BatchTag.FRAME: {"wl_surface.commit": Compositor._commit},
    BatchTag.PONG: {"xdg_wm_base.pong": Compositor._ponged},
    BatchTag.DESTROY: {"xdg_toplevel.destroy": Compositor._destroyed},
    BatchTag.LEAVE: {"xdg_toplevel.destroy": Compositor._destroyed},
    BatchTag.DRAG: {"wl_data_device.start_drag": Compositor._start_drag},
    BatchTag.ACCEPT: {"wl_data_offer.set_actions": Compositor._drag_action},
    BatchTag.RECEIVE: {"wl_data_offer.receive": Compositor._drag_receive},
    BatchTag.FINISH: {"wl_data_offer.finish": Compositor._drag_finish},
    BatchTag.DRAG_DONE: {"wl_data_source.destroy": Compositor._source_destroyed},
}
