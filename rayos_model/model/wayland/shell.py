"""What windows are told to be, the clipboard and the timeline: the compositor's desktop (kernel/wayland/shell.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from rayos_model.contract.abi import Action, BatchTag
from rayos_model.contract.trace_record import TraceKind
from rayos_model.model.ipc import wire
from rayos_model.model.ipc.pipe import Offer, Selected, Wanted
from rayos_model.model.ipc.wire import Configured

if TYPE_CHECKING:
    from rayos_model.contract.image import Event
    from rayos_model.model.clients.client import Client
    from rayos_model.model.ipc.socket import Sent
    from rayos_model.model.wayland.compositor import Compositor
    from rayos_model.model.wayland.surface import Seat, Surface
from rayos_model.model.wayland.surface import NO_EVENTS, Configure

MAX_CONFIGURES = 16
RESIZE_STEPS = 16
RESIZE_STEP_NS = 5_000_000
GROW_WIDTH, GROW_HEIGHT = 8, 6
MAXIMIZED, FULLSCREEN, RESIZING = "maximized", "fullscreen", "resizing"
_FULL = {MAXIMIZED, FULLSCREEN}
_SURGE: Final = Action.SURGE  # looked up once: members of an enumeration are slow to reach before Python 3.12


class Shell:
    """The desktop's part of the compositor."""

    def __init__(self, compositor: Compositor) -> None:
        self.compositor = compositor
        self.machine = compositor.machine
        self.integration = compositor.machine.integration
        self._theme = 2
        self._serial = 0

    # ---- configures ----------------------------------------------------------------------------

    def configure(self, seat: Seat, events: frozenset[int] = NO_EVENTS) -> None:
        """Tells a client what its main window is to be."""
        toplevel, settings = seat.toplevel, self.machine.settings
        toplevel.owed_events |= events
        if len(toplevel.in_flight) == MAX_CONFIGURES:
            toplevel.owes = True
            return
        self._serial += 1
        full = bool(toplevel.states & _FULL)
        sent_ns = self.machine.processor.now if toplevel.acknowledged else None
        toplevel.in_flight.append(Configure(self._serial, full, sent_ns, toplevel.owed_events))
        toplevel.owes, toplevel.owed_events = False, NO_EVENTS
        self.integration.counters.configures_sent += 1
        size = (settings.width, settings.height) if full else (toplevel.width, toplevel.height)
        self.compositor.tell(seat.client, Configured.of(self._serial, *size, len(toplevel.states)))

    def acknowledge(self, seat: Seat, serial: int | None) -> Configure | None:
        """A configure was acknowledged (None: the latest): it and those before it are settled."""
        toplevel, events, settled = seat.toplevel, NO_EVENTS, None
        while toplevel.in_flight and (settled is None or settled.serial != serial):
            settled = toplevel.in_flight.popleft()
            events |= settled.events
            self.integration.counters.configures_settled += 1
        toplevel.acknowledged = True
        if toplevel.owes:
            self.configure(seat)
        return None if settled is None else Configure(settled.serial, settled.full, settled.sent_ns, events)

    def obey(self, seat: Seat, sent: Sent) -> None:
        """The request that acknowledges, in a batch whose commit obeys."""
        serial, width, height = sent.detail
        configure = self.acknowledge(seat, serial)
        surface = seat.surfaces[False]
        if configure is not None:
            surface.events |= configure.events
            surface.configured_ns = configure.sent_ns
            self._resize(seat, surface, (width, height), configure.full)

    def _resize(self, seat: Seat, surface: Surface, size: tuple[int, int], full: bool) -> None:
        compositor, toplevel = self.compositor, seat.toplevel
        x0, y0, x1, y1 = before = surface.rectangle
        if not full:
            toplevel.normal = size
        if size == (x1 - x0, y1 - y0) and full == toplevel.full:
            return
        if full != toplevel.full:
            toplevel.full = full
            x0, y0 = (0, 0) if full else compositor.place(surface.client, *size)[:2]
            if full and not toplevel.minimized:
                compositor.stack.unmap(surface.key)
                compositor.stack.map(surface.key, before)
        compositor.add_damage(before)
        surface.rectangle = (x0, y0, x0 + size[0], y0 + size[1])
        if not toplevel.minimized:
            compositor.stack.resize(surface.key, surface.rectangle)
            compositor.add_damage(surface.rectangle)

    def window_gone(self, seat: Seat) -> None:
        """The main window goes: nothing is in flight any more."""
        toplevel = seat.toplevel
        self.integration.counters.configures_settled += len(toplevel.in_flight)
        toplevel.in_flight.clear()
        toplevel.owes, toplevel.resize_next_ns = False, 0

    def client_gone(self, seat: Seat) -> None:
        """A client was disconnected."""
        self.window_gone(seat)
        self._replace_offer(seat, None)
        self.integration.counters.clients_closed += 1
        self.integration.closed(seat.client.id)

    # ---- what clients ask for ------------------------------------------------------------------

    def decorate(self, seat: Seat, sent: Sent) -> None:
        """A decoration was made for the main window: it is told its mode and configured once more."""
        seat.toplevel.decorated = True
        self._tell_theme(seat, NO_EVENTS)

    def _tell_theme(self, seat: Seat, events: frozenset[int]) -> None:
        self.compositor.tell(seat.client, wire.DECORATION_MODE)
        for index in sorted(events)[:1]:
            self.integration.counters.themes_told += 1
            self.integration.counters.themes_followed += self._theme == self.integration.events[index].value
        self.configure(seat, events)

    def set_state(self, seat: Seat, sent: Sent) -> None:
        """Maximised, fullscreen or neither."""
        request = sent.batch.requests[0].removeprefix("xdg_toplevel.")
        on, state = request.startswith("set_"), request.partition("_")[2]
        toplevel = seat.toplevel
        if on:
            toplevel.states.add(state)
        else:
            toplevel.states.discard(state)
            if not toplevel.width:
                toplevel.width, toplevel.height = toplevel.normal
        self.configure(seat, self.integration.take(seat.client.id, _ACTION_OF[request]))

    def minimize(self, seat: Seat, sent: Sent) -> None:
        """Out of sight."""
        surface = seat.surfaces[False]
        if not seat.toplevel.minimized:
            seat.toplevel.minimized = True
            self.compositor.stack.unmap(surface.key)
            self.compositor.withhold(surface)
            self.compositor.add_damage(surface.rectangle)
        self.integration.done(seat.client.id, self.integration.take(seat.client.id, Action.MINIMIZE))

    def resize(self, seat: Seat, sent: Sent) -> None:
        """An interactive resize begins."""
        toplevel = seat.toplevel
        if toplevel.states or toplevel.resize_next_ns:
            return
        x0, y0, x1, y1 = seat.surfaces[False].rectangle
        events = self.integration.take(seat.client.id, Action.RESIZE)
        toplevel.resize_events, toplevel.resize_step, toplevel.resize_size = events, 0, (x1 - x0, y1 - y0)
        steps = self.integration.events[min(events)].value if events else 0
        toplevel.resize_steps = steps or RESIZE_STEPS
        toplevel.states = {RESIZING}
        self._next_step(seat, self.machine.processor.now + RESIZE_STEP_NS)

    def _next_step(self, seat: Seat, at_ns: int) -> None:
        seat.toplevel.resize_next_ns = at_ns
        self.compositor.schedule_resize(at_ns, seat.client.id)

    def resize_step(self, time: int, identity: int) -> None:
        """One step of an interactive resize: grows for half of the steps and shrinks back."""
        seat = self.compositor.seats.get(identity)
        if seat is None or seat.toplevel.resize_next_ns != time:
            return
        toplevel, settings = seat.toplevel, self.machine.settings
        toplevel.resize_step += 1
        step, steps = toplevel.resize_step, toplevel.resize_steps
        grown = min(step, steps - step)
        width, height = toplevel.resize_size
        toplevel.width = min(width + GROW_WIDTH * grown, settings.width)
        toplevel.height = min(height + GROW_HEIGHT * grown, settings.height)
        events = NO_EVENTS
        if step < steps:
            self._next_step(seat, time + RESIZE_STEP_NS)
        else:
            toplevel.states.discard(RESIZING)
            toplevel.resize_next_ns, events = 0, toplevel.resize_events
        self.configure(seat, events)
        self.compositor.advance(("resize",))

    # ---- the clipboard -------------------------------------------------------------------------

    def copy(self, seat: Seat, sent: Sent) -> None:
        """A selection was set: the client's peer is offered it."""
        client = sent.client
        if seat.toplevel.offer is not None:
            self.compositor.tell(client, wire.COPY_REPLACED)
        self._replace_offer(seat, None)
        peer = self.machine.peer(client)
        theirs = None if peer is None else self.compositor.seats.get(peer.id)
        if theirs is None or not theirs.bound:
            self.compositor.tell(client, wire.COPY_REFUSED)
            return
        self._replace_offer(seat, Offer(client))
        assert seat.toplevel.offer is not None
        self.compositor.tell(theirs.client, Selected("selection", *wire.SELECTION_SIZE, seat.toplevel.offer))

    def _replace_offer(self, seat: Seat, offer: Offer | None) -> None:
        if seat.toplevel.offer is not None:
            seat.toplevel.offer.giver = None
        seat.toplevel.offer = offer

    def paste(self, seat: Seat, sent: Sent) -> None:
        """One type of an offer is wanted: its giver is to write it to a pipe."""
        offer, mime, pipe = sent.detail
        if offer.giver is None:
            pipe.close()
            return
        self.compositor.tell(offer.giver, Wanted("wanted", wire.MIME_BYTES[mime], 1, mime, pipe))

    # ---- the timeline --------------------------------------------------------------------------

    def event(self, time: int, index: int) -> None:
        """The time of one event of the timeline has come."""
        event = self.integration.events[index]
        action = Action(event.action)
        if action is Action.THEME_CHANGE:
            self._theme = event.value
        concerned = [seat for seat in self._seats(event) if self._has_window(seat)]
        self.integration.begin(index, [seat.client.id for seat in concerned])
        for seat in concerned:
            self._act(action, seat)
        self.integration.settle(index)
        self.compositor.advance((f"action.{action.name.lower()}", len(concerned)))

    def _seats(self, event: Event) -> list[Seat]:
        identities = range(event.first_client, event.first_client + event.count)
        return [self.compositor.seats[identity] for identity in identities if identity in self.compositor.seats]

    def _has_window(self, seat: Seat) -> bool:
        return False in seat.surfaces and seat.surfaces[False].mapped

    def _act(self, action: Action, seat: Seat) -> None:
        client = seat.client
        if action is Action.THEME_CHANGE and seat.toplevel.decorated:
            self._tell_theme(seat, self.integration.take(client.id, action))
        elif action is Action.CLOSE:
            self.compositor.tell(client, wire.CLOSE)
        elif action is Action.RESTORE:
            self._restore(seat, self.integration.take(client.id, action))

    def _restore(self, seat: Seat, events: frozenset[int]) -> None:
        surface = seat.surfaces[False]
        surface.events |= events
        if seat.toplevel.minimized:
            self.compositor.stack.map(surface.key, surface.rectangle)
        seat.toplevel.minimized = False
        surface.sent_ns = None  # what was committed out of sight is not measured
        self.compositor.add_damage(surface.rectangle)
        self.compositor.show(surface)

    # ---- on screen -----------------------------------------------------------------------------

    def committed(self, seat: Seat, surface: Surface) -> None:
        """A buffer was committed to a main window."""
        surface.events |= self.integration.take(seat.client.id, _SURGE)

    def presented(self, client: Client, surface: Surface, configured_ns: int | None) -> None:
        """New content of a window is on screen, at the present offset of the compositor's burst."""
        compositor = self.compositor
        if client.presents_media:
            compositor.measure_presentation(surface)
        if configured_ns is not None:
            compositor.measure(TraceKind.M_CONFIGURE, client.id, configured_ns)
        if not surface.key & 1:
            self.integration.window_shown(client.id)


