"""The compositor: one thread that dispatches requests, paints at repaint points and flips at vblanks.

Mirrors docs/explanation/mechanism, "Compositor". Handlers change state immediately; what takes time is gathered in a
burst (`burst.py`), which this thread then consumes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rayos_model.contract.abi import BatchTag, Detection, ThreadId, TraceKind, Workload
from rayos_model.model.core import Core
from rayos_model.model.cpu.thread import BLOCK, Body, Thread
from rayos_model.model.ipc import wire
from rayos_model.model.ipc.socket import Sent
from rayos_model.model.process import Process
from rayos_model.model.roles import Display
from rayos_model.model.service_times import AT_BLOCK, Path, Point
from rayos_model.model.wayland.agenda import EVENT, PING, Agenda
from rayos_model.model.wayland.burst import COMMIT_TO_PRESENT, Burst
from rayos_model.model.wayland.composite import Composite
from rayos_model.model.wayland.data_device import DataDevice
from rayos_model.model.wayland.seat import SeatInput
from rayos_model.model.wayland.shell import Shell
from rayos_model.model.wayland.surface import Closed, Connected, Seat, Shown, Surface

Effect = Callable[[Seat, Sent], None]
"""What a request does."""

# Looked up once: members of an enumeration are slow to reach before Python 3.12.
_BUFFER_COMMIT: Final = TraceKind.M_BUFFER_COMMIT
_TYPED_INTO: Final = (Workload.INPUT, Workload.EDITOR)
_ERROR_CODES: Final = {Detection.LIMIT: 2, Detection.PROTOCOL: 0}  # no_memory (or invalid_fd), invalid_object
_OWN_OBJECTS: Final = ("wl_data_source.destroy", "zxdg_")  # destroyed on leaving besides what every client has


class Compositor(Display):
    """State and thread of the compositor."""

    def __init__(self, core: Core) -> None:
        settings = core.settings
        self._core = core
        self._counters = core.integration.counters
        self.seats: dict[int, Seat] = {}
        self._agenda = Agenda()
        self.burst = Burst(core, self.seats)
        self._composite = Composite(core, self.burst, self._agenda, self.seats)
        self._input = SeatInput(core, self.burst, self._agenda, self._composite, self.seats)
        self._data_device = DataDevice(core, self.burst, self._agenda, self.seats)
        self._shell = Shell(core, self.burst, self._agenda, self._composite, self._data_device, self.seats)
        self._ready: list[Sent | Connected | Closed] = []  # what sockets hold for the compositor, in order
        self._paths: dict[tuple[int, int, str, int], tuple[Path, tuple[tuple[int, Effect], ...]]] = {}
        self._dropping: Process | None = None  # disconnected for an error in the batch being handled
        self._effects = self._effects_of_requests()
        for index, event in enumerate(core.events):
            self._agenda.schedule(event.at_ns, EVENT, index)
        if settings.ping_interval_ns:
            self._agenda.schedule(settings.ping_interval_ns, PING, 0)
        self.thread = Thread(ThreadId.COMPOSITOR, "compositor", settings.compositor_priority, self._body())

    # ---- called by the reporter ----------------------------------------------------------------

    def end_second(self) -> tuple[int, list[int]]:
        """Page flips and sorted commit-to-present latencies (ns) of the second just ended; starts the next."""
        flips, latencies = self._composite.flips, sorted(self.burst.latencies_ns)
        self._composite.flips, self.burst.latencies_ns = 0, []
        return flips, latencies

    # ---- called by clients -------------------------------------------------------------------

    def deliver(self, sent: Sent) -> None:
        self._ready.append(sent)
        self._core.processor.wake(self.thread)

    def connect(self, client: Process) -> None:
        self.seats[client.id] = Seat(client)
        self._counters.clients_connected += 1
        self._ready.append(Connected(client))
        self._core.processor.wake(self.thread)

    def close(self, client: Process) -> None:
        if client.dropped:
            return  # closed already
        self._ready.append(Closed(client))
        self._core.processor.wake(self.thread)

    def is_connected(self, client: Process) -> bool:
        seat = self.seats.get(client.id)
        return seat is not None and seat.client is client

    def surfaces_of(self, client: Process) -> int:
        return len(self.seats[client.id].surfaces)

    def pipe_written(self, source: Process) -> None:
        peer = self.seats[source.id].drag_peer
        if peer is not None and peer.id in self.seats:
            self.seats[peer.id].pipe_full = True
            self._core.processor.wake(peer.thread)

    def pipe_ready(self, target: Process) -> bool:
        seat = self.seats[target.id]
        ready, seat.pipe_full = seat.pipe_full, False
        return ready

    def forget_shm(self, client: Process, pages: int) -> None:
        self.seats[client.id].forgotten_pages += pages

    # ---- the thread ----------------------------------------------------------------------------

    def _body(self) -> Body:
        processor, thread, agenda, burst = self._core.processor, self.thread, self._agenda, self.burst
        handlers: list[Callable[[int, int], None]] = [
            self._vblank,
            self._composite.repaint,
            self._input.deliver,
            self._data_device.step,
            self._ping,
            self._shell.resize_step,
            self._shell.event,
        ]
        waited = False  # within socket_wait, what is ready comes before a deadline that has passed meanwhile
        ready = self._ready
        while True:
            burst.handling = True
            woken, waited, taken_ns = waited, False, 0
            first = woken and bool(ready)
            if agenda.items[0][0] <= processor.now and not first:
                time_ns, kind, number = agenda.take()
                handlers[kind](time_ns, number)
            elif ready:
                arrived = ready.pop(0)
                if isinstance(arrived, Sent):
                    taken_ns = self._dispatch(arrived)
                elif isinstance(arrived, Closed):
                    self._disconnect(arrived.client)
                else:
                    continue  # accepting a connection has no point of its own
            else:
                thread.deadline = agenda.items[0][0]
                thread.trailing = burst.flow.to(AT_BLOCK)
                burst.handling = False
                yield BLOCK
                waited = True
                continue
            writes = burst.finish()
            if processor.parallel:
                yield from burst.consume_in_parts(thread, writes, taken_ns, woken=woken)
            else:
                yield burst.offset_ns
                burst.consumed(thread, writes)
            if self._dropping is not None:
                ready.append(Closed(self._dropping))
                self._dropping = None

    # ---- requests ------------------------------------------------------------------------------

    def _effects_of_requests(self) -> dict[BatchTag, dict[str, Effect]]:
        """By tag of the batch, the requests that have an effect here."""
        drags, commit = self._data_device, "wl_surface.commit"
        shell = self._shell.effects()
        for tag in (BatchTag.RECONFIGURE, BatchTag.RETHEME):
            shell[tag][commit] = self._commit
        shell[BatchTag.RECONFIGURE]["wl_shm_pool.destroy"] = self._buffers_destroyed
        return {
            BatchTag.REGISTRY: {"wl_display.sync": self._synced},
            BatchTag.BIND: {commit: self._configure},
            BatchTag.NEW_SURFACE: {commit: self._configure},
            BatchTag.ACK: {"xdg_surface.ack_configure": self._acknowledged},
            BatchTag.FIRST: {commit: self._commit},
            BatchTag.FRAME: {commit: self._commit},
            BatchTag.PONG: {"xdg_wm_base.pong": self._ponged},
            BatchTag.DESTROY: {"xdg_toplevel.destroy": self._destroyed},
            BatchTag.LEAVE: {"xdg_toplevel.destroy": self._destroyed},
            BatchTag.DRAG: {"wl_data_device.start_drag": drags.start_drag},
            BatchTag.ACCEPT: {"wl_data_offer.set_actions": drags.accept},
            BatchTag.RECEIVE: {"wl_data_offer.receive": drags.receive},
            BatchTag.FINISH: {"wl_data_offer.finish": drags.finish},
            BatchTag.DRAG_DONE: {"wl_data_source.destroy": self._source_destroyed},
            BatchTag.COPY: {"wl_data_device.set_selection": drags.copy},
            BatchTag.PASTE: {"wl_data_offer.receive": drags.paste},
            BatchTag.COPY_DONE: {"wl_data_source.destroy": self._source_destroyed},
            **shell,
        }

    def _dispatch(self, sent: Sent) -> int:
        """Handles a batch; returns the offset at which it was taken, ns."""
        seat = self.seats.get(sent.client.id)
        if seat is None:
            return 0
        burst = self.burst
        path, effects = self._path(sent)
        burst.flow.subject = sent.client.id
        offsets, start = burst.flow.along(path), burst.offset_ns
        for index, effect in effects:
            burst.offset_ns = start + offsets[index]
            effect(seat, sent)
        burst.offset_ns = start + offsets[-1]
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
                if request in self._effects.get(sent.tag, ()):
                    effects.append((index, self._effects[sent.tag][request]))
            known = self._paths[key] = (Path(*points), tuple(effects))
        return known

    def _refuse(self, sent: Sent, how: Detection) -> None:
        """The last request was an error: its client receives it, and is disconnected when the batch is done."""
        if not self._core.failures.detector_on(Detection.PROTOCOL):
            return
        self._notice(sent.client, how)
        self.burst.measure(TraceKind.M_PROTOCOL_ERROR, sent.client.id, arg=_ERROR_CODES[how])
        self.burst.send(sent.client, wire.ERROR)
        self._dropping = sent.client
        sent.client.dropped = True

    def _notice(self, client: Process, how: Detection) -> None:
        """A failure is detected at this point of the item being handled."""
        noticed = self._core.failures.notice(client.id, how)
        if noticed is not None:
            self.burst.measure(TraceKind.M_FAULT_DETECTED, *noticed)

    def _synced(self, seat: Seat, sent: Sent) -> None:
        self.burst.send(sent.client, wire.SYNCED)

    def _configure(self, seat: Seat, sent: Sent) -> None:
        """An initial commit, without buffer: the surface is configured."""
        if sent.tag is BatchTag.BIND:
            seat.bound = True
            self.burst.send(sent.client, wire.BOUND)
            self._shell.configure(seat)
            return
        self._counters.configures_sent += 1
        self.burst.send(sent.client, wire.CONFIGURE)

    def _acknowledged(self, seat: Seat, sent: Sent) -> None:
        if sent.secondary:
            self._counters.configures_settled += 1
        else:
            self._shell.acknowledge(seat, None)
            self.burst.measure(TraceKind.M_CLIENT_CREATION, sent.client.id, sent.client.connected_ns)

    def _commit(self, seat: Seat, sent: Sent) -> None:
        client, composite = sent.client, self._composite
        self.burst.measure(_BUFFER_COMMIT, client.id, sent.sent_ns)
        surface = seat.surfaces.get(sent.secondary)
        if surface is None:
            surface = Surface(
                client.id * 2 + sent.secondary,
                client,
                composite.place(client, client.group.surface_width, client.group.surface_height, sent.secondary),
            )
            seat.surfaces[sent.secondary] = surface
        x0, y0, x1, y1 = surface.rectangle
        if not surface.mapped:
            surface.mapped = True
            self._counters.windows_mapped += 1
            composite.stack.map(surface.key, surface.rectangle)
            if not sent.secondary:
                seat.toplevel.normal = (x1 - x0, y1 - y0)
        hidden = seat.toplevel.minimized and not sent.secondary
        first, rows = sent.damage
        if not hidden:
            composite.add_surface_damage((x0, y0 + first, x1, y0 + first + rows), surface)
        surface.sent_ns = sent.sent_ns
        surface.buffers += 1
        surface.callbacks += 1
        surface.busy += not surface.replaces
        self._counters.buffers_busy += not surface.replaces
        surface.replaces = True
        self._counters.callbacks_made += 1
        if not sent.secondary:
            self._shell.committed(seat, surface)
        while seat.queued_inputs and seat.queued_inputs[0][1] < sent.sent_ns:
            seat.carried_inputs.append(seat.queued_inputs.popleft()[0])
        if not hidden:
            composite.show(surface)

    def _unmap(self, seat: Seat, secondary: bool) -> None:
        surface = seat.surfaces.pop(secondary, None)
        if surface is None:
            return
        self._composite.unmap(surface)
        if not secondary:
            self._shell.window_gone(seat)
        self._input.surface_gone(seat, surface.key)

    def _destroyed(self, seat: Seat, sent: Sent) -> None:
        """Window and buffers go; each id is confirmed, the buffer on screen released."""
        leaving = sent.tag is BatchTag.LEAVE
        self._unmap(seat, True)
        if leaving:
            self._unmap(seat, False)
        extra = sum(request.startswith(_OWN_OBJECTS) for request in sent.batch.requests)
        self.burst.send(sent.client, wire.RELEASE, *[wire.DELETED] * (12 + extra if leaving else 5))

    def _buffers_destroyed(self, seat: Seat, sent: Sent) -> None:
        self.burst.send(sent.client, *[wire.DELETED] * 3)

    def _source_destroyed(self, seat: Seat, sent: Sent) -> None:
        self.burst.send(sent.client, wire.DELETED)

    def _ponged(self, seat: Seat, sent: Sent) -> None:
        seat.owes_pong_since = None

    # ---- timed items ---------------------------------------------------------------------------

    def _vblank(self, time_ns: int, index: int) -> None:
        for shown in self._composite.vblank(time_ns, index):
            self._present(shown)

    def _present(self, shown: Shown) -> None:
        """A surface's part of the frame is on screen: measurements, frame callbacks, the release of the old buffer."""
        surface, client, burst = shown.surface, shown.surface.client, self.burst
        self._counters.callbacks_ended += shown.callbacks
        if not surface.mapped:
            return
        surface.busy -= shown.releases
        self._counters.buffers_free += shown.releases
        if shown.sent_ns is not None:
            burst.measure(COMMIT_TO_PRESENT, client.id, shown.sent_ns)
            self._shell.presented(client, surface, shown.configured_ns)
        self._core.integration.done(client.id, shown.events)
        main = not surface.key & 1
        events = burst.events_for(client)
        for _ in range(shown.callbacks):
            events.append(wire.DONE if main else wire.SECONDARY_DONE)
        if shown.releases:
            events.append(wire.RELEASE)
        if main and not shown.releases:  # its first frame
            fault = self._core.failures.shown(client.id)
            if fault is not None:
                burst.measure(TraceKind.M_FAULT_RECOVERED, *fault)
            client.presented = True
        if client.workload not in _TYPED_INTO or shown.sent_ns is None:
            return
        for scheduled_ns in shown.inputs:
            burst.measure(TraceKind.M_INPUT_ROUND_TRIP, client.id, scheduled_ns)
        self._input.begin(self.seats[client.id])

    def _ping(self, time_ns: int, _: int) -> None:
        settings, failures = self._core.settings, self._core.failures
        self._agenda.schedule(time_ns + settings.ping_interval_ns, PING, 0)
        pinged = 0
        for seat in list(self.seats.values()):
            since = seat.owes_pong_since
            hangs = since is not None and time_ns - since >= settings.hang_timeout_ns
            if since is not None and hangs and failures.detector_on(Detection.HANG):
                self.burst.measure(TraceKind.M_HANG, seat.client.id, arg=time_ns - since)
                self._notice(seat.client, Detection.HANG)
                self._core.processes.kill(seat.client)
            elif seat.bound and since is None:
                seat.owes_pong_since = time_ns
                self.burst.send(seat.client, wire.PING)
                pinged += 1
        self.burst.advance(("ping", pinged))

    def _disconnect(self, client: Process) -> None:
        seat = self.seats.pop(client.id)
        for secondary in list(seat.surfaces):
            self._unmap(seat, secondary)
        self._data_device.end_drags(seat)
        self._shell.client_gone(seat)
        self.burst.flow.subject = client.id
        self.burst.advance(("disconnect",))
        self._core.processes.released(client)
