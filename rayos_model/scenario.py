"""The scenario: a TOML file, validated; what both systems run. Must not know how either of them runs it."""

from __future__ import annotations

import difflib
import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from rayos_model.abi import LOAD_STEPS, MAX_CLIENTS, MAX_EVENTS, PIPE_BYTES
from rayos_model.criteria import parse_criterion
from rayos_model.distribution import DISTRIBUTIONS, ZERO, Constant, Distribution, Exponential
from rayos_model.errors import BadInput
from rayos_model.faults import CLIENTLESS, FAULT_VARIANTS, LASTING, FaultKindName

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
    memory_mb: int = Field(default=256, ge=32, le=65536)
    quantum_us: int = Field(default=10_000, ge=100, le=10_000_000, description="round-robin time slice")
    compositor_priority: int = Field(default=20, ge=1, le=24)
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
    ping_interval_s: float = Field(default=5.0, gt=0, le=1e6)
    hang_timeout_s: float = Field(default=4.0, gt=0, le=1e6)
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
    client_surfaces: int = Field(default=0, ge=0, le=1 << 20)
    client_pools: int = Field(default=0, ge=0, le=1 << 20)


RECOVERY_LIMIT_S: Final = 5.0
"""Within this any failure must be recovered from; faults without an `end_s` stop so long before the end."""


class Network(_Part):
    """A network with a remote display, to which the server sends what is on screen at each heartbeat."""

    heartbeat_ms: float = Field(default=100.0, ge=1, le=1e6)
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

    kind: FaultKindName
    variant: str | None = Field(default=None, description="of the kind; default: drawn")
    target: int | Literal["random"] = Field(default="random", description="a client id, or random")
    group: int | None = Field(default=None, ge=0, description="random among the clients of this group, by index")
    at_s: float | None = Field(default=None, ge=0)
    rate_hz: float | None = Field(default=None, gt=0, le=1000)
    count: int = Field(default=(1 << 32) - 1, ge=1, lt=1 << 32, description="at most so many")
    duration_s: float | None = Field(default=None, gt=0, le=1e6, description=f"{', '.join(LASTING)}: how long it lasts")
    start_s: float = Field(default=0.0, ge=0)
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
    refresh_hz: float = Field(default=60.0, ge=1, le=1000)
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

    count: int = Field(default=1, ge=1, le=MAX_CLIENTS)
    workload: WorkloadName
    surface: tuple[Annotated[int, Field(ge=1, le=7680)], Annotated[int, Field(ge=1, le=4320)]] = (256, 256)
    rate_hz: float | None = Field(default=None, gt=0, le=10_000, description="actions a second; default by workload")
    damage: float | None = Field(default=None, ge=0, le=1, description="share of the surface's rows repainted a frame")
    think: Distribution = ZERO
    gap: Distribution | None = None
    start_s: float = Field(default=0.0, ge=0)
    stagger_ms: float = Field(default=10.0, ge=0, description="time between the starts of two clients of the group")
    lifetime_s: float | None = Field(default=None, gt=0, description="a client leaves after this and is started anew")
    priority: int = Field(default=10, ge=1, le=24)
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
    cpu_priority: int = Field(default=10, ge=1, le=24)
    memory_fraction: float = Field(default=0.0, ge=0, le=1, description="share of all memory to be in use")
    disk_iops: int = Field(default=0, ge=0, le=10_000_000, description="disk requests a second")
    disk_depth: int = Field(default=8, ge=1, le=64, description="disk requests in flight")
    steps: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(default=(), max_length=LOAD_STEPS)
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

    at_s: float = Field(ge=0)
    action: ActionName
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
    """A rule about the order of a run's moments, named by patterns (`rayos_model.moments`).

    With `within_s`, each `first` is followed by a `then` that soon. With `never`, none of those comes after a `first`
    before the next `then`. Otherwise both occur, and the first `first` comes before the first `then`.
    """

    first: str = Field(min_length=1)
    then: str = Field(min_length=1)
    within_s: float | None = Field(default=None, gt=0)
    never: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.within_s is not None and self.never is not None:
            raise ValueError("expected within_s or never, got both")
        return self


