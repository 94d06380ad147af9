"""Integration tests: scenarios with a timeline, on any system, with one story from all subsystems. Must not know which.

scenario = (
    ScenarioBuilder("film").lasting(8)
    .clients("media", named="player", surface=(640, 360))
    .at(2, "fullscreen", "player")
    .within(0.1, "INTEGRATION:MILESTONE:fullscreen 0 started", "INTEGRATION:MILESTONE:fullscreen 0 complete")
    .build()
)
result = SystemUnderTest.named("model").run(scenario)
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

from rayos_model import markers, toml
from rayos_model.metrics import Metrics
from rayos_model.moments import KINDS, Moment, Violation, check, timeline
from rayos_model.run import Run
from rayos_model.scenario import ActionName, Scenario, WorkloadName, from_dict, load_shipped
from rayos_model.systems import ProgressFn, System, execute

SHIPPED: Final = (
    *("desktop-workload", "sixteen-apps-drag-drop", "media-playback", "fullscreen-video"),
    *("logout-unsaved", "idle-surge", "theme-change", "clipboard-stress", "rapid-resize"),
    "emergency-shutdown",
)
"""The shipped integration scenarios."""

Perturbation = Literal["jitter_seed", "ipi_delay_seed"]
"""The key of `[machine]` that makes other interleavings: by shorter quanta, by late interrupts between processors."""


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
    return toml.dumps(scenario.model_dump(mode="json", exclude_unset=True))


@dataclass(frozen=True, slots=True)
class IntegrationResult:
    """A judged run: its timeline, the rules it breaks, the cross-subsystem checks by name."""

    run: Run
    timeline: tuple[Moment, ...]
    violations: tuple[Violation, ...]
    checks: Mapping[str, bool]
    milestones: tuple[str, ...]
    diagnostics: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.diagnostics

    @property
    def metrics(self) -> Metrics:
        return self.run.metrics

    @property
    def state(self) -> tuple[object, ...]:
        """What must not depend on how threads interleave: checks, milestones reached, how it ended."""
        return (tuple(sorted(self.checks.items())), tuple(sorted(self.milestones)), self.passed)

    @classmethod
    def of(cls, run: Run) -> IntegrationResult:
        """Judges a finished run."""
        log = markers.parse(run.markers())
        moments = timeline(log, run.trace(*KINDS))
        violations = check(run.scenario.constraints, moments)
        checks = {str(marker["check"]): marker["result"] == "pass" for marker in log.named("RAYOS_INTEGRATION:VERIFY")}
        wrong = [str(problem) for problem in (*log.malformed, *markers.order_problems(log))]
        wrong += [f"{verdict.metric}: required {verdict.required}" for verdict in run.verdicts if not verdict.ok]
        wrong += map(str, violations)
        milestones = tuple(str(marker["description"]) for marker in log.named("RAYOS_INTEGRATION:MILESTONE"))
        return cls(run, tuple(moments), tuple(violations), checks, milestones, tuple(wrong))


class SystemUnderTest:
    """A whole Wayland system, the model or the kernel, as something to run scenarios on."""

    def __init__(self, system: System) -> None:
        self.system = system

    @classmethod
    def named(cls, name: str, platform: str = "icount") -> SystemUnderTest:
        """`"model"` or `"kernel"`. Raises `BadInput` when there is no such platform."""
        if name == "kernel":
            from rayos_model.hardware import KernelSystem

            return cls(KernelSystem(platform))
        from rayos_model.calibration import load_calibration
        from rayos_model.model import ModelSystem

        return cls(ModelSystem(load_calibration(platform)))

    def run(
        self, scenario: Scenario, out: str | Path | None = None, progress: ProgressFn | None = None
    ) -> IntegrationResult:
        """Runs and judges a scenario; see `systems.execute` for what is raised."""
        return IntegrationResult.of(execute(self.system, scenario, out, progress))

    def interleavings(
        self, scenario: Scenario, seeds: Iterable[int], by: Perturbation = "jitter_seed"
    ) -> dict[int, IntegrationResult]:
        """The same scenario perturbed by each seed (0: not at all), without keeping the runs."""
        results = {}
        with tempfile.TemporaryDirectory(prefix="rayos-interleavings-") as scratch:
            for seed in seeds:
                results[seed] = self.run(perturbed(scenario, seed, by), Path(scratch, str(seed)))
        return results


def perturbed(scenario: Scenario, seed: int, by: Perturbation = "jitter_seed") -> Scenario:
    """The same scenario under another interleaving of its threads."""
    data = scenario.model_dump(exclude_unset=True)
    data["machine"] = {**data.get("machine", {}), by: seed}
    return from_dict(data, scenario.name)


def divergent(results: Mapping[int, IntegrationResult]) -> list[int]:
    """The seeds whose final state is not that of the first: each of them is a race."""
    states = {seed: result.state for seed, result in results.items()}
    reference = next(iter(states.values()))
    return [seed for seed, state in states.items() if state != reference]


class IntegrationTestSuite:
    """Several scenarios, the shipped ones unless told otherwise, on one system after the other."""

    def __init__(self, scenarios: Sequence[Scenario] | None = None) -> None:
        self.scenarios = tuple(map(load_shipped, SHIPPED)) if scenarios is None else tuple(scenarios)

    def run(self, system: SystemUnderTest, out: Path | None = None) -> dict[str, IntegrationResult]:
        """Runs every scenario; the results by name. Runs go below `out`, or below `runs/`."""
        return {one.name: system.run(one, None if out is None else out / one.name) for one in self.scenarios}