_ACTION_OF = {
    "set_maximized": Action.MAXIMIZE,
    "unset_maximized": Action.UNMAXIMIZE,
    "set_fullscreen": Action.FULLSCREEN,
    "unset_fullscreen": Action.UNFULLSCREEN,
}

ShellEffect = Callable[[Shell, "Seat", "Sent"], None]
EFFECTS: dict[BatchTag, dict[str, ShellEffect]] = {
    BatchTag.DECORATE: {"zxdg_decoration_manager_v1.get_toplevel_decoration": Shell.decorate},
    BatchTag.SHELL: {
        **{f"xdg_toplevel.{request}": Shell.set_state for request in _ACTION_OF},
        "xdg_toplevel.set_minimized": Shell.minimize,
    },
    BatchTag.RESIZE: {"xdg_toplevel.resize": Shell.resize},
    BatchTag.RECONFIGURE: {"xdg_surface.ack_configure": Shell.obey},
    BatchTag.RETHEME: {"xdg_surface.ack_configure": Shell.obey},
    BatchTag.COPY: {"wl_data_device.set_selection": Shell.copy},
    BatchTag.PASTE: {"wl_data_offer.receive": Shell.paste},
}
"""What requests of the desktop's batches do, by tag and request; those of FRAME besides are the compositor's."""
