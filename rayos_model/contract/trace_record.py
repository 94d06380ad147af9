"""Trace records as NumPy arrays, and the packing of sizes into their arguments.

Must not know which records a run writes, or why.
"""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rayos_model.contract.abi import TRACE_RECORD, TRACE_RECORD_FIELDS

_FORMATS: Final = {"Q": "<u8", "I": "<u4", "H": "<u2", "B": "u1"}
_CODES: Final = "".join(code * int(count or 1) for count, code in re.findall(r"(\d*)([QIHB])", TRACE_RECORD.format))

TRACE_DTYPE: Final = np.dtype([(name, _FORMATS[code]) for name, code in zip(TRACE_RECORD_FIELDS, _CODES, strict=True)])
"""One trace record, 32 bytes; `struct trace_record`."""

Records = NDArray[np.void]
"""A one-dimensional array of `TRACE_DTYPE`."""


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
