"""Tolerances of predictions, per metric, each with its reason. Must not know how predictions are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rayos_model.contract.metric_units import OPERATIONS, QUANTILE_OF


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Largest error of a prediction: relative to the measured value, or in percentage points."""

    size: float
    relative: bool
    reason: str


PLANNING = Tolerance(0.05, True, "a planner's decision does not change within 5 %")
TAIL = Tolerance(0.10, True, "a thousandth of the samples: so few that one rank is several per cent")
_RATE = Tolerance(0.01, True, "fps are counted, not sampled: 1 % is less than one frame in a second")
_POINTS = Tolerance(2.0, False, "percentages of frames or CPU time are read in whole points")
_RECOVERY = Tolerance(0.10, True, "far below the five seconds within which any failure must be recovered from")

TOLERANCES: Final[Mapping[str, Tolerance]] = {
    **{
        f"{operation}.{quantile}": TAIL if quantile == "p999" else PLANNING
        for operation in OPERATIONS
        if operation != "presentation_jitter"  # multiples of the refresh to within ns: a ratio is meaningless
        for quantile in QUANTILE_OF
    },
    "frame_rate.mean": _RATE,
    "dropped_frames.percent": _POINTS,
    "cpu.mean": _POINTS,
    "memory.peak": PLANNING,
    **{f"recovery.time.{statistic}": _RECOVERY for statistic in ("mean", "p50", "p99", "max")},
    **{f"disk_request.{quantile}": PLANNING for quantile in ("p50", "p95", "p99")},
    "throughput.disk": PLANNING,
    "cache.hit_ratio": _POINTS,
}
"""Metric → tolerance, in the order shown."""
