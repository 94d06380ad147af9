"""The tables of a scenario file: machine, limits, display, clients, faults, load, timeline."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rayos_model.contract.abi import LOAD_STEPS, MAX_CLIENTS, PIPE_BYTES
from rayos_model.contract.fault_kinds import CLIENTLESS, FAULT_VARIANTS, LASTING, FaultKindName
from rayos_model.scenario.distribution import ZERO, Constant, Distribution, Exponential

NS: Final = 1_000_000_000

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
"""Actions a second of a client by workload, where its group does not say."""

_GAPPED: Final = ("input", "surface_creation", "drag_drop", "clipboard", "editor", "resize")
_TYPED_IN: Final = ("input", "editor")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Machine(_Part):
    """The machine and its scheduler."""

    vcpus: int = Field(default=1, ge=1, le=16, description="number of CPUs")
    memory_mb: int = Field(default=256, ge=32, le=65536, description="RAM, MiB")
    quantum_us: int = Field(default=10_000, ge=100, le=10_000_000, description="round-robin time slice")
    compositor_priority: int = Field(
        default=20, ge=1, le=24, description="the compositor's scheduling priority; no client's may exceed it"
    )
    disk_mb: int = Field(default=0, ge=0, le=4096, description="size of the disk; 0: the machine has none")
    disk_latency_us: float = Field(default=80.0, ge=0, le=1e6, description="what the disk takes for any request")
    disk_mb_per_s: float = Field(
        default=2000.0, ge=1, le=1e6, description="bandwidth of each channel; 1 MB = 10^6 bytes"
    )
    disk_channels: int = Field(default=8, ge=1, le=64, description="requests the disk works on at a time")
    cache_mb: int = Field(default=8, ge=1, le=4096, description="most memory the buffer cache of the disk takes")
    socket_bytes: int = Field(default=16_384, ge=8192, le=1 << 20, description="capacity of each direction of a socket")
    jitter_seed: int = Field(
        default=0, ge=0, lt=1 << 32, description="perturbs every quantum, to try another interleaving; 0: exact quanta"
    )
    ipi_delay_seed: int = Field(
        default=0,
        ge=0,
        lt=1 << 32,
        description="makes interrupts between processors late, to try another interleaving; 0: none is",
    )
    ping_interval_s: float = Field(
        default=5.0, gt=0, le=1e6, description="time between two ping rounds of the compositor, s"
    )
    hang_timeout_s: float = Field(
        default=4.0, gt=0, le=1e6, description="a client that leaves a ping unanswered for this long has hung, s"
    )
    respawn_ms: float = Field(
        default=100.0, gt=0, le=1e6, description="a client lost to a fault is replaced after this"
    )
    scrub_interval_ms: float = Field(
        default=100.0, ge=1, le=1e6, description="how often the heap's red zones are checked"
    )
    lock_timeout_s: float = Field(
        default=2.0, ge=0, le=1e6, description="a mutex held longer, while wanted, means a hang; 0: no watch"
    )


class Limits(_Part):
    """What one client may hold at most; 0 is no limit."""

    client_memory_kb: int = Field(default=0, ge=0, le=1 << 21, description="shared memory")
    client_surfaces: int = Field(default=0, ge=0, le=1 << 20, description="wl_surface objects")
    client_pools: int = Field(default=0, ge=0, le=1 << 20, description="wl_shm_pool objects")


RECOVERY_LIMIT_S: Final = 5.0
"""Within this any failure must be recovered from; faults without an `end_s` stop so long before the end."""


class Network(_Part):
    """A network with a remote display, to which the server sends what is on screen at each heartbeat."""

    heartbeat_ms: float = Field(default=100.0, ge=1, le=1e6, description="time between two updates")
    timeout_ms: float = Field(default=350.0, gt=0, le=1e6, description="unanswered for so long: the session is lost")
    latency_us: float = Field(default=200.0, ge=0, le=1e6, description="each way")

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
    """A source of failures: one at `at_s`, or `rate_hz` a second, each at a random instant of its period."""

    kind: FaultKindName = Field(description="what fails")
    variant: str | None = Field(default=None, description="of the kind; default: drawn")
    target: int | Literal["random"] = Field(default="random", description="a client id, or random")
    group: int | None = Field(default=None, ge=0, description="random among the clients of this group, by index")
    at_s: float | None = Field(default=None, ge=0, description="one failure, at this time")
    rate_hz: float | None = Field(default=None, gt=0, le=1000, description="failures per second")
    count: int = Field(default=(1 << 32) - 1, ge=1, lt=1 << 32, description="at most so many")
    duration_s: float | None = Field(default=None, gt=0, le=1e6, description=f"{', '.join(LASTING)}: how long it lasts")
    start_s: float = Field(default=0.0, ge=0, description="no failure before this time")
    end_s: float | None = Field(default=None, gt=0, description="default: 5 s, the recovery limit, before the end")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.at_s is None) == (self.rate_hz is None):
            raise ValueError("expected either at_s (one failure) or rate_hz (failures a second)")
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
    refresh_hz: float = Field(default=60.0, ge=1, le=1000, description="vblanks per second")
    repaint_window_us: int = Field(default=7000, ge=1, description="composition starts this long before the vblank")

    @model_validator(mode="after")
    def _window_fits(self) -> Self:
        if self.repaint_window_us >= 1e6 / self.refresh_hz:
            raise ValueError(
                f"expected repaint_window_us below the refresh period ({1e6 / self.refresh_hz:.0f} µs), "
                f"got {self.repaint_window_us}"
            )
        return self


class Input(_Part):
    """Where the events for clients of workload input come from."""

    source: Literal["seat", "device"] = Field(
        default="seat", description="the seat itself, or the host through emulated input devices"
    )


class ClientGroup(_Part):
    """`count` clients alike. Times between their actions are `gap`; between a cause and their reaction, `think`."""

    count: int = Field(default=1, ge=1, le=MAX_CLIENTS, description="number of clients in the group")
    workload: WorkloadName = Field(description="what each client does")
    surface: tuple[Annotated[int, Field(ge=1, le=7680)], Annotated[int, Field(ge=1, le=4320)]] = Field(
        default=(256, 256), description="width and height of the main window, pixels"
    )
    rate_hz: float | None = Field(default=None, gt=0, le=10_000, description="actions a second; default by workload")
    damage: float | None = Field(default=None, ge=0, le=1, description="share of the surface's rows repainted a frame")
    think: Distribution = Field(default=ZERO, description="time from a cause to the reaction; default: 0")
    gap: Distribution | None = Field(
        default=None,
        description="time between actions; default: mean 1/rate, exponential for input and editor, else constant",
    )
    start_s: float = Field(default=0.0, ge=0, description="when the group's first client starts")
    stagger_ms: float = Field(default=10.0, ge=0, description="time between the starts of two clients of the group")
    lifetime_s: float | None = Field(default=None, gt=0, description="a client leaves after this and is started anew")
    priority: int = Field(default=10, ge=1, le=24, description="scheduling priority; a greater number preempts")
    transfer_bytes: int = Field(
        default=1024, ge=1, le=1 << 20, description="size of dropped data, or of the largest of what is copied"
    )

    @model_validator(mode="after")
    def _fits_workload(self) -> Self:
        if self.workload == "idle" and self.rate_hz is not None:
            raise ValueError("an idle client has no rate_hz; expected it to be left out")
        if self.workload != "clipboard" and self.transfer_bytes > PIPE_BYTES:
            raise ValueError(f"expected transfer_bytes of at most {PIPE_BYTES}, got {self.transfer_bytes}")
        if self.workload == "clipboard" and self.count % 2:
            raise ValueError(
                f"expected an even count: each second client pastes what the one before copies, got {self.count}"
            )
        if self.workload not in _GAPPED and self.gap is not None:
            raise ValueError(f"a {self.workload} client has no gap; expected it to be left out")
        if self.workload in _GAPPED and self.gap_or_default.table()[1] == 0:
            raise ValueError("expected a gap that is hardly ever 0, got one with a mass at 0")
        return self

    @property
    def rate(self) -> float:
        """Actions a second (0 for idle)."""
        return DEFAULT_RATE_HZ[self.workload] if self.rate_hz is None else self.rate_hz

    @property
    def damage_share(self) -> float:
        """Share of the surface's rows repainted each frame."""
        return (0.25 if self.workload in _TYPED_IN else 1.0) if self.damage is None else self.damage

    @property
    def gap_or_default(self) -> Distribution:
        """Gap between actions: exponential for input and editor, constant for the others, with mean 1/rate."""
        if self.gap is not None:
            return self.gap
        if self.workload not in _GAPPED:
            return ZERO
        mean_us = 1e6 / self.rate
        return Exponential(mean_us=mean_us) if self.workload in _TYPED_IN else Constant(value_us=mean_us)

    @property
    def last_start_s(self) -> float:
        """When the group's last client is started."""
        return self.start_s + (self.count - 1) * self.stagger_ms / 1000


