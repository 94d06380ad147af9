"""The scenario: a validated TOML file, which both systems run. Must not know how either runs it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Self

import numpy as np
from pydantic import BaseModel, Field, ValidationError, model_validator

from rayos_model.contract.abi import MAX_CLIENTS, MAX_EVENTS
from rayos_model.contract.fault_kinds import CLIENTLESS
from rayos_model.errors import BadInput
from rayos_model.scenario.criteria import parse_criterion
from rayos_model.scenario.distribution import DISTRIBUTIONS
from rayos_model.scenario.messages import causes, describe
from rayos_model.scenario.tables import (
    LONGEST_S,
    MAX_RULES,
    NS,
    RECOVERY_LIMIT_S,
    ClientGroup,
    Constraint,
    Display,
    Fault,
    Input,
    KindName,
    Limits,
    Load,
    Machine,
    Network,
    TimelineEvent,
    _Part,
)

SHORTEST_DURATION_S: Final = 0.1
"""Lower bound of a scenario's length, s: some frames."""


class Scenario(_Part):
    """A complete scenario. `files.load` reads one; `with_overrides` changes duration or seed."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", description="names the scenario and its runs")
    kind: KindName = Field(default="soak", description="which markers it prints, and what must hold without criteria")
    description: str = Field(default="", max_length=1000, description="one sentence, shown by `rayos scenarios`")
    duration_s: float = Field(
        ge=SHORTEST_DURATION_S, le=LONGEST_S, description="length of the scenario in simulated time, s"
    )
    seed: int = Field(default=1, ge=0, lt=1 << 63, description="all random draws follow from it")
    warmup_s: float | None = Field(
        default=None,
        ge=0,
        le=LONGEST_S,
        description="start of measured time; default: last client's start + 1 s, at most half the run",
    )
    machine: Machine = Machine()
    display: Display = Display()
    input: Input = Input()
    clients: tuple[ClientGroup, ...] = Field(min_length=1, max_length=MAX_CLIENTS)
    load: Load = Load()
    network: Network | None = Field(default=None, description="default: no network")
    limits: Limits = Limits()
    faults: tuple[Fault, ...] = Field(default=(), max_length=64, description="injected failures")
    timeline: tuple[TimelineEvent, ...] = Field(
        default=(), max_length=MAX_EVENTS, description="events for clients at given times"
    )
    constraints: tuple[Constraint, ...] = Field(
        default=(), max_length=MAX_RULES, description="rules about order and deadlines of the run's moments"
    )
    criteria: dict[str, str] = Field(
        default_factory=dict, max_length=MAX_RULES, description='metric → "operator value unit"'
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.machine.ipi_delay_seed and self.machine.vcpus == 1:
            raise ValueError("machine.ipi_delay_seed: expected vcpus of at least 2, because one CPU receives no IPIs")
        if self.load.disk_iops and not self.machine.disk_mb:
            raise ValueError("load.disk_iops: expected a machine with a disk; machine.disk_mb is 0")
        if self.input.source == "device" and self.machine.vcpus > 1:
            raise ValueError(f"machine.vcpus: expected 1 with input.source = 'device', got {self.machine.vcpus}")
        if self.warmup_s is not None and self.warmup_s >= self.duration_s:
            raise ValueError(f"warmup_s: expected less than duration_s ({self.duration_s:g}), got {self.warmup_s:g}")
        if self.client_count + self.load.processes > MAX_CLIENTS:
            raise ValueError(
                f"clients: expected at most {MAX_CLIENTS} in total, including processes of the load, "
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
            if group.last_start_s >= self.duration_s:
                raise ValueError(
                    f"clients.{i}: expected every client to start before the end ({self.duration_s:g} s), "
                    f"but the last starts at {group.last_start_s:g} s (start_s + (count - 1) × stagger_ms)"
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
            if entry.at_s >= self.duration_s:
                raise ValueError(
                    f"timeline.{i}.at_s: expected a time before the end ({self.duration_s:g} s), got {entry.at_s:g}"
                )
        if len(self.load.steps) * self.load.step_s > self.duration_s:
            raise ValueError(
                f"load.steps: expected all {len(self.load.steps)} steps of {self.load.step_s} s to fit into "
                f"duration_s, got {self.duration_s:g}"
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
                f"{key}: expected a time before the last {RECOVERY_LIMIT_S:g} s, which are left for recovery, "
                f"got {start_s:g} s of {self.duration_s:g} s"
            )

    def _check_partition(self, key: str, fault: Fault) -> None:
        if self.network is None:
            raise ValueError(f"{key}: expected a scenario with a table [network]")
        if fault.duration_s is not None and fault.duration_s * 1000 <= self.network.timeout_ms:
            raise ValueError(
                f"{key}.duration_s: expected more than network.timeout_ms ({self.network.timeout_ms:g}), after which a "
                f"partition is detected, got {fault.duration_s:g} s"
            )

    def fault_window(self, fault: Fault) -> tuple[float, float]:
        """Start and end of the time in which a source of faults strikes, s."""
        last_s = self.duration_s - RECOVERY_LIMIT_S - (fault.duration_s or 0)
        end_s = last_s if fault.end_s is None else fault.end_s
        return (fault.start_s if fault.at_s is None else fault.at_s), end_s

    def targets(self, fault: Fault) -> tuple[int, int]:
        """The clients that a source of faults may strike: (first id, number)."""
        if isinstance(fault.target, int):
            return fault.target, 1
        if fault.group is None:
            return 0, self.client_count
        return sum(group.count for group in self.clients[: fault.group]), self.clients[fault.group].count

    @property
    def client_count(self) -> int:
        """Number of clients in all groups."""
        return sum(group.count for group in self.clients)

    @property
    def duration_ns(self) -> int:
        return round(self.duration_s * NS)

    @property
    def last_start_s(self) -> float:
        """Start time of the last client, s."""
        return max(group.last_start_s for group in self.clients)

    @property
    def last_event_s(self) -> float:
        """End of everything planned apart from clients: timeline, steps of the load, faults at given times, s."""
        faults = [
            fault.at_s + (fault.duration_s or 0) + RECOVERY_LIMIT_S for fault in self.faults if fault.at_s is not None
        ]
        return max(*(event.at_s for event in self.timeline), *faults, len(self.load.steps) * self.load.step_s, 0.0)

    @property
    def settled_s(self) -> float:
        """Time at which every client has run for one second, s."""
        return self.last_start_s + 1

    @property
    def warmup_ns(self) -> int:
        """Start of the measured time, ns; see `warmup_s`."""
        warmup_s = min(self.settled_s, self.duration_s / 2) if self.warmup_s is None else self.warmup_s
        return round(warmup_s * NS)

    @property
    def refresh_millihertz(self) -> int:
        """Refresh rate, millihertz."""
        return round(self.display.refresh_hz * 1000)

    def with_overrides(self, *, duration_s: float | None = None, seed: int | None = None) -> Scenario:
        """The scenario with another duration or seed. Raises `BadInput`.

        An explicit warm-up of at least the new duration becomes half of it.
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
    """Validate a scenario given as a mapping. Raises `BadInput` with `source`, key and expectation.

    Validation is strict: neither `true` nor `"3"` is a number. It goes by way of JSON, in which an array may stand for
    a tuple, and a whole number for a float.
    """
    try:
        return Scenario.model_validate_json(json.dumps(data, default=_plain), strict=True)
    except RecursionError:
        raise BadInput(f"{source}: nested too deeply") from None
    except ValidationError as error:
        errors = sorted(causes(error.errors(include_url=False)), key=lambda e: e["type"] != "extra_forbidden")
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise BadInput(f"{source}: {describe(errors[0], _fields_at(errors[0]['loc']))}{more}") from None


def _plain(value: Any) -> Any:
    """A NumPy scalar as a Python number, anything else as text."""
    return value.item() if isinstance(value, np.generic) else str(value)


def _fields_at(location: tuple[int | str, ...]) -> list[str]:
    """Keys allowed in the table of a location."""
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
    if len(location) <= 1:
        return list(Scenario.model_fields)
    model = tables.get(str(location[0]))
    return list(model.model_fields) if model and len(location) <= 3 else []
