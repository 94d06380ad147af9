"""Points as trace records: what the kernel writes for a point that the model comes to.

A point is a tuple `(label, *sizes)`, such as `("request.wl_surface.commit",)` or `("receive", bytes, writes)`; the
sizes of each label are those of `rayos_model.parameters.SIZES`.
"""

from __future__ import annotations

from typing import Any

from rayos_model.abi import (
    BatchTag,
    FaultKind,
    Interface,
    Report,
    ThreadId,
    TraceKind,
    pack,
    painted,
    queued,
    request_id,
)
from rayos_model.calibration.segments import POINT_DETAILS, REQUESTS
from rayos_model.parameters import OF_THEMSELVES, size_names

_PIPE_IO = ("pipe_read", "pipe_write", "close")


def thread_name(thread: int) -> str:
    """What a thread is called: 'compositor', 'client 3' …"""
    if thread >= ThreadId.CLIENT0:
        return f"client {thread - ThreadId.CLIENT0}"
    return next((known.name.lower() for known in ThreadId if known == thread), f"thread {thread}")


def record_of(label: str, sizes: tuple[Any, ...], subject: int) -> tuple[TraceKind, int, int]:
    """(kind, subject, arg) of the record that the kernel writes for a point; `subject` where no size takes its place.

    Raises `KeyError` when no point has that label.
    """
    name, _, detail = label.partition(".")
    if sizes and size_names(label)[0] in OF_THEMSELVES:
        sizes = ()  # other records tell them
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
