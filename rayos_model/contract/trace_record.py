"""Trace records as NumPy arrays, and the packing of sizes into their arguments.

Must not know which records a run writes, or why.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

TRACE_DTYPE: Final = np.dtype(
    [
        ("time_ns", "<u8"),
        ("arg", "<u8"),
        ("subject", "<u4"),
        ("cpu_ns", "<u4"),
        ("kind", "<u2"),
        ("thread", "<u2"),
        ("cpu", "u1"),
        ("irqs", "u1"),
        ("dispatches", "u1"),
        ("sleepers", "u1"),
    ]
)
"""One trace record, 32 bytes; `struct trace_record`."""

Records = NDArray[np.void]
"""A one-dimensional array of `TRACE_DTYPE`."""


class TraceKind(IntEnum):
    """Points (`P_`, below 64) close a segment of a thread's control flow; measurements (`M_`) carry a result."""

    P_BLOCK = 1
    P_EXIT = 2
    P_ENTER = 3
    P_SEND = 4
    P_RECEIVE = 5
    P_WAKE = 6
    P_SHM = 7
    P_SHM_FREE = 8
    P_PIPE = 9
    P_PIPE_IO = 10
    P_FIRST = 11
    P_LOCK = 12
    P_UNLOCK = 13
    P_CALL = 14
    P_TAKE = 16
    P_REQUEST = 17
    P_EVENTS = 18
    P_COMPOSITE = 19
    P_FLIP = 20
    P_VBLANK = 21
    P_INPUT = 22
    P_PING = 23
    P_DISCONNECT = 24
    P_DRAG = 25
    P_REPAINT = 26
    P_DEVICE = 27
    P_SPAWN = 32
    P_REAP = 33
    P_SNAPSHOT = 34
    P_PROFILE = 35
    P_RECOVER = 36
    P_INJECT = 37
    P_REPORT = 38
    P_SCRUB = 39
    P_PUT = 40
    P_GET = 41
    P_DELETE = 42
    P_DURABLE = 43
    P_MEMORY = 44
    P_DISK_SUBMIT = 45
    P_DISK_DONE = 46
    P_DISK_NOTIFY = 47
    P_NET_SEND = 48
    P_NET_RECEIVE = 49
    P_ACTION = 50
    P_RESIZE = 51
    P_MARKER = 52
    P_LINK = 53
    P_MEND = 54
    M_COMMIT_TO_PRESENT = 64
    M_BUFFER_COMMIT = 65
    M_EVENT_DELIVERY = 66
    M_CLIENT_CREATION = 67
    M_INPUT_ROUND_TRIP = 68
    M_COMPOSITION = 69
    M_FLIP = 70
    M_DROPPED = 71
    M_IDLE = 72
    M_PAGES = 73
    M_HEAP = 74
    M_PAGES_PEAK = 75
    M_TIMER = 76
    M_CLIENT_CREATED = 77
    M_CLIENT_DESTROYED = 78
    M_PROTOCOL_ERROR = 79
    M_HANG = 80
    M_CRASH = 81
    M_LEAK = 82
    M_BASELINE = 83
    M_FREE_BLOCK = 84
    M_FAULT_INJECTED = 85
    M_FAULT_DETECTED = 86
    M_FAULT_RECOVERED = 87
    M_LOCK_HOLD = 96
    M_LOCK_WAIT = 97
    M_READY_WAIT = 98
    M_DISK_REQUEST = 100
    M_DISK_RETRY = 101
    M_DISK_ERROR = 102
    M_CORRUPT = 103
    M_CACHE = 104
    M_CACHE_PAGES = 105
    M_RECLAIM = 106
    M_REFUSED = 107
    M_DURABLE = 108
    M_VERIFIED = 109
    M_MARKER = 110
    M_PRESENTATION_JITTER = 111
    M_CONFIGURE = 112
    M_REMOTE_UPDATE = 113
    M_STORE_ERROR = 114
    W_REQUESTS = 120
    W_EVENTS = 121


FIRST_MEASUREMENT: Final = 64
"""Lowest trace kind of a measurement; lower kinds are points."""


def pack(low: int, high: int) -> int:
    """`PACK`: two 32-bit numbers in one trace argument."""
    return (low & 0xFFFFFFFF) | (high & 0xFFFFFFFF) << 32


def queued(size: int, events: int, locked_ns: int = 0) -> int:
    """`QUEUED`: a queue-write in one trace argument."""
    return size | events << 16 | locked_ns << 32


def unpack_queued(arg: NDArray[np.uint64]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The inverse of `queued`, for a whole column: bytes, events, hold time of the kernel lock so far, ns."""
    return arg & 0xFFFF, arg >> 16 & 0xFFFF, arg >> 32


def painted(steps: int, rows: int, groups: int) -> int:
    """`PAINTED`: the work of a composite pass in one trace argument."""
    return steps | rows << 28 | groups << 50


def unpack_painted(arg: NDArray[np.uint64]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The inverse of `painted`, for a whole column: steps, rows, groups."""
    return arg & 0xFFFFFFF, arg >> 28 & 0x3FFFFF, arg >> 50


def unpack(arg: int) -> tuple[int, int]:
    """The inverse of `pack`: (low, high)."""
    return arg & 0xFFFFFFFF, arg >> 32


def records_from_bytes(data: bytes | bytearray | memoryview) -> Records:
    """Trace records from the bytes of the ring. Raises `ValueError` when the length is not a multiple of 32."""
    return np.frombuffer(data, dtype=TRACE_DTYPE)


STEP_PIXELS: Final = 32


def row_steps(width: int) -> int:
    """`ROW_STEPS`: steps that move one row of `width` pixels."""
    return -(-width // STEP_PIXELS)
