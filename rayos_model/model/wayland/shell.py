"""The shell: configures of windows, interactive resizes, and the actions of the timeline (kernel/wayland/shell.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rayos_model.contract.abi import Action, BatchTag, TraceKind
from rayos_model.contract.image import Event
from rayos_model.model.core import Core
from rayos_model.model.ipc import wire
from rayos_model.model.ipc.socket import Sent
from rayos_model.model.ipc.wire import Configured
from rayos_model.model.process import Process
from rayos_model.model.wayland.agenda import RESIZE, Agenda
from rayos_model.model.wayland.burst import Burst
from rayos_model.model.wayland.composite import Composite
from rayos_model.model.wayland.data_device import DataDevice
from rayos_model.model.wayland.surface import NO_EVENTS, Configure, Seat, Surface

MAX_CONFIGURES = 16
RESIZE_STEPS = 16
RESIZE_STEP_NS = 5_000_000
GROW_WIDTH, GROW_HEIGHT = 8, 6
MAXIMIZED, FULLSCREEN, RESIZING = "maximized", "fullscreen", "resizing"
_FULL = {MAXIMIZED, FULLSCREEN}
_SURGE: Final = Action.SURGE  # looked up once: members of an enumeration are slow to reach before Python 3.12


class Shell:
    """The windows' states: what each is to be (configures), and what the timeline does to them."""

    def __init__(
        self,
        core: Core,
        burst: Burst,
        agenda: Agenda,
        composite: Composite,
        data_device: DataDevice,
        seats: dict[int, Seat],
    ) -> None:
        self._core = core
        self._burst = burst
        self._agenda = agenda
        self._composite = composite
        self._data_device = data_device
        self._seats = seats
        self._integration = core.integration
        self._theme = 2
        self._serial = 0

    def effects(self) -> dict[BatchTag, dict[str, Callable[[Seat, Sent], None]]]:
        """By tag of the batch, what the shell's requests do."""
        states: dict[str, Callable[[Seat, Sent], None]] = {
            f"xdg_toplevel.{request}": self.set_state for request in _ACTION_OF
        }
        return {
            BatchTag.DECORATE: {"zxdg_decoration_manager_v1.get_toplevel_decoration": self.decorate},
            BatchTag.SHELL: {**states, "xdg_toplevel.set_minimized": self.minimize},
            BatchTag.RESIZE: {"xdg_toplevel.resize": self.resize},
            BatchTag.RECONFIGURE: {"xdg_surface.ack_configure": self.obey},
            BatchTag.RETHEME: {"xdg_surface.ack_configure": self.obey},
        }

    # ---- configures ----------------------------------------------------------------------------

    def configure(self, seat: Seat, events: frozenset[int] = NO_EVENTS) -> None:
        """Sends a client the state and size that its main window is to have."""
        toplevel, settings = seat.toplevel, self._core.settings
        toplevel.owed_events |= events
        if len(toplevel.in_flight) == MAX_CONFIGURES:
            toplevel.owes = True
            return
        self._serial += 1
        full = bool(toplevel.states & _FULL)
        sent_ns = self._core.processor.now if toplevel.acknowledged else None
        toplevel.in_flight.append(Configure(self._serial, full, sent_ns, toplevel.owed_events))
        toplevel.owes, toplevel.owed_events = False, NO_EVENTS
        self._integration.counters.configures_sent += 1
        size = (settings.width, settings.height) if full else (toplevel.width, toplevel.height)
        self._burst.send(seat.client, Configured.of(self._serial, *size, len(toplevel.states)))

    def acknowledge(self, seat: Seat, serial: int | None) -> Configure | None:
        """A configure was acknowledged (None: the latest): it and those before it are settled."""
        toplevel, events, settled = seat.toplevel, NO_EVENTS, None
        while toplevel.in_flight and (settled is None or settled.serial != serial):
            settled = toplevel.in_flight.popleft()
            events |= settled.events
            self._integration.counters.configures_settled += 1
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
        composite, toplevel = self._composite, seat.toplevel
        x0, y0, x1, y1 = before = surface.rectangle
        if not full:
            toplevel.normal = size
        if size == (x1 - x0, y1 - y0) and full == toplevel.full:
            return
        if full != toplevel.full:
            toplevel.full = full
            x0, y0 = (0, 0) if full else composite.place(surface.client, *size)[:2]
            if full and not toplevel.minimized:
                composite.stack.unmap(surface.key)
                composite.stack.map(surface.key, before)
        composite.add_damage(before)
        surface.rectangle = (x0, y0, x0 + size[0], y0 + size[1])
        if not toplevel.minimized:
            composite.stack.resize(surface.key, surface.rectangle)
            composite.add_damage(surface.rectangle)

    def window_gone(self, seat: Seat) -> None:
        """The main window goes: nothing is in flight any more."""
        toplevel = seat.toplevel
        self._integration.counters.configures_settled += len(toplevel.in_flight)
        toplevel.in_flight.clear()
        toplevel.owes, toplevel.resize_next_ns = False, 0

    def client_gone(self, seat: Seat) -> None:
        """A client was disconnected."""
        self.window_gone(seat)
        self._data_device.replace_offer(seat, None)
        self._integration.counters.clients_closed += 1
        self._integration.closed(seat.client.id)

    # ---- what clients ask for ------------------------------------------------------------------

    def decorate(self, seat: Seat, sent: Sent) -> None:
        """A decoration was made for the main window: the client receives its mode and one more configure."""
        seat.toplevel.decorated = True
        self._send_theme(seat, NO_EVENTS)

    def _send_theme(self, seat: Seat, events: frozenset[int]) -> None:
        self._burst.send(seat.client, wire.DECORATION_MODE)
        for index in sorted(events)[:1]:
            self._integration.counters.themes_sent += 1
            self._integration.counters.themes_followed += self._theme == self._integration.events[index].value
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
        self.configure(seat, self._integration.take(seat.client.id, _ACTION_OF[request]))

    def minimize(self, seat: Seat, sent: Sent) -> None:
        """Out of sight."""
        surface = seat.surfaces[False]
        if not seat.toplevel.minimized:
            seat.toplevel.minimized = True
            self._composite.stack.unmap(surface.key)
            self._composite.withhold(surface)
            self._composite.add_damage(surface.rectangle)
        self._integration.done(seat.client.id, self._integration.take(seat.client.id, Action.MINIMIZE))
        if restores := self._integration.take(seat.client.id, Action.RESTORE):  # that came before this request
            self._restore(seat, restores)

    def resize(self, seat: Seat, sent: Sent) -> None:
        """An interactive resize begins."""
        toplevel = seat.toplevel
        if toplevel.states or toplevel.resize_next_ns:
            return
        x0, y0, x1, y1 = seat.surfaces[False].rectangle
        events = self._integration.take(seat.client.id, Action.RESIZE)
        toplevel.resize_events, toplevel.resize_step, toplevel.resize_size = events, 0, (x1 - x0, y1 - y0)
        steps = self._integration.events[min(events)].value if events else 0
        toplevel.resize_steps = steps or RESIZE_STEPS
        toplevel.states = {RESIZING}
        self._next_step(seat, self._core.processor.now + RESIZE_STEP_NS)

    def _next_step(self, seat: Seat, at_ns: int) -> None:
        seat.toplevel.resize_next_ns = at_ns
        self._agenda.schedule(at_ns, RESIZE, seat.client.id)

    def resize_step(self, time: int, identity: int) -> None:
        """One step of an interactive resize: grows for half of the steps and shrinks back."""
        seat = self._seats.get(identity)
        if seat is None or seat.toplevel.resize_next_ns != time:
            return
        toplevel, settings = seat.toplevel, self._core.settings
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
        self._burst.advance(("resize",))

    # ---- the timeline --------------------------------------------------------------------------

    def event(self, time: int, index: int) -> None:
        """The time of one event of the timeline has come."""
        event = self._integration.events[index]
        action = Action(event.action)
        if action is Action.THEME_CHANGE:
            self._theme = event.value
        concerned = [seat for seat in self._concerned(event) if self._has_window(seat)]
        self._integration.begin(index, [seat.client.id for seat in concerned])
        for seat in concerned:
            self._act(action, seat)
        self._integration.settle(index)
        self._burst.advance((f"action.{action.name.lower()}", len(concerned)))

    def _concerned(self, event: Event) -> list[Seat]:
        identities = range(event.first_client, event.first_client + event.count)
        return [self._seats[identity] for identity in identities if identity in self._seats]

    def _has_window(self, seat: Seat) -> bool:
        return False in seat.surfaces and seat.surfaces[False].mapped

    def _act(self, action: Action, seat: Seat) -> None:
        client = seat.client
        if action is Action.THEME_CHANGE and seat.toplevel.decorated:
            self._send_theme(seat, self._integration.take(client.id, action))
        elif action is Action.CLOSE:
            self._burst.send(client, wire.CLOSE)
        elif action is Action.RESTORE and not self._integration.awaits(client.id, Action.MINIMIZE):
            self._restore(seat, self._integration.take(client.id, action))

    def _restore(self, seat: Seat, events: frozenset[int]) -> None:
        surface = seat.surfaces[False]
        surface.events |= events
        if seat.toplevel.minimized:
            self._composite.stack.map(surface.key, surface.rectangle)
        seat.toplevel.minimized = False
        surface.sent_ns = None  # what was committed out of sight is not measured
        self._composite.add_damage(surface.rectangle)
        self._composite.show(surface)

    # ---- on screen -----------------------------------------------------------------------------

    def committed(self, seat: Seat, surface: Surface) -> None:
        """A buffer was committed to a main window."""
        surface.events |= self._integration.take(seat.client.id, _SURGE)

    def presented(self, client: Process, surface: Surface, configured_ns: int | None) -> None:
        """New content of a window is on screen, at the present offset of the compositor's burst."""
        if client.presents_media:
            self._burst.measure_presentation(surface)
        if configured_ns is not None:
            self._burst.measure(TraceKind.M_CONFIGURE, client.id, configured_ns)
        if not surface.key & 1:
            self._integration.window_shown(client.id)


_ACTION_OF = {
    "set_maximized": Action.MAXIMIZE,
    "unset_maximized": Action.UNMAXIMIZE,
    "set_fullscreen": Action.FULLSCREEN,
    "unset_fullscreen": Action.UNFULLSCREEN,
}
