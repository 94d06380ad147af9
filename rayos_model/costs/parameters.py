"""Calibrated parameters: the costs that the model spends. Calibration writes them, the model reads them.

A point is a tuple ``(label, *sizes)``. The segment between two points of one thread costs
``fixed_ns + Σ coefficient · size`` over the sizes in :data:`rayos_model.trace.points.SIZES` (of this point and of the
previous one) and ``depth``, the depth of the scheduler's heap of sleepers, through which a thread that sleeps or wakes
moves. Never edited by hand. Must not know how parameters are fitted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from rayos_model.contract import strict
from rayos_model.toolchain.atomic import written_aside

#: Probabilities at which the quantiles of a spread are kept, densely in the tails.
PROBABILITIES = (
    *(0.0, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85),
    *(0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.993, 0.996, 0.998, 0.999, 0.9995, 0.9999, 1.0),
)

MEDIAN = PROBABILITIES.index(0.5)

#: Bounds, ns, of the length classes of segments that move pixels. Each class has its own spread: a delay of the same
#: size is a smaller share of a longer segment.
LENGTHS_NS = (250_000, 1_000_000)
LENGTHS = ("0.25ms", "1ms", "longer")


#: Upper bound of any cost, ns (1000 s), and of any number of pages.
_MOST = 1e12

Cost = Annotated[float, Field(ge=0, le=_MOST)]
Correction = Annotated[float, Field(ge=-_MOST, le=_MOST)]
Spread = Annotated[tuple[Cost, ...], Field(max_length=len(PROBABILITIES))]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Segment(Frozen):
    """Cost of one kind of segment, with its uncertainty."""

    fixed_ns: Cost
    per_size_ns: dict[str, Cost] = Field(
        default_factory=dict, description="ns per unit of a size; sizes of the previous point as prev_*"
    )
    per_depth_ns: Cost = Field(default=0.0, description="ns per level of the scheduler's heap of sleepers")
    by_sizes_ns: dict[str, Correction] = Field(
        default_factory=dict,
        description="mean cost, ns, at frequent combinations of sizes; messages of one size are usually of one type",
    )
    spread: Spread = Field(
        default=(),
        description="quantiles, at PROBABILITIES, of measured over fitted cost; empty on a deterministic platform",
    )
    spread_by_cache_state: dict[str, Spread] = Field(
        default_factory=dict,
        description="spread per class of rayos_model.costs.cache_state.CACHE_STATES with enough observations",
    )
    spread_by_length: dict[str, Spread] = Field(
        default_factory=dict, description="segments that move pixels: spread around the median, per class of LENGTHS"
    )
    activity_slope: float = Field(
        default=0.0,
        ge=-100,
        le=100,
        description="slope of the cost's logarithm over recent activity (rayos_model.costs.cache_state)",
    )
    smp_ns: Correction = Field(default=0.0, description="additional cost on a machine with several CPUs")
    parallel_spread: Spread = Field(
        default=(), description="spread where CPUs run in parallel (MTTCG), regardless of the cache state"
    )
    observations: int = Field(ge=0)
    residual_std_ns: float = 0.0
    r_squared: float | None = None
    fixed_ci95_ns: tuple[float, float] | None = None
    per_size_ci95_ns: dict[str, tuple[float, float]] = Field(default_factory=dict)

    def by_length(self) -> tuple[tuple[float, ...], ...]:
        """Spread for each of `LENGTHS`: its own, else that of the nearest known length; empty if none is known."""
        known = [at for at, length in enumerate(LENGTHS) if length in self.spread_by_length]
        nearest = (min(known, key=lambda other: abs(other - at)) for at in range(len(LENGTHS)) if known)
        return tuple(self.spread_by_length[LENGTHS[at]] for at in nearest)

    def scaled(self, factor: float) -> Segment:
        """The segment on a host on which everything takes `factor` times as long, `smp_ns` included."""
        return self.model_copy(
            update={
                "fixed_ns": self.fixed_ns * factor,
                "per_size_ns": {name: rate * factor for name, rate in self.per_size_ns.items()},
                "per_depth_ns": self.per_depth_ns * factor,
                "by_sizes_ns": {sizes: cost * factor for sizes, cost in self.by_sizes_ns.items()},
                "smp_ns": self.smp_ns * factor,
            }
        )

    def on_smp(self) -> Segment:
        """The segment on a machine with several CPUs: `smp_ns` and `parallel_spread` applied."""
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
    """Costs of scheduling itself, ns; see :class:`rayos_model.model.cpu.thread.Overheads`."""

    dispatch_ns: Cost = Field(description="dispatching a thread")
    interrupt_ns: Cost = Field(description="handling an interrupt")
    idle_wake_ns: Cost = Field(description="from a timer deadline on an idle CPU to the switch away from idle; median")
    idle_wake_spread_ns: Spread = Field(default=(), description="quantiles of idle_wake_ns at PROBABILITIES")
    space_switch_ns: Cost = Field(default=0.0, description="switching to another client's address space")
    space_switch_used_ns: Cost = Field(default=0.0, description="added if the client before has drawn")
    space_switch_mapped_page_ns: Cost = Field(
        default=0.0, description="then added per page of shared memory that it has mapped"
    )
    space_switch_drawn_page_ns: Cost = Field(default=0.0, description="and per page that it has drawn to")
    cpu_search_ns: Cost = Field(default=0.0, description="examining one more CPU on behalf of a woken thread")
    ipi_wake_ns: Cost = Field(
        default=0.0, description="an idle CPU woken by an IPI: from the end of the sender's turn to the switch"
    )
    syscall_exit_ns: Cost = Field(default=0.0, description="from the end of recv() in a client to the end of its turn")
    bql_hold_ns: Cost = Field(default=0.0, description="hold time of the Big QEMU Lock (BQL) per exit to QEMU")
    block_lock_hold_ns: Cost = Field(default=0.0, description="hold time of the kernel lock before a client blocks")
    service_lock_hold_ns: Cost = Field(
        default=0.0, description="hold time of the kernel lock until the compositor has queued events"
    )
    idle_lock_hold_ns: Cost = Field(
        default=0.0, description="hold time of the kernel lock after a block that leaves a CPU idle"
    )
    dispatch_ci95_ns: tuple[float, float] | None = None
    interrupt_ci95_ns: tuple[float, float] | None = None
    idle_wake_ci95_ns: tuple[float, float] | None = None

    def scaled(self, pace: float) -> Scheduling:
        """The costs on a host on which everything takes `pace` times as long; confidence intervals are not scaled."""
        costs = {name: cost * pace for name, cost in self if isinstance(cost, float)}
        spread = tuple(ns * pace for ns in self.idle_wake_spread_ns)
        return self.model_copy(update={**costs, "idle_wake_spread_ns": spread})


class Memory(Frozen):
    """Pages in use = base + framebuffers + pages per client + pages per page of shared memory.

    The base is that of a machine with 256 MB.
    """

    base_pages: Cost
    pages_per_client: Cost
    pages_per_shm_page: Cost
    residual_std_pages: float = 0.0
    pages_per_client_ci95: tuple[float, float] | None = None
    pages_per_shm_page_ci95: tuple[float, float] | None = None


class Parameters(Frozen):
    """All calibrated parameters of one platform."""

    platform: str
    provenance: dict[str, Any]
    scheduling: Scheduling
    memory: Memory
    segments: dict[str, Segment] = Field(description="'thread.previous>this' -> cost")
    kinds: dict[str, Segment] = Field(
        description="'thread.this' -> cost regardless of the previous point; for pairs never observed"
    )
    persistence: dict[int, Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=dict,
        description="time constant, ns -> share of the variance of the costs' normal scores that decays with it",
    )
    pace_ns: dict[str, Cost] = Field(
        default_factory=dict, description="pair -> median CPU time, ns, in the runs that measured the host's pace"
    )
    host_parallelism: int = Field(
        default=1, ge=1, le=4096, description="CPUs that run in parallel (MTTCG); 1: they take turns"
    )
    host_slice_ns: int = Field(default=4_000_000, ge=1, le=_MOST, description="time slice of the host's scheduler")
    host_tick_ns: int = Field(
        default=4_000_000, ge=1, le=_MOST, description="time after which the host preempts a thread on a busy core"
    )
    host_wake_ns: int = Field(
        default=0, ge=0, le=_MOST, description="delay from waking a thread to running it on an idle host core"
    )
    host_switch_ns: int = Field(default=0, ge=0, le=_MOST, description="context switch of a host core")

    def on_smp(self) -> Parameters:
        """The parameters of a machine with several CPUs, on which some segments cost more."""
        segments = {pair: segment.on_smp() for pair, segment in self.segments.items()}
        return self.model_copy(update={"segments": segments})

    def scaled(self, pace: float, of_pair: Mapping[str, float] | None = None) -> Parameters:
        """The parameters of the host while everything takes `pace` times as long; `of_pair` overrides it per pair."""
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
        """Reads a parameters file. Raises `BadInput` with file, key and expectation."""
        return strict.read(path, TypeAdapter(cls))

    def dump(self, path: Path) -> None:
        """Writes the file as indented JSON with sorted keys. Raises `StorageFailure`."""
        with written_aside(path, "the parameters") as aside:
            aside.write_text(json.dumps(self.model_dump(), indent=1, sort_keys=True) + "\n", "utf-8")