class Load(_Part):
    """Background load. With `steps`, each level (a share of all of it) is applied for `step_s`, one after the other."""

    cpu_threads: int = Field(default=0, ge=0, le=256, description="computing threads")
    cpu_priority: int = Field(default=10, ge=1, le=24, description="their scheduling priority")
    memory_fraction: float = Field(default=0.0, ge=0, le=1, description="share of all memory to be in use")
    disk_iops: int = Field(default=0, ge=0, le=10_000_000, description="disk requests a second")
    disk_depth: int = Field(default=8, ge=1, le=64, description="disk requests in flight")
    steps: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(
        default=(), max_length=LOAD_STEPS, description="levels, each a share of the load; none: all of it throughout"
    )
    step_s: int = Field(default=5, ge=1, le=3600, description="how long each step lasts, whole seconds")
    latency_limit_ms: float | None = Field(
        default=None, gt=0, description="a second whose p99 of commit-to-present exceeds it takes the load a step down"
    )
    max_slope: float = Field(
        default=2.0,
        gt=0,
        description="degradation is graceful up to this rise of the p99 ratio from no load to all of it",
    )

    @property
    def processes(self) -> int:
        """How many processes make the whole load."""
        return self.cpu_threads + (self.disk_depth if self.disk_iops else 0) + (self.memory_fraction > 0)

    @property
    def any(self) -> bool:
        """Whether there is any load at all."""
        return bool(self.cpu_threads or self.memory_fraction or self.disk_iops)


