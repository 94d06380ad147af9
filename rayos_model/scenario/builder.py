"""A fluent builder of scenarios, and their text as TOML."""

from __future__ import annotations

from typing import Any, Self

import tomli_w

from rayos_model.scenario.scenario import Scenario, from_dict
from rayos_model.scenario.tables import ActionName, WorkloadName


class ScenarioBuilder:
    """Builds a scenario step by step; every step returns the builder. Groups of clients may have names."""

    def __init__(self, name: str, kind: str = "integration") -> None:
        self._data: dict[str, Any] = {"name": name, "kind": kind}
        self._groups: dict[str, int] = {}

    def described(self, description: str) -> Self:
        """Says what it is for."""
        self._data["description"] = description
        return self

    def lasting(self, duration_s: float) -> Self:
        """Its duration."""
        self._data["duration_s"] = duration_s
        return self

    def seeded(self, seed: int) -> Self:
        """The seed of all random draws."""
        self._data["seed"] = seed
        return self

    def machine(self, **keys: Any) -> Self:
        """Keys of `[machine]`."""
        self._data["machine"] = {**self._data.get("machine", {}), **keys}
        return self

    def display(self, **keys: Any) -> Self:
        """Keys of `[display]`."""
        self._data["display"] = {**self._data.get("display", {}), **keys}
        return self

    def clients(self, workload: WorkloadName, count: int = 1, *, named: str | None = None, **keys: Any) -> Self:
        """A group of clients alike; `keys` are further keys of `[[clients]]`."""
        groups = self._data.setdefault("clients", [])
        self._groups[named or workload] = len(groups)
        groups.append({"workload": workload, "count": count, **keys})
        return self

    def at(self, time_s: float, action: ActionName, group: str | None = None, value: int | None = None) -> Self:
        """Something that happens to a group, by its name, or to all. Raises `KeyError` when no group has that name."""
        event: dict[str, Any] = {"at_s": time_s, "action": action}
        if group is not None:
            event["group"] = self._groups[group]
        if value is not None:
            event["value"] = value
        self._data.setdefault("timeline", []).append(event)
        return self

    def before(self, first: str, then: str) -> Self:
        """A rule: `first` comes before `then`, and both come."""
        return self._rule(first=first, then=then)

    def within(self, time_s: float, first: str, then: str) -> Self:
        """A rule: each `first` is followed by a `then` that soon."""
        return self._rule(first=first, then=then, within_s=time_s)

    def never(self, what: str, first: str, then: str) -> Self:
        """A rule: `what` does not come between a `first` and the next `then`."""
        return self._rule(first=first, then=then, never=what)

    def _rule(self, **rule: Any) -> Self:
        self._data.setdefault("constraints", []).append(rule)
        return self

    def requires(self, metric: str, criterion: str) -> Self:
        """A pass criterion such as `"frame_rate.min", ">= 59"`."""
        self._data.setdefault("criteria", {})[metric] = criterion
        return self

    def build(self) -> Scenario:
        """The scenario. Raises `BadInput` when it is not a valid one."""
        return from_dict(self._data, str(self._data["name"]))

    def to_toml(self) -> str:
        """The scenario as a file that `rayos run` takes. Raises `BadInput` when it is not a valid one."""
        return to_toml(self.build())


def to_toml(scenario: Scenario) -> str:
    """A scenario as TOML: what was given, not the defaults; `scenario.parse` reads it back."""
    return tomli_w.dumps(scenario.model_dump(mode="json", exclude_unset=True, exclude_none=True))
