"""A point of a parameter space as a task for a worker: scenario, parameters, and hash of the model's sources."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

from rayos_model.costs.parameters import Parameters
from rayos_model.errors import PlatformFailure
from rayos_model.scenario.scenario import Scenario, from_dict
from rayos_model.toolchain.sources import SIMULATION, sources_sha256

_UNIMPORTANT: Final = {"name", "description", "criteria"}
"""Keys of a scenario that do not change its metrics."""


def model_sha256() -> str:
    """Hash of the sources that turn a scenario and parameters into metrics: an edit makes stored points stale."""
    return sources_sha256(SIMULATION)


@dataclass(frozen=True, slots=True)
class Task:
    """Everything a worker needs to compute one point; `key` names its result in the store."""

    scenario: str
    parameters: str
    model: str

    @classmethod
    def of(cls, scenario: Scenario, parameters: str) -> Self:
        """The task for one scenario; `parameters` is the JSON text of `Parameters`."""
        return cls(json.dumps(scenario.model_dump(mode="json"), sort_keys=True), parameters, model_sha256())

    @property
    def key(self) -> str:
        """Hash of what determines the result: scenario, parameters, and sources of the model."""
        facts = {name: fact for name, fact in json.loads(self.scenario).items() if name not in _UNIMPORTANT}
        text = "\0".join((json.dumps(facts, sort_keys=True), self.parameters, self.model))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def compute(task: Task) -> str:
    """Computes a point; its metrics as JSON. Raises `PlatformFailure` when this worker has other model sources."""
    from rayos_model.model import simulate

    if task.model != model_sha256():
        raise PlatformFailure("a worker runs another version of rayos-model; install the same one on every worker")
    metrics = simulate(from_dict(json.loads(task.scenario)), _parameters(task.parameters))
    return json.dumps({name: value.to_dict() for name, value in metrics.values.items()}, indent=0) + "\n"


@lru_cache(maxsize=2)
def _parameters(text: str) -> Parameters:
    return Parameters.model_validate_json(text)
