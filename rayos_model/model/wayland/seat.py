"""Input: events at random gaps for each client, or from the host's devices, and the focus that receives them."""

from __future__ import annotations

from rayos_model.contract.abi import InputSource
from rayos_model.model.core import Core
from rayos_model.model.ipc import wire
from rayos_model.model.ipc.wire import EventKind
from rayos_model.model.process import Process
from rayos_model.model.wayland.agenda import INPUT, Agenda
from rayos_model.model.wayland.burst import Burst
from rayos_model.model.wayland.composite import Composite
from rayos_model.model.wayland.surface import Seat

Events = list[tuple[Process, EventKind]]
"""Events with the client that receives each."""


class SeatInput:
    """The seat's pointer and keyboard."""

    def __init__(self, core: Core, burst: Burst, agenda: Agenda, composite: Composite, seats: dict[int, Seat]) -> None:
        self._core = core
        self._burst = burst
        self._agenda = agenda
        self._stack = composite.stack
        self._seats = seats
        self._counters = core.integration.counters
        self._devices = core.settings.input_source == InputSource.DEVICE
        self._focus: int | None = None  # key of the surface under the pointer

    def begin(self, seat: Seat) -> None:
        """A client's first content is on screen: its input begins, unless it has begun."""
        if seat.next_input_ns == 0:
            self._next(seat, self._core.processor.now + seat.client.gap())

    def _next(self, seat: Seat, at_ns: int) -> None:
        seat.next_input_ns = at_ns
        self._agenda.schedule(at_ns, INPUT, seat.client.id)

    def surface_gone(self, seat: Seat, key: int) -> None:
        """A surface is unmapped: it has the focus no more."""
        if self._focus == key:
            self._focus = None
            seat.entered = seat.typed = False

    def deliver(self, time_ns: int, identity: int) -> None:
        """An input event scheduled for a client."""
        seat = self._seats.get(identity)
        if seat is None or seat.next_input_ns != time_ns or not seat.surfaces:
            return  # meant for a client that has left
        burst = self._burst
        burst.flow.subject = identity
        seat.inputs += 1
        if self._devices:
            burst.advance(("device",))
            receiver, events = self._from_device(seat)
        else:
            receiver, events = seat, events_of(seat, motion=bool(seat.inputs & 1))
        burst.advance(("input", sum(kind.events for _, kind in events)))
        for client, kind in events:
            burst.send(client, kind)
        self._counters.input_produced += 1
        self._counters.input_coalesced += receiver is None
        if receiver is not None:
            self._counters.input_delivered += 1
            receiver.queued_inputs.append((time_ns, self._core.processor.now))
        self._next(seat, time_ns + seat.client.gap())

    def _from_device(self, seat: Seat) -> tuple[Seat | None, Events]:
        """The receiver of the event that the hand over a client's window makes, and the events it causes."""
        events: Events = []
        motion = bool(seat.inputs & 1)
        if motion:
            x0, y0, x1, y1 = seat.surfaces[False].rectangle
            part = seat.inputs % 7 + 1
            under = self._stack.at(x0 + (x1 - x0) * part // 8, y0 + (y1 - y0) * part // 8)
            if self._focus is not None and self._focus != under:
                old = self._seats[self._focus >> 1]
                events += [(old.client, wire.POINTER_LEAVE)] * old.entered
                events += [(old.client, wire.KEYBOARD_LEAVE)] * old.typed
                old.entered = old.typed = False
            self._focus = under
        if self._focus is None:
            return None, events
        receiver = self._seats[self._focus >> 1]
        return receiver, [*events, *events_of(receiver, motion)]


def events_of(seat: Seat, motion: bool) -> Events:
    """A motion or a key for a client, after what must precede it."""
    kinds = []
    if motion:
        if not seat.entered:
            seat.entered = True
            kinds.append(wire.POINTER_ENTER)
        kinds.append(wire.MOTION)
    else:
        if not seat.typed:
            seat.typed = True
            kinds.append(wire.KEYBOARD_ENTER)
        kinds.append(wire.KEY)
    return [(seat.client, kind) for kind in kinds]
