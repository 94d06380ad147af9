"""The collector: feeds a run's trace records to all trackers and collects their metrics. Must not judge them."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rayos_model.contract.abi import EndReason, TraceKind
from rayos_model.contract.metric_units import METRIC_UNITS, OPERATIONS, QUANTILE_OF
from rayos_model.contract.trace_record import Records
from rayos_model.metrics.fault_ledger import FaultLedger
from rayos_model.metrics.histogram import LatencyHistogram
from rayos_model.metrics.metrics import OPERATION_KIND, Metrics, Value
from rayos_model.metrics.refusals import RefusalTracker
from rayos_model.metrics.resources import ResourceTracker
from rayos_model.metrics.storage import StorageTracker
from rayos_model.metrics.throughput import ThroughputCounter
from rayos_model.scenario.scenario import Scenario
from rayos_model.scenario.tables import NS


class MetricsCollector:
    """Computes all metrics from trace records, fed in the order written, in chunks of any size.

    Memory does not grow with the number of records: it holds one histogram per operation, a few numbers per second of
    the scenario, and the latencies of the last two seconds.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._warmup_ns = scenario.warmup_ns
        self._duration_ns = scenario.duration_ns
        self._histograms = {op: LatencyHistogram() for op in OPERATIONS}
        self._flips = ThroughputCounter(scenario, TraceKind.M_FLIP)
        self._dropped = ThroughputCounter(scenario, TraceKind.M_DROPPED)
        self._throughput = {
            name: ThroughputCounter(scenario, kind, 0 if kind == TraceKind.M_CLIENT_CREATION else None)
            for name, kind in _THROUGHPUT.items()
            if kind != TraceKind.M_DISK_REQUEST or scenario.machine.disk_mb
        }
        self._resources = ResourceTracker(scenario)
        self._storage = StorageTracker(scenario)
        self._refusals = RefusalTracker(scenario)
        seconds = np.arange(len(self._flips.seconds)) * NS
        self._measured_seconds = (seconds >= self._warmup_ns) & (seconds + NS <= self._duration_ns)
        self._p99_us = np.full(len(seconds), np.nan)
        self._recent: dict[int, list[NDArray[np.uint64]]] = {}
        self._clients = scenario.client_count
        self._killed = 0
        self._counts = dict.fromkeys((TraceKind.M_CRASH, TraceKind.M_HANG, TraceKind.M_PROTOCOL_ERROR), 0)
        self._faults = FaultLedger() if scenario.kind == "failure" else None

    def feed(self, records: Records) -> None:
        """Process records (one-dimensional, `TRACE_DTYPE`)."""
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
        for counter in (self._flips, self._dropped, *self._throughput.values()):
            if counter.kind in present:
                counter.feed(records)
        if TraceKind.M_CLIENT_DESTROYED in present:
            ended = records[(kinds == TraceKind.M_CLIENT_DESTROYED) & (records["subject"] < self._clients)]
            self._killed += int(np.count_nonzero(ended["arg"] == EndReason.KILLED))
        for kind in self._counts:
            self._counts[kind] += int(np.count_nonzero(kinds == kind))
        if self._faults is not None:
            self._faults.feed(records)
        self._resources.feed(records)
        self._storage.feed(records)
        self._refusals.feed(records)

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

    def result(self) -> Metrics:
        """The metrics of the records fed so far."""
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

        fps = self._flips.seconds[self._measured_seconds]
        if len(fps):
            put("frame_rate.mean", float(fps.mean()))
            put("frame_rate.min", float(fps.min()))
            put("frame_rate.max", float(fps.max()))
        flips, dropped = self._flips.measured, self._dropped.measured
        put("dropped_frames.percent", 100 * dropped / (flips + dropped) if flips + dropped else 0.0)
        for name, value in (self._resources.values() | self._storage.values()).items():
            put(name, value)
        put("clients.refused", self._refusals.refused)
        put("clients.killed", self._killed)
        put("crashes", self._counts[TraceKind.M_CRASH])
        put("hangs", self._counts[TraceKind.M_HANG])
        put("protocol_errors", self._counts[TraceKind.M_PROTOCOL_ERROR])
        if self._faults is not None:
            for name, amount in self._faults.metrics().items():
                put(name, amount)
        for name, counter in self._throughput.items():
            put(f"throughput.{name}", counter.per_second)

        table: dict[str, list[float | None]] = {
            "time_s": [float(second + 1) for second in range(len(self._p99_us))],
            "cpu_percent": _column(self._resources.cpu_percent),
            "memory_kb": _column(self._resources.memory_kb),
            "p99_us": _column(self._p99_us),
            "fps": _column(self._flips.seconds.astype(np.float64)),
            "dropped": _column(self._dropped.seconds.astype(np.float64)),
        }
        return Metrics(values, table, dict(self._histograms))


_THROUGHPUT: Final = {
    "frames": TraceKind.M_FLIP,
    "disk": TraceKind.M_DISK_REQUEST,
    "commits": TraceKind.M_BUFFER_COMMIT,
    "events": TraceKind.M_EVENT_DELIVERY,
    "clients": TraceKind.M_CLIENT_CREATION,
}
"""Name in `throughput.<name>` → kind of the records counted. An event is one queue-write to a client."""


def _column(values: NDArray[np.float64]) -> list[float | None]:
    return [None if math.isnan(value) else round(value, 3) for value in values.tolist()]
