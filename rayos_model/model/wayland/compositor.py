"""The compositor: one thread that dispatches requests, paints at repaint points and flips at vblanks.

Mirrors docs/explanation/compositor.md. Handlers change state at once and gather the segments, measurements and
queue-writes of one item; the burst is then consumed and measurements stamped at their points within it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from rayos_model.contract.abi import BatchTag, Detection, InputSource, ThreadId
from rayos_model.contract.trace_record import TraceKind
from rayos_model.model.cpu.thread import BLOCK, EXITED, Body, Thread
from rayos_model.model.ipc import wire
from rayos_model.model.ipc.socket import Sent, Write
from rayos_model.model.service_times import AT_BLOCK, Path, Point
from rayos_model.model.wayland.shell import EFFECTS as SHELL_EFFECTS
from rayos_model.model.wayland.shell import Shell, ShellEffect
from rayos_model.model.wayland.stack import Part, Rectangle, Stack

if TYPE_CHECKING:
    from rayos_model.model.clients.client import Client
    from rayos_model.model.ipc.wire import EventKind
    from rayos_model.model.machine import Machine
from rayos_model.model.wayland.agenda import DRAG, EVENT, INPUT, PING, REPAINT, RESIZE, VBLANK
from rayos_model.model.wayland.burst import COMMIT_TO_PRESENT, COMPOSITION
from rayos_model.model.wayland.composite import BUFFER_COMMIT, TYPED_INTO
from rayos_model.model.wayland.data_device import DRAG_STEP_NS, DRAG_STEPS
from rayos_model.model.wayland.seat import events_of
from rayos_model.model.wayland.surface import Closed, Connected, Seat, Shown, Surface


class Compositor:
    """State and thread of the compositor."""

    def __init__(self, machine: Machine) -> None:
        settings = machine.settings
        self.machine = machine
        self._counters = machine.integration.counters
        self._printed = machine.integration.printed
        self.flow = machine.flow(machine.compositor_costs, ThreadId.COMPOSITOR, AT_BLOCK)
        self.thread = Thread(ThreadId.COMPOSITOR, "compositor", settings.compositor_priority, self._body())
        self.seats: dict[int, Seat] = {}
        self.stack = Stack((0, 0, settings.width, settings.height))
        self._devices = settings.input_source == InputSource.DEVICE
        self._focus: int | None = None  # key of the surface under the pointer
        self._second_flips = 0
        self._second_latencies: list[int] = []  # commit to present, ns, of the second under way
        self._period = (10**12, settings.refresh_mhz)
        self._window = settings.repaint_window_ns
        self._timed: list[tuple[int, int, int]] = []  # (time, item, index or client)
        self._ready: list[Sent | Connected | Closed] = []  # what sockets hold for the compositor, in order
        self._damage: list[Part] = []
        self._previous: list[Part] = []  # that of the previous pass
        self._uncomposed: dict[int, Surface] = {}  # committed since the last pass, in order of commit
        self._frame: list[Shown] | None = None  # painted, waits for its flip
        self._frame_finished_ns = 0
        self._paths: dict[tuple[int, int, str, int], tuple[Path, tuple[tuple[int, Effect], ...]]] = {}
        self._offset = 0  # ns into the burst being gathered
        self._handling = False  # an item is being handled
        self._measures: list[tuple[int, TraceKind, int, int | Surface | None, int]] = []
        self._events: dict[int, list[EventKind]] = {}
        self._dropping: Client | None = None  # by an error in the batch being handled
        self.shell = Shell(self)
        self._schedule_vblank(0)
        for index, event in enumerate(machine.events):
            heappush(self._timed, (event.at_ns, EVENT, index))
        if settings.ping_interval_ns:
            heappush(self._timed, (settings.ping_interval_ns, PING, 0))

    # ---- called by the reporter ----------------------------------------------------------------

    def end_second(self) -> tuple[int, list[int]]:
        """Page flips and sorted commit-to-present latencies (ns) of the second just ended; starts the next."""
        flips, latencies = self._second_flips, sorted(self._second_latencies)
        self._second_flips, self._second_latencies = 0, []
        return flips, latencies

    # ---- called by clients -------------------------------------------------------------------

    def deliver(self, sent: Sent) -> None:
        """A batch arrived in a client's socket."""
        self._ready.append(sent)
        self.machine.processor.wake(self.thread)

    def connect(self, client: Client) -> None:
        """A client connected."""
        self.seats[client.id] = Seat(client)
        self._counters.clients_connected += 1
        self._ready.append(Connected(client))
        self.machine.processor.wake(self.thread)

    def close(self, client: Client) -> None:
        """A client's process ended."""
        if client.dropped:
            return  # closed already
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

    def forget_shm(self, client: Client, pages: int) -> None:
        """A client let go of shared memory that is still on screen."""
        self.seats[client.id].forgotten_pages += pages

    # ---- what the shell uses -------------------------------------------------------------------

    def schedule_resize(self, time: int, identity: int) -> None:
        """The next step of an interactive resize."""
        heappush(self._timed, (time, RESIZE, identity))

    def add_damage(self, rectangle: Rectangle) -> None:
        """A part of the output to paint."""
        self._damage.append(self.stack.part(rectangle, rectangle))

    def show(self, surface: Surface) -> None:
        """A surface's state goes into the next frame."""
        self._uncomposed.pop(surface.key, None)
        self._uncomposed[surface.key] = surface

    def withhold(self, surface: Surface) -> None:
        """A surface's state does not go into the next frame."""
        self._uncomposed.pop(surface.key, None)

    def measure_presentation(self, surface: Surface) -> None:
        """How far this presentation is from one period after the last."""
        self._measures.append((self._offset, TraceKind.M_PRESENTATION_JITTER, surface.client.id, surface, 0))

    def note_marker(self, number: int) -> bool:
        """Records a marker's time if its cause is in the item being handled."""
        if not self._handling:
            return False
        self.measure(TraceKind.M_MARKER, number)
        return True

    # ---- timed items ---------------------------------------------------------------------------

    def vblank_ns(self, index: int) -> int:
        """The time of a vblank, ns."""
        numerator, millihertz = self._period
        return (2 * index + 1) * numerator // (2 * millihertz)

    def _schedule_vblank(self, index: int) -> None:
        vblank = self.vblank_ns(index)
        heappush(self._timed, (max(vblank - self._window, 0), REPAINT, index))
        heappush(self._timed, (vblank, VBLANK, index))

    # ---- the thread ----------------------------------------------------------------------------

    def _body(self) -> Body:
        processor, thread, timed = self.machine.processor, self.thread, self._timed
        waited = False  # within socket_wait, what is ready comes before a deadline that has passed meanwhile
        ready = self._ready
        while True:
            self._handling = True
            woken, waited, taken = waited, False, 0
            first = woken and bool(ready)
            if timed[0][0] <= processor.now and not first:
                time, item, index = heappop(timed)
                _HANDLERS[item](self, time, index)
            elif ready:
                arrived = ready.pop(0)
                if isinstance(arrived, Sent):
                    taken = self._dispatch(arrived)
                elif isinstance(arrived, Closed):
                    self._disconnect(arrived.client)
                else:
                    continue  # accepting a connection has no point of its own
            else:
                thread.deadline = timed[0][0]
                thread.trailing = self.flow.to(AT_BLOCK)
                self._handling = False
                yield BLOCK
                waited = True
                continue
            writes = self._gather_writes() if self._events else ()
            while self._printed:
                self.advance(("marker", self._printed.pop(0)))
            self._handling = False
            if processor.at_once:
                yield from self._in_parts(taken, writes, woken=woken)
            else:
                yield self._offset
                self._stamp(0, self._offset)
                for offset, client, write in writes:
                    self._queue(client, write, thread.time_at(offset))
            self._offset = 0
            if self._dropping is not None:
                self._ready.append(Closed(self._dropping))
                self._dropping = None

    def _gather_writes(self) -> list[tuple[int, Client, Write]]:
        """One queue-write for each client told something, at the end of the burst: (offset, client, write)."""
        writes: list[tuple[int, Client, Write]] = []
        processor, claimed = self.machine.processor, set[int]()
        for identity, kinds in self._events.items():
            seat = self.seats.get(identity)
            if seat is None:
                continue
            size, count = sum(kind.bytes for kind in kinds), sum(kind.events for kind in kinds)
            self.flow.subject = identity
            self._offset += processor.seek(seat.client.thread, claimed, several=True)
            self.advance(("events", size, count))
            writes.append((self._offset, seat.client, Write(size, kinds)))
        self._events.clear()
        return writes

    def _in_parts(self, taken: int, writes: Iterable[tuple[int, Client, Write]], *, woken: bool) -> Body:
        """Consumes the burst up to where a batch is taken, and to each queue-write: the kernel lock is held then.

        Who was `woken` for the batch has had the lock since.
        """
        processor, thread, begun = self.machine.processor, self.thread, 0
        service = processor.overheads.service_locked
        parts: list[tuple[int, int, tuple[Client, Write] | None]] = [(taken, taken if woken else service, None)]
        parts += [(offset, service, (client, write)) for offset, client, write in writes]
        for ended, locked, queued in (*parts, (self._offset, 0, None)):
            if ended > begun:
                thread.locked_from = max(ended - begun - locked, 0)
                yield ended - begun
                self._stamp(begun, ended)
                begun = ended
            if queued is not None:
                self._queue(*queued, processor.now)

    def _stamp(self, begun: int, ended: int) -> None:
        """A burst has been consumed, the item's from `begun` to `ended`: when its measurements were made."""
        thread, trace, made = self.thread, self.machine.trace, 0
        for offset, kind, subject, since, arg in self._measures:
            if offset > ended:
                break
            made += 1
            now = thread.time_at(offset - begun)
            if kind is COMPOSITION:
                self._frame_finished_ns = now
                since = thread.time_at(arg - begun)
            if isinstance(since, Surface):
                last, since.presented_ns = since.presented_ns, now
                if last is None:
                    continue
                arg, since = abs(now - last - since.client.group.period_ns), None
            value = arg if since is None else now - since
            trace.measure(now, kind, subject, value, thread.index)
            if kind is COMMIT_TO_PRESENT:
                self._second_latencies.append(value)
        del self._measures[:made]

    def _queue(self, client: Client, write: Write, now: int) -> None:
        """Events have been put into a client's queue."""
        write.queued_ns = now
        if client.inbox.put(write):
            if client.receiving:
                self.machine.processor.wake(client.thread)
        else:
            self._overflow(client)

    def _overflow(self, client: Client) -> None:
        """A client does not read: it is disconnected and killed."""
        failures = self.machine.failures
        if client.thread.state != EXITED and failures.detector_on(Detection.OVERFLOW):
            failures.detected(client.id, Detection.OVERFLOW, self.thread.index)
            self.machine.supervisor.kill(client)

    def _notice(self, client: Client, how: Detection) -> None:
        """A failure was noticed at this point of the item being handled."""
        noticed = self.machine.failures.notice(client.id, how)
        if noticed is not None:
            self.measure(TraceKind.M_FAULT_DETECTED, *noticed)

    def _refuse(self, sent: Sent, how: Detection) -> None:
        """The last request was an error: its client is told, and disconnected when the batch is done."""
        if not self.machine.failures.detector_on(Detection.PROTOCOL):
            return
        self._notice(sent.client, how)
        self.measure(TraceKind.M_PROTOCOL_ERROR, sent.client.id, arg=_ERROR_CODES[how])
        self.tell(sent.client, wire.ERROR)
        self._dropping = sent.client
        sent.client.dropped = True

    def advance(self, point: Point) -> None:
        """Moves the compositor's thread on to a point."""
        self._offset += self.flow.to(point)

    def measure(self, kind: TraceKind, subject: int, since: int | None = None, arg: int = 0) -> None:
        """A measurement at the present offset: of `arg`, or of the time since `since`."""
        self._measures.append((self._offset, kind, subject, since, arg))

    def tell(self, client: Client, *kinds: EventKind) -> None:
        """Adds events to what a client is told when the item is done."""
        self._told(client).extend(kinds)

    def _told(self, client: Client) -> list[EventKind]:
        """What a client is told when the item is done."""
        return self._events.setdefault(client.id, [])

    # ---- requests ------------------------------------------------------------------------------

    def _dispatch(self, sent: Sent) -> int:
        """Handles a batch; returns the offset at which it was taken."""
        seat = self.seats.get(sent.client.id)
        if seat is None:
            return 0
        path, effects = self._path(sent)
        self.flow.subject = sent.client.id
        offsets, start = self.flow.along(path), self._offset
        for index, effect in effects:
            self._offset = start + offsets[index]
            effect(self, seat, sent)
        self._offset = start + offsets[-1]
        if sent.refused is not None:
            self._refuse(sent, sent.refused)
        return start + offsets[0]

    def _path(self, sent: Sent) -> tuple[Path, tuple[tuple[int, Effect], ...]]:
        """The points of a batch and the effects its requests have, by the index of their point."""
        batch = sent.batch
        key = (int(sent.tag), batch.bytes, batch.requests[0], sent.client.shm_pages)
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
        self.tell(sent.client, wire.SYNCED)

    def _configure(self, seat: Seat, sent: Sent) -> None:
        """An initial commit, without buffer: the surface is configured."""
        if sent.tag is BatchTag.BIND:
            seat.bound = True
            self.tell(sent.client, wire.BOUND)
            self.shell.configure(seat)
            return
        self._counters.configures_sent += 1
        self.tell(sent.client, wire.CONFIGURE)

    def _acknowledged(self, seat: Seat, sent: Sent) -> None:
        if sent.secondary:
            self._counters.configures_settled += 1
        else:
            self.shell.acknowledge(seat, None)
            self.measure(TraceKind.M_CLIENT_CREATION, sent.client.id, sent.client.connected_ns)

    def _commit(self, seat: Seat, sent: Sent) -> None:
        client = sent.client
        self.measure(BUFFER_COMMIT, client.id, sent.sent_ns)
        surface = seat.surfaces.get(sent.secondary)
        if surface is None:
            surface = Surface(
                client.id * 2 + sent.secondary,
                client,
                self.place(client, client.group.surface_width, client.group.surface_height, sent.secondary),
            )
            seat.surfaces[sent.secondary] = surface
        x0, y0, x1, _y1 = surface.rectangle
        if not surface.mapped:
            surface.mapped = True
            self._counters.windows_mapped += 1
            self.stack.map(surface.key, surface.rectangle)
            if not sent.secondary:
                seat.toplevel.normal = (x1 - x0, _y1 - y0)
        hidden = seat.toplevel.minimized and not sent.secondary
        first, rows = sent.damage
        if not hidden:
            self._damage.append(self.stack.part((x0, y0 + first, x1, y0 + first + rows), surface.rectangle))
        surface.sent_ns = sent.sent_ns
        surface.buffers += 1
        surface.callbacks += 1
        surface.busy += not surface.replaces
        self._counters.buffers_busy += not surface.replaces
        surface.replaces = True
        self._counters.callbacks_made += 1
        if not sent.secondary:
            self.shell.committed(seat, surface)
        while seat.queued_inputs and seat.queued_inputs[0][1] < sent.sent_ns:
            seat.carried_inputs.append(seat.queued_inputs.popleft()[0])
        if not hidden:
            self.show(surface)

    def place(self, client: Client, width: int, height: int, secondary: bool = False) -> Rectangle:
        """Where a window of this size lies."""
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
            self.add_damage(surface.rectangle)
            if surface.key in self.stack.surfaces:
                self.stack.unmap(surface.key)
            self._counters.windows_unmapped += 1
        surface.mapped = False
        self._counters.buffers_free += surface.busy
        self._counters.callbacks_ended += surface.callbacks
        if not secondary:
            self.shell.window_gone(seat)
        if self._focus == surface.key:
            self._focus = None
            seat.entered = seat.typed = False

    def _destroyed(self, seat: Seat, sent: Sent) -> None:
        """Window and buffers go; each id is confirmed, the buffer on screen released."""
        leaving = sent.tag is BatchTag.LEAVE
        self._unmap(seat, True)
        if leaving:
            self._unmap(seat, False)
        extra = sum(request.startswith(_OWN_OBJECTS) for request in sent.batch.requests)
        self.tell(sent.client, wire.RELEASE, *[wire.DELETED] * (12 + extra if leaving else 5))

    def _buffers_destroyed(self, seat: Seat, sent: Sent) -> None:
        self.tell(sent.client, *[wire.DELETED] * 3)

    def _source_destroyed(self, seat: Seat, sent: Sent) -> None:
        self.tell(sent.client, wire.DELETED)

    def _ponged(self, seat: Seat, sent: Sent) -> None:
        seat.owes_pong_since = None

    def _start_drag(self, seat: Seat, sent: Sent) -> None:
        peer = self.machine.peer(sent.client)
        if seat.drag_peer is not None or peer is None or not self._has_window(peer):
            self.tell(sent.client, wire.DRAG_CANCELLED)
            return
        seat.drag_peer = peer
        self.seats[peer.id].drag_source = sent.client
        self.tell(peer, wire.DRAG_ENTER)
        seat.next_step_ns = self.machine.processor.now + DRAG_STEP_NS
        heappush(self._timed, (seat.next_step_ns, DRAG, sent.client.id << 8 | 1))

    def _has_window(self, client: Client) -> bool:
        seat = self.seats.get(client.id)
        return seat is not None and False in seat.surfaces

    def _drag_action(self, seat: Seat, sent: Sent) -> None:
        if seat.drag_source is not None:
            self.tell(sent.client, wire.DRAG_ACTION)
            self.tell(seat.drag_source, wire.DRAG_ACTION)

    def _drag_receive(self, seat: Seat, sent: Sent) -> None:
        if seat.drag_source is not None:
            self.tell(seat.drag_source, wire.DRAG_SEND)

    def _drag_finish(self, seat: Seat, sent: Sent) -> None:
        if seat.drag_source is not None:
            self.tell(seat.drag_source, wire.DRAG_FINISHED)
            giver = self.seats.get(seat.drag_source.id)
            if giver is not None:
                giver.drag_peer = None
            seat.drag_source = None

    # ---- timed items ---------------------------------------------------------------------------

    def _repaint(self, time: int, index: int) -> None:
        self.advance(("repaint",))
        if self._frame is not None or not self._damage:
            return
        start = self._offset
        damage, self._damage = self._damage, []
        rectangles = len(damage) + len(self._previous)
        work = self.stack.paint({*damage, *self._previous})
        self._previous = damage
        self.advance(("composite", work.steps, work.rows, work.groups, work.blits, rectangles))
        self._frame = []
        self._counters.frames_painted += 1
        for surface in self._uncomposed.values():
            seat = self.seats[surface.client.id]
            self._frame.append(Shown(surface, seat.carried_inputs))
            surface.sent_ns, surface.callbacks, seat.carried_inputs = None, 0, []
            surface.replaces, surface.events, surface.configured_ns = False, frozenset(), None
        self._uncomposed = {}
        self.measure(COMPOSITION, 0, arg=start)

    def _vblank(self, time: int, index: int) -> None:
        self._schedule_vblank(index + 1)
        frame = self._frame
        if frame is not None and self._frame_finished_ns < time:
            self._frame = None
            self._counters.frames_shown += 1
            fresh = sum(shown.sent_ns is not None for shown in frame)
            self.advance(("flip", fresh, sum(self._forgotten(shown.surface) for shown in frame)))
            self.measure(TraceKind.M_FLIP, 0, arg=index)
            self._second_flips += 1
            for shown in frame:
                self._present(shown)
        else:
            if frame is not None:
                self.measure(TraceKind.M_DROPPED, 0, arg=index)
            self.advance(("vblank",))

    def _forgotten(self, surface: Surface) -> int:
        """Pages that are given back as this surface is shown without the buffer that held them."""
        seat = self.seats.get(surface.client.id)
        if seat is None or not seat.forgotten_pages:
            return 0
        pages, seat.forgotten_pages = seat.forgotten_pages, 0
        self.machine.memory.free_shm(surface.client, pages)
        return pages

    def _present(self, shown: Shown) -> None:
        surface, client = shown.surface, shown.surface.client
        self._counters.callbacks_ended += shown.callbacks
        if not surface.mapped:
            return
        surface.busy -= shown.releases
        self._counters.buffers_free += shown.releases
        if shown.sent_ns is not None:
            self.measure(COMMIT_TO_PRESENT, client.id, shown.sent_ns)
            self.shell.presented(client, surface, shown.configured_ns)
        self.machine.integration.done(client.id, shown.events)
        main = not surface.key & 1
        told = self._told(client)
        for _ in range(shown.callbacks):
            told.append(wire.DONE if main else wire.SECONDARY_DONE)
        if shown.releases:
            told.append(wire.RELEASE)
        if main and not shown.releases:  # its first frame
            fault = self.machine.failures.shown(client.id)
            if fault is not None:
                self.measure(TraceKind.M_FAULT_RECOVERED, fault.subject, fault.injected_ns)
            client.presented = True
        if client.workload not in TYPED_INTO or shown.sent_ns is None:
            return
        for scheduled_ns in shown.inputs:
            self.measure(TraceKind.M_INPUT_ROUND_TRIP, client.id, scheduled_ns)
        seat = self.seats[client.id]
        if seat.next_input_ns == 0:
            seat.next_input_ns = self.machine.processor.now + client.gap()
            heappush(self._timed, (seat.next_input_ns, INPUT, client.id))

    def _input(self, time: int, identity: int) -> None:
        seat = self.seats.get(identity)
        if seat is None or seat.next_input_ns != time or not seat.surfaces:
            return  # meant for a client that has left
        self.flow.subject = identity
        seat.inputs += 1
        if self._devices:
            self.advance(("device",))
            receiver, told = self._from_device(seat)
        else:
            receiver, told = seat, events_of(seat, motion=bool(seat.inputs & 1))
        self.advance(("input", sum(kind.events for _, kind in told)))
        for client, kind in told:
            self.tell(client, kind)
        self._counters.input_produced += 1
        self._counters.input_coalesced += receiver is None
        if receiver is not None:
            self._counters.input_delivered += 1
            receiver.queued_inputs.append((time, self.machine.processor.now))
        seat.next_input_ns = time + seat.client.gap()
        heappush(self._timed, (seat.next_input_ns, INPUT, identity))

    def _from_device(self, seat: Seat) -> tuple[Seat | None, list[tuple[Client, EventKind]]]:
        """Who has the event that the hand over a client's window makes, and what each client is told."""
        told: list[tuple[Client, EventKind]] = []
        motion = bool(seat.inputs & 1)
        if motion:
            x0, y0, x1, y1 = seat.surfaces[False].rectangle
            part = seat.inputs % 7 + 1
            under = self.stack.at(x0 + (x1 - x0) * part // 8, y0 + (y1 - y0) * part // 8)
            if self._focus is not None and self._focus != under:
                old = self.seats[self._focus >> 1]
                told += [(old.client, wire.POINTER_LEAVE)] * old.entered + [
                    (old.client, wire.KEYBOARD_LEAVE)
                ] * old.typed
                old.entered = old.typed = False
            self._focus = under
        if self._focus is None:
            return None, told
        receiver = self.seats[self._focus >> 1]
        return receiver, [*told, *events_of(receiver, motion)]

    def _ping(self, time: int, _: int) -> None:
        settings = self.machine.settings
        heappush(self._timed, (time + settings.ping_interval_ns, PING, 0))
        pinged = 0
        for seat in list(self.seats.values()):
            since = seat.owes_pong_since
            hangs = since is not None and time - since >= settings.hang_timeout_ns
            if since is not None and hangs and self.machine.failures.detector_on(Detection.HANG):
                self.measure(TraceKind.M_HANG, seat.client.id, arg=time - since)
                self._notice(seat.client, Detection.HANG)
                self.machine.supervisor.kill(seat.client)
            elif seat.bound and since is None:
                seat.owes_pong_since = time
                self.tell(seat.client, wire.PING)
                pinged += 1
        self.advance(("ping", pinged))

    def _drag(self, time: int, step: int) -> None:
        identity, number = step >> 8, step & 0xFF
        seat = self.seats.get(identity)
        if seat is None or seat.next_step_ns != time or seat.drag_peer is None or seat.drag_peer.id not in self.seats:
            return
        self.flow.subject = identity
        self.advance(("drag",))
        self.tell(seat.drag_peer, wire.DRAG_MOTION)
        if number < DRAG_STEPS:
            seat.next_step_ns = time + DRAG_STEP_NS
            heappush(self._timed, (seat.next_step_ns, DRAG, step + 1))
        else:
            self.tell(seat.drag_peer, wire.DRAG_DROP)

    def _disconnect(self, client: Client) -> None:
        seat = self.seats.pop(client.id)
        for secondary in list(seat.surfaces):
            self._unmap(seat, secondary)
        self._end_drags(seat)
        self.shell.client_gone(seat)
        self.flow.subject = client.id
        self.advance(("disconnect",))
        self.machine.supervisor.released(client)

    def _end_drags(self, seat: Seat) -> None:
        """A drag ends with either of its clients: the source hears of it, the target's pipe of its end."""
        if seat.drag_peer is not None and seat.drag_peer.id in self.seats:
            peer = self.seats[seat.drag_peer.id]
            peer.drag_source, peer.pipe_full = None, True
            self.machine.processor.wake(peer.client.thread)
        if seat.drag_source is not None and seat.drag_source.id in self.seats:
            self.seats[seat.drag_source.id].drag_peer = None
            self.tell(seat.drag_source, wire.DRAG_CANCELLED)

    def _resize(self, time: int, identity: int) -> None:
        self.shell.resize_step(time, identity)

    def _event(self, time: int, index: int) -> None:
        self.shell.event(time, index)


_HANDLERS: Final[dict[int, Callable[[Compositor, int, int], None]]] = {
    VBLANK: Compositor._vblank,
    REPAINT: Compositor._repaint,
    INPUT: Compositor._input,
    DRAG: Compositor._drag,
    PING: Compositor._ping,
    RESIZE: Compositor._resize,
    EVENT: Compositor._event,
}
_ERROR_CODES: Final = {Detection.LIMIT: 2, Detection.PROTOCOL: 0}  # no_memory (or invalid_fd), invalid_object
Effect = Callable[[Compositor, Seat, Sent], None]
_OWN_OBJECTS: Final = ("wl_data_source.destroy", "zxdg_")  # destroyed on leaving besides what every client has


def _of_shell(effect: ShellEffect) -> Effect:
    return lambda compositor, seat, sent: effect(compositor.shell, seat, sent)


_EFFECTS: Final[dict[BatchTag, dict[str, Effect]]] = {
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
    BatchTag.COPY_DONE: {"wl_data_source.destroy": Compositor._source_destroyed},
    **{
        tag: {request: _of_shell(effect) for request, effect in effects.items()}
        for tag, effects in SHELL_EFFECTS.items()
    },
}
for _tag in (BatchTag.RECONFIGURE, BatchTag.RETHEME):
    _EFFECTS[_tag]["wl_surface.commit"] = Compositor._commit
_EFFECTS[BatchTag.RECONFIGURE]["wl_shm_pool.destroy"] = Compositor._buffers_destroyed
