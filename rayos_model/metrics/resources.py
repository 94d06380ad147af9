"""CPU and memory metrics, from the snapshots in a trace. Must not know which system made the trace."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rayos_model.contract.abi import TraceKind
from rayos_model.contract.macros import PAGE_KB
from rayos_model.contract.trace_record import Records
from rayos_model.scenario.scenario import Scenario
from rayos_model.scenario.tables import NS

_KINDS: Final = [
    *(TraceKind.M_IDLE, TraceKind.M_PAGES, TraceKind.M_HEAP, TraceKind.M_FREE_BLOCK),
    *(TraceKind.M_PAGES_PEAK, TraceKind.M_BASELINE, TraceKind.M_LEAK),
]


class ResourceTracker:
    """Computes CPU and memory metrics from snapshots; keeps a few numbers per second of the scenario.

    `cpu_percent` and `memory_kb` have shape (⌈duration in s⌉,), one value per second, NaN without a snapshot.
    """

    def __init__(self, scenario: Scenario) -> None:
        seconds = max(1, math.ceil(scenario.duration_s))
        self._cpu_second_ns = NS * scenario.machine.vcpus
        start = np.arange(seconds) * NS
        self._measured = (start >= scenario.warmup_ns) & (start + NS <= scenario.duration_ns)
        self._idle_ns = np.full(seconds, np.nan)
        self._pages = np.full(seconds, np.nan)
        self._page_allocations = np.full(seconds, np.nan)
        self._heap_allocations = np.full(seconds, np.nan)
        self._fragmentation = np.full(seconds, np.nan)
        self._peak_pages: int | None = None
        self._most_pages: int | None = None
        self._baseline_pages: int | None = None
        self._leak_kb: float | None = None

    def feed(self, records: Records) -> None:
        """Process records (one-dimensional, `TRACE_DTYPE`); other kinds are ignored."""
        for row in records[np.isin(records["kind"], _KINDS)]:
            self._take(TraceKind(int(row["kind"])), int(row["time_ns"]), int(row["subject"]), int(row["arg"]))

    def _take(self, kind: TraceKind, time_ns: int, subject: int, arg: int) -> None:
        second = round(time_ns / NS) - 1
        in_table = 0 <= second < len(self._pages)
        match kind:
            case TraceKind.M_IDLE if in_table:
                self._idle_ns[second] = arg
            case TraceKind.M_PAGES:
                self._most_pages = max(arg, self._most_pages or 0)
                if in_table:
                    self._pages[second] = arg
                    self._page_allocations[second] = subject or math.nan
            case TraceKind.M_HEAP if in_table:
                self._heap_allocations[second] = subject or math.nan
            case TraceKind.M_FREE_BLOCK if in_table and subject:
                self._fragmentation[second] = 100 * (1 - arg / subject)
            case TraceKind.M_PAGES_PEAK:
                self._peak_pages = arg
            case TraceKind.M_BASELINE:
                self._baseline_pages = arg
            case TraceKind.M_LEAK:
                # Heap objects lie in pages: the larger of the two, so that nothing counts twice.
                self._leak_kb = max(arg * PAGE_KB, subject / 1024)

    @property
    def cpu_percent(self) -> NDArray[np.float64]:
        return np.clip(100 * (1 - self._idle_ns / self._cpu_second_ns), 0.0, 100.0)

    @property
    def memory_kb(self) -> NDArray[np.float64]:
        return self._pages * PAGE_KB

    def values(self) -> dict[str, float]:
        """Metric → value, for metrics with measurements; units as in `METRIC_UNITS`."""
        values: dict[str, float | None] = {
            "memory.baseline": _kb(self._baseline_pages),
            "memory.peak": _kb(self._most_pages if self._peak_pages is None else self._peak_pages),
            "memory.leak": self._leak_kb,
            "allocations.pages": _rate(self._page_allocations[self._measured]),
            "allocations.heap": _rate(self._heap_allocations[self._measured]),
        }
        if self._baseline_pages is not None and self._leak_kb is not None:
            values["memory.final"] = self._baseline_pages * PAGE_KB + self._leak_kb
        cpu = _known(self.cpu_percent[self._measured])
        if len(cpu):
            values["cpu.mean"], values["cpu.max"] = float(cpu.mean()), float(cpu.max())
        fragmentation = _known(self._fragmentation[self._measured])
        if len(fragmentation):
            values["fragmentation.max"] = float(fragmentation.max())
        seconds = np.flatnonzero(self._measured & ~np.isnan(self._pages))
        if len(seconds) >= 2:
            (spread, together), _ = np.cov(seconds / 3600, self.memory_kb[seconds], bias=True)
            values["memory.growth"] = float(together / spread)
        return {name: value for name, value in values.items() if value is not None}


def _kb(pages: int | None) -> float | None:
    return None if pages is None else float(pages * PAGE_KB)


def _known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[~np.isnan(values)]


def _rate(totals: NDArray[np.float64]) -> float | None:
    """Mean growth per second of a running total sampled once per second."""
    known = _known(totals)
    return float((known[-1] - known[0]) / (len(known) - 1)) if len(known) >= 2 else None
