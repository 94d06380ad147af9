"""Points: labels, sizes and trace records of the places in a thread's control flow at which a segment ends.

A point is a tuple `(label, *sizes)`, such as `("request.wl_surface.commit",)` or `("receive", bytes, writes)`; `SIZES`
names the sizes of each label. Must not know what a segment costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rayos_model.contract.abi import Action, BatchTag, FaultKind, Interface, NetSide, Report, ThreadId, TraceKind
from rayos_model.contract.macros import request_id
from rayos_model.contract.trace_record import pack, painted, queued

_PIPE_IO = ("pipe_read", "pipe_write", "close")


def thread_name(thread: int) -> str:
    """Name of a thread: 'compositor', 'client 3' …"""
    if thread >= ThreadId.CLIENT0:
        return f"client {thread - ThreadId.CLIENT0}"
    return next((known.name.lower() for known in ThreadId if known == thread), f"thread {thread}")


def record_of(label: str, sizes: tuple[Any, ...], subject: int) -> tuple[TraceKind, int, int]:
    """(kind, subject, arg) of the record that the kernel writes for a point; `subject` unless a size takes its place.

    Raises `KeyError` for an unknown label.
    """
    name, _, detail = label.partition(".")
    if sizes and size_names(label)[0] in OF_THEMSELVES:
        sizes = ()  # carried by other records
    if label == "request.none":
        return TraceKind.P_REQUEST, subject, pack(request_id(0, 0), 0)
    if name == "request":
        interface, _, request = detail.partition(".")
        identity = Interface[interface.upper()]
        return TraceKind.P_REQUEST, subject, pack(request_id(identity, REQUESTS[identity].index(request)), 0)
    if name in _PIPE_IO:
        return TraceKind.P_PIPE_IO, _PIPE_IO.index(name), int(sizes[0]) if sizes else 0
    kind = TraceKind[f"P_{name.upper()}"]
    if kind in POINT_DETAILS:
        return kind, POINT_DETAILS[kind].index(detail), int(sizes[0]) if sizes else 0
    if name in ("enter", "send"):
        return kind, BatchTag[detail.upper()], pack(*map(int, sizes)) if sizes else 0
    if name == "action":
        return kind, Action[detail.upper()], int(sizes[0])
    if name == "receive":
        return kind, int(sizes[1]), int(sizes[0])
    if name == "inject":
        fault, _, variant = label.removeprefix("inject.").rpartition(".")
        return kind, subject, FaultKind[fault.upper()] << 4 | int(variant)
    if name == "report":
        return kind, Report[label.removeprefix("report.").upper()], 0
    if name == "events":
        return kind, subject, queued(int(sizes[0]), int(sizes[1]))
    if name == "composite":
        steps, rows, groups, blits, rectangles = map(int, sizes)
        return kind, (blits & 0xFFFF) | (rectangles & 0xFFFF) << 16, painted(steps, rows, groups)
    if name in ("flip", "ping"):
        return kind, int(sizes[0]), 0
    return kind, subject, int(sizes[0]) if sizes else 0


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
    Interface.ZXDG_DECORATION_MANAGER_V1: ("destroy", "get_toplevel_decoration"),
    Interface.ZXDG_TOPLEVEL_DECORATION_V1: ("destroy", "set_mode", "unset_mode"),
}

_PIPE_IO = ("pipe_read", "pipe_write", "close")
_OPERATIONS = ("read", "write", "flush")
_SIDES = tuple(side.name.lower() for side in NetSide)
#: Kinds of points whose subject is part of the label: 'disk_done.write', 'memory.map'.
POINT_DETAILS: dict[TraceKind, tuple[str, ...]] = {
    TraceKind.P_DISK_SUBMIT: _OPERATIONS,
    TraceKind.P_DISK_DONE: _OPERATIONS,
    TraceKind.P_MEMORY: ("map", "unmap", "refused"),
    TraceKind.P_SPAWN: ("client", "load"),
    TraceKind.P_NET_SEND: _SIDES,
    TraceKind.P_NET_RECEIVE: _SIDES,
}
THREAD_CLASSES = {
    ThreadId.IDLE: "idle",
    ThreadId.REPORTER: "reporter",
    ThreadId.COMPOSITOR: "compositor",
    ThreadId.LAUNCHER: "launcher",
    ThreadId.INJECTOR: "injector",
    ThreadId.DISK: "disk",
    ThreadId.NETWORK: "network",
}


def request_label(identity: int) -> str:
    """Label of a request: 'request.<interface>.<request>'; 'request.none' for an unknown object or opcode."""
    if identity >> 8 == 0:
        return "request.none"
    interface, opcode = Interface(identity >> 8), identity & 0xFF
    names = REQUESTS.get(interface, ())
    if opcode >= len(names):
        return "request.none"
    name = names[opcode]
    return f"request.{interface.name.lower()}.{name}"


def label_of(kind: int, detail: int) -> str:
    """Label of a point; `detail` is the subject or argument that is part of it."""
    if kind == TraceKind.P_REQUEST:
        return request_label(detail)
    if kind == TraceKind.P_PIPE_IO:
        return _PIPE_IO[detail]
    if kind == TraceKind.P_REPORT:
        return f"report.{Report(detail).name.lower()}"
    if kind == TraceKind.P_INJECT:
        return f"inject.{FaultKind(detail >> 4).name.lower()}.{detail & 15}"
    name = TraceKind(kind).name.removeprefix("P_").lower()
    if kind == TraceKind.P_ACTION:
        return f"{name}.{Action(detail).name.lower()}"
    if kind in POINT_DETAILS:
        return f"{name}.{POINT_DETAILS[TraceKind(kind)][detail]}"
    return f"{name}.{BatchTag(detail).name.lower()}" if kind in (TraceKind.P_ENTER, TraceKind.P_SEND) else name


#: Sizes of a point, by its label or the first part of its label.
SIZES: Mapping[str, tuple[str, ...]] = {
    "enter": ("steps", "rows"),
    "receive": ("bytes", "writes"),
    "shm": ("pages",),
    "shm_free": ("pages",),
    "pipe_read": ("bytes",),
    "pipe_write": ("bytes",),
    "take": ("bytes",),
    "events": ("bytes", "events"),
    "composite": ("steps", "rows", "groups", "blits", "rectangles"),
    "flip": ("surfaces", "freed"),
    "action": ("clients",),
    "marker": ("letters",),
    "ping": ("clients",),
    "input": ("events",),
    "request.wl_shm.create_pool": ("pages",),
    "request.wl_shm_pool.destroy": ("pages",),
    "reap": ("pages",),
    "memory": ("pages", "dropped"),
    "put": ("dropped",),
    "net_receive": ("bytes",),
    "disk_done": ("awaited",),
    "disk_done.flush": ("blocks", "awaited"),
}

OF_THEMSELVES = ("dropped", "awaited")
"""Sizes that affect only the segment ending at their point, not the one after it."""


def size_names(label: str) -> tuple[str, ...]:
    """Names of the sizes of points with this label."""
    return SIZES.get(label) or SIZES.get(label.partition(".")[0], ())


def heap_depth(sleepers: int) -> int:
    """Levels of a binary heap with `sleepers` threads."""
    return sleepers.bit_length()


def sizes_key(sizes: Mapping[str, float]) -> str:
    """The key of :attr:`Segment.by_sizes_ns`: 'bytes=32,writes=1', in order of name."""
    return ",".join(f"{name}={sizes[name]:g}" for name in sorted(sizes))
