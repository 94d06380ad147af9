"""Fluent builder of scenarios, and their text as TOML. Must not know what a scenario is for."""

from __future__ import annotations

from typing import Any, Self

import tomli_w

from rayos_model.scenario.scenario import Scenario, from_dict
from rayos_model.scenario.tables import ActionName, WorkloadName


class ScenarioBuilder:
    """Builds a scenario step by step; every step returns the builder.

    >>> ScenarioBuilder("two", "soak").lasting(10).clients("rendering", 2).build().client_count
    2

    A group of clients is named by `named`, or else by its workload.
    """

    def __init__(self, name: str, kind: str = "integration") -> None:
        self._data: dict[str, Any] = {"name": name, "kind": kind}
        self._groups: dict[str, int] = {}

    def described(self, description: str) -> Self:
        """Sets the description."""
        self._data["description"] = description
        return self

    def lasting(self, duration_s: float) -> Self:
        """Sets the duration, s."""
        self._data["duration_s"] = duration_s
        return self

    def seeded(self, seed: int) -> Self:
        """Sets the seed of all random numbers."""
        self._data["seed"] = seed
        return self

    def machine(self, **keys: Any) -> Self:
        """Sets keys of `[machine]`."""
        self._data["machine"] = {**self._data.get("machine", {}), **keys}
        return self

    def display(self, **keys: Any) -> Self:
        """Sets keys of `[display]`."""
        self._data["display"] = {**self._data.get("display", {}), **keys}
        return self

    def clients(self, workload: WorkloadName, count: int = 1, *, named: str | None = None, **keys: Any) -> Self:
        """Adds a group of equal clients; `keys` are further keys of `[[clients]]`."""
        groups = self._data.setdefault("clients", [])
        self._groups[named or workload] = len(groups)
        groups.append({"workload": workload, "count": count, **keys})
        return self

    def at(self, time_s: float, action: ActionName, group: str | None = None, value: int | None = None) -> Self:
        """Adds a timeline event for the named group, or for all clients. Raises `KeyError` for an unknown name."""
        event: dict[str, Any] = {"at_s": time_s, "action": action}
        if group is not None:
            event["group"] = self._groups[group]
        if value is not None:
            event["value"] = value
        self._data.setdefault("timeline", []).append(event)
        return self

    def before(self, first: str, then: str) -> Self:
        """Adds a rule: `first` and `then` both occur, in this order."""
        return self._rule(first=first, then=then)

    def within(self, time_s: float, first: str, then: str) -> Self:
        """Adds a rule: each `first` is followed by a `then` within `time_s`, s."""
        return self._rule(first=first, then=then, within_s=time_s)

    def never(self, what: str, first: str, then: str) -> Self:
        """Adds a rule: `what` does not occur between a `first` and the next `then`."""
        return self._rule(first=first, then=then, never=what)

    def _rule(self, **rule: Any) -> Self:
        self._data.setdefault("constraints", []).append(rule)
        return self

    def requires(self, metric: str, criterion: str) -> Self:
        """Adds a pass criterion such as `"frame_rate.min", ">= 59"`."""
        self._data.setdefault("criteria", {})[metric] = criterion
        return self

    def build(self) -> Scenario:
        """The scenario. Raises `BadInput` when it is invalid."""
        return from_dict(self._data, str(self._data["name"]))

    def to_toml(self) -> str:
        """The scenario as text of a file for `rayos run`. Raises `BadInput` when it is invalid."""
        return to_toml(self.build())


def to_toml(scenario: Scenario) -> str:
    """A scenario as TOML, without defaults; `files.parse` reads it back."""
    return tomli_w.dumps(scenario.model_dump(mode="json", exclude_unset=True, exclude_none=True))
