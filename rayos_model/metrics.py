"""Metrics of a run, collected from its trace as it streams by. Must not know which system made the trace.

Measured is what happens from the end of warm-up to the scenario's duration. Client creation, of which warm-up mostly
consists, counts from the start; crashes, hangs, protocol errors and the memory balance count for the whole run.
Intervals are 95 % order-statistics intervals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rayos_model.abi import PAGE_KB, Records, TraceKind
from rayos_model.fault_ledger import FaultLedger
from rayos_model.histogram import LatencyHistogram
from rayos_model.scenario import NS, Scenario
from rayos_model.units import METRIC_UNITS, OPERATIONS, QUANTILE_OF

OPERATION_KIND: Final = {op: TraceKind[f"M_{op.upper()}"] for op in OPERATIONS}
"""Operation → the trace kind of its measurements (arg: ns)."""

SECOND_COLUMNS: Final = ("time_s", "cpu_percent", "memory_kb", "p99_us", "fps", "dropped")
"""Columns of the per-second table; `time_s` is the end of the second, `p99_us` that of commit-to-present."""


@dataclass(frozen=True, slots=True)
class Value:
    """A metric's value in its unit, with the confidence interval where there is one."""

    value: float
    unit: str
    low: float | None = None
    high: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form."""
        interval = {} if self.low is None else {"low": self.low, "high": self.high}
        return {"value": self.value, "unit": self.unit, **interval}


@dataclass(frozen=True, slots=True)
class Metrics:
    """Metric name → value (a metric without measurements is absent), the per-second table and latency histograms.

    `seconds` maps each of `SECOND_COLUMNS` to one value a second, over the whole run; a p99 without samples is None.
    """

    values: Mapping[str, Value]
    seconds: Mapping[str, list[float | None]] = field(default_factory=dict)
    histograms: Mapping[str, LatencyHistogram] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        """A metric's value in its unit. Raises `KeyError` when it has no measurements."""
        return self.values[name].value

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form, complete."""
        return {
            "values": {name: value.to_dict() for name, value in self.values.items()},
            "seconds": {name: list(column) for name, column in self.seconds.items()},
            "histograms": {name: histogram.to_dict() for name, histogram in self.histograms.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`. Raises `KeyError`, `TypeError` or `ValueError` when `data` is something else."""
        return cls(
            {name: Value(**value) for name, value in data["values"].items()},
            {name: list(column) for name, column in data["seconds"].items()},
            {name: LatencyHistogram.from_dict(histogram) for name, histogram in data["histograms"].items()},
        )


