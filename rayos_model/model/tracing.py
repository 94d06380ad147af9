"""Writes the model's trace records in the kernel's form, in chunks, so that memory stays constant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from rayos_model.contract.abi import TraceKind
from rayos_model.contract.trace_record import TRACE_DTYPE, Records

_CHUNK_WORDS: Final = TRACE_DTYPE.itemsize // 8 << 15


class TraceBuffer:
    """Collects measurements and points and hands them on as arrays of `abi.TRACE_DTYPE`."""

    def __init__(self, consume: Callable[[Records], None]) -> None:
        self._consume = consume
        # Of 64 bits, four a record, with its fields where `abi.TRACE_DTYPE` has them; used over and over.
        self._words = [0] * _CHUNK_WORDS
        self._used = 0

    def measure(self, time_ns: int, kind: TraceKind, subject: int, arg: int, thread: int) -> None:
        """Appends one measurement record."""
        self._append(time_ns, arg, subject, 0, kind, thread, 0)

    def point(
        self, time_ns: int, point: tuple[Any, ...], subject: int, cpu_ns: int, thread: int, sleepers: int
    ) -> None:
        """Appends one point, which closes a segment of `cpu_ns`."""
        from rayos_model.trace.points import record_of

        label, *sizes = point
        kind, subject, arg = record_of(label, tuple(sizes), subject)
        self._append(time_ns, arg, subject, cpu_ns, kind, thread, min(sleepers, 255))

    def _append(self, time_ns: int, arg: int, subject: int, cpu_ns: int, kind: int, thread: int, sleepers: int) -> None:
        words, used = self._words, self._used
        words[used] = time_ns
        words[used + 1] = arg
        words[used + 2] = cpu_ns << 32 | subject
        words[used + 3] = sleepers << 56 | thread << 16 | kind
        self._used = used + 4
        if self._used == _CHUNK_WORDS:
            self.flush()

    def flush(self) -> None:
        """Hands on what has been collected so far."""
        if self._used:
            records = np.array(self._words[: self._used], "<u8").view(TRACE_DTYPE)
            self._used = 0
            self._consume(records)
