"""Input: which window receives an event, and what precedes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayos_model.model.ipc import wire

if TYPE_CHECKING:
    from rayos_model.model.clients.client import Client
    from rayos_model.model.ipc.wire import EventKind
    from rayos_model.model.wayland.surface import Seat


def events_of(seat: Seat, motion: bool) -> list[tuple[Client, EventKind]]:
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
