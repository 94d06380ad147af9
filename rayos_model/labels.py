"""Names of points, as parameters, tables and timelines use them, and the trace records that carry them.

A point is a tuple `(label, *sizes)`, such as `("request.wl_surface.commit",)` or `("receive", bytes, writes)`; the
sizes of each label are those of `rayos_model.parameters.SIZES`.
"""

from __future__ import annotations

from typing import Any

from rayos_model.abi import BatchTag, Interface, ThreadId, TraceKind, pack, request_id

#: Requests of each interface in the order of their opcodes (published wayland.xml and xdg-shell.xml).
REQUESTS: dict[Interface, tuple[str, ...]] = {
    Interface.WL_DISPLAY: ("sync", "get_registry"),
    Interface.WL_REGISTRY: ("bind",),
    Interface.WL_COMPOSITOR: ("create_surface", "create_region"),
    Interface.WL_SHM_POOL: ("create_buffer", "destroy", "resize"),
    Interface.WL_SHM: ("create_pool",),
    Interface.WL_BUFFER: ("destroy",),
    Interface.WL_DATA_OFFER: ("accept", "receive", "destroy", "finish", "set_actions"),
    Interface.WL_DATA_SOURCE: ("offer", "destroy", "set_actions"),
    Interface.WL_DATA_DEVICE: ("start_drag", "set_selection", "release"),
    Interface.WL_DATA_DEVICE_MANAGER: ("create_data_source", "get_data_device"),
    Interface.WL_SURFACE: (
        *("destroy", "attach", "damage", "frame", "set_opaque_region", "set_input_region", "commit"),
        *("set_buffer_transform", "set_buffer_scale", "damage_buffer", "offset"),
    ),
    Interface.WL_SEAT: ("get_pointer", "get_keyboard", "get_touch", "release"),
    Interface.WL_POINTER: ("set_cursor", "release"),
    Interface.WL_KEYBOARD: ("release",),
    Interface.WL_OUTPUT: ("release",),
    Interface.WL_REGION: ("destroy", "add", "subtract"),
    Interface.XDG_WM_BASE: ("destroy", "create_positioner", "get_xdg_surface", "pong"),
    Interface.XDG_SURFACE: ("destroy", "get_toplevel", "get_popup", "set_window_geometry", "ack_configure"),
    Interface.XDG_TOPLEVEL: (
        *("destroy", "set_parent", "set_title", "set_app_id", "show_window_menu", "move", "resize", "set_max_size"),
        *("set_min_size", "set_maximized", "unset_maximized", "set_fullscreen", "unset_fullscreen", "set_minimized"),
    ),
}
_PIPE_IO = ("pipe_read", "pipe_write", "close")
_THREADS = {
    ThreadId.IDLE: "idle",
    ThreadId.REPORTER: "reporter",
    ThreadId.COMPOSITOR: "compositor",
    ThreadId.LAUNCHER: "launcher",
}


def role_of(thread: int) -> str:
    """What a thread is: 'compositor', 'client' …"""
    return _THREADS.get(ThreadId(thread), "client") if thread < ThreadId.CLIENT0 else "client"


def request_label(identity: int) -> str:
    """The label of a request: 'request.<interface>.<request>'."""
    interface, opcode = Interface(identity >> 8), identity & 0xFF
    names = REQUESTS.get(interface, ())
    name = names[opcode] if opcode < len(names) else str(opcode)
    return f"request.{interface.name.lower()}.{name}"


def point_label(kind: int, detail: int) -> str:
    """The label of a point; `detail` is the tag of a batch, a request's id, or which pipe operation it was."""
    if kind == TraceKind.P_REQUEST:
        return request_label(detail)
    if kind == TraceKind.P_PIPE_IO:
        return _PIPE_IO[detail]
    name = TraceKind(kind).name.removeprefix("P_").lower()
    return f"{name}.{BatchTag(detail).name.lower()}" if kind in (TraceKind.P_ENTER, TraceKind.P_SEND) else name


def record_of(label: str, sizes: tuple[Any, ...], subject: int) -> tuple[TraceKind, int, int]:
    """(kind, subject, arg) of the record that the kernel writes for a point; `subject` where no size takes its place.

    Raises `KeyError` when no point has that label.
    """
    name, _, detail = label.partition(".")
    if name == "request":
        interface, _, request = detail.partition(".")
        identity = Interface[interface.upper()]
        return TraceKind.P_REQUEST, subject, pack(request_id(identity, REQUESTS[identity].index(request)), 0)
    if name in _PIPE_IO:
        return TraceKind.P_PIPE_IO, _PIPE_IO.index(name), int(sizes[0]) if sizes else 0
    kind = TraceKind[f"P_{name.upper()}"]
    if name in ("enter", "send"):
        return kind, BatchTag[detail.upper()], pack(*map(int, sizes)) if sizes else 0
    if name == "receive":
        return kind, int(sizes[1]), int(sizes[0])
    if name == "events":
        return kind, subject, pack(int(sizes[0]), int(sizes[1]))
    if name == "composite":
        steps, rows, blits, rectangles = map(int, sizes)
        return kind, (blits & 0xFFFF) | (rectangles & 0xFFFF) << 16, pack(steps, rows)
    if name in ("flip", "ping"):
        return kind, int(sizes[0]), 0
    return kind, subject, int(sizes[0]) if sizes else 0
