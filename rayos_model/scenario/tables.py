"""Tables of a scenario file with defaults and bounds. Must not know the scenario as a whole."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rayos_model.contract.abi import LOAD_STEPS, MAX_CLIENTS, PIPE_BYTES
from rayos_model.contract.fault_kinds import CLIENTLESS, FAULT_VARIANTS, LASTING, FaultKindName
from rayos_model.scenario.distribution import ZERO, Constant, Distribution, Exponential

NS: Final = 1_000_000_000

LONGEST_S: Final = 30 * 86_400
"""Upper bound of every time in a scenario, s: 30 days."""
SHORTEST_S: Final = 0.001
"""Lower bound of a time that must not be 0, s."""
MAX_RULES: Final = 256
"""Upper bound of the number of constraints and of criteria."""

Instant = Annotated[float, Field(ge=0, le=LONGEST_S)]
Pattern = Annotated[str, Field(min_length=1, max_length=200)]
Span = Annotated[float, Field(ge=SHORTEST_S, le=LONGEST_S)]

WorkloadName = Literal[
    "rendering", "input", "surface_creation", "drag_drop", "idle", "media", "clipboard", "editor", "surge", "resize"
]
ActionName = Literal[
    "theme_change",
    "close",
    "restore",
    "maximize",
    "unmaximize",
    "fullscreen",
    "unfullscreen",
    "minimize",
    "resize",
    "surge",
]
KindName = Literal["soak", "stress", "failure", "performance", "integration"]

DEFAULT_RATE_HZ: Final[dict[str, float]] = {
    "rendering": 60.0,
    "input": 10.0,
    "surface_creation": 1.0,
    "drag_drop": 0.5,
    "idle": 0.0,
    "media": 30.0,
    "clipboard": 1.0,
    "editor": 5.0,
    "surge": 60.0,
    "resize": 1.0,
}
"""Workload → default actions per second and client."""

_GAPPED: Final = ("input", "surface_creation", "drag_drop", "clipboard", "editor", "resize")
_TYPED_IN: Final = ("input", "editor")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Machine(_Part):
    """The machine and its scheduler."""

    vcpus: int = Field(default=1, ge=1, le=16, description="number of CPUs")
    memory_mb: int = Field(default=256, ge=32, le=65536)
    quantum_us: int = Field(default=10_000, ge=100, le=10_000_000, description="round-robin time slice")
    compositor_priority: int = Field(default=20, ge=1, le=24)
    disk_mb: int = Field(default=0, ge=0, le=4096, description="size of the disk; 0: the machine has none")
    disk_latency_us: float = Field(default=80.0, ge=0, le=1e6, description="fixed service time of each request")
    disk_mb_per_s: float = Field(
        default=2000.0, ge=1, le=1e6, description="bandwidth of each channel; 1 MB = 10^6 bytes"
    )
    disk_channels: int = Field(default=8, ge=1, le=64, description="requests served in parallel")
    cache_mb: int = Field(default=8, ge=1, le=4096, description="capacity of the disk's buffer cache")
    socket_bytes: int = Field(default=16_384, ge=8192, le=1 << 20, description="capacity of each direction of a socket")
    jitter_seed: int = Field(
        default=0, ge=0, lt=1 << 32, description="varies each quantum, to explore other interleavings; 0: exact quanta"
    )
    ipi_delay_seed: int = Field(
        default=0,
        ge=0,
        lt=1 << 32,
        description="delays IPIs, to explore other interleavings; 0: no delay",
    )
    ping_interval_s: Span = 5.0
    hang_timeout_s: Span = 4.0
    respawn_ms: float = Field(
        default=100.0, ge=0.01, le=1e6, description="delay before a client lost to a fault is respawned"
    )
    scrub_interval_ms: float = Field(
        default=100.0, ge=1, le=1e6, description="interval between checks of the heap's red zones"
    )
    lock_timeout_s: float = Field(
        default=2.0, ge=0, le=1e6, description="the owner of a contended mutex counts as hung after this; 0: never"
    )


class Limits(_Part):
    """Limits per client; 0: no limit."""

    client_memory_kb: int = Field(default=0, ge=0, le=1 << 21, description="shared memory")
    client_surfaces: int = Field(default=0, ge=0, le=1 << 20)
    client_pools: int = Field(default=0, ge=0, le=1 << 20)


RECOVERY_LIMIT_S: Final = 5.0
"""Time limit of any recovery, s; the default of a fault's `end_s` is this long before the end."""