class MetricsCollector:
    """Feed it trace records in the order written, in chunks of any size; memory does not grow with their number.

    It keeps six histograms, a few numbers for each second of the scenario and the latencies of the last two seconds.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._warmup_ns = scenario.warmup_ns
        self._duration_ns = scenario.duration_ns
        self._vcpus = scenario.machine.vcpus
        self._histograms = {op: LatencyHistogram() for op in OPERATIONS}
        seconds = max(1, math.ceil(scenario.duration_s))
        self._flips = np.zeros(seconds, dtype=np.int64)
        self._dropped = np.zeros(seconds, dtype=np.int64)
        self._idle_ns = np.full(seconds, np.nan)
        self._pages = np.full(seconds, np.nan)
        self._p99_us = np.full(seconds, np.nan)
        self._recent: dict[int, list[NDArray[np.uint64]]] = {}
        self._measured_flips = 0
        self._measured_drops = 0
        self._fragmentation = math.nan
        self._counts = dict.fromkeys((TraceKind.M_CRASH, TraceKind.M_HANG, TraceKind.M_PROTOCOL_ERROR), 0)
        self._faults = FaultLedger() if scenario.kind == "failure" else None
        self._peak_pages: int | None = None
        self._most_pages: int | None = None
        self._baseline_pages: int | None = None
        self._leak_kb: float | None = None

    def feed(self, records: Records) -> None:
        """Count records (one-dimensional, `TRACE_DTYPE`)."""
        if not len(records):
            return
        kinds = records["kind"]
        present = np.unique(kinds)
        times = records["time_ns"].astype(np.int64)
        measured = (times >= self._warmup_ns) & (times < self._duration_ns)
        for operation, kind in OPERATION_KIND.items():
            if kind in present:
                counted = times < self._duration_ns if operation == "client_creation" else measured
                self._histograms[operation].add(records["arg"][counted & (kinds == kind)])
        if TraceKind.M_COMMIT_TO_PRESENT in present:
            self._latency_by_second(records[(kinds == TraceKind.M_COMMIT_TO_PRESENT) & (times < self._duration_ns)])
        for kind, table in ((TraceKind.M_FLIP, self._flips), (TraceKind.M_DROPPED, self._dropped)):
            chosen = times[(kinds == kind) & (times < self._duration_ns)] // NS
            table += np.bincount(chosen, minlength=len(table))
        self._measured_flips += int(np.count_nonzero(measured & (kinds == TraceKind.M_FLIP)))
        self._measured_drops += int(np.count_nonzero(measured & (kinds == TraceKind.M_DROPPED)))
        for kind in self._counts:
            self._counts[kind] += int(np.count_nonzero(kinds == kind))
        if self._faults is not None:
            self._faults.feed(records)
        rare = np.isin(kinds, _RARE)
        for row in records[rare]:
            self._snapshot(TraceKind(int(row["kind"])), int(row["time_ns"]), int(row["subject"]), int(row["arg"]))

    def _latency_by_second(self, records: Records) -> None:
        seconds = (records["time_ns"] // NS).astype(np.int64)
        for second in np.unique(seconds).tolist():
            self._recent.setdefault(second, []).append(records["arg"][seconds == second])
        if self._recent:
            self._close_seconds(before=max(self._recent) - 1)

    def _close_seconds(self, before: int) -> None:
        for second in sorted(second for second in self._recent if second < before):
            values = np.sort(np.concatenate(self._recent.pop(second)))
            self._p99_us[second] = values[math.ceil(0.99 * len(values)) - 1] / 1000

    def _snapshot(self, kind: TraceKind, time_ns: int, subject: int, arg: int) -> None:
        second = round(time_ns / NS) - 1
        in_table = 0 <= second < len(self._pages)
        match kind:
            case TraceKind.M_IDLE if in_table:
                self._idle_ns[second] = arg
            case TraceKind.M_PAGES:
                self._most_pages = max(arg, self._most_pages or 0)
                if in_table:
                    self._pages[second] = arg
            case TraceKind.M_FREE_BLOCK if subject and second * NS >= self._warmup_ns:
                self._fragmentation = float(np.fmax(self._fragmentation, 100 * (1 - arg / subject)))
            case TraceKind.M_PAGES_PEAK:
                self._peak_pages = arg
            case TraceKind.M_BASELINE:
                self._baseline_pages = arg
            case TraceKind.M_LEAK:
                # The heap lives in pages: the larger of the two, so that nothing counts twice.
                self._leak_kb = max(arg * PAGE_KB, subject / 1024)

    def result(self) -> Metrics:
        """The metrics of what was fed so far."""
        self._close_seconds(before=len(self._p99_us) + 1)
        values: dict[str, Value] = {}

        def put(name: str, value: float | None, low: float | None = None, high: float | None = None) -> None:
            if value is not None and not math.isnan(value):
                values[name] = Value(float(value), METRIC_UNITS[name], low, high)

        for operation, histogram in self._histograms.items():
            put(f"{operation}.count", histogram.count)
            if not histogram.count:
                continue
            put(f"{operation}.mean", histogram.mean_ns / 1000)
            put(f"{operation}.max", histogram.maximum_ns / 1000)
            for name, p in QUANTILE_OF.items():
                low, high = histogram.interval(p)
                put(f"{operation}.{name}", histogram.quantile(p) / 1000, low / 1000, high / 1000)

        busy = 100 * (1 - self._idle_ns / (NS * self._vcpus))
        cpu = np.clip(busy, 0.0, 100.0)
        index = np.arange(len(cpu))
        full = (index * NS >= self._warmup_ns) & ((index + 1) * NS <= self._duration_ns)
        if full.any():
            fps = self._flips[full]
            put("frame_rate.mean", float(fps.mean()))
            put("frame_rate.min", float(fps.min()))
            put("frame_rate.max", float(fps.max()))
        vblanks = self._measured_flips + self._measured_drops
        put("dropped_frames.percent", 100 * self._measured_drops / vblanks if vblanks else 0.0)
        known = full & ~np.isnan(cpu)
        if known.any():
            put("cpu.mean", float(cpu[known].mean()))
            put("cpu.max", float(cpu[known].max()))
        self._put_memory(put, full & ~np.isnan(self._pages))
        put("fragmentation.max", self._fragmentation)
        put("crashes", self._counts[TraceKind.M_CRASH])
        put("hangs", self._counts[TraceKind.M_HANG])
        put("protocol_errors", self._counts[TraceKind.M_PROTOCOL_ERROR])
        if self._faults is not None:
            for name, amount in self._faults.metrics().items():
                put(name, amount)
        for name, operation in _THROUGHPUT.items():
            start_ns = 0 if operation == "client_creation" else self._warmup_ns
            put(f"throughput.{name}", self._histograms[operation].count * NS / (self._duration_ns - start_ns))

        table: dict[str, list[float | None]] = {
            "time_s": [float(second + 1) for second in index],
            "cpu_percent": _column(cpu),
            "memory_kb": _column(self._pages * PAGE_KB),
            "p99_us": _column(self._p99_us),
            "fps": _column(self._flips.astype(np.float64)),
            "dropped": _column(self._dropped.astype(np.float64)),
        }
        return Metrics(values, table, dict(self._histograms))

    def _put_memory(self, put: Callable[[str, float | None], None], known: NDArray[np.bool_]) -> None:
        peak = self._most_pages if self._peak_pages is None else self._peak_pages
        put("memory.peak", None if peak is None else peak * PAGE_KB)
        put("memory.baseline", None if self._baseline_pages is None else self._baseline_pages * PAGE_KB)
        put("memory.leak", self._leak_kb)
        if self._baseline_pages is not None and self._leak_kb is not None:
            put("memory.final", self._baseline_pages * PAGE_KB + self._leak_kb)
        if np.count_nonzero(known) >= 2:
            line = stats.linregress(np.flatnonzero(known) / 3600, self._pages[known] * PAGE_KB)
            put("memory.growth", float(line.slope))


_RARE: Final = [
    *(TraceKind.M_IDLE, TraceKind.M_PAGES, TraceKind.M_FREE_BLOCK),
    *(TraceKind.M_PAGES_PEAK, TraceKind.M_BASELINE, TraceKind.M_LEAK),
]

_THROUGHPUT: Final = {"commits": "buffer_commit", "events": "event_delivery", "clients": "client_creation"}
"""Operations a second, from the counts of their measurements; an event is one queue-write to a client."""


def _column(values: NDArray[np.float64]) -> list[float | None]:
    return [None if math.isnan(value) else round(value, 3) for value in values.tolist()]
