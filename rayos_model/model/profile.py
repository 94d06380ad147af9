"""The profiler's lines (`RAYOS_PERF`) of scenarios of kind performance, from what the model itself measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from rayos_model.contract.abi import TraceKind
from rayos_model.contract.image import Settings
from rayos_model.contract.macros import PAGE_KB
from rayos_model.contract.trace_record import Records
from rayos_model.metrics.histogram import LatencyHistogram
from rayos_model.model.memory import MemoryUse

Say = Callable[..., None]

_OPERATIONS: Final = (
    *(TraceKind.M_COMMIT_TO_PRESENT, TraceKind.M_BUFFER_COMMIT, TraceKind.M_EVENT_DELIVERY),
    *(TraceKind.M_CLIENT_CREATION, TraceKind.M_INPUT_ROUND_TRIP, TraceKind.M_COMPOSITION),
)
_QUANTILES: Final = ((0.5, "50"), (0.95, "95"), (0.99, "99"), (0.999, "99.9"))


class Profile:
    """Histograms from the end of warm-up to the scenario's end (client creation: from 0); see
    kernel/experiment/profile.c."""

    def __init__(self, settings: Settings, memory: MemoryUse, say: Say) -> None:
        self._settings = settings
        self._memory = memory
        self._say = say
        self._histograms = {kind: LatencyHistogram() for kind in _OPERATIONS}
        self._flips = 0

    def feed(self, records: Records) -> None:
        """Counts trace records (one-dimensional, `TRACE_DTYPE`)."""
        times = records["time_ns"].astype(np.int64)
        running = times < self._settings.duration_ns
        measured = running & (times >= self._settings.warmup_ns)
        for kind, histogram in self._histograms.items():
            counted = running if kind is TraceKind.M_CLIENT_CREATION else measured
            histogram.add(records["arg"][counted & (records["kind"] == kind)])
        self._flips += int(np.count_nonzero(measured & (records["kind"] == TraceKind.M_FLIP)))

    def start(self) -> None:
        """Announces what is profiled."""
        for kind in _OPERATIONS:
            self._say("RAYOS_PERF:PROFILE_START", _name(kind))

    def memory(self) -> None:
        """The second's memory. Its fragmentation is an upper bound: what was freed since the peak, all of it apart."""
        memory = self._memory
        free = (self._settings.memory_mb << 20) // (PAGE_KB << 10) - memory.pages
        split = _thousandths(100_000 * (memory.peak - memory.pages) // free if free else 0)
        self._say("RAYOS_PERF:MEMORY", memory.pages * PAGE_KB, memory.peak * PAGE_KB, split)

    def report(self) -> None:
        """Latency quantiles and throughput of the whole run."""
        for kind, histogram in self._histograms.items():
            if not histogram.count:
                continue
            for p, percentile in _QUANTILES:
                self._say("RAYOS_PERF:SAMPLE", _name(kind), _thousandths(int(histogram.quantile(p))), percentile)
            self._say("RAYOS_PERF:REPORT", f"{_name(kind)}.max", _thousandths(histogram.maximum_ns), "us")
        settings = self._settings
        counts = {kind: histogram.count for kind, histogram in self._histograms.items()}
        measured_ns = settings.duration_ns - settings.warmup_ns
        for operation, count, ns in (
            ("frames", self._flips, measured_ns),
            ("commits", counts[TraceKind.M_BUFFER_COMMIT], measured_ns),
            ("events", counts[TraceKind.M_EVENT_DELIVERY], measured_ns),
            ("clients", counts[TraceKind.M_CLIENT_CREATION], settings.duration_ns),
        ):
            self._say("RAYOS_PERF:THROUGHPUT", operation, _thousandths(count * 10**12 // ns))


def _name(kind: TraceKind) -> str:
    return kind.name.removeprefix("M_").lower()


def _thousandths(value: int) -> str:
    """A number counted in thousandths, with three decimals."""
    return f"{value // 1000}.{value % 1000:03d}"
