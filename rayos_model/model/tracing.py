"""Writes the model's trace records in the kernel's form, in chunks, so that memory stays constant."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from rayos_model.abi import Records, TraceKind, records_from_bytes

_RECORD: Final = struct.Struct("<QQIIHH3xB")  # abi.TRACE_DTYPE, without cpu, irqs and dispatches
_CHUNK_BYTES: Final = _RECORD.size << 15


class TraceBuffer:
    """Collects measurements and points and hands them on as arrays of `abi.TRACE_DTYPE`."""

    def __init__(self, consume: Callable[[Records], None]) -> None:
        self._consume = consume
        self._chunk = bytearray(_CHUNK_BYTES)
        self._used = 0  # bytes of it

    def measure(self, time_ns: int, kind: TraceKind, subject: int, arg: int, thread: int) -> None:
        """Appends one measurement record."""
        self._append(time_ns, arg, subject, 0, kind, thread, 0)

    def point(
        self, time_ns: int, point: tuple[Any, ...], subject: int, cpu_ns: int, thread: int, sleepers: int
    ) -> None:
        """Appends one point, which closes a segment of `cpu_ns`."""
        from rayos_model.labels import record_of

        label, *sizes = point
        kind, subject, arg = record_of(label, tuple(sizes), subject)
        self._append(time_ns, arg, subject, cpu_ns, kind, thread, min(sleepers, 255))

    def _append(
        self, time_ns: int, arg: int, subject: int, cpu_ns: int, kind: TraceKind, thread: int, sleepers: int
    ) -> None:
        _RECORD.pack_into(self._chunk, self._used, time_ns, arg, subject, cpu_ns, kind, thread, sleepers)
        self._used += _RECORD.size
        if self._used == _CHUNK_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hands on what has been collected so far."""
        if self._used:
            records = records_from_bytes(memoryview(self._chunk)[: self._used])
            self._chunk, self._used = bytearray(_CHUNK_BYTES), 0
            self._consume(records)