class Scenario(_Part):
    """A complete scenario; `load` reads one, `with_overrides` varies it."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    kind: KindName = "soak"
    description: str = ""
    duration_s: float = Field(gt=0, le=30 * 86400)
    seed: int = Field(default=1, ge=0, lt=1 << 63)
    warmup_s: float | None = Field(
        default=None, ge=0, description="metrics start here; default: last client's start + 1 s, at most half the run"
    )
    machine: Machine = Machine()
    display: Display = Display()
    input: Input = Input()
    clients: tuple[ClientGroup, ...] = Field(min_length=1)
    load: Load = Load()
    network: Network | None = Field(default=None, description="default: there is none")
    limits: Limits = Limits()
    faults: tuple[Fault, ...] = Field(default=(), max_length=64, description="injected failures")
    timeline: tuple[TimelineEvent, ...] = Field(
        default=(), max_length=MAX_EVENTS, description="what happens to clients at certain times"
    )
    constraints: tuple[Constraint, ...] = Field(default=(), description="order and deadlines of the run's moments")
    criteria: dict[str, str] = Field(default_factory=dict, description='metric → "operator value unit"')

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.machine.ipi_delay_seed and self.machine.vcpus == 1:
            raise ValueError("machine.ipi_delay_seed: expected vcpus of at least 2: one alone interrupts nobody")
        if self.load.disk_iops and not self.machine.disk_mb:
            raise ValueError("load.disk_iops: expected a machine with a disk; machine.disk_mb is 0")
        if self.input.source == "device" and self.machine.vcpus > 1:
            raise ValueError(f"machine.vcpus: expected 1 with input.source = 'device', got {self.machine.vcpus}")
        if self.warmup_s is not None and self.warmup_s >= self.duration_s:
            raise ValueError(f"warmup_s: expected less than duration_s ({self.duration_s:g}), got {self.warmup_s:g}")
        if self.client_count + self.load.processes > MAX_CLIENTS:
            raise ValueError(
                f"clients: expected at most {MAX_CLIENTS} in all, those of the load included, "
                f"got {self.client_count + self.load.processes}"
            )
        for i, group in enumerate(self.clients):
            width, height = group.surface
            if width > self.display.width or height > self.display.height:
                raise ValueError(
                    f"clients.{i}.surface: expected at most the display's {self.display.width}×{self.display.height}, "
                    f"got {width}×{height}"
                )
            if group.priority > self.machine.compositor_priority:
                raise ValueError(
                    f"clients.{i}.priority: expected no more than machine.compositor_priority "
                    f"({self.machine.compositor_priority}), got {group.priority}"
                )
        if self.faults and self.kind != "failure":
            raise ValueError(f'faults: expected kind = "failure" in a scenario with faults, got {self.kind!r}')
        for i, fault in enumerate(self.faults):
            self._check_fault(f"faults.{i}", fault)
        for i, entry in enumerate(self.timeline):
            if entry.group is not None and entry.group >= len(self.clients):
                raise ValueError(
                    f"timeline.{i}.group: expected at most {len(self.clients) - 1}, the last of [[clients]], "
                    f"got {entry.group}"
                )
        for metric, text in self.criteria.items():
            try:
                parse_criterion(metric, text)
            except ValueError as error:
                raise ValueError(f"criteria: {error}") from None
        return self

    def _check_fault(self, key: str, fault: Fault) -> None:
        if isinstance(fault.target, int) and not 0 <= fault.target < self.client_count:
            raise ValueError(f"{key}.target: expected a client id below {self.client_count}, got {fault.target}")
        if fault.group is not None and fault.group >= len(self.clients):
            raise ValueError(f"{key}.group: expected a group index below {len(self.clients)}, got {fault.group}")
        if fault.kind in CLIENTLESS and self.machine.vcpus > 1:
            raise ValueError(f"machine.vcpus: expected 1 with a {fault.kind}, got {self.machine.vcpus}")
        if fault.kind in ("disk_error", "disk_outage") and not self.machine.disk_mb:
            raise ValueError(f"{key}: expected a machine with a disk; machine.disk_mb is 0")
        if fault.kind == "network_partition":
            self._check_partition(key, fault)
        start_s, end_s = self.fault_window(fault)
        if not start_s < end_s <= self.duration_s:
            raise ValueError(
                f"{key}: expected it to strike before the last {RECOVERY_LIMIT_S:g} s, in which it must be recovered "
                f"from, got {start_s:g} s of {self.duration_s:g} s"
            )

    def _check_partition(self, key: str, fault: Fault) -> None:
        if self.network is None:
            raise ValueError(f"{key}: expected a network to part; the scenario has no table network")
        if fault.duration_s is not None and fault.duration_s * 1000 <= self.network.timeout_ms:
            raise ValueError(
                f"{key}.duration_s: expected more than network.timeout_ms ({self.network.timeout_ms:g}), after which a "
                f"partition is noticed, got {fault.duration_s:g} s"
            )

    def fault_window(self, fault: Fault) -> tuple[float, float]:
        """When a source of faults strikes: from and up to, s."""
        last_s = self.duration_s - RECOVERY_LIMIT_S - (fault.duration_s or 0)
        end_s = last_s if fault.end_s is None else fault.end_s
        return (fault.start_s if fault.at_s is None else fault.at_s), end_s

    def targets(self, fault: Fault) -> tuple[int, int]:
        """The clients whom a source of faults may strike: the first and their number."""
        if isinstance(fault.target, int):
            return fault.target, 1
        if fault.group is None:
            return 0, self.client_count
        return sum(group.count for group in self.clients[: fault.group]), self.clients[fault.group].count

    @property
    def client_count(self) -> int:
        """Clients over all groups."""
        return sum(group.count for group in self.clients)

    @property
    def duration_ns(self) -> int:
        return round(self.duration_s * NS)

    @property
    def last_start_s(self) -> float:
        """When the last of all clients is started."""
        return max(group.last_start_s for group in self.clients)

    @property
    def settled_s(self) -> float:
        """When every client has had a second since its start."""
        return self.last_start_s + 1

    @property
    def warmup_ns(self) -> int:
        """Start of the measured part, ns; see `warmup_s`."""
        warmup_s = min(self.settled_s, self.duration_s / 2) if self.warmup_s is None else self.warmup_s
        return round(warmup_s * NS)

    @property
    def refresh_mhz(self) -> int:
        """Refresh rate, millihertz."""
        return round(self.display.refresh_hz * 1000)

    def with_overrides(self, *, duration_s: float | None = None, seed: int | None = None) -> Scenario:
        """The same scenario for another duration or seed. Raises `BadInput`.

        An explicit warm-up that the new duration leaves no room for shrinks to half of it.
        """
        changed = self.model_dump(exclude_unset=True)
        if seed is not None:
            changed["seed"] = seed
        if duration_s is not None:
            changed["duration_s"] = duration_s
            if self.warmup_s is not None and self.warmup_s >= duration_s > 0:
                changed["warmup_s"] = duration_s / 2
        return from_dict(changed, source=self.name)


def from_dict(data: Mapping[str, Any], source: str = "scenario") -> Scenario:
    """Validate a scenario given as a mapping. Raises `BadInput` whose line names `source`, key and expectation."""
    try:
        return Scenario.model_validate(data)
    except ValidationError as error:
        errors = sorted(_causes(error.errors(include_url=False)), key=lambda e: e["type"] != "extra_forbidden")
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise BadInput(f"{source}: {_describe(errors[0])}{more}") from None


def parse(text: str, source: str = "scenario") -> Scenario:
    """Validate a scenario given as TOML text. Raises `BadInput`, with the line for a syntax error."""
    try:
        return from_dict(tomllib.loads(text), source)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{source}: not valid TOML: {error}") from None


def load(name_or_path: str | Path) -> Scenario:
    """A shipped scenario by name, or one from a `.toml` file (or a run's `scenario.json`). Raises `BadInput`."""
    text = str(name_or_path)
    path = Path(name_or_path)
    if "/" not in text and path.suffix not in (".toml", ".json"):
        return load_shipped(text)
    if "/" in text and path.suffix == "" and text.split("/", 1)[0] in _CATEGORIES and not path.exists():
        return load_shipped(text.split("/", 1)[1])
    try:
        content = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path}: cannot read the scenario: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: expected a text file in UTF-8") from None
    if path.suffix == ".json":
        try:
            data = json.loads(content)
        except json.JSONDecodeError as error:
            raise BadInput(f"{path}: not valid JSON: {error}") from None
        if not isinstance(data, dict):
            raise BadInput(f"{path}: expected a JSON object")
        return from_dict(data, str(path))
    return parse(content, str(path))


