"""Writes the model's trace records in the kernel's form, in chunks, so that memory stays constant."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rayos_model.abi import TRACE_DTYPE, Records, TraceKind

_COLUMNS = ("time_ns", "kind", "subject", "arg", "thread")


class TraceBuffer:
    """Collects measurements and hands them on as arrays of `abi.TRACE_DTYPE`."""

    def __init__(self, consume: Callable[[Records], None]) -> None:
        self._consume = consume
        self._rows: list[tuple[int, int, int, int, int]] = []

    def measure(self, time_ns: int, kind: TraceKind, subject: int, arg: int, thread: int) -> None:
        """Appends one measurement record."""
        self._rows.append((time_ns, kind, subject, arg, thread))

    def flush(self) -> None:
        """Hands on what has been collected so far; due once a second, so that memory stays constant."""
        if self._rows:
            records = np.zeros(len(self._rows), TRACE_DTYPE)
            for name, column in zip(_COLUMNS, zip(*self._rows, strict=True), strict=True):
                records[name] = column
            self._rows.clear()
            self._consume(records)
