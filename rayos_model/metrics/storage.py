"""Metrics of the disk, its buffer cache, and reclaimed or refused memory. Must not know which system made the trace."""

from __future__ import annotations

from typing import Final

import numpy as np

from rayos_model.contract.abi import TraceKind
from rayos_model.contract.macros import PAGE_KB
from rayos_model.contract.trace_record import Records
from rayos_model.scenario.scenario import Scenario


class StorageTracker:
    """Counts over the whole run; the cache's hit ratio covers warm-up's end to the scenario's end."""

    def __init__(self, scenario: Scenario) -> None:
        self._disk = scenario.machine.disk_mb > 0
        self._memory_load = scenario.load.memory_fraction > 0
        self._start_ns, self._end_ns = scenario.warmup_ns, scenario.duration_ns
        self._counts = dict.fromkeys(_COUNTED, 0)
        self._hits = self._misses = self._reclaimed_pages = self._wrong = self._verified = 0

    def feed(self, records: Records) -> None:
        """Process records (one-dimensional, `TRACE_DTYPE`); other kinds are ignored."""
        kinds = records["kind"]
        for kind in _COUNTED:
            self._counts[kind] += int(np.count_nonzero(kinds == kind))
        self._reclaimed_pages += int(records["arg"][kinds == TraceKind.M_RECLAIM].sum())
        verified = records[kinds == TraceKind.M_VERIFIED]
        self._wrong += int(verified["subject"].sum())
        self._verified += int(verified["arg"].sum())
        times = records["time_ns"]
        cache = records[
            (kinds == TraceKind.M_CACHE) & (times > self._start_ns) & (times <= self._end_ns + _SNAPSHOT_NS)
        ]
        self._hits += int(cache["subject"].sum())
        self._misses += int(cache["arg"].sum())

    def values(self) -> dict[str, float]:
        """Metric → value, units as in `METRIC_UNITS`; only those of devices and load in the scenario."""
        values: dict[str, float] = {}
        counts = self._counts
        if self._disk:
            values["disk.retries"] = counts[TraceKind.M_DISK_RETRY]
            values["disk.errors"] = counts[TraceKind.M_DISK_ERROR]
            values["disk.corrupt"] = counts[TraceKind.M_CORRUPT] + self._wrong
            values["disk.verified"] = self._verified
            if self._hits + self._misses:
                values["cache.hit_ratio"] = 100 * self._hits / (self._hits + self._misses)
        if self._disk or self._memory_load:
            values["memory.reclaimed"] = self._reclaimed_pages * PAGE_KB
            values["memory.refused"] = counts[TraceKind.M_REFUSED]
        return values


_COUNTED: Final = (TraceKind.M_DISK_RETRY, TraceKind.M_DISK_ERROR, TraceKind.M_CORRUPT, TraceKind.M_REFUSED)
_SNAPSHOT_NS: Final = 10_000_000
"""A snapshot is written shortly after the end of its second."""