_CATEGORIES: Final = ("calibration", "validation")


def shipped(category: str = "") -> list[str]:
    """Names of the scenarios in the package: `""` those for users, else `"calibration"` or `"validation"`."""
    folder = resources.files("rayos_model").joinpath("scenarios", *([category] if category else []))
    return sorted((e.name.removesuffix(".toml") for e in folder.iterdir() if e.name.endswith(".toml")), key=_natural)


def load_shipped(name: str) -> Scenario:
    """A scenario of the package by name. Raises `BadInput` that suggests near names."""
    everything: list[str] = []
    for category in ("", *_CATEGORIES):
        names = shipped(category)
        if name in names:
            parts = (category, f"{name}.toml") if category else (f"{name}.toml",)
            text = resources.files("rayos_model").joinpath("scenarios", *parts).read_text(encoding="utf-8")
            return parse(text, f"{name}.toml")
        everything += names
    hint = _suggest(name, everything) or "; `rayos scenarios list` shows them, a path must end in .toml"
    raise BadInput(f"no scenario is named {name!r}{hint}")


def json_schema() -> dict[str, Any]:
    """JSON Schema of scenario files, for editors."""
    schema = Scenario.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "RayOS scenario"}


def _natural(name: str) -> tuple[str, float, str]:
    stem, _, number = name.rpartition("-")
    return (stem, float(number), name) if number.isdigit() else (name, math.inf, name)


