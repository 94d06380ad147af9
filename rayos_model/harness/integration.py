"""Integration tests: scenarios with timed actions, judged by the order of events across all subsystems.

    scenario = (
        ScenarioBuilder("film").lasting(8)
        .clients("media", named="player", surface=(640, 360))
        .at(2, "fullscreen", "player")
        .within(0.1, "INTEGRATION:MILESTONE:fullscreen 0 started", "INTEGRATION:MILESTONE:fullscreen 0 complete")
        .build()
    )
    result = SystemUnderTest.named("model").run(scenario)

A race is found by running one scenario under several interleavings of its threads and comparing the final states.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self, cast

from rayos_model.backends import SystemName, system
from rayos_model.contract import markers
from rayos_model.harness.harness import Result, failed_criteria
from rayos_model.run.run import Run
from rayos_model.run.system import ProgressFn, System, execute
from rayos_model.scenario.files import load_shipped
from rayos_model.scenario.scenario import Scenario, from_dict
from rayos_model.toolchain.temporary import temporary_folder
from rayos_model.verdict.timeline import KINDS, Moment, Violation, check, timeline

SHIPPED: Final = (
    *("desktop-workload", "sixteen-apps-drag-drop", "media-playback", "fullscreen-video"),
    *("logout-unsaved", "idle-surge", "theme-change", "clipboard-stress", "rapid-resize"),
    "emergency-shutdown",
)
"""The shipped integration scenarios."""

Perturbation = Literal["jitter_seed", "ipi_delay_seed"]
"""The key of `[machine]` that changes the interleaving: quanta of random length, or late inter-processor interrupts."""


@dataclass(frozen=True, slots=True)
class IntegrationResult(Result):
    """A judged run with its timeline: the rules it breaks, the cross-subsystem checks by name, the milestones.

    `diagnostics` has a line for each malformed or misplaced marker, failed criterion or check, and broken rule.
    """

    timeline: tuple[Moment, ...]
    violations: tuple[Violation, ...]
    checks: Mapping[str, bool]
    milestones: tuple[str, ...]

    @property
    def state(self) -> tuple[object, ...]:
        """What must not depend on the interleaving of threads: checks, milestones reached, and the outcome."""
        return (tuple(sorted(self.checks.items())), tuple(sorted(self.milestones)), self.passed)

    @classmethod
    def of(cls, run: Run) -> Self:
        """Judges a finished run."""
        log = markers.parse(run.markers())
        moments = timeline(log, run.trace(*KINDS))
        violations = check(run.scenario.constraints, moments)
        checks = {str(marker["check"]): marker["result"] == "pass" for marker in log.named("RAYOS_INTEGRATION:VERIFY")}
        milestones = tuple(str(marker["description"]) for marker in log.named("RAYOS_INTEGRATION:MILESTONE"))
        lines = (*failed_criteria(run), *map(str, violations))
        return cls(run, not lines, lines, tuple(moments), tuple(violations), checks, milestones)


class SystemUnderTest:
    """A whole Wayland system, the model or the kernel, on which scenarios run."""

    def __init__(self, system: System) -> None:
        self.system = system

    @classmethod
    def named(cls, name: str, platform: str = "icount") -> Self:
        """The system `"model"` or `"kernel"`. Raises `BadInput` for another name or an unknown platform."""
        return cls(system(cast("SystemName", name), platform))

    def run(
        self, scenario: Scenario, out: str | Path | None = None, progress: ProgressFn | None = None
    ) -> IntegrationResult:
        """Runs and judges a scenario; raises what `execute` in `rayos_model.run.system` raises."""
        return IntegrationResult.of(execute(self.system, scenario, out, progress))

    def interleavings(
        self, scenario: Scenario, seeds: Iterable[int], by: Perturbation = "jitter_seed"
    ) -> dict[int, IntegrationResult]:
        """Results of the scenario perturbed by each seed (0: unperturbed). The runs are not kept."""
        results = {}
        with temporary_folder("interleavings") as scratch:
            for seed in seeds:
                results[seed] = self.run(perturbed(scenario, seed, by), Path(scratch, str(seed)))
        return results


def perturbed(scenario: Scenario, seed: int, by: Perturbation = "jitter_seed") -> Scenario:
    """The scenario with its threads interleaved differently, as `seed` says; 0 leaves it unperturbed."""
    data = scenario.model_dump(exclude_unset=True)
    data["machine"] = {**data.get("machine", {}), by: seed}
    return from_dict(data, scenario.name)


def divergent(results: Mapping[int, IntegrationResult]) -> list[int]:
    """The seeds whose final state differs from that of the first seed: each shows a race."""
    states = {seed: result.state for seed, result in results.items()}
    reference = next(iter(states.values()))
    return [seed for seed, state in states.items() if state != reference]


class IntegrationTestSuite:
    """A list of scenarios, by default the shipped ones, to run on a system one after the other."""

    def __init__(self, scenarios: Sequence[Scenario] | None = None) -> None:
        self.scenarios = tuple(map(load_shipped, SHIPPED)) if scenarios is None else tuple(scenarios)

    def run(self, system: SystemUnderTest, out: Path | None = None) -> dict[str, IntegrationResult]:
        """Runs every scenario; results by scenario name. Runs are kept below `out` (default: `runs/`)."""
        return {one.name: system.run(one, None if out is None else out / one.name) for one in self.scenarios}
