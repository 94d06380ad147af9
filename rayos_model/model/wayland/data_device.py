"""The data device: drag and drop, and the clipboard."""

from __future__ import annotations

from typing import Final

from rayos_model.model.core import Core
from rayos_model.model.ipc import wire
from rayos_model.model.ipc.pipe import Offer, Selected, Wanted
from rayos_model.model.ipc.socket import Sent
from rayos_model.model.process import Process
from rayos_model.model.wayland.agenda import DRAG, Agenda
from rayos_model.model.wayland.burst import Burst
from rayos_model.model.wayland.surface import Seat

DRAG_STEPS: Final = 8
DRAG_STEP_NS: Final = 16_000_000


class DataDevice:
    """Drags in progress, and the offer of what each client copied. A client drags and copies to its peer."""

    def __init__(self, core: Core, burst: Burst, agenda: Agenda, seats: dict[int, Seat]) -> None:
        self._core = core
        self._burst = burst
        self._agenda = agenda
        self._seats = seats

    # ---- drag and drop ---------------------------------------------------------------------------

    def start_drag(self, seat: Seat, sent: Sent) -> None:
        """A drag begins, unless there is no peer with a window."""
        peer = self._core.peer(sent.client)
        if seat.drag_peer is not None or peer is None or not self._has_window(peer):
            self._burst.send(sent.client, wire.DRAG_CANCELLED)
            return
        seat.drag_peer = peer
        self._seats[peer.id].drag_source = sent.client
        self._burst.send(peer, wire.DRAG_ENTER)
        self._next_step(seat, self._core.processor.now + DRAG_STEP_NS, 1)

    def _has_window(self, client: Process) -> bool:
        seat = self._seats.get(client.id)
        return seat is not None and False in seat.surfaces

    def _next_step(self, seat: Seat, at_ns: int, number: int) -> None:
        seat.next_step_ns = at_ns
        self._agenda.schedule(at_ns, DRAG, seat.client.id << 8 | number)

    def step(self, time_ns: int, step: int) -> None:
        """One step of a drag: a motion, and after the last one the drop. `step` is client << 8 | number."""
        identity, number = step >> 8, step & 0xFF
        seat = self._seats.get(identity)
        if seat is None or seat.next_step_ns != time_ns:
            return
        if seat.drag_peer is None or seat.drag_peer.id not in self._seats:
            return
        self._burst.flow.subject = identity
        self._burst.advance(("drag",))
        self._burst.send(seat.drag_peer, wire.DRAG_MOTION)
        if number < DRAG_STEPS:
            self._next_step(seat, time_ns + DRAG_STEP_NS, number + 1)
        else:
            self._burst.send(seat.drag_peer, wire.DRAG_DROP)

    def accept(self, seat: Seat, sent: Sent) -> None:
        """The target of a drag has chosen an action: both sides receive it."""
        if seat.drag_source is not None:
            self._burst.send(sent.client, wire.DRAG_ACTION)
            self._burst.send(seat.drag_source, wire.DRAG_ACTION)

    def receive(self, seat: Seat, sent: Sent) -> None:
        """The target of a drop wants its data."""
        if seat.drag_source is not None:
            self._burst.send(seat.drag_source, wire.DRAG_SEND)

    def finish(self, seat: Seat, sent: Sent) -> None:
        """The target has read the data: the drag is over."""
        if seat.drag_source is not None:
            self._burst.send(seat.drag_source, wire.DRAG_FINISHED)
            giver = self._seats.get(seat.drag_source.id)
            if giver is not None:
                giver.drag_peer = None
            seat.drag_source = None

    def end_drags(self, seat: Seat) -> None:
        """A drag ends with either of its clients: the source is notified, the target's pipe ends."""
        if seat.drag_peer is not None and seat.drag_peer.id in self._seats:
            peer = self._seats[seat.drag_peer.id]
            peer.drag_source, peer.pipe_full = None, True
            self._core.processor.wake(peer.client.thread)
        if seat.drag_source is not None and seat.drag_source.id in self._seats:
            self._seats[seat.drag_source.id].drag_peer = None
            self._burst.send(seat.drag_source, wire.DRAG_CANCELLED)

    # ---- the clipboard ---------------------------------------------------------------------------

    def copy(self, seat: Seat, sent: Sent) -> None:
        """A selection was set: it is offered to the client's peer."""
        client = sent.client
        if seat.toplevel.offer is not None:
            self._burst.send(client, wire.COPY_REPLACED)
        self.replace_offer(seat, None)
        peer = self._core.peer(client)
        theirs = None if peer is None else self._seats.get(peer.id)
        if theirs is None or not theirs.bound:
            self._burst.send(client, wire.COPY_REFUSED)
            return
        self.replace_offer(seat, Offer(client))
        assert seat.toplevel.offer is not None
        self._burst.send(theirs.client, Selected("selection", *wire.SELECTION_SIZE, seat.toplevel.offer))

    def replace_offer(self, seat: Seat, offer: Offer | None) -> None:
        """Another offer takes the place of what a client copied; None: it has left, or copies anew."""
        if seat.toplevel.offer is not None:
            seat.toplevel.offer.giver = None
        seat.toplevel.offer = offer

    def paste(self, seat: Seat, sent: Sent) -> None:
        """One type of an offer is wanted: its giver is asked to write it to a pipe."""
        offer, mime, pipe = sent.detail
        if offer.giver is None:
            pipe.close()
            return
        self._burst.send(offer.giver, Wanted("wanted", wire.MIME_BYTES[mime], 1, mime, pipe))
