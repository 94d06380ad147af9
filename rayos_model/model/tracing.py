"""Writes the model's trace records in the kernel's form, in chunks, so that memory stays constant."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from rayos_model.abi import TRACE_DTYPE, Records, TraceKind

_COLUMNS: Final = ("time_ns", "arg", "subject", "cpu_ns", "kind", "thread", "sleepers")
_CHUNK_VALUES: Final = len(_COLUMNS) << 15


class TraceBuffer:
    """Collects measurements and points and hands them on as arrays of `abi.TRACE_DTYPE`."""

    def __init__(self, consume: Callable[[Records], None]) -> None:
        self._consume = consume
        self._values = array("Q")  # record after record, in order of _COLUMNS

    def measure(self, time_ns: int, kind: TraceKind, subject: int, arg: int, thread: int) -> None:
        """Appends one measurement record."""
        self._values.extend((time_ns, arg, subject, 0, kind, thread, 0))
        if len(self._values) >= _CHUNK_VALUES:
            self.flush()

    def point(
        self, time_ns: int, point: tuple[Any, ...], subject: int, cpu_ns: int, thread: int, sleepers: int
    ) -> None:
        """Appends one point, which closes a segment of `cpu_ns`."""
        from rayos_model.labels import record_of

        label, *sizes = point
        kind, subject, arg = record_of(label, tuple(sizes), subject)
        self._values.extend((time_ns, arg, subject, cpu_ns, kind, thread, min(sleepers, 255)))
        if len(self._values) >= _CHUNK_VALUES:
            self.flush()

    def flush(self) -> None:
        """Hands on what has been collected so far."""
        if self._values:
            table = np.frombuffer(self._values, np.uint64).reshape(-1, len(_COLUMNS))
            self._values = array("Q")
            records = np.zeros(len(table), TRACE_DTYPE)
            for name, column in zip(_COLUMNS, table.T, strict=True):
                records[name] = column
            self._consume(records)
