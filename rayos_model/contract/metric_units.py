"""Names and units of all metrics, and conversion between units of one dimension. Must not know how any is computed."""

from __future__ import annotations

from typing import Final

OPERATIONS: Final = (
    *("commit_to_present", "buffer_commit", "event_delivery"),
    *("client_creation", "input_round_trip", "composition", "disk_request", "presentation_jitter", "configure"),
)
"""Operations with a latency histogram; docs/reference/metrics.md defines them."""

STATISTICS: Final = ("mean", "p50", "p95", "p99", "p999", "max", "count")

QUANTILE_OF: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999}

METRIC_UNITS: Final[dict[str, str]] = {
    **{f"{op}.{stat}": "" if stat == "count" else "us" for op in OPERATIONS for stat in STATISTICS},
    **{f"frame_rate.{stat}": "fps" for stat in ("mean", "min", "max")},
    "dropped_frames.percent": "%",
    "cpu.mean": "%",
    "cpu.max": "%",
    "memory.peak": "kb",
    "memory.baseline": "kb",
    "memory.final": "kb",
    "memory.leak": "kb",
    "memory.growth": "kb/h",
    "fragmentation.max": "%",
    "clients.refused": "",
    "clients.killed": "",
    "crashes": "",
    "hangs": "",
    "protocol_errors": "",
    "faults.injected": "",
    "faults.undetected": "",
    "faults.unrecovered": "",
    "cascades": "",
    **{f"{time}.time.{stat}": "us" for time in ("detection", "recovery") for stat in ("mean", "p50", "p99", "max")},
    "allocations.pages": "/s",
    "allocations.heap": "/s",
    "disk.retries": "",
    "disk.errors": "",
    "disk.corrupt": "",
    "disk.verified": "",
    "cache.hit_ratio": "%",
    "memory.reclaimed": "kb",
    "memory.refused": "",
    "throughput.frames": "/s",
    "throughput.disk": "/s",
    "throughput.commits": "/s",
    "throughput.events": "/s",
    "throughput.clients": "/s",
}
"""Metric → unit of its stored value; "" for a plain count."""

_SCALES: Final[dict[str, dict[str, float]]] = {
    "us": {"us": 1.0, "µs": 1.0, "ns": 1e-3, "ms": 1e3, "s": 1e6},
    "kb": {"kb": 1.0, "mb": 1024.0},
    "kb/h": {"kb/h": 1.0, "mb/h": 1024.0},
    "%": {"%": 1.0},
    "fps": {"fps": 1.0, "": 1.0},
    "/s": {"/s": 1.0, "": 1.0},
    "": {"": 1.0},
}


def accepted_units(unit: str) -> dict[str, float]:
    """Unit in which a metric stored in `unit` may be written → factor to `unit`. Only counts and rates may omit it."""
    return _SCALES[unit]
