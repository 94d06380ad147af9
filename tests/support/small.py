"""Small scenarios and traces, and a system that plays a trace."""

from __future__ import annotations

from typing import Any

import numpy as np

from rayos_model.contract.abi import TraceKind
from rayos_model.contract.trace_record import Records
from rayos_model.run.system import Progress, ProgressFn
from rayos_model.run.writer import RunWriter
from rayos_model.scenario.scenario import Scenario, from_dict
from rayos_model.scenario.tables import NS
from rayos_model.trace.parquet import record


def small_scenario(**changes: Any) -> Scenario:
    """One rendering client for 5 s, measured from 1 s on; `changes` replaces top-level keys."""
    base: dict[str, Any] = {
        "name": "small",
        "kind": "soak",
        "duration_s": 5,
        "warmup_s": 1,
        "clients": [{"workload": "rendering"}],
    }
    return from_dict({**base, **changes})


def small_trace(flips_a_second: int = 60, latency_ns: int = 5_000_000, leak_pages: int = 0) -> Records:
    """What a healthy run of `small_scenario` leaves: flips, latencies, snapshots, the memory balance."""
    parts = [record(0, TraceKind.M_BASELINE, arg=1000), record(0, TraceKind.M_CLIENT_CREATED)]
    for second in range(5):
        for flip in range(flips_a_second):
            at = second * NS + (2 * flip + 1) * NS // (2 * flips_a_second)
            parts.append(record(at, TraceKind.M_COMMIT_TO_PRESENT, arg=latency_ns))
            parts.append(record(at, TraceKind.M_FLIP, arg=second * flips_a_second + flip))
        end = (second + 1) * NS + 700
        parts += [record(end, TraceKind.M_IDLE, arg=3 * NS // 4), record(end, TraceKind.M_PAGES, arg=1100)]
        parts.append(record(end, TraceKind.M_FREE_BLOCK, subject=2000, arg=1500))
    parts += [record(6 * NS, TraceKind.M_PAGES_PEAK, arg=1200), record(6 * NS, TraceKind.M_CLIENT_DESTROYED)]
    parts.append(record(6 * NS, TraceKind.M_LEAK, arg=leak_pages))
    return np.concatenate(parts)


class RecordedSystem:
    """A system that plays a given trace, or fails with a given exception after it."""

    def __init__(self, records: Records, name: str = "model", failure: BaseException | None = None) -> None:
        self.name = name
        self._records = records
        self._failure = failure

    def run(self, scenario: Scenario, writer: RunWriter, progress: ProgressFn) -> None:
        writer.marker(f"RAYOS_SOAK:START:{scenario.client_count}:{scenario.duration_s:.0f}")
        for event in ("CREATED", "DESTROYED"):
            for client in range(scenario.client_count):
                writer.marker(f"RAYOS_SOAK:CLIENT_{event}:{client}")
        writer.trace(self._records)
        progress(Progress(scenario.duration_ns, scenario.duration_ns, 60.0))
        if self._failure is not None:
            raise self._failure
        writer.marker("RAYOS_SOAK:COMPLETE:pass")
        writer.provenance(platform="icount")


def mixture() -> Scenario:
    """Six clients of four workloads for 2 s."""
    groups: list[dict[str, Any]] = [
        {"workload": "rendering", "count": 2, "surface": [128, 96], "think": {"dist": "exponential", "mean_us": 800}},
        {"workload": "input", "surface": [100, 80], "rate_hz": 20},
        {"workload": "surface_creation", "surface": [64, 48], "rate_hz": 4, "lifetime_s": 1},
        {"workload": "drag_drop", "count": 2, "surface": [64, 48], "rate_hz": 2},
    ]
    return small_scenario(duration_s=2, clients=groups, machine={"ping_interval_s": 0.5, "hang_timeout_s": 0.4})