class Network(_Part):
    """A network with a remote display, to which the server sends the screen's content at each heartbeat."""

    heartbeat_ms: float = Field(default=100.0, ge=1, le=1e6)
    timeout_ms: float = Field(
        default=350.0, ge=1, le=1e6, description="the session is lost after this time without an answer"
    )
    latency_us: float = Field(default=200.0, ge=0, le=1e6, description="one-way latency")

    @model_validator(mode="after")
    def _heartbeats_are_answered_in_time(self) -> Self:
        if self.timeout_ms < 2 * self.heartbeat_ms:
            raise ValueError(
                f"expected timeout_ms of at least two heartbeats ({2 * self.heartbeat_ms:g}), got {self.timeout_ms:g}"
            )
        if self.latency_us >= 500 * self.heartbeat_ms:
            raise ValueError(
                f"expected latency_us below half a heartbeat ({500 * self.heartbeat_ms:g}), got {self.latency_us:g}"
            )
        return self


class Fault(_Part):
    """A source of faults: a single one at `at_s`, or `rate_hz` per second, each at a random instant of its period."""

    kind: FaultKindName
    variant: str | None = Field(default=None, description="variant of the kind; default: random")
    target: int | Literal["random"] = Field(default="random", description="a client id, or random")
    group: int | None = Field(default=None, ge=0, description="index of [[clients]] to draw the target from")
    at_s: Instant | None = None
    rate_hz: float | None = Field(default=None, ge=1e-6, le=1000)
    count: int = Field(default=(1 << 32) - 1, ge=1, lt=1 << 32, description="most faults of this source")
    duration_s: Span | None = Field(default=None, description=f"only for {', '.join(LASTING)}")
    start_s: Instant = 0.0
    end_s: Span | None = Field(default=None, description="default: 5 s (recovery limit) before the end")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.at_s is None) == (self.rate_hz is None):
            raise ValueError("expected either at_s (one fault) or rate_hz (faults per second)")
        if self.at_s is not None and (self.start_s or self.end_s is not None):
            raise ValueError("expected start_s and end_s only together with rate_hz")
        if (self.kind in LASTING) != (self.duration_s is not None):
            raise ValueError(f"expected duration_s with kind {' or '.join(LASTING)}, and only there")
        if self.kind in CLIENTLESS and (self.target != "random" or self.group is not None):
            raise ValueError(f"{self.kind} strikes no client: expected neither target nor group")
        if self.target != "random" and self.group is not None:
            raise ValueError('expected group only with target = "random"')
        variants = FAULT_VARIANTS[self.kind]
        if self.variant is not None and self.variant not in variants:
            raise ValueError(f"variant: expected one of {', '.join(variants)}, got {self.variant!r}")
        return self


class Display(_Part):
    """The screen."""

    width: int = Field(default=1280, ge=64, le=7680, description="pixels")
    height: int = Field(default=720, ge=64, le=4320, description="pixels")
    refresh_hz: float = Field(default=60.0, ge=1, le=1000)
    repaint_window_us: int = Field(
        default=7000, ge=1, le=1_000_000, description="time from the start of composition to the vblank"
    )

    @model_validator(mode="after")
    def _window_fits(self) -> Self:
        if self.repaint_window_us >= 1e6 / self.refresh_hz:
            raise ValueError(
                f"expected repaint_window_us below the refresh period ({1e6 / self.refresh_hz:.0f} µs), "
                f"got {self.repaint_window_us}"
            )
        return self


class Input(_Part):
    """Source of the events for clients of workload input."""

    source: Literal["seat", "device"] = Field(
        default="seat", description="the seat itself, or emulated input devices driven by the host"
    )