class TimelineEvent(_Part):
    """Something that happens to clients at a time, ns precision; kernel/abi.h, `enum action`."""

    at_s: float = Field(ge=0, description="when")
    action: ActionName = Field(description="what happens")
    group: int | None = Field(default=None, ge=0, description="index of its [[clients]]; default: all clients")
    value: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="theme_change: 1 or 2, default the other one; resize: steps, default 16",
    )

    @model_validator(mode="after")
    def _fits_action(self) -> Self:
        if self.value is not None and self.action not in ("theme_change", "resize"):
            raise ValueError(f"{self.action} takes no value; expected it to be left out")
        if self.action == "theme_change" and self.value not in (None, 1, 2):
            raise ValueError(f"expected value 1 or 2 of a theme_change, got {self.value}")
        return self


class Constraint(_Part):
    """A rule about the order of a run's moments, named by patterns (`rayos_model.verdict.timeline`).

    With `within_s`, each `first` is followed by a `then` that soon. With `never`, none of those comes after a `first`
    before the next `then`. Otherwise both occur, and the first `first` comes before the first `then`.
    """

    first: str = Field(min_length=1, description="pattern of the earlier moment")
    then: str = Field(min_length=1, description="pattern of the later moment")
    within_s: float | None = Field(default=None, gt=0, description="longest time from first to then")
    never: str | None = Field(default=None, min_length=1, description="pattern of moments forbidden in between")

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.within_s is not None and self.never is not None:
            raise ValueError("expected within_s or never, got both")
        return self
