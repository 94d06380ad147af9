"""Sizes of what travels between clients and compositor: the requests of each batch, the events of each write.

Wayland wire format: 8 bytes of header a message, 4 an integer or object id, strings with length and padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rayos_model.contract.abi import Action, BatchTag


@dataclass(frozen=True, slots=True)
class Batch:
    """The requests one `send` carries, in order, and their total size in bytes."""

    requests: tuple[str, ...]
    bytes: int

    def after(self, destroyed: tuple[str, ...]) -> Batch:
        """This batch with further requests of eight bytes, which destroy objects, before its own."""
        return Batch((*destroyed, *self.requests), self.bytes + 8 * len(destroyed)) if destroyed else self


_SURFACE = (
    "wl_compositor.create_surface",
    "xdg_wm_base.get_xdg_surface",
    "xdg_surface.get_toplevel",
    "xdg_toplevel.set_title",
    "wl_surface.commit",
)
_FRAME = ("wl_surface.attach", "wl_surface.damage_buffer", "wl_surface.frame", "wl_surface.commit")
_DESTROY = ("xdg_toplevel.destroy", "xdg_surface.destroy", "wl_surface.destroy", "wl_buffer.destroy")
_LEAVE = (
    *(*_DESTROY, "wl_buffer.destroy", "wl_shm_pool.destroy", "wl_data_device.release", "wl_pointer.release"),
    *("wl_keyboard.release", "wl_seat.release", "wl_output.release", "xdg_wm_base.destroy"),
)

BATCHES: Final[dict[BatchTag, Batch]] = {
    BatchTag.REGISTRY: Batch(("wl_display.get_registry", "wl_display.sync"), 24),
    BatchTag.BIND: Batch(
        ("wl_registry.bind",) * 6
        + ("wl_seat.get_pointer", "wl_seat.get_keyboard", "wl_data_device_manager.get_data_device", *_SURFACE),
        348,
    ),
    BatchTag.ACK: Batch(("xdg_surface.ack_configure",), 12),
    BatchTag.FIRST: Batch(
        ("wl_shm.create_pool", "wl_shm_pool.create_buffer", "wl_shm_pool.create_buffer", *_FRAME), 144
    ),
    BatchTag.FRAME: Batch(_FRAME, 64),
    BatchTag.PONG: Batch(("xdg_wm_base.pong",), 12),
    BatchTag.NEW_SURFACE: Batch(_SURFACE, 84),
    BatchTag.DESTROY: Batch((*_DESTROY, "wl_shm_pool.destroy"), 40),
    BatchTag.DRAG: Batch(
        (
            "wl_data_device_manager.create_data_source",
            "wl_data_source.offer",
            "wl_data_source.set_actions",
            "wl_data_device.start_drag",
        ),
        88,
    ),
    BatchTag.ACCEPT: Batch(("wl_data_offer.accept", "wl_data_offer.set_actions"), 60),
    BatchTag.RECEIVE: Batch(("wl_data_offer.receive",), 40),
    BatchTag.FINISH: Batch(("wl_data_offer.finish", "wl_data_offer.destroy"), 16),
    BatchTag.DRAG_DONE: Batch(("wl_data_source.destroy",), 8),
    BatchTag.LEAVE: Batch(_LEAVE, 96),
    BatchTag.HOSTILE: Batch(
        ("wl_surface.damage", "xdg_toplevel.set_title", "xdg_wm_base.pong") * 16 + ("wl_surface.damage",), 1208
    ),
    BatchTag.POISON: Batch(("none",), 8),
    BatchTag.DECORATE: Batch(("wl_registry.bind", "zxdg_decoration_manager_v1.get_toplevel_decoration"), 68),
    BatchTag.RESIZE: Batch(("xdg_toplevel.resize",), 20),
    BatchTag.RECONFIGURE: Batch(
        (
            *(
                "xdg_surface.ack_configure",
                "wl_shm.create_pool",
                "wl_shm_pool.create_buffer",
                "wl_shm_pool.create_buffer",
            ),
            *(*_FRAME, "wl_buffer.destroy", "wl_buffer.destroy", "wl_shm_pool.destroy"),
        ),
        180,
    ),
    BatchTag.RETHEME: Batch(("xdg_surface.ack_configure", *_FRAME), 76),
    BatchTag.COPY: Batch(
        (
            *("wl_data_device_manager.create_data_source", "wl_data_source.offer", "wl_data_source.offer"),
            *("wl_data_source.offer", "wl_data_device.set_selection"),
        ),
        116,
    ),
    BatchTag.COPY_DONE: Batch(("wl_data_source.destroy",), 8),
    BatchTag.PASTE_DONE: Batch(("wl_data_offer.destroy",), 8),
}
EXHAUST_SURFACES: Final = Batch(("wl_compositor.create_surface",), 12)
EXHAUST_POOLS: Final = Batch(("wl_shm.create_pool",), 16)
SHELL: dict[Action, Batch] = {
    Action.MAXIMIZE: Batch(("xdg_toplevel.set_maximized",), 8),
    Action.UNMAXIMIZE: Batch(("xdg_toplevel.unset_maximized",), 8),
    Action.FULLSCREEN: Batch(("xdg_toplevel.set_fullscreen",), 12),
    Action.UNFULLSCREEN: Batch(("xdg_toplevel.unset_fullscreen",), 8),
    Action.MINIMIZE: Batch(("xdg_toplevel.set_minimized",), 8),
}
"""SHELL batches by what the timeline wants of a client."""
MIME_BYTES = (40, 24, 24)  # of a request or event that names the type: text/plain;charset=utf-8, text/html, image/png
PASTES = tuple(Batch(("wl_data_offer.receive",), size) for size in MIME_BYTES)
SELECTION_SIZE = (24 + sum(MIME_BYTES), 2 + len(MIME_BYTES))  # data_offer, offers, selection: bytes, events
LEAVE_BOTH: Final = Batch((*_DESTROY, "wl_shm_pool.destroy", *_LEAVE), 136)  # the secondary window first
FIRST_SECONDARY: Final = Batch(("wl_shm.create_pool", "wl_shm_pool.create_buffer", *_FRAME), 112)


@dataclass(frozen=True, slots=True)
class EventKind:
    """An event as the client sees it: a name its loop acts on, and the wire events behind it."""

    name: str
    bytes: int
    events: int


@dataclass(frozen=True, slots=True)
class Configured(EventKind):
    """xdg_toplevel.configure, xdg_surface.configure; a width of 0 leaves the size to the client."""

    serial: int
    width: int
    height: int

    @classmethod
    def of(cls, serial: int, width: int, height: int, states: int) -> Configured:
        """A configure with this many states."""
        return cls("configure", 32 + 4 * states, 2, serial, width, height)


SYNCED: Final = EventKind("synced", 272, 9)  # seven globals, wl_callback.done, delete_id
CONFIGURE: Final = EventKind("configure", 32, 2)  # xdg_toplevel.configure, xdg_surface.configure
BOUND: Final = EventKind("bound", 172, 9)  # formats, capabilities, geometry, mode
DONE: Final = EventKind("done", 24, 2)  # wl_callback.done, wl_display.delete_id
SECONDARY_DONE: Final = EventKind("secondary_done", 24, 2)
RELEASE: Final = EventKind("release", 8, 1)
DELETED: Final = EventKind("deleted", 12, 1)  # wl_display.delete_id
PING: Final = EventKind("ping", 12, 1)
MOTION: Final = EventKind("input", 28, 2)  # wl_pointer.motion, frame
KEY: Final = EventKind("input", 24, 1)
KEYBOARD_ENTER: Final = EventKind("keyboard_enter", 48, 2)  # enter, modifiers
POINTER_LEAVE: Final = EventKind("pointer_leave", 24, 2)  # leave, frame
KEYBOARD_LEAVE: Final = EventKind("keyboard_leave", 16, 1)
POINTER_ENTER: Final = EventKind("pointer_enter", 24, 1)
DRAG_ENTER: Final = EventKind("drag_enter", 92, 4)  # data_offer, offer, source_actions, enter
DRAG_MOTION: Final = EventKind("drag_motion", 20, 1)
DRAG_DROP: Final = EventKind("drop", 8, 1)
DRAG_ACTION: Final = EventKind("action", 12, 1)
DRAG_SEND: Final = EventKind("send", 40, 1)
DRAG_CANCELLED: Final = EventKind("cancelled", 8, 1)
DECORATION_MODE: Final = EventKind("decoration", 12, 1)
CLOSE: Final = EventKind("close", 8, 1)
COPY_REPLACED: Final = EventKind("copy_replaced", 8, 1)
COPY_REFUSED: Final = EventKind("copy_refused", 8, 1)
ERROR: Final = EventKind("error", 32, 1)  # wl_display.error
DRAG_FINISHED: Final = EventKind("finished", 16, 2)  # dnd_drop_performed, dnd_finished
