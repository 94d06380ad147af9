"""Stress tests of the specification, by name, on the model and on the kernel: saturation, the degradation curve.

Shortened unless RAYOS_FULL_SOAK=1 (`make soak`), which runs each for the duration its scenario states.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from rayos_model.analysis.degradation import DegradationAnalyzer, ResourceMonitor
from rayos_model.calibration import load_calibration
from rayos_model.comparison.agreement import compare_curves
from rayos_model.contract.markers import parse
from rayos_model.hardware import KernelSystem
from rayos_model.harness.stress import LoadGenerator, StressTestHarness, StressTestResult
from rayos_model.harness.workload import ClientWorkload
from rayos_model.model import ModelSystem
from rayos_model.report import plots
from rayos_model.run.system import System, execute
from rayos_model.scenario import files
from rayos_model.scenario.scenario import Scenario, from_dict

FULL: Final = os.environ.get("RAYOS_FULL_SOAK") == "1"
STEP_S: Final = 2

pytestmark = pytest.mark.timeout(0 if FULL else 600)
both_systems = pytest.mark.parametrize("system_name", ["model", "kernel"])


def system_named(name: str) -> System:
    return ModelSystem(load_calibration()) if name == "model" else KernelSystem()


def shortened(name: str) -> Scenario:
    full = files.load(name)
    if FULL:
        return full
    changed = full.model_dump(exclude_unset=True)
    steps = len(full.load.steps)
    changed["load"]["step_s"] = STEP_S
    changed["duration_s"] = steps * STEP_S if steps else 5
    return from_dict(changed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stress")


@cache
def stress(name: str, system_name: str, folder: Path) -> StressTestResult:
    return StressTestHarness.for_scenario(shortened(name)).run(
        system_named(system_name), folder / f"{name}-{system_name}"
    )


@both_systems
def test_cpu_saturation(system_name: str, folder: Path) -> None:
    """100 % CPU on eight processors, and the compositor stays responsive."""
    result = stress("stress-cpu", system_name, folder)
    assert result.passed, result.diagnostics
    assert result.metrics["cpu.mean"] >= 99
    assert result.metrics["commit_to_present.p99"] < 200_000
    assert result.metrics["frame_rate.min"] >= 59
    log = parse(result.run.markers())
    assert not log.malformed
    assert [marker.values for marker in log.named("RAYOS_STRESS:START")] == [("cpu", 1.0)]
    assert len(log.named("RAYOS_STRESS:LATENCY_SAMPLE")) == int(result.run.scenario.duration_s)


@both_systems
def test_graceful_degradation_curve(system_name: str, folder: Path) -> None:
    """Latency against load is measured and graceful; a configuration that should not be is found not to be."""
    result = stress("stress-curve", system_name, folder)
    assert result.passed, result.diagnostics
    assert [point.level for point in result.curve.points] == [0, 0.25, 0.5, 0.75, 1]
    for point, expected in zip(result.curve.points, (0, 25, 50, 75, 100), strict=True):
        assert expected - 0.1 <= point.cpu_percent <= expected + 3
    ungraceful = stress("stress-ungraceful", system_name, folder)
    assert not ungraceful.passed
    assert any("rises by" in line for line in ungraceful.diagnostics)
    assert ungraceful.metrics["memory.leak"] == 0


def test_the_model_predicts_the_curve(tmp_path: Path) -> None:
    """5 % below saturation, 10 % at it, the knee within one level: what the predictions are used for.

    Means over seeds: at saturation a few seconds of either system differ by more from one seed to the next.
    """
    full = shortened("stress-curve")
    what = from_dict(
        {**full.model_dump(exclude_unset=True), "duration_s": 20, "load": {**full.load.model_dump(), "step_s": 4}}
    )

    def curves(name: str) -> list[DegradationAnalyzer]:
        seeds = (what.with_overrides(seed=what.seed + n) for n in range(3))
        return [
            DegradationAnalyzer.of(execute(system_named(name), one, tmp_path / f"{name}-{one.seed}")) for one in seeds
        ]

    rows = compare_curves(curves("kernel"), curves("model"))
    assert len(rows) == 2 * 5 + 1
    assert [row for row in rows if not row.ok] == []


def test_systems_say_the_same_of_a_stress_test(folder: Path) -> None:
    def shape(system_name: str) -> list[tuple[str, object]]:
        log = parse(stress("stress-curve", system_name, folder).run.markers())
        return [
            (m.name, m.values[0]) for m in log.markers if m.name.startswith("RAYOS_STRESS") and "SAMPLE" not in m.name
        ]

    assert shape("model") == shape("kernel")


def test_the_curves_are_drawn_together(folder: Path, tmp_path: Path) -> None:
    curves = {name: stress("stress-curve", name, folder).curve for name in ("kernel", "model")}
    figure = plots.degradation(curves)
    assert len(figure.axes[0].collections) == 2  # a band each
    plots.save(figure, tmp_path / "curve.png")


@both_systems
def test_load_is_scaled_down_when_latency_is_beyond_its_limit(system_name: str, tmp_path: Path) -> None:
    load = LoadGenerator(cpu_threads=2, steps=(0, 0.5, 1), step_s=2, latency_limit_ms=1.0)
    harness = StressTestHarness([ClientWorkload.of("rendering", 2)], load, 6)
    result = harness.run(system_named(system_name), tmp_path / "run")
    seconds = ResourceMonitor.of(result.run).seconds
    # The vblank alone is further away than the limit: each second with load takes it down.
    assert list(seconds["level"]) == [0, 0, 0.5, 0, 0, 0]
    assert "no level above 0.000 from now on" in result.run.markers()
