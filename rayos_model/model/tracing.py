"""Writes the model's trace records in the kernel's form, in chunks, so that memory stays constant."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any

from rayos_model.abi import Records, TraceKind, records_from_bytes

_RECORD = Struct("<QQIIHHBBBB")
_CHUNK_RECORDS = 1 << 15


class TraceBuffer:
    """Collects measurements and points and hands them on as arrays of `abi.TRACE_DTYPE`."""

    def __init__(self, consume: Callable[[Records], None]) -> None:
        self._consume = consume
        self._buffer = bytearray(_CHUNK_RECORDS * _RECORD.size)
        self._end = 0

    def measure(self, time_ns: int, kind: TraceKind, subject: int, arg: int, thread: int) -> None:
        """Appends one measurement record."""
        _RECORD.pack_into(self._buffer, self._end, time_ns, arg, subject, 0, kind, thread, 0, 0, 0, 0)
        self._end += _RECORD.size
        if self._end == len(self._buffer):
            self.flush()

    def point(
        self, time_ns: int, point: tuple[Any, ...], subject: int, cpu_ns: int, thread: int, sleepers: int
    ) -> None:
        """Appends one point, which closes a segment of `cpu_ns`."""
        from rayos_model.labels import record_of

        label, *sizes = point
        kind, subject, arg = record_of(label, tuple(sizes), subject)
        packed = (time_ns, arg, subject, cpu_ns, kind, thread, 0, 0, 0, min(sleepers, 255))
        _RECORD.pack_into(self._buffer, self._end, *packed)
        self._end += _RECORD.size
        if self._end == len(self._buffer):
            self.flush()

    def flush(self) -> None:
        """Hands on what has been collected so far."""
        if self._end:
            self._consume(records_from_bytes(bytes(self._buffer[: self._end])))
            self._end = 0
