"""Counts of records per second of the scenario. Must not know which system made the trace."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rayos_model.contract.abi import TraceKind
from rayos_model.contract.trace_record import Records
from rayos_model.scenario.scenario import Scenario
from rayos_model.scenario.tables import NS


class ThroughputCounter:
    """Counts records of one kind, per second and within the measured time.

    `seconds`, of shape (⌈duration in s⌉,), has the count of each second of the whole run. `measured` is the count from
    `start_ns` (default: the end of warm-up) to the scenario's duration.
    """

    def __init__(self, scenario: Scenario, kind: TraceKind, start_ns: int | None = None) -> None:
        self.kind: Final = kind
        self.seconds: NDArray[np.int64] = np.zeros(max(1, math.ceil(scenario.duration_s)), dtype=np.int64)
        self.measured = 0
        self._start_ns = scenario.warmup_ns if start_ns is None else start_ns
        self._end_ns = scenario.duration_ns

    def feed(self, records: Records) -> None:
        """Process records (one-dimensional, `TRACE_DTYPE`); other kinds are ignored."""
        times = records["time_ns"][records["kind"] == self.kind].astype(np.int64)
        times = times[times < self._end_ns]
        self.seconds += np.bincount(times // NS, minlength=len(self.seconds))
        self.measured += int(np.count_nonzero(times >= self._start_ns))

    @property
    def per_second(self) -> float:
        """Mean rate over the measured time, 1/s."""
        return self.measured * NS / (self._end_ns - self._start_ns)
