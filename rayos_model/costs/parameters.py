"""Calibrated parameters: what the model spends. Written by calibration, read by the model, edited by nobody.

A point is a tuple ``(label, *sizes)``; the segment between two points of one thread costs
``fixed_ns + Σ coefficient · size`` over the sizes named in :data:`SIZES` (this point's, then the previous point's)
and ``depth``, the depth of the scheduler's heap of sleepers: a thread that sleeps or is woken moves through it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from rayos_model.toolchain.atomic import written_aside

#: Where the quantiles of a spread are kept, tails closely.
PROBABILITIES = (
    *(0.0, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85),
    *(0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.993, 0.996, 0.998, 0.999, 0.9995, 0.9999, 1.0),
)

MEDIAN = PROBABILITIES.index(0.5)

#: By how long they take, ns, segments that move pixels have a spread of their own: what holds a long one up is a lesser
#: share of it.
LENGTHS_NS = (250_000, 1_000_000)
LENGTHS = ("0.25ms", "1ms", "longer")


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Segment(Frozen):
    """Cost of one kind of segment, with how well it is known."""

    fixed_ns: float
    per_size_ns: dict[str, float] = Field(default_factory=dict, description="ns per unit; previous point's as prev_*")
    per_depth_ns: float = Field(default=0.0, description="ns per level of the scheduler's heap of sleepers")
    by_sizes_ns: dict[str, float] = Field(
        default_factory=dict, description="mean cost at sizes seen often: messages of one size are of one type"
    )
    spread: tuple[float, ...] = Field(
        default=(), description="quantiles, at PROBABILITIES, of measured over fitted cost; none where costs repeat"
    )
    spread_by_cache_state: dict[str, tuple[float, ...]] = Field(
        default_factory=dict,
        description="its quantiles for each of rayos_model.costs.cache_state.CACHE_STATES that was seen often",
    )
    spread_by_length: dict[str, tuple[float, ...]] = Field(
        default_factory=dict, description="where pixels are moved, its quantiles about the median for each of LENGTHS"
    )
    activity_slope: float = Field(
        default=0.0,
        description="change of the cost's logarithm with activity (rayos_model.costs.cache_state), where it varies",
    )
    smp_ns: float = Field(default=0.0, description="what it costs more where there are several processors")
    parallel_spread: tuple[float, ...] = Field(
        default=(), description="its spread where several processors run at once, whatever the circumstances"
    )
    observations: int
    residual_std_ns: float = 0.0
    r_squared: float | None = None
    fixed_ci95_ns: tuple[float, float] | None = None
    per_size_ci95_ns: dict[str, tuple[float, float]] = Field(default_factory=dict)

    def by_length(self) -> tuple[tuple[float, ...], ...]:
        """For each of `LENGTHS`, the spread of segments that long, or else of those nearest to it; none if none is."""
        known = [at for at, length in enumerate(LENGTHS) if length in self.spread_by_length]
        nearest = (min(known, key=lambda other: abs(other - at)) for at in range(len(LENGTHS)) if known)
        return tuple(self.spread_by_length[LENGTHS[at]] for at in nearest)

    def scaled(self, pace: float) -> Segment:
        """The same where everything takes `pace` times as long."""
        return self.model_copy(
            update={
                "fixed_ns": self.fixed_ns * pace,
                "per_size_ns": {name: rate * pace for name, rate in self.per_size_ns.items()},
                "per_depth_ns": self.per_depth_ns * pace,
                "by_sizes_ns": {sizes: cost * pace for sizes, cost in self.by_sizes_ns.items()},
                "smp_ns": self.smp_ns * pace,
            }
        )

    def on_smp(self) -> Segment:
        """The same on a machine with several processors."""
        changes: dict[str, Any] = {}
        if self.smp_ns:
            by_sizes = {sizes: cost + self.smp_ns for sizes, cost in self.by_sizes_ns.items()}
            changes = {"fixed_ns": self.fixed_ns + self.smp_ns, "by_sizes_ns": by_sizes}
        if self.parallel_spread:
            changes |= {
                "spread": self.parallel_spread,
                "spread_by_cache_state": {},
                "spread_by_length": {},
                "activity_slope": 0.0,
            }
        return self.model_copy(update=changes) if changes else self


class Scheduling(Frozen):
    """Costs of scheduling itself, ns; see :class:`rayos_model.model.processor.Overheads`."""

    dispatch_ns: float
    interrupt_ns: float
    idle_wake_ns: float
    idle_wake_spread_ns: tuple[float, ...] = Field(default=(), description="its quantiles at PROBABILITIES, likewise")
    space_switch_ns: float = Field(default=0.0, description="replacing a client's address space by another's")
    space_switch_used_ns: float = Field(default=0.0, description="... more if the client has drawn since it was loaded")
    space_switch_mapped_page_ns: float = Field(
        default=0.0, description="... then more for each page of shared memory it has"
    )
    space_switch_drawn_page_ns: float = Field(default=0.0, description="... and for each of them that it drew to")
    cpu_search_ns: float = Field(
        default=0.0, description="looking at one further processor for a thread that was woken"
    )
    ipi_wake_ns: float = Field(
        default=0.0, description="an idle processor told by another: from the end of that one's turn to the switch"
    )
    syscall_exit_ns: float = Field(default=0.0, description="from the end of a client's recv to the end of its turn")
    bql_hold_ns: float = Field(default=0.0, description="for how long what passes through QEMU keeps its lock")
    block_lock_hold_ns: float = Field(
        default=0.0, description="how long the kernel lock is held before a client blocks"
    )
    service_lock_hold_ns: float = Field(default=0.0, description="... before the compositor has queued events")
    idle_lock_hold_ns: float = Field(default=0.0, description="... from a block that leaves a processor idle on")
    dispatch_ci95_ns: tuple[float, float] | None = None
    interrupt_ci95_ns: tuple[float, float] | None = None
    idle_wake_ci95_ns: tuple[float, float] | None = None

    def scaled(self, pace: float) -> Scheduling:
        """The same where everything takes `pace` times as long; its intervals are left as they were fitted."""
        costs = {name: cost * pace for name, cost in self if isinstance(cost, float)}
        spread = tuple(ns * pace for ns in self.idle_wake_spread_ns)
        return self.model_copy(update={**costs, "idle_wake_spread_ns": spread})


class Memory(Frozen):
    """Pages in use = base + framebuffers + per client + per shared-memory page; the base of a machine with 256 MB."""

    base_pages: float
    pages_per_client: float
    pages_per_shm_page: float
    residual_std_pages: float = 0.0
    pages_per_client_ci95: tuple[float, float] | None = None
    pages_per_shm_page_ci95: tuple[float, float] | None = None


class Parameters(Frozen):
    """Everything the model takes from calibration for one platform."""

    platform: str
    provenance: dict[str, Any]
    scheduling: Scheduling
    memory: Memory
    segments: dict[str, Segment] = Field(description="'thread.previous>this' -> cost")
    kinds: dict[str, Segment] = Field(
        description="'thread.this' -> cost whatever came before; for pairs never observed"
    )
    persistence: dict[int, float] = Field(
        default_factory=dict,
        description="time constant, ns -> share of the variance of costs (of their normal scores) that lasts so long",
    )
    pace_ns: dict[str, float] = Field(
        default_factory=dict, description="median CPU time of segments in the runs that told the host's pace"
    )
    host_parallelism: int = Field(default=1, description="processors that run at once; 1: they take turns")
    host_slice_ns: int = Field(default=4_000_000, description="slice of the host's scheduler")
    host_tick_ns: int = Field(default=4_000_000, description="after which the host takes a core from who had its slice")
    host_wake_ns: int = Field(default=0, description="until an idle core of the host runs a thread that was woken")
    host_switch_ns: int = Field(default=0, description="that a core of the host takes to run another thread")

    def on_smp(self) -> Parameters:
        """The parameters of a machine with several processors, whose kernel does more between some points."""
        segments = {pair: segment.on_smp() for pair, segment in self.segments.items()}
        return self.model_copy(update={"segments": segments})

    def scaled(self, pace: float, of_pair: Mapping[str, float] | None = None) -> Parameters:
        """The parameters of the same host while things take `pace` times as long, or what `of_pair` says of a pair."""
        known = of_pair or {}
        return self.model_copy(
            update={
                "segments": {pair: one.scaled(known.get(pair, pace)) for pair, one in self.segments.items()},
                "kinds": {kind: segment.scaled(pace) for kind, segment in self.kinds.items()},
                "scheduling": self.scheduling.scaled(pace),
                "host_switch_ns": round(self.host_switch_ns * pace),
            }
        )

    @classmethod
    def load(cls, path: Path) -> Parameters:
        """Reads a parameters file; raises OSError or ValueError (pydantic) when it is missing or malformed."""
        return cls.model_validate_json(path.read_text("utf-8"))

    def dump(self, path: Path) -> None:
        """Writes the file as indented JSON. Raises `StorageFailure`."""
        with written_aside(path, "the parameters") as aside:
            aside.write_text(json.dumps(self.model_dump(), indent=1, sort_keys=True) + "\n", "utf-8")
