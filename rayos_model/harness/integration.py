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
from typing import Final, Literal

from rayos_model.contract import markers
from rayos_model.metrics.metrics import Metrics
from rayos_model.run.run import Run
from rayos_model.run.system import ProgressFn, System, execute
from rayos_model.scenario.files import load_shipped
from rayos_model.scenario.scenario import Scenario, from_dict
from rayos_model.verdict.timeline import KINDS, Moment, Violation, check, timeline

SHIPPED: Final = (
    *("desktop-workload", "sixteen-apps-drag-drop", "media-playback", "fullscreen-video"),
    *("logout-unsaved", "idle-surge", "theme-change", "clipboard-stress", "rapid-resize"),
    "emergency-shutdown",
)
"""The shipped integration scenarios."""

Perturbation = Literal["jitter_seed", "ipi_delay_seed"]
"""The key of `[machine]` that makes other interleavings: by shorter quanta, by late interrupts between processors."""


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
        wrong = [f"{verdict.metric}: required {verdict.required}" for verdict in run.verdicts if not verdict.ok]
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