class ClientGroup(_Part):
    """`count` equal clients. `gap`: times between actions; `think`: times between an event and the reaction."""

    count: int = Field(default=1, ge=1, le=MAX_CLIENTS)
    workload: WorkloadName
    surface: tuple[Annotated[int, Field(ge=1, le=7680)], Annotated[int, Field(ge=1, le=4320)]] = (256, 256)
    rate_hz: float | None = Field(
        default=None, ge=1e-6, le=10_000, description="actions per second; default by workload"
    )
    damage: float | None = Field(
        default=None, ge=0, le=1, description="share of the surface's rows repainted per frame"
    )
    think: Distribution = ZERO
    gap: Distribution | None = None
    start_s: Instant = 0.0
    stagger_ms: float = Field(
        default=10.0, ge=0, le=1000 * LONGEST_S, description="time between the starts of successive clients"
    )
    lifetime_s: Span | None = Field(default=None, description="a client exits after this and is respawned")
    priority: int = Field(default=10, ge=1, le=24)
    transfer_bytes: int = Field(
        default=1024, ge=1, le=1 << 20, description="size of the dropped data, or of the largest copy"
    )

    @model_validator(mode="after")
    def _fits_workload(self) -> Self:
        if self.workload == "idle" and self.rate_hz is not None:
            raise ValueError("an idle client takes no rate_hz; leave it out")
        if self.workload != "clipboard" and self.transfer_bytes > PIPE_BYTES:
            raise ValueError(f"expected transfer_bytes of at most {PIPE_BYTES}, got {self.transfer_bytes}")
        if self.workload == "clipboard" and self.count % 2:
            raise ValueError(
                f"expected an even count, because every second client pastes from the one before, got {self.count}"
            )
        if self.workload not in _GAPPED and self.gap is not None:
            raise ValueError(f"a {self.workload} client takes no gap; leave it out")
        if self.workload in _GAPPED and self.gap_or_default.table()[1] == 0:
            raise ValueError("expected a gap whose quantile at 1/1024 is above 0, got 0")
        return self

    @property
    def rate(self) -> float:
        """Actions per second; 0 for idle."""
        return DEFAULT_RATE_HZ[self.workload] if self.rate_hz is None else self.rate_hz

    @property
    def damage_share(self) -> float:
        """Share of the surface's rows repainted per frame."""
        return (0.25 if self.workload in _TYPED_IN else 1.0) if self.damage is None else self.damage

    @property
    def gap_or_default(self) -> Distribution:
        """Gap between actions; default: exponential for input and editor, else constant, with mean 1/rate."""
        if self.gap is not None:
            return self.gap
        if self.workload not in _GAPPED:
            return ZERO
        mean_us = 1e6 / self.rate
        return Exponential(mean_us=mean_us) if self.workload in _TYPED_IN else Constant(value_us=mean_us)

    @property
    def last_start_s(self) -> float:
        """Start time of the group's last client, s."""
        return self.start_s + (self.count - 1) * self.stagger_ms / 1000


class Load(_Part):
    """Background load. With `steps`, each level (a share of the full load) is applied for `step_s`, in order."""

    cpu_threads: int = Field(default=0, ge=0, le=256, description="compute-bound threads")
    cpu_priority: int = Field(default=10, ge=1, le=24)
    memory_fraction: float = Field(default=0.0, ge=0, le=1, description="target memory utilisation")
    disk_iops: int = Field(default=0, ge=0, le=10_000_000, description="disk requests per second, IOPS")
    disk_depth: int = Field(default=8, ge=1, le=64, description="number of I/O workers: disk requests in flight")
    steps: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(default=(), max_length=LOAD_STEPS)
    step_s: int = Field(default=5, ge=1, le=3600, description="duration of each step, whole seconds")
    latency_limit_ms: float | None = Field(
        default=None,
        ge=0.001,
        le=1e6,
        description="a second with a higher commit-to-present p99 lowers the load by one step",
    )
    max_slope: float = Field(
        default=2.0,
        gt=0,
        le=1e6,
        description="largest rise of the p99 ratio per unit of load at which degradation is graceful",
    )

    @property
    def processes(self) -> int:
        """Number of processes of the full load."""
        return self.cpu_threads + (self.disk_depth if self.disk_iops else 0) + (self.memory_fraction > 0)

    @property
    def any(self) -> bool:
        """Whether there is any load."""
        return bool(self.cpu_threads or self.memory_fraction or self.disk_iops)


class TimelineEvent(_Part):
    """An event for clients at a given time (to the nanosecond); `enum action` of kernel/abi.h."""

    at_s: Instant
    action: ActionName
    group: int | None = Field(default=None, ge=0, description="index of [[clients]]; default: all clients")
    value: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="theme_change: 1 or 2, default the other theme; resize: steps, default 16",
    )

    @model_validator(mode="after")
    def _fits_action(self) -> Self:
        if self.value is not None and self.action not in ("theme_change", "resize"):
            raise ValueError(f"{self.action} takes no value; leave it out")
        if self.action == "theme_change" and self.value not in (None, 1, 2):
            raise ValueError(f"expected value 1 or 2 with theme_change, got {self.value}")
        return self


class Constraint(_Part):
    """A rule about the order of a run's moments, which are named by patterns (`rayos_model.verdict.timeline`).

    With `within_s`: each `first` is followed by a `then` within that time. With `never`: no such moment occurs between
    a `first` and the next `then`. Otherwise: both occur, the first `first` before the first `then`.
    """

    first: Pattern
    then: Pattern
    within_s: float | None = Field(default=None, ge=1e-9, le=LONGEST_S)
    never: Pattern | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.within_s is not None and self.never is not None:
            raise ValueError("expected within_s or never, got both")
        return self