def _suggest(name: str, candidates: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(candidates), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def _fields_at(location: tuple[int | str, ...]) -> list[str]:
    """Keys known in the table a location lies in."""
    tables: dict[str, type[BaseModel]] = {
        "machine": Machine,
        "display": Display,
        "input": Input,
        "load": Load,
        "network": Network,
        "limits": Limits,
        "clients": ClientGroup,
        "faults": Fault,
        "timeline": TimelineEvent,
        "constraints": Constraint,
    }
    for tag in location[:-1]:
        if tag in DISTRIBUTIONS:
            return list(DISTRIBUTIONS[str(tag)].model_fields)
    if len(location) == 1:
        return list(Scenario.model_fields)
    model = tables.get(str(location[0]))
    return list(model.model_fields) if model and len(location) <= 3 else []


def _causes(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out errors that only follow from one inside the same value."""
    inside = {error["loc"][:n] for error in errors for n in range(len(error["loc"]))}
    return [error for error in errors if error["type"] != "too_short" or error["loc"] not in inside]


def _describe(error: ErrorDetails) -> str:
    """One line for a pydantic error: key, what was expected, what was found."""
    location = error["loc"]
    key = ".".join(str(part) for i, part in enumerate(location) if not (i and location[i - 1] in ("think", "gap")))
    value = error["input"]
    match error["type"]:
        case "extra_forbidden":
            return f"{key}: unknown key" + _suggest(str(location[-1]), _fields_at(location))
        case "missing":
            return f"{key}: this key is required"
        case "value_error":
            text = error["msg"].removeprefix("Value error, ")
            return f"{key}: {text}" if key else text
        case "union_tag_not_found" | "model_attributes_type" if set(location) & {"think", "gap"}:
            return f'{key}: expected a distribution such as {{ dist = "exponential", mean_us = 500 }}, got {value!r}'
        case "literal_error" | "union_tag_invalid":
            expected = str((error.get("ctx") or {}).get("expected") or (error.get("ctx") or {}).get("expected_tags"))
            given = value.get("dist") if isinstance(value, dict) else value
            names = [name.strip(" '") for name in expected.replace(" or ", ", ").split(",")]
            return f"{key}: expected one of {', '.join(names)}, got {given!r}" + _suggest(str(given), names)
        case "float_parsing" | "float_type":
            return f"{key}: expected a number, got {value!r}"
        case "int_parsing" | "int_type" | "int_from_float":
            return f"{key}: expected a whole number, got {value!r}"
        case "model_attributes_type" | "model_type" | "dict_type":
            return f"{key}: expected a table, got {value!r}"
        case _:
            message = error["msg"].removeprefix("Input should be ").removeprefix("a valid ")
            return f"{key}: expected {message[:1].lower()}{message[1:]}, got {value!r}"
